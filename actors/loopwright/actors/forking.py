"""Forks: a new goal that goes on from where another stood at a place of its record.

What had been said by then counts, also what no orchestrator had got round to; what was said later does not. The record
up to there is not copied: the fork's first decision tells where it lies and how the goal stood, and its orders tell
their workers where to read it. Time starts anew, what was spent stays counted, and calls that an attempt under way had
made are made again, for whoever does it now.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from loopwright.actors.decide import take_up, turn
from loopwright.actors.decisions import Known, first_decision, known_of, last_decision
from loopwright.actors.errors import NoWayOn
from loopwright.actors.events import Event, Forked, Opened, Over
from loopwright.actors.evolve import evolve
from loopwright.actors.loop import Loop, unknown_loop
from loopwright.actors.outcome import outcome_of
from loopwright.actors.plan import PLAN
from loopwright.actors.standing import Standing
from loopwright.actors.stopping import Stop
from loopwright.bus.connection import Bus
from loopwright.bus.effects import Effect
from loopwright.bus.envelope import MAX_HOPS
from loopwright.bus.forks import ForkPoint, Prefix
from loopwright.bus.messages import Evaluation, Goal, Limits, Result, Status, StepOrder, StopReason
from loopwright.bus.subjects import LOOP
from loopwright.bus.trajectory import Entry, Trajectory


async def stood_at(bus: Bus, point: ForkPoint) -> Standing:
    """Return where a goal stood at a place of its record.

    Raises:
        NoWayOn: nobody knows the goal, or nothing can go on from there.
        BusUnreachable: no answer for a minute.
    """
    last = await last_decision(bus, point.goal, sure=True)
    decisions = await known_of(bus, point.goal, upto=last.revision)
    return standing_at(point, decisions, await Trajectory(bus, point.goal).so_far(last.revision))


def standing_at(point: ForkPoint, decisions: Sequence[Known], entries: Sequence[Entry]) -> Standing:
    """Return where a goal stood at a place of its record, once it has heard all that was said by then.

    Raises:
        NoWayOn: nothing can go on from there.
    """
    goal, seq = point.goal, point.seq
    if not decisions:
        raise NoWayOn(f"There is no goal {goal} on record to go on from.")
    places = {entry.seq: entry.place for entry in entries}  # of a record that was put back they are those it had
    decided = [(places.get(known.seq, known.seq), known) for known in decisions]
    if seq > (last := max([decided[-1][0], *places.values()])):
        raise NoWayOn(f"The record of {goal} ends at {last} so far, before {seq}.")
    by_then = [known for place, known in decided if place <= seq]
    if not by_then:
        raise NoWayOn(f"{goal} was opened at {decided[0][0]}, behind {seq}.{comes_from(decisions[0])}")
    standing = by_then[-1].decision.standing
    seen = {known.decision.seen for known in by_then}
    for entry in answers(entry for entry in entries if entry.place <= seq):
        if f"{LOOP}-{entry.place}" not in seen and entry.message is not None:
            standing = turn(standing, entry.message, entry.time, entry.place)[1]
    if standing.over:
        raise NoWayOn(f"{goal} had ended with what was on its record at {seq}: go on from an earlier place.")
    return standing


def comes_from(opening: Known) -> str:
    """Return what to say of where the goal of a first decision comes from; nothing if it is no fork."""
    prefix = opening.decision.standing.prefix
    return f" Up to {prefix[-1].seq} it is {prefix[-1].goal}: go on from that." if prefix else ""


def answers(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Yield the answers among these messages that somebody had been asked for by then."""
    asked: set[tuple[str, int, str | None]] = set()
    for entry in entries:
        match entry.message:
            case StepOrder() as order:
                asked.add((order.step, order.attempt, order.judge))
            case Result() as said if (said.step, said.attempt, None) in asked:
                yield entry
            case Evaluation() as said if (said.step, said.attempt, said.judge) in asked:
                yield entry
            case _:
                pass


def open_fork(goal: Goal, was: Standing, today: Loop | None, at: datetime) -> tuple[Event, ...]:
    """Return what follows from a goal that goes on from where another stood; `today` is its loop as it is now."""
    pinned = was.loop if goal.loop == was.loop.name and not (goal.fork and goal.fork.today) else today
    goal = taking_over(goal, was)
    if pinned is None:
        return refused_fork(goal, f"There is no loop named {goal.loop} here to go on with.", at)
    if was.step == PLAN and was.loop.plan and not pinned.plan:
        why = f"{was.goal.goal} was being planned there, and the loop {goal.loop} has no planner."
        return refused_fork(goal, why, at)
    if goal.hops > MAX_HOPS:
        why = f"It is {goal.hops} messages from its first cause; {MAX_HOPS} is the limit."
        return refused_fork(goal, why, at, StopReason.HOPS, Status.FAILED)
    forked = Forked(goal=goal, loop=pinned, at=at, was=was)
    follows, _ = take_up(evolve(None, forked), at)
    return (forked, *follows)


def refused_fork(
    goal: Goal, why: str, at: datetime, reason: StopReason = StopReason.REJECTED, status: Status = Status.REJECTED
) -> tuple[Event, ...]:
    """Return what puts a fork on record that cannot be."""
    opened = Opened(goal=goal, loop=unknown_loop(goal.loop), at=at)
    return (opened, Over(outcome=outcome_of(evolve(None, opened), Stop(reason, why, status=status), at)))


def taking_over(goal: Goal, was: Standing) -> Goal:
    """Return a goal with what it does not bring itself, and the other brought."""
    before = was.goal
    limits = before.limits.model_dump(exclude_none=True) | goal.limits.model_dump(exclude_none=True)
    named = goal.fork.model or before.fork.model if goal.fork and before.fork else None
    return goal.but(
        fork=goal.fork.but(model=named) if goal.fork and named else goal.fork,
        input=goal.input or before.input,
        acceptance=before.acceptance if goal.acceptance is None else goal.acceptance,
        limits=Limits.model_validate(limits),
        hops=max(goal.hops, before.hops + 1),
        untrusted=goal.untrusted or before.untrusted,
    )


async def prefix_of(bus: Bus, goal: str) -> Prefix:
    """Return the records that a goal goes on from; none if it is no fork, or nobody can tell.

    Raises:
        BusUnreachable: no answer for a minute.
    """
    first = await first_decision(bus, goal)
    return first.decision.standing.prefix if first else ()


def joined(entries: Sequence[Entry], goal: str) -> list[Entry]:
    """Return a fork's trajectory without what was said on the records before it of work that it has ordered anew."""
    own = [entry.message for entry in entries if entry.subject["goal"] == goal]
    anew = {(order.step, order.attempt, order.role) for order in own if isinstance(order, StepOrder)}
    return [entry for entry in entries if entry.subject["goal"] == goal or work_told(entry) not in anew]


def work_told(entry: Entry) -> tuple[str, int, str] | None:
    """Return the work that an order, a call or a verdict is about, by its step, its attempt and its role."""
    match entry.message:
        case Evaluation() as said:
            return said.step, said.attempt, said.judge
        case StepOrder() | Effect() as said:
            return said.step, said.attempt, said.role
        case _:
            return None
