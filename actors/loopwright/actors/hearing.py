"""What a delivery says to an orchestrator, and what it counts as when it cannot be understood.

A result or an evaluation that cannot be read has taken its place for ever: the first wins. So it counts as a failure
of that attempt, told by its subject, and the goal goes on. So does a pause of which nobody knows what was asked. A
reply that cannot be read is none, and the next one takes its place.
"""

from collections.abc import Mapping
from datetime import datetime

from loopwright.actors.events import Event, Opened, Over
from loopwright.actors.evolve import evolve
from loopwright.actors.loop import unknown_loop
from loopwright.actors.outcome import outcome_of
from loopwright.actors.standing import Standing
from loopwright.actors.stopping import Stop
from loopwright.bus.connection import Bus
from loopwright.bus.envelope import read_at, read_goal
from loopwright.bus.errors import Unreadable
from loopwright.bus.inbox import Delivery
from loopwright.bus.messages import (
    Cancel,
    Due,
    Evaluation,
    Failure,
    FailureClass,
    Goal,
    Message,
    Result,
    Status,
    StopReason,
)
from loopwright.bus.names import is_token
from loopwright.bus.questions import Pause, Reply
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import Subject

MODELS: dict[str, type[Message]] = {
    "result": Result,
    "eval": Evaluation,
    "pause": Pause,
    "reply": Reply,
    "ctl": Cancel,
    "due": Due,
}
SAY_IT_ALL = {"ctl", "due"}
"""Kinds whose subject says it all: they may come without a body."""


async def hear(bus: Bus, delivery: Delivery | Stored) -> Message:
    """Return what a delivery says; what its body leaves out is told by its subject.

    Raises:
        Unreadable: with one sentence that says why.
    """
    subject = Subject.parse(delivery.subject)
    body = await bus.body(delivery.data, delivery.headers)
    if subject.kind in SAY_IT_ALL:
        body = body or b"{}"
    return read_at(MODELS[subject.kind], subject, body, delivery.headers)


def stand_in(delivery: Delivery, why: str) -> Message | None:
    """Return what an unreadable message counts as; None where nobody waits for it."""
    try:
        subject = Subject.parse(delivery.subject)
        told = subject.told()
    except Unreadable:
        return None
    if "attempt" not in told or subject.kind == "reply":
        return None
    place = (subject["goal"], subject["step"], int(told["attempt"]))
    if subject.kind in {"result", "pause"}:
        return unreadable_result(*place, why)
    return unreadable_evaluation(*place, subject["judge"], why)


def unreadable_result(goal: str, step: str, attempt: int, why: str) -> Result:
    """Return what an unreadable result counts as: its place is taken, so nothing better can come."""
    return Result(goal=goal, step=step, attempt=attempt, failure=Failure(kind=FailureClass.UNREADABLE, message=why))


def unreadable_evaluation(goal: str, step: str, attempt: int, judge: str, why: str) -> Evaluation:
    """Return what an unreadable evaluation counts as."""
    failure = Failure(kind=FailureClass.UNREADABLE, message=why)
    return Evaluation(goal=goal, step=step, attempt=attempt, judge=judge, passed=False, score=0.0, failure=failure)


def why_unexpected(standing: Standing, answer: Result | Evaluation) -> str:
    """Return in a word or two why nobody waits for an answer that was understood; one of six, to be counted.

    It may be late, or said twice, or made up by somebody who was never asked.
    """
    if standing.over:
        return "goal over"
    there = standing.at(answer.step)
    if there is None:
        return "other step"
    if there.attempt(answer.attempt) is None:
        return "attempt settled" if answer.attempt <= there.begun else "attempt not begun"
    return "already answered" if isinstance(answer, Result) else "judge not waited for"


async def read_goal_of(bus: Bus, delivery: Delivery) -> Goal:
    """Return the goal that a delivery brings.

    Raises:
        Unreadable: with one sentence that says why.
    """
    subject = Subject.parse(delivery.subject)
    data = await bus.body(delivery.data, delivery.headers)
    return read_goal(data, delivery.headers, loop=subject["loop"], fallback_id=given_id(delivery))


def given_id(delivery: Delivery) -> str:
    """Return an id for a goal that brought none: the same at every delivery, and never given twice."""
    return id_given(delivery.time, delivery.seq)


def id_given(stored: datetime, seq: int) -> str:
    """Return the id of a goal that brought none, from when and where the broker stored it."""
    return f"g{int(stored.timestamp() * 1e6):x}-{seq}"


def refused_id(headers: Mapping[str, str], stored: datetime, seq: int) -> str:
    """Return the id under which a goal that cannot be read is on record as rejected."""
    given = headers.get("Nats-Msg-Id", "")
    return given if is_token(given) else id_given(stored, seq)


def refused_goal(delivery: Delivery, why: str) -> tuple[Goal, tuple[Event, ...]]:
    """Return a stand-in for a goal that cannot be read, and what puts it on record as rejected."""
    loop = delivery.subject.split(".")[-1]
    id_ = refused_id(delivery.headers, delivery.time, delivery.seq)
    goal = Goal(goal=id_, loop=loop if is_token(loop) else "unknown")
    opened = Opened(goal=goal, loop=unknown_loop(goal.loop), at=delivery.time)
    stop = Stop(StopReason.REJECTED, f"The goal cannot be read: {why}.", status=Status.REJECTED)
    return goal, (opened, Over(outcome=outcome_of(evolve(None, opened), stop, delivery.time)))
