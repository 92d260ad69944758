"""What a delivery says to an orchestrator, and what it counts as when it cannot be understood.

A result or an evaluation that cannot be read has taken its place for ever: the first wins. So it counts as a failure
of that attempt, told by its subject, and the goal goes on.
"""

from pydantic import JsonValue

from loopwright.actors.decide import unreadable_evaluation, unreadable_result
from loopwright.actors.loop import Loop
from loopwright.actors.standing import Event, Opened, Over, evolve
from loopwright.actors.stopping import Stop, outcome_of
from loopwright.bus.connection import Bus
from loopwright.bus.envelope import parse_json, read_goal, refuse_other_types, validate
from loopwright.bus.errors import Unreadable
from loopwright.bus.inbox import Delivery
from loopwright.bus.messages import Cancel, Due, Evaluation, Goal, Message, Result, Status, StopReason
from loopwright.bus.names import is_token
from loopwright.bus.subjects import Subject

MODELS: dict[str, type[Message]] = {"result": Result, "eval": Evaluation, "ctl": Cancel, "due": Due}


async def hear(bus: Bus, delivery: Delivery) -> Message:
    """Return what a delivery says; what its body leaves out is told by its subject.

    Raises:
        Unreadable: with one sentence that says why.
    """
    subject = Subject.parse(delivery.subject)
    model = MODELS[subject.kind]
    refuse_other_types(model, delivery.headers.get("ce-type"))
    body = parse_json(await bus.body(delivery.data, delivery.headers) or b"{}")
    if not isinstance(body, dict):
        raise Unreadable("its body is not a JSON object")
    told: dict[str, JsonValue] = {name: subject[name] for name in ("goal", "step", "judge", "id") if has(subject, name)}
    if has(subject, "attempt"):
        told["attempt"] = attempt_of(subject)
    for name, value in told.items():
        if body.get(name, value) != value:
            raise Unreadable(f"its body speaks of the {name} {body[name]!r}, and its subject of {value!r}")
    return validate(model, {**body, **told})


def has(subject: Subject, token: str) -> bool:
    """Tell whether subjects of this kind have such a token."""
    try:
        subject[token]
    except ValueError:
        return False
    return True


def attempt_of(subject: Subject) -> int:
    """Return the number of the attempt that a subject is about."""
    text = subject["attempt"]
    if not text.isdecimal():
        raise Unreadable(f"{text!r} is not the number of an attempt")
    return int(text)


def stand_in(delivery: Delivery, why: str) -> Message | None:
    """Return what an unreadable message counts as; None where nobody waits for it."""
    try:
        subject = Subject.parse(delivery.subject)
        attempt = attempt_of(subject) if has(subject, "attempt") else 0
    except Unreadable:
        return None
    if subject.kind == "result":
        return unreadable_result(subject["goal"], attempt, why)
    if subject.kind == "eval":
        return unreadable_evaluation(subject["goal"], attempt, subject["judge"], why)
    return None


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
    return f"g{int(delivery.time.timestamp() * 1e6):x}-{delivery.seq}"


def refused_goal(delivery: Delivery, why: str) -> tuple[Goal, tuple[Event, ...]]:
    """Return a stand-in for a goal that cannot be read, and what puts it on record as rejected."""
    id_ = delivery.headers.get("Nats-Msg-Id", "")
    loop = delivery.subject.split(".")[-1]
    goal = Goal(goal=id_ if is_token(id_) else given_id(delivery), loop=loop if is_token(loop) else "unknown")
    opened = Opened(goal=goal, loop=Loop(name=goal.loop, work="none", judges=("none",)), at=delivery.time)
    stop = Stop(StopReason.REJECTED, f"The goal cannot be read: {why}.", status=Status.REJECTED)
    return goal, (opened, Over(outcome=outcome_of(evolve(None, opened), stop, delivery.time)))
