"""The goals on record, one row each: those that have ended by their ends, the others by the timers set for them."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import click
from pydantic import JsonValue

from loopwright.actors.asking import waited_for
from loopwright.actors.decide import DEADLINE
from loopwright.actors.decisions import last_decision
from loopwright.actors.standing import Standing
from loopwright.bus import Bus, Outcome, Status
from loopwright.bus.messages import Ended
from loopwright.bus.reading import read_all
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import PREFIX, TIMERS, decisions_on

type Row = dict[str, JsonValue]


async def goals_on_record(bus: Bus) -> AsyncIterator[Row]:
    """Yield the facts of every goal."""
    ended = set[str]()
    inbox, waiting = await bus.reader([f"{PREFIX}.event.{bus.ns}.*"], after=lambda: 0, last_only=True)
    async with inbox:
        while waiting:
            delivery = await inbox.receive()
            waiting = delivery.waiting
            said = await bus.message(Ended, Stored.delivered(delivery))
            if said is None:
                click.echo(f"loopwright: {delivery.subject} at {delivery.seq} cannot be read", err=True)
                continue
            ended.add(said.goal)
            yield row_of_end(said.outcome, delivery.time)
    for goal in await goals_with_a_deadline(bus) - ended:
        if (found := await where_it_stands(bus, goal)) is not None:
            yield row_of(*found)


async def goals_with_a_deadline(bus: Bus) -> set[str]:
    """Return the goals whose deadline the broker holds, or has told to an orchestrator that has not heard it yet."""
    filters = [f"{PREFIX}.{kind}.{bus.ns}.*.{DEADLINE}" for kind in ("timer", "due")]
    found = await read_all(bus.nc, bus.js, TIMERS, filters, headers_only=True)
    return {stored.subject.split(".")[-2] for stored in found}


async def where_it_stands(bus: Bus, goal: str) -> tuple[Standing, datetime] | None:
    """Return where a goal stands and since when; None if nothing is on record for it."""
    stored = await bus.last(decisions_on(bus.ns, goal))
    decision = (await last_decision(bus, goal)).decision if stored else None
    return (decision.standing, stored.time) if stored and decision else None


def row_of(standing: Standing, at: datetime) -> Row:
    """Return the facts of a goal that goes on, and was heard of last at a time."""
    return {
        "goal": standing.goal.goal,
        "loop": standing.loop.name,
        "status": status_of(standing).value,
        "reason": standing.outcome.reason.value if standing.outcome else None,
        "score": standing.best.score if standing.best else standing.baseline,
        "attempts": standing.attempts - standing.empty,
        "under_way": sum(len(each.under_way) for each in standing.doing),
        "opened": standing.opened.isoformat(timespec="seconds"),
        "changed": at.isoformat(timespec="seconds"),
    }


def status_of(standing: Standing) -> Status:
    """Return how a goal stands: a person's word is wanted where one is asked, whoever works beside it."""
    if standing.outcome:
        return standing.outcome.status
    return Status.INPUT_REQUIRED if waited_for(standing) else Status.WORKING


def row_of_end(outcome: Outcome, at: datetime) -> Row:
    """Return the facts of a goal that ended at a time."""
    return {
        "goal": outcome.goal,
        "loop": outcome.loop,
        "status": outcome.status.value,
        "reason": outcome.reason.value,
        "score": outcome.score if outcome.best_attempt is not None else outcome.baseline,
        "attempts": outcome.attempts,
        "under_way": 0,
        "opened": (at - timedelta(seconds=outcome.seconds)).isoformat(timespec="seconds"),
        "changed": at.isoformat(timespec="seconds"),
    }
