"""Confirming a blame: a goal is replayed with one component swapped, on a bus of our own that goes when we go.

The record up to the fault's place is put there and counts as it is; what stands behind it is done anew, by workers in
this process. What came of it is kept on the goal's own bus, in a namespace where nobody acts.
"""

import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import click

from loopwright.actors import Bounds, Loop, Orchestrator, Workplace
from loopwright.actors.errors import NoWayOn
from loopwright.actors.faults import Blame, Confirmation, Fault, GoalRecord, blame_of, read_record
from loopwright.actors.faults.confirming import (
    decisive,
    held_up,
    place_before,
    said_by_acceptance,
    said_of,
    spent_on,
    with_confirmation,
)
from loopwright.actors.faults.fault import Said
from loopwright.actors.forking import prefix_of, stood_at
from loopwright.actors.regrading import judged
from loopwright.actors.rerunning import Came, is_unfinished, orders_in, rerun
from loopwright.bus import Bus, Trajectory, connect_bus
from loopwright.bus.client import Goals
from loopwright.bus.forks import Fork, ForkPoint
from loopwright.bus.messages import Evaluation, FaultClass, Limits, Status, StepOrder, Usage
from loopwright.bus.portable import Portable, put_back, taken_out
from loopwright.deploy.apps import App, AppRefused, load
from loopwright.deploy.embedded import embedded_server
from loopwright.deploy.evals.grading import judges_of
from loopwright.deploy.swaps import Confirm, Swapped, SwapRefused, as_it_was, exchanged, usual

KEPT_IN = "confirmed"
"""The namespace in which a goal that went on is kept."""
HANDS = 8
"""Steps that each worker does at once."""


async def with_replay(bus: Bus, record: GoalRecord, blame: Blame, confirm: Confirm) -> Blame:
    """Return a blame with what comes of replaying the goal with one component swapped.

    Raises:
        NoWayOn: nobody is blamed, or nothing can go on from there.
        SwapRefused, AppRefused: it is not clear what is to be swapped, or what for.
    """
    fault, app = blame.fault, load(confirm.apps)
    if fault is None:
        raise NoWayOn(f"Nobody is blamed for how {record.goal.goal} stands: there is nothing to confirm.")
    if confirm.swap is None and fault.fault is FaultClass.EVALUATOR:
        return with_confirmation(blame, await judged_by_acceptance(bus, record, fault, app))
    swap = exchanged(record, app, confirm.swap) if confirm.swap else usual(record, app, fault)
    place, bounds = await place_on(bus, record, fault, swap), record.bounds.under(swap.limits)
    click.echo(
        f"loopwright: {place.goal} goes on from {place.seq} with {swap.said}: {bounds_in_words(bounds)}", err=True
    )
    found, kept = await confirmed(bus, record, fault, swap, as_it_was(swap, app))
    if kept is not None:
        async with connect_bus(ns=KEPT_IN) as there:
            await put_back(there, kept)
    return with_confirmation(blame, found)


def bounds_in_words(bounds: Bounds) -> str:
    """Return what going on may cost, for a person."""
    told = f"{bounds.attempts} attempts, {bounds.tokens:,} tokens and ${bounds.cost:.2f} in all are its limits"
    return f"models are asked and tools are called; {told}."


async def confirmed(
    bus: Bus, record: GoalRecord, fault: Fault, swapped: Swapped, unswapped: Swapped | None
) -> tuple[Confirmation, Portable | None]:
    """Return what comes of a goal that goes on from before a fault, with one component swapped, and its record.

    Where it is met then, it goes on once more without the swap, if it can: what went by itself confirms nothing. Where
    a role's other code does all as it was done, nothing goes on, and there is no record: that is known without asking.

    Raises:
        NoWayOn: nothing can go on from there.
        BusUnreachable: no answer for a minute.
    """
    refuse_if_open(record)
    refuse_unserved(swapped.loop or record.loop, swapped.app)
    point = await place_on(bus, record, fault, swapped)
    told: dict[str, Any] = {"swapped": swapped.said, "at": point.seq, "about": swapped.is_about(fault)}
    if await does_the_same(bus, record, fault, swapped):
        why = f"{swapped.said} does all of it as it was done, by the same calls"
        return Confirmation(said=Said.REFUTED, because=why, **told), None
    async with bus_of_our_own(await whole(bus, record.goal.goal), bus.ns) as there:
        went = await gone_on(there, record, point, swapped)
        again = None
        if unswapped is not None and went.blame.status is Status.COMPLETED:
            again = await gone_on(there, record, point, unswapped)
        kept = await taken_out(there, went.goal, await prefix_of(there, went.goal))
    said, because = said_of(fault, swapped.whose, went.blame, again.blame if again else None)
    told |= {"goal": f"{KEPT_IN}/{went.goal}", "usage": went.spent + again.spent if again else went.spent}
    return Confirmation(said=said, because=because, **told), kept


async def does_the_same(bus: Bus, record: GoalRecord, fault: Fault, swapped: Swapped) -> bool:
    """Tell whether a role's other code, run on the record, answers from the fault on as the role answered then."""
    worker, tried = swapped.app.workers.get(swapped.who), decisive(record, fault)
    if swapped.whose not in {FaultClass.AGENT, FaultClass.EVALUATOR} or worker is None or not (tried and tried.order):
        return False
    begun, entries = tried.order.seq, await Trajectory(bus, record.goal.goal).so_far()
    rest = [each for each in entries if not isinstance(each.message, StepOrder) or each.seq >= begun]
    mine = [each for each in rest if not isinstance(each.message, StepOrder) or each.message.role == worker.role]
    whole = all(each.answer and not is_unfinished(each.answer.failure) for each in orders_in(mine))
    found = await rerun(bus, {worker.role: worker}, mine, lambda _: None) if whole else ()
    return bool(found) and all(each.came is Came.SAME for each in found)


def refuse_if_open(record: GoalRecord) -> None:
    """Raise unless a goal can be replayed with a component swapped, as far as its record tells.

    Raises:
        NoWayOn: it goes on, or asks people.
    """
    goal = record.goal.goal
    if record.ended is None:
        raise NoWayOn(f"{goal} has not ended: there is nothing to confirm yet.")
    if record.loop.people:
        raise NoWayOn(f"{goal} asks {', '.join(record.loop.people)}, and people are not asked again for this.")


def refuse_unserved(loop: Loop, app: App) -> None:
    """Raise if a loop has a role that nobody serves.

    Raises:
        AppRefused: it has.
    """
    if missing := [role for role in loop.roles if role not in app.workers]:
        raise AppRefused(f"Nobody here serves {', '.join(missing)}. Name the module of the goal's workers with --app.")


async def place_on(bus: Bus, record: GoalRecord, fault: Fault, swapped: Swapped) -> ForkPoint:
    """Return the place from which to go on, as other messages on the record speak of it.

    Other limits matter to the last attempt only, and all before it counts as it is.

    Raises:
        NoWayOn: nothing was tried, or what is at fault was tried for another goal, of which this is a fork.
    """
    last = fault.model_copy(update={"attempt": None})
    seq, goal = place_before(record, fault if swapped.limits == Limits() else last), record.goal.goal
    entries = await Trajectory(bus, goal, prefix=await prefix_of(bus, goal)).so_far()
    found = next((each for each in entries if each.seq == seq), None)
    if found is None:
        raise NoWayOn(f"Nobody had tried anything for {goal} when it ended: submit it again instead.")
    if found.subject["goal"] != goal:
        raise NoWayOn(
            f"The fault of {goal} lies in {found.subject['goal']}, of which it is a fork: confirm that one's."
        )
    return ForkPoint(goal=goal, seq=found.place)


async def whole(bus: Bus, goal: str) -> list[Portable]:
    """Return the record of a goal, behind those that it goes on from, each to its end.

    Raises:
        NoWayOn: one has none here; where all else is old, what it waits for would be done.
    """
    found: list[Portable] = []
    for name in (*(point.goal for point in await prefix_of(bus, goal)), goal):
        if await Goals(bus).run(name).ended() is None:
            raise NoWayOn(f"{name}, from which {goal} goes on, has not ended here.")
        found.append(await taken_out(bus, name))
    return found


@asynccontextmanager
async def bus_of_our_own(portables: Iterable[Portable], ns: str) -> AsyncIterator[Bus]:
    """Hold a bus that has some records and nothing else, as long as the body runs."""
    with tempfile.TemporaryDirectory(prefix="loopwright-") as folder:
        async with embedded_server(Path(folder) / "nats", sync="2m") as server:
            async with connect_bus(server.url, ns=ns) as there:
                for portable in portables:
                    await put_back(there, portable)
            async with connect_bus(server.url, ns=ns) as there:  # to whom all of it is old, and not to be done again
                yield there


@dataclass(frozen=True)
class Went:
    """How a goal went on."""

    goal: str
    blame: Blame
    spent: Usage


async def gone_on(bus: Bus, record: GoalRecord, point: ForkPoint, swapped: Swapped) -> Went:
    """Return how a goal goes on from a place, once it has ended."""
    fork = Fork(goal=point.goal, seq=point.seq, today=swapped.loop is not None, model=swapped.model)
    before, loop = await stood_at(bus, point), swapped.loop or record.loop
    async with actors(bus, loop, swapped.app):
        run = await Goals(bus).submit(loop.name, {}, fork=fork, limits=swapped.limits)
        outcome = await run.outcome()
    return Went(run.goal, blame_of(await read_record(bus, run.goal)), spent_on(outcome, before.usage))


@asynccontextmanager
async def actors(bus: Bus, loop: Loop, app: App) -> AsyncIterator[None]:
    """Run an orchestrator and a worker for each role while the body runs, for a loop and for those of its goals."""
    ours = load(()).loops  # which come with us, and whose roles cost something to serve
    own = [each for each in app.loops.values() if each.name not in ours]
    roles = dict.fromkeys(role for each in (loop, *own) for role in each.roles if role in app.workers)
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Orchestrator(bus, {**app.loops, loop.name: loop}).run, stopping)
        for role in roles:
            tasks.start_soon(Workplace(bus, app.workers[role], hands=HANDS).run, stopping)
        yield
        stopping.set()


async def judged_by_acceptance(bus: Bus, record: GoalRecord, fault: Fault, app: App) -> Confirmation:
    """Return what the acceptance evaluator says of the attempts that an evaluator refused, or could not judge.

    Raises:
        SwapRefused: there is none, or nothing that it could judge.
        AppRefused: nobody here serves its role.
    """
    role, brought = record.loop.acceptance, record.goal.acceptance
    open_ = [each for each in held_up(record, fault.who) if each.order and each.result]
    if role is None or brought is None or not open_:
        raise SwapRefused(f"Say what is to take the place of the evaluator {fault.who}: --swap {fault.who}=MODULE.")
    async with judges_of(bus, app, [role]) as judges:
        said: dict[int, Evaluation] = {}
        for tried in open_:
            assert tried.order is not None
            assert tried.result is not None
            told = (judges[role].worker, tried.order.message, tried.result.message.output, judges[role].resources)
            said[tried.number] = await judged(bus, *told, acceptance=brought)
    return said_by_acceptance(fault, role, open_, said)
