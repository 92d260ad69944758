"""What the goal verbs do."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
import click
from pydantic import JsonValue
from rich.table import Table

from loopwright.actors.asking import waited_for
from loopwright.actors.decide import turn
from loopwright.actors.errors import NoWayOn
from loopwright.actors.ladder import in_words as rung_in_words
from loopwright.actors.outcome import has_plan
from loopwright.actors.standing import Standing
from loopwright.actors.subgoals import goals_of
from loopwright.actors.unserved import is_made, nobody_serves, roles_needed, roles_waited_for
from loopwright.bus import Bus, Entry, Limits, Outcome, Run, connect_bus
from loopwright.bus.client import Goals, wait_until_known
from loopwright.bus.errors import GoalUnknown, Unreadable
from loopwright.bus.messages import Result, Status
from loopwright.bus.names import is_token
from loopwright.bus.presence import unserved
from loopwright.bus.subjects import Subject
from loopwright.deploy.board import sparkline
from loopwright.deploy.entries import plain, sentence_of
from loopwright.deploy.exits import Exit, of_outcome
from loopwright.deploy.listing import goals_on_record, row_of, where_it_stands
from loopwright.deploy.screen import screen
from loopwright.deploy.spending import spent_in_words
from loopwright.deploy.stdout import stdout
from loopwright.deploy.telling import tell, versioned
from loopwright.deploy.watching import follow

PATIENCE = 2.0
"""Seconds that a goal which was just submitted may take to be accepted."""


UNTRUSTED = "It was made of content that nobody vouches for."


async def submit(
    loop: str,
    given: dict[str, JsonValue],
    goal: str | None,
    limits: Limits,
    untrusted: bool,
    watching: bool,
    as_json: bool,
) -> int:
    """Publish a goal, and print its id or follow it."""
    async with connect_bus() as bus:
        run = await Goals(bus).submit(loop, given, goal=goal, limits=limits, untrusted=untrusted)
        if watching:
            return await followed(bus, run, None, as_json)
        tell({"goal": run.goal}, run.goal, as_json=as_json)
    return Exit.DONE


async def watch(goal: str, timeout: float | None, as_json: bool) -> int:
    """Show a goal from its start to its end."""
    async with bus_of(goal) as (bus, name):
        run = known_by_name(bus, name)
        await wait_until_known(run, PATIENCE)
        return await followed(bus, run, timeout, as_json)


@asynccontextmanager
async def bus_of(goal: str) -> AsyncIterator[tuple[Bus, str]]:
    """Hold the bus in the namespace of a goal, and tell its name there: `imported/fix-7` lies in `imported`.

    Raises:
        GoalUnknown: no namespace has that name.
    """
    ns, _, name = goal.rpartition("/")
    if ns and not is_token(ns):
        raise GoalUnknown(goal)
    async with connect_bus(ns=ns or "default") as bus:
        yield bus, name


def known_by_name(bus: Bus, goal: str) -> Run:
    """Return the run of a goal; a name that cannot be one is unknown."""
    try:
        Subject.of("event", ns=bus.ns, goal=goal)
    except Unreadable:
        raise GoalUnknown(goal) from None
    return Goals(bus).run(goal)


async def followed(bus: Bus, run: Run, timeout: float | None, as_json: bool) -> int:
    """Follow a goal, and return the exit code of how it ended, or of the time that ran out."""
    outcome: Outcome | None = None
    with anyio.move_on_after(timeout):
        if as_json:
            outcome = await follow(bus, run, None, lambda entry: click.echo(json.dumps(versioned(plain(entry)))))
        else:
            with screen() as shown:
                outcome = await follow(bus, run, shown, told)
    if outcome is None:
        click.echo(f"loopwright: {run.goal} has not ended within {timeout:g} seconds; it goes on.", err=True)
        return Exit.TIMEOUT
    if not as_json:
        click.echo(f"{outcome.status.value} ({outcome.reason.value}): {outcome.why}")
    return of_outcome(outcome)


def told(entry: Entry) -> None:
    """Print an entry in one line, if it says something to a person."""
    sentence = sentence_of(entry)
    if sentence:
        click.echo(f"{entry.seq:>8}  {entry.time:%H:%M:%S}  {sentence}")


async def show(goal: str, as_json: bool) -> int:
    """Show where a goal stands."""
    async with bus_of(goal) as (bus, name):
        run = known_by_name(bus, name)
        await wait_until_known(run, PATIENCE)
        outcome = await run.ended()
        if outcome is not None:
            click.echo(outcome.model_dump_json(indent=2) if as_json else in_words(outcome))
            return Exit.DONE
        found = await where_it_stands(bus, goal)
        if found is None:
            raise GoalUnknown(goal)
        row = (
            row_of(*found)
            | comes_from(found[0])
            | steps_of(found[0])
            | how_it_goes(found[0])
            | await waiting_on(bus, found[0])
        )
        click.echo(json.dumps(versioned(row), indent=2) if as_json else row_in_words(row))
    return Exit.DONE


def comes_from(standing: Standing) -> dict[str, JsonValue]:
    """Return what a fork goes on from, and which attempt of which goal one serves."""
    told: dict[str, JsonValue] = {}
    if standing.prefix:
        told["fork_of"] = f"{standing.prefix[-1].goal} at {standing.prefix[-1].seq}"
    if (parent := standing.goal.parent) is not None:
        told["serves"] = f"{parent.goal}, {parent.step}, attempt {parent.attempt}"
    return told


def row_in_words(row: Mapping[str, JsonValue]) -> str:
    """Return the facts of a goal that goes on, for a person: what is not known yet is left out."""
    known = {name.replace("_", " "): value for name, value in row.items() if value not in (None, "")}
    told = {name: f"{value:.2f}" if isinstance(value, float) else value for name, value in known.items()}
    return "\n".join(f"{name:>11}  {value}" for name, value in told.items())


def how_it_goes(standing: Standing) -> dict[str, JsonValue]:
    """Return the curve of the scores at the step under way, and what the loop does about being stuck, where it is."""
    told: dict[str, JsonValue] = {"curve": sparkline(standing.measured.curve.points)}
    if standing.hint:
        rungs = ", then ".join(map(rung_in_words, standing.climbed(standing)))
        told["stuck"] = f"{standing.hint} Tried so far: {rungs}."
    return told | race_of(standing)


def race_of(standing: Standing) -> dict[str, JsonValue]:
    """Return which attempts are made side by side, and how many have lost to others so far."""
    racing = [(doing.step, [each.number for each in doing.under_way if each.lane]) for doing in standing.doing]
    several = len(standing.beside) > 0
    races = [
        (f"{step}: " if several else "") + f"attempts {', '.join(map(str, numbers))} side by side"
        for step, numbers in racing
        if numbers
    ]
    told: dict[str, JsonValue] = {"race": f"{'; '.join(races)}; the first accepted wins"} if races else {}
    return told | ({"called_off": standing.called_off} if standing.called_off else {})


def steps_of(standing: Standing) -> dict[str, JsonValue]:
    """Return the steps of a plan that are under way, with the attempts at each, and those that wait for them."""
    if not has_plan(standing):
        return {}
    doing = ", ".join(f"{each.step} (attempt {each.begun})" for each in standing.doing)
    ahead = ", ".join(step.name for step in standing.ahead)
    return {"steps": doing, "steps_ahead": ahead or "-"}


async def waiting_on(bus: Bus, standing: Standing) -> dict[str, JsonValue]:
    """Return the roles and goals whose answers a goal waits for, and what is missing where nobody serves a role."""
    standing = await with_what_was_handed(bus, standing)
    roles = roles_waited_for(standing)
    missing = await unserved(bus, roles_needed(standing))
    people = list(dict.fromkeys(each.role for each in waited_for(standing)))
    told: dict[str, JsonValue] = {"waiting_on": ", ".join([*roles, *people, *goals_of(standing, standing.doing)])}
    if people:
        told["asked"] = f"`loopwright ask {standing.goal.goal}` shows what {', '.join(people)} is asked."
    return told | ({"missing": " ".join(map(nobody_serves, missing))} if missing else {})


async def with_what_was_handed(bus: Bus, standing: Standing) -> Standing:
    """Return where a goal stands once it has heard of the results that went straight to their evaluators."""
    goal = standing.goal.goal
    for doing in standing.doing:
        judge = standing.judge_of(doing)
        for attempt in filter(is_made, doing.under_way if judge else ()):
            place = Subject.of("made", ns=bus.ns, goal=goal, step=doing.step, attempt=attempt.number, role=str(judge))
            if (handed := await bus.last(place)) is not None:
                result = Result(goal=goal, step=doing.step, attempt=attempt.number)
                standing = turn(standing, result, handed.time)[1]
    return standing


def in_words(outcome: Outcome) -> str:
    """Return how a goal ended, for a person."""
    rows = {
        "goal": outcome.goal,
        "loop": outcome.loop,
        "status": f"{outcome.status.value} ({outcome.reason.value})",
        "why": outcome.why,
        "score": f"{outcome.score:.2f}" + (f" (was {outcome.baseline:.2f})" if outcome.baseline is not None else ""),
        "curve": sparkline(outcome.curve) or "-",
        "attempts": outcome.attempts,
        "seconds": f"{outcome.seconds:.1f}",
        "spent": spent_in_words(outcome),
        "best": json.dumps(outcome.best) if outcome.best is not None else "-",
        "unverified": outcome.unverified or "-",
        "untrusted": UNTRUSTED if outcome.untrusted else "-",
        "shown by": shown_by(outcome),
    }
    if isinstance(point := outcome.evidence.get("forked"), dict):
        rows["fork of"] = f"{point['goal']} at {point['seq']}"
    if called_off := outcome.evidence.get("called_off"):
        rows["called off"] = f"{called_off}, for another attempt was accepted first"
    return "\n".join(f"{name:>10}  {value}" for name, value in rows.items())


def shown_by(outcome: Outcome) -> str:
    """Return where the messages stand that show why a goal ended."""
    places = outcome.evidence.get("messages")
    if not isinstance(places, list) or not places:
        return "-"
    return f"message{'s' if len(places) > 1 else ''} {', '.join(map(str, places))} of its trajectory"


async def cancel(goal: str, why: str, as_json: bool) -> int:
    """Call a goal off, wait until it has ended, and print how."""
    async with bus_of(goal) as (bus, name):
        run = known_by_name(bus, name)
        await wait_until_known(run, PATIENCE)
        outcome = before = await run.ended()
        if outcome is None and "/" in goal:
            raise NoWayOn(f"{goal} lies in the namespace {bus.ns}, and goals are called off only where they are run.")
        if outcome is None:
            await run.cancel(why or "It was called off at the command line.")
            with anyio.move_on_after(PATIENCE):
                outcome = await run.outcome()
    tell(end_of(goal, outcome), called_off(outcome, was_over=before is not None), as_json=as_json)
    return Exit.DONE


def end_of(goal: str, outcome: Outcome | None) -> dict[str, JsonValue]:
    """Return how a goal ended, if it has."""
    if outcome is None:
        return {"goal": goal, "status": Status.WORKING.value, "reason": None}
    return {"goal": goal, "status": outcome.status.value, "reason": outcome.reason.value}


def called_off(outcome: Outcome | None, *, was_over: bool) -> str:
    """Return what came of calling a goal off, for a person."""
    if outcome is None:
        return "The word is on the bus; no orchestrator has acted on it yet."
    ended = f"{outcome.status.value} ({outcome.reason.value})"
    return f"{ended}: it had ended before it was called off" if was_over else ended


async def ls(as_json: bool) -> int:
    """List the goals on record."""
    async with connect_bus() as bus:
        rows = [row async for row in goals_on_record(bus)]
    rows.sort(key=lambda row: str(row["opened"]), reverse=True)
    if as_json:
        for row in rows:
            click.echo(json.dumps(versioned(row)))
        return Exit.DONE
    table = Table(box=None, pad_edge=False)
    for name in ("goal", "loop", "status", "reason", "score", "attempts", "opened"):
        table.add_column(name, overflow="fold")  # an id that is cut off cannot be copied
    for row in rows:
        score = row["score"]
        shown = f"{score:.2f}" if isinstance(score, float) else "-"
        table.add_row(
            str(row["goal"]),
            str(row["loop"]),
            str(row["status"]),
            str(row["reason"] or "-"),
            shown,
            str(row["attempts"]),
            str(row["opened"]),
        )
    stdout().print(table, highlight=False)
    return Exit.DONE
