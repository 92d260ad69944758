"""What `goal why` and `goal blame` do."""

from collections.abc import Iterator

import click

from loopwright.actors.faults import (
    Blame,
    Confirmation,
    Fault,
    GoalRecord,
    Point,
    blame_of,
    opinion_on,
    read_record,
    why_of,
)
from loopwright.actors.plan import WORK
from loopwright.bus import Bus
from loopwright.bus.client import wait_until_known
from loopwright.deploy.exits import Exit
from loopwright.deploy.goals import PATIENCE, bus_of, known_by_name
from loopwright.deploy.swaps import Confirm
from loopwright.deploy.telling import tell
from loopwright.tools.model import Model

SHOWN = 20
"""Failed attempts that are listed for a person, the last."""


async def why(goal: str, as_json: bool) -> int:
    """Say in one sentence why a goal ended, and what to do."""
    async with bus_of(goal) as (bus, name):
        record = await known_record(bus, name)
    blame = blame_of(record)
    sentence = why_of(record, blame)
    tell({"goal": goal, "status": blame.status.value, "why": sentence}, sentence, as_json=as_json)
    return Exit.DONE


async def blame(goal: str, as_json: bool, opinion: bool, model: str | None, confirm: Confirm | None) -> int:
    """Show whose fault it was: who introduced it, who missed it, who found it.

    Where that is asked for, also what a model thinks, and what comes of replaying it with one component swapped.
    """
    async with bus_of(goal) as (bus, name):
        record = await known_record(bus, name)
        found = blame_of(record)
        if confirm is not None:
            from loopwright.deploy.confirming import with_replay  # noqa: PLC0415 - no other verb needs a fleet

            found = await with_replay(bus, record, found, confirm)
    if opinion:
        async with Model.from_environment() as asked:
            found = found.model_copy(update={"opinion": await opinion_on(record, asked, model)})
    click.echo(found.model_dump_json(indent=2) if as_json else "\n".join(in_words(found)))
    return Exit.DONE


async def known_record(bus: Bus, goal: str) -> GoalRecord:
    """Return the record of a goal that may just have been submitted.

    Raises:
        GoalUnknown: nothing is on record for it.
    """
    await wait_until_known(known_by_name(bus, goal), PATIENCE)
    return await read_record(bus, goal)


def in_words(blame: Blame) -> Iterator[str]:
    """Yield the lines that a person reads."""
    ended = f" ({blame.reason.value})" if blame.reason else ""
    yield f"{'goal':>10}  {blame.goal}: {blame.status.value}{ended}"
    if blame.fault is not None:
        yield f"{'fault':>10}  {charged(blame.fault)}"
    elif not blame.faults:
        yield f"{'fault':>10}  nothing went wrong"
    yield from (pointed("introduced", blame.introduced) if blame.introduced else ())
    for each in blame.missed:
        yield from pointed("missed", each)
    yield from (pointed("found", blame.found) if blame.found else ())
    if blame.opinion is not None:
        yield f"{'opinion':>10}  a model thinks: {charged(blame.opinion)}: {first_line(blame.opinion.because)}"
    if blame.confirmation is not None:
        tested = blame.confirmation.said.value if blame.confirmation.about else "swapped"
        yield f"{tested:>10}  {replayed(blame.confirmation)}"
    hidden = len(blame.faults) - SHOWN
    if hidden > 0:
        yield f"{'attempts':>10}  {hidden} more went wrong before these"
    for fault in blame.faults[-SHOWN:]:
        at = f"attempt {fault.attempt}" if fault.step in {"", WORK} else f"{fault.step}, attempt {fault.attempt}"
        yield f"{at:>10}  {charged(fault)}: {first_line(fault.because)}"


def replayed(found: Confirmation) -> str:
    """Return what was swapped, what came of it, and what that took."""
    from_ = f", from {found.at} on" if found.at else ""
    tokens = found.usage.tokens_in + found.usage.tokens_out
    took = f"; {tokens:,} tokens, ${found.usage.cost:.2f}, {found.usage.worker_seconds:.1f} worker seconds"
    where = f"{took}; see {found.goal}" if found.goal else ""
    return f"by replay with {found.swapped}{from_}: {found.because}{where}"


def charged(fault: Fault) -> str:
    """Return whose a fault is, how sure that is, and where it shows."""
    contract = f", contract {fault.contract.value}" if fault.contract else ""
    where = f", at {' '.join(map(str, fault.evidence))}" if fault.evidence else ""
    replay = f", {fault.replay.value} by replay" if fault.replay else ""
    return f"{fault.fault.value} {fault.who}".strip() + f", confidence {fault.confidence:.2f}{replay}{contract}{where}"


def pointed(what: str, point: Point) -> Iterator[str]:
    """Yield the line of one place in the trajectory."""
    yield f"{what:>10}  at {point.seq} by {point.who}: {first_line(point.what)}"


def first_line(text: str) -> str:
    """Return the first line of a text, cut where a line ends on a screen."""
    return (text.strip().splitlines() or [""])[0][:300]
