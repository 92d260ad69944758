"""Steps that are goals of their own: what is sent for an attempt at one, and what the end of that goal means for it.

A step whose plan names a loop is done by a goal of that loop. Its id follows from the goal, the step and the attempt,
so it is sent once, however often; it lives on half of what the attempt may spend, and ends no later than the goal that
it serves. Its end is the attempt's result: whoever ends it puts that in its place, where it is heard as any result. So
the step's evaluators judge what the goal came to, and a goal that failed makes the attempt fail.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator

from loopwright.actors.phases import Phase
from loopwright.actors.purse import shares
from loopwright.actors.standing import Doing, Standing
from loopwright.bus.messages import (
    Allowance,
    Cancel,
    Failure,
    FailureClass,
    FaultClass,
    Goal,
    Json,
    Limits,
    Outcome,
    Parent,
    Result,
    Source,
    Status,
    StopReason,
    Usage,
)
from loopwright.bus.names import Token

KINDS: dict[StopReason, FailureClass] = {
    StopReason.DEADLINE: FailureClass.TIMEOUT,
    StopReason.STEP_TIMEOUT: FailureClass.TIMEOUT,
    StopReason.ATTEMPTS: FailureClass.MISUSE,
    StopReason.TOKENS: FailureClass.SPENT,
    StopReason.STEPS: FailureClass.SPENT,
    StopReason.TOOL_CALLS: FailureClass.SPENT,
    StopReason.COST: FailureClass.SPENT,
    StopReason.PLATEAU: FailureClass.MISUSE,
    StopReason.OSCILLATION: FailureClass.MISUSE,
    StopReason.REPETITION: FailureClass.MISUSE,
    StopReason.HOPS: FailureClass.POLICY,
    StopReason.NO_ROLE: FailureClass.TRANSIENT,
    StopReason.REJECTED: FailureClass.MISSING,
    StopReason.CANCELLED: FailureClass.POLICY,
    StopReason.ERROR: FailureClass.CRASHED,
}
"""What it means for an attempt that its goal has ended for a reason, where no failure has told."""


def goal_of_attempt(goal: Token, step: Token, attempt: int) -> Token:
    """Return the id of the goal that an attempt is."""
    return f"g{hashlib.sha256(json.dumps([goal, step, attempt]).encode()).hexdigest()[:20]}"


def sub_goal(standing: Standing, attempt: int, left: Allowance | None) -> Goal:
    """Return the goal that does an attempt at the step at hand, on a share of what is `left` for the attempt."""
    goal, step = standing.goal, standing.step
    share = shares(left, Usage(), Limits()) if left else None
    parent = Parent(goal=goal.goal, step=step, attempt=attempt, left=share, until=standing.ends, answers=True)
    id_ = goal_of_attempt(goal.goal, step, attempt)
    told = {"hops": goal.hops + 1, "parent": parent, "untrusted": standing.untrusted}
    return Goal(goal=id_, loop=str(standing.subloop), input=input_of(standing), **told)


def input_of(standing: Standing) -> Json:
    """Return the input of the goal that does the step at hand: the step's own, or else that of its goal.

    With it goes what the step needs, and on a further attempt the best so far and why that leads nowhere.
    """
    task = standing.task
    given = task if isinstance(task, dict) else standing.goal.input if task is None else {"task": task}
    more = {"before": standing.before, "best": standing.best.pick if standing.best else None}
    told = {name: value for name, value in more.items() if value is not None}
    return {**given, **told, **({"hint": standing.hint} if standing.hint else {})}


def goals_of(standing: Standing, steps: Iterable[Doing]) -> tuple[Token, ...]:
    """Return the goals that attempts under way at some steps are."""
    return tuple(
        goal_of_attempt(standing.goal.goal, doing.step, attempt.number)
        for doing in steps
        if doing.subloop
        for attempt in doing.under_way
        if attempt.phase is Phase.WORKING
    )


def under_way(standing: Standing) -> Iterator[tuple[Standing, int]]:
    """Yield each attempt that a goal does, by its number, with its step at hand."""
    for there in filter(None, [standing.at(doing.step) for doing in standing.doing if doing.subloop]):
        yield from ((there, attempt.number) for attempt in there.under_way if attempt.phase is Phase.WORKING)


def call_off(standing: Standing, below: Iterable[Token]) -> Iterator[Cancel]:
    """Yield the word to each goal of which nothing is waited for any more."""
    serves = standing.goal.goal
    why = f"{serves}, on whose behalf it was submitted, does not wait for it any more."
    yield from (Cancel(goal=each, why=why, serves=serves) for each in below)


def answer(goal: Goal, outcome: Outcome) -> Iterator[Result]:
    """Yield the result that the end of a goal is, where it is an attempt at another's step."""
    if goal.parent is None or not goal.parent.answers:
        return
    met = outcome.status is Status.COMPLETED
    yield Result(
        goal=goal.parent.goal,
        step=goal.parent.step,
        attempt=goal.parent.attempt,
        worker=goal.goal,
        output=outcome.best if met else None,
        failure=None if met else failure_in(outcome),
        usage=outcome.usage + Usage(steps=outcome.steps, all_attempts=outcome.attempts),
        aside=outcome.set_aside,
        untrusted=outcome.untrusted,
        seconds=outcome.seconds,
    )


def failure_in(outcome: Outcome) -> Failure:
    """Return the failure of an attempt whose goal has failed: with that goal's reason, and its fault as the source."""
    fault = outcome.fault if outcome.reason is StopReason.ERROR else None
    kind = fault.kind if fault else KINDS[outcome.reason]
    source = outcome.fault.source if outcome.fault else None
    whose = FaultClass.ENVIRONMENT if outcome.reason is StopReason.NO_ROLE else FaultClass.LOOP
    why = f"{outcome.goal}, a goal of the loop {outcome.loop}, ended with the reason {outcome.reason}: {outcome.why}"
    return Failure(kind=kind, message=why, source=source or Source(fault=whose, kind=kind, name=outcome.loop))
