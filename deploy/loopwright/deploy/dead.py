"""What the dead verbs do."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from pydantic import JsonValue

from loopwright.actors.hearing import refused_id
from loopwright.actors.retrying import retry as tried_again
from loopwright.bus import Bus, Entry, Trajectory, connect_bus
from loopwright.bus.errors import LetterUnknown, Unreadable
from loopwright.bus.letters import Letter, letter, letters, remove, remove_up_to
from loopwright.bus.subjects import KINDS, Subject
from loopwright.deploy.exits import Exit
from loopwright.deploy.lettering import Opened, document, facts, in_words, rows
from loopwright.deploy.telling import tell


async def ls(role: str | None, goal: str | None, as_json: bool) -> int:
    """List the dead letters."""
    async with connect_bus() as bus:
        found = await letters(bus, role, goal)
    if as_json:
        for each in found:
            click.echo(json.dumps(facts(each)))
    elif found:
        click.echo("\n".join(rows(found, datetime.now(UTC))))
    else:
        click.echo("There are no dead letters.", err=True)
    return Exit.DONE


async def show(number: int, as_json: bool) -> int:
    """Show all of one dead letter."""
    async with connect_bus() as bus:
        opened = await open_letter(bus, await letter(bus, number))
    click.echo(json.dumps(document(opened), indent=2) if as_json else in_words(opened))
    return Exit.DONE


async def open_letter(bus: Bus, found: Letter) -> Opened:
    """Return a letter with its body and the history of its attempt."""
    try:
        body = await bus.body(found.data, found.headers)
    except Unreadable:
        body = None
    goal = goal_of(found)
    return Opened(found, body, goal or found.goal, await history_of(bus, found, goal) if goal else [])


async def history_of(bus: Bus, found: Letter, goal: str) -> list[Entry]:
    """Return what is on record of a letter's attempt, and how its goal ended."""
    return [entry for entry in await Trajectory(bus, goal).so_far() if is_about(entry, found.step, found.attempt)]


def goal_of(found: Letter) -> str | None:
    """Return the goal on whose record a letter's message has left its traces, if there is one."""
    try:
        subject = Subject.parse(found.subject)
    except Unreadable:
        return None
    if "goal" in KINDS[subject.kind].tokens:
        return subject["goal"]
    return refused_id(found.headers, found.stored, found.sequence) if found.stored else None


def is_about(entry: Entry, step: str, attempt: str) -> bool:
    """Tell whether an entry belongs to an attempt at a step, or to its goal as a whole."""
    tokens = KINDS[entry.subject.kind].tokens
    if "attempt" not in tokens:
        return True
    return bool(attempt) and (entry.subject["step"], entry.subject["attempt"]) == (step, attempt)


async def retry(number: int, as_json: bool) -> int:
    """Publish what a dead letter asks for once more, and remove the letter."""
    async with connect_bus() as bus:
        found = await letter(bus, number)
        retried = await tried_again(bus, found)
        await remove(bus, number)
    told: dict[str, JsonValue] = {"letter": number, "goal": retried.goal, "subject": retried.subject}
    tell(told, retried.goal, as_json=as_json)
    return Exit.DONE


async def drop(numbers: Sequence[int], as_json: bool) -> int:
    """Remove dead letters by their numbers; those that are there go even where others are not."""
    gone: list[int] = []
    missing: list[LetterUnknown] = []
    async with connect_bus() as bus:
        for number in dict.fromkeys(numbers):
            try:
                await remove(bus, (await letter(bus, number)).number)
                gone.append(number)
            except LetterUnknown as error:
                missing.append(error)
    tell_dropped(gone, as_json)
    for each in missing:
        click.echo(f"loopwright: {each}", err=True)
    return Exit.NOT_FOUND if missing else Exit.DONE


async def drop_all(role: str | None, goal: str | None, as_json: bool) -> int:
    """Remove every dead letter that is there now, or those of a role or a goal."""
    async with connect_bus() as bus:
        found = [each.number for each in await letters(bus, role, goal)]
        if found:
            await remove_up_to(bus, found[-1], role, goal)
    tell_dropped(found, as_json)
    return Exit.DONE


def tell_dropped(gone: list[int], as_json: bool) -> None:
    """Print which letters are gone."""
    tell({"dropped": list(gone)}, f"dropped {len(gone)} dead letter{'' if len(gone) == 1 else 's'}", as_json=as_json)
