"""What the memory verbs do."""

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

import click
from pydantic import JsonValue

from loopwright.bus import Bus, board, connect_bus, lessons
from loopwright.bus.errors import NotInMemory
from loopwright.bus.memories import UNTRUSTED, Author, Lesson, Noted, Remembered
from loopwright.bus.searching import Index
from loopwright.deploy.exits import Exit
from loopwright.deploy.goals import bus_of, known_by_name
from loopwright.deploy.lettering import age_in_words, columns
from loopwright.deploy.telling import tell, versioned
from loopwright.deploy.visible import visible

SUMMARY = 80
"""Characters of a lesson or a value in a list."""
OUTCOMES = {True: "worked", False: "failed", None: "-"}


async def ls(labels: Sequence[str], trusted_only: bool, as_json: bool) -> int:
    """List the lessons with these labels, the newest first; all, or those only that somebody vouches for."""
    async with connect_bus() as bus:
        found = [each for each in reversed(await lessons.all_lessons(bus)) if set(labels) <= set(labels_of(each))]
    found = [each for each in found if not (trusted_only and each.is_untrusted)]
    tell_lessons(found, as_json)
    return Exit.DONE


async def ls_board(goal: str, as_json: bool) -> int:
    """List what stands on a goal's board.

    Raises:
        GoalUnknown: there is no such goal.
    """
    async with bus_of(goal) as (bus, name):
        run = known_by_name(bus, name)
        found = await on_board(bus, name)
        if not found:
            await run.known()
    tell_board(found, goal, as_json)
    return Exit.DONE


async def search(text: str, labels: Sequence[str], limit: int, trusted_only: bool, as_json: bool) -> int:
    """List the lessons that speak of what a text speaks of, the best one first; see `ls`."""
    async with connect_bus() as bus:
        with closing(Index(bus)) as index:
            tell_lessons(await index.search(text, labels, limit, trusted_only=trusted_only), as_json)
    return Exit.DONE


async def show_board(key: str, goal: str, as_json: bool) -> int:
    """Show every word on a key of a goal's board.

    Raises:
        NotInMemory: there is none.
    """
    async with bus_of(goal) as (bus, name):
        known_by_name(bus, name)
        words = [await board.whole(bus, each) for each in await board.history(bus, name, key)]
        if not words:
            raise NotInMemory(key, goal)
    click.echo(json.dumps(document(words), indent=2) if as_json else "\n\n".join(map(in_words, words)))
    return Exit.DONE


async def show(key: str, as_json: bool) -> int:
    """Show a lesson.

    Raises:
        NotInMemory: there is none.
    """
    async with connect_bus() as bus:
        found = await lessons.lesson(bus, key)
        if found is None:
            raise NotInMemory(key)
    click.echo(json.dumps(facts(found), indent=2) if as_json else in_words(found))
    return Exit.DONE


async def forget(keys: Sequence[str], as_json: bool) -> int:
    """Forget lessons; those that are there go even where others are not."""
    async with connect_bus() as bus:
        gone = [key for key in dict.fromkeys(keys) if await lessons.forget(bus, key)]
    missing = [key for key in dict.fromkeys(keys) if key not in gone]
    tell({"forgotten": list(gone)}, f"forgot {len(gone)} lesson{'' if len(gone) == 1 else 's'}", as_json=as_json)
    for key in missing:
        click.echo(f"loopwright: {NotInMemory(key)}", err=True)
    return Exit.NOT_FOUND if missing else Exit.DONE


async def on_board(bus: Bus, goal: str) -> list[Noted]:
    """Return what stands on a goal's board, key by key; large values by their names."""
    found = [await board.noted(bus, goal, key) for key in await board.keys(bus, goal)]
    return [each for each in found if each is not None]


def tell_lessons(found: Sequence[Lesson], as_json: bool) -> None:
    """Print lessons, one a line."""
    if as_json:
        for each in found:
            click.echo(json.dumps(facts(each)))
    elif found:
        table = [("lesson", "age", "result", "labels", "by", "text")]
        table += [
            (
                each.key,
                age_of(each),
                OUTCOMES[each.worked],
                ",".join(labels_of(each)) or "-",
                who(each.by),
                short(each.text),
            )
            for each in found
        ]
        click.echo("\n".join(columns(table)))
    else:
        click.echo("There are no such lessons.", err=True)


def tell_board(found: Sequence[Noted], goal: str, as_json: bool) -> None:
    """Print what stands on a board, one key a line."""
    if as_json:
        for each in found:
            click.echo(json.dumps(facts(each)))
    elif found:
        table = [("key", "age", "revision", "labels", "by", "value")]
        table += [
            (
                each.key,
                age_of(each),
                str(each.revision),
                ",".join(labels_of(each)) or "-",
                who(each.by),
                short(said_by(each)),
            )
            for each in found
        ]
        click.echo("\n".join(columns(table)))
    else:
        brought = " A record that was imported brings none with it." if "/" in goal else ""
        click.echo(f"Nothing stands on the board of the goal {goal}.{brought}", err=True)


def facts(entry: Remembered) -> dict[str, JsonValue]:
    """Return all that is known of an entry."""
    told: dict[str, JsonValue] = entry.model_dump(mode="json", exclude={"kind"})
    return versioned({**told, "untrusted": entry.is_untrusted})


def document(words: Sequence[Noted]) -> dict[str, JsonValue]:
    """Return every word on a key of a board, the last one first of all."""
    history: list[JsonValue] = [facts(each) for each in words]
    return facts(words[-1]) | {"history": history}


def in_words(entry: Remembered) -> str:
    """Return all of an entry for a person."""
    told = {"key": entry.key, "revision": str(entry.revision), "by": who(entry.by)}
    told["labels"] = ", ".join(labels_of(entry)) or "-"
    if entry.time:
        told["written"] = f"{entry.time:%Y-%m-%d %H:%M:%S}"
    if isinstance(entry, Lesson):
        told["result"] = OUTCOMES[entry.worked]
        told["kept for"] = f"{entry.kept / 86_400:.3g} days"
    width = max(map(len, told))
    head = [f"{name:>{width}}  {visible(value)}" for name, value in told.items()]
    return "\n".join([*head, "", visible(said_by(entry, indent=2))])


def labels_of(entry: Remembered) -> list[str]:
    """Return the labels of an entry, `untrusted` first, where nobody vouches for what it says."""
    others = [label for label in (entry.labels if isinstance(entry, Lesson) else ()) if label != UNTRUSTED]
    return [UNTRUSTED, *others] if entry.is_untrusted else others


def said_by(entry: Remembered, indent: int | None = None) -> str:
    """Return what an entry says."""
    match entry:
        case Lesson():
            return entry.text
        case Noted(body=str(name)) if name:
            return f"a large value, {name}"
        case Noted():
            return json.dumps(entry.value, ensure_ascii=False, indent=indent)
        case _:
            raise AssertionError(entry)


def who(by: Author | None) -> str:
    """Return who wrote an entry: an attempt, or somebody outside any goal."""
    return visible(f"{by.goal}/{by.step}/{by.attempt} {by.role}") if by else "-"


def age_of(entry: Remembered) -> str:
    """Return how long an entry has been there."""
    return age_in_words(datetime.now(UTC) - entry.time) if entry.time else "-"


def short(text: str) -> str:
    """Return the beginning of a text in one line."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= SUMMARY else f"{line[:SUMMARY]}…"
