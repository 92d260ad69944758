"""What people are asked: an order like any other, that waits in the stream until somebody answers it.

An order to a role that people serve is taken by no process. With it the broker is told a time, at which an orchestrator
gives the answer that counts by default. Either answer is the first on its place, or is none: so whoever answers late is
told so. What a person answers is bound to the exact thing that was asked, by its digest.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from loopwright.actors.answering import evaluation, failed, output_of, result
from loopwright.actors.loop import Loop
from loopwright.actors.person import Person
from loopwright.actors.phases import Phase
from loopwright.actors.standing import Standing
from loopwright.actors.work import Made
from loopwright.actors.workplace import place_of
from loopwright.bus.connection import Bus
from loopwright.bus.errors import LoopwrightError
from loopwright.bus.messages import (
    Evaluation,
    Failure,
    FailureClass,
    Message,
    Result,
    StepOrder,
    Timer,
    Verdict,
)
from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue
from loopwright.bus.trajectory import Trajectory

ASKED = "asked-"
"""What the id of the timer for an answer begins with."""
DIGITS = 32


class NothingAsked(LoopwrightError):
    """Nobody is asked anything of that digest."""

    def __init__(self, goal: str, digest: str) -> None:
        super().__init__(f"The goal {goal} asks nothing {digest} now. `loopwright ask {goal}` shows what it asks.")


class AnswerRefused(LoopwrightError):
    """What was asked cannot be answered so; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that a person is asked."""

    order: StepOrder
    seq: int
    """Where it stands on record; no earlier answer counts."""
    until: datetime
    """When the default counts."""
    output: JsonValue = None
    """What is to be judged."""

    @property
    def digest(self) -> str:
        """What tells exactly this from all else that could be asked, to the last character."""
        order = self.order.model_dump(mode="json", exclude={"output", "timeout", "hops", "lane"})
        content = json.dumps([order, self.output], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:DIGITS]


def timer_id(step: Token, attempt: int, role: Token) -> str:
    """Return the id of the timer for an answer."""
    return ASKED + hashlib.sha256(f"{step}.{attempt}.{role}".encode()).hexdigest()[:DIGITS]


def reminders(loop: Loop, messages: Iterable[Message], at: datetime) -> Iterator[Timer]:
    """Yield the timers for the orders among these messages that people are to answer, sent at a time."""
    if not loop.people:
        return
    for order in messages:
        if isinstance(order, StepOrder) and (person := loop.people.get(order.role)) is not None:
            id_ = timer_id(order.step, order.attempt, order.role)
            yield Timer(goal=order.goal, id=id_, at=at + timedelta(seconds=person.within))


def waited_for(standing: Standing) -> list[tuple[Token, int, Token]]:
    """Return the attempts that wait for a person, each with its step and the role."""
    found: list[tuple[Token, int, Token]] = []
    for doing in standing.doing:
        for attempt in doing.under_way:
            makers = () if doing.subloop else (standing.maker_of(doing, attempt.lane),)
            roles = makers if attempt.phase is Phase.WORKING else attempt.waiting
            found += [(doing.step, attempt.number, role) for role in roles if role in standing.loop.people]
    return found


async def asked(bus: Bus, standing: Standing) -> list[Asked]:
    """Return what a goal asks people now.

    Raises:
        Retriable: what is to be judged is not to be seen yet.
        BusUnreachable: no answer for a minute.
    """
    wanted = set(waited_for(standing))
    if not wanted:
        return []
    found: dict[tuple[Token, int, Token], Asked] = {}
    for entry in await Trajectory(bus, standing.goal.goal, kinds=frozenset({"decision", "step"})).so_far():
        order = entry.message
        if not isinstance(order, StepOrder) or (order.step, order.attempt, order.role) not in wanted:
            continue
        until = entry.time + timedelta(seconds=standing.loop.people[order.role].within)
        output = await output_of(bus, order) if order.judge else None
        found[order.step, order.attempt, order.role] = Asked(order, entry.seq, until, output)
    return list(found.values())


async def give(bus: Bus, question: Asked, said: Result | Evaluation, *, cause: str = "") -> None:
    """Put an answer on its place, if it is the first.

    Raises:
        GuardLost: somebody was faster.
        BusUnreachable: no answer for a minute.
    """
    place = place_of(bus, question.order)
    await bus.publish_first(place, said, id=str(place), cause=cause, after=question.seq)


def verdict(bus: Bus, question: Asked, passed: bool, why: str = "", **evidence: JsonValue) -> Evaluation:
    """Return a person's verdict on exactly what was asked."""
    told: dict[str, JsonValue] = {"digest": question.digest, **evidence}
    said = Verdict(passed=passed, score=float(passed), feedback=why, evidence=told)
    return evaluation(bus, question.order, said, question.output)


def by_default(bus: Bus, question: Asked, person: Person) -> Result | Evaluation:
    """Return what counts as the answer where nobody has given one."""
    order = question.order
    why = f"{order.role} has not answered within {person.within:g} seconds"
    if person.default is None:
        return failed(bus, order, Failure(kind=FailureClass.TIMEOUT, message=why))
    if order.judge is None:
        return result(bus, order, Made(output=person.default))
    return verdict(bus, question, bool(person.default), f"{why}, and this counts instead", person="nobody")
