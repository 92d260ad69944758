"""What people are asked: an order like any other, or what a worker wants to know in the middle of its attempt.

An order to a role that people serve is taken by no process, and an attempt that was laid aside neither. With either the
broker is told a time, at which an orchestrator gives the answer that counts by default. Any answer is the first on its
place, or is none: so whoever answers late is told so. What a person answers is bound to the exact thing that was asked,
by its digest.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from loopwright.actors.answering import evaluation, failed, output_of, result
from loopwright.actors.events import Event, Paused
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
from loopwright.bus.questions import Pause, Question, Reply
from loopwright.bus.subjects import Subject
from loopwright.bus.trajectory import Entry, Trajectory

ASKED = "asked-"
"""What the id of the timer for an answer begins with."""
DIGITS = 32
NOBODY = "nobody"
"""Who has said what counts by default."""


class NothingAsked(LoopwrightError):
    """Nobody is asked anything of that digest."""

    def __init__(self, goal: str, digest: str) -> None:
        super().__init__(f"The goal {goal} asks nothing {digest} now. `loopwright ask {goal}` shows what it asks.")


class AnswerRefused(LoopwrightError):
    """What was asked cannot be answered so; the sentence says why."""


class Wait(NamedTuple):
    """What a goal waits for a person to say."""

    step: Token
    attempt: int
    role: Token
    """The person's."""
    digest: str = ""
    """What tells the question, where it is asked in the middle of an attempt."""

    @property
    def timer(self) -> str:
        """The id of the timer for the answer."""
        return timer_id(self.step, self.attempt, self.digest or self.role)


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
    question: Question | None = None
    """What the worker that has the order wants to know before it goes on; None where a person has the order."""

    @property
    def role(self) -> Token:
        """Who is asked."""
        return self.question.person if self.question else self.order.role

    @property
    def digest(self) -> str:
        """What tells exactly this from all else that could be asked, to the last character."""
        if self.question is not None:
            return self.question.digest_in(self.order.goal, self.order.step, self.order.attempt)
        order = self.order.model_dump(mode="json", exclude={"output", "timeout", "hops", "lane"})
        content = json.dumps([order, self.output], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:DIGITS]

    @property
    def wait(self) -> Wait:
        """What its goal waits for."""
        return Wait(self.order.step, self.order.attempt, self.role, self.digest if self.question else "")


def timer_id(step: Token, attempt: int, whom: str) -> str:
    """Return the id of the timer for an answer: of whom it is wanted, or to what."""
    return ASKED + hashlib.sha256(f"{step}.{attempt}.{whom}".encode()).hexdigest()[:DIGITS]


def reminders(
    standing: Standing, events: Iterable[Event], messages: Iterable[Message], at: datetime
) -> Iterator[Timer]:
    """Yield the timers for what people are to answer, by what has happened and by the orders among these messages."""
    people, goal = standing.loop.people, standing.goal.goal
    if not people or standing.over:
        return
    for order in messages:
        if isinstance(order, StepOrder) and (person := people.get(order.role)) is not None:
            id_ = timer_id(order.step, order.attempt, order.role)
            yield Timer(goal=goal, id=id_, at=at + timedelta(seconds=person.within))
    for event in events:
        if isinstance(event, Paused) and (there := standing.at(event.step)) is not None:
            for each in event.pending:
                id_ = timer_id(there.step, event.attempt, each.digest)
                yield Timer(goal=goal, id=id_, at=at + timedelta(seconds=people[each.person].within))


def waited_for(standing: Standing) -> list[Wait]:
    """Return what a goal waits for people to say."""
    found: list[Wait] = []
    for doing in standing.doing:
        for attempt in doing.under_way:
            if attempt.phase is Phase.WAITING:
                open_ = (each for each in attempt.pending if not each.replied)
                found += [Wait(doing.step, attempt.number, each.person, each.digest) for each in open_]
            else:
                makers = () if doing.subloop else (standing.maker_of(doing, attempt.lane),)
                roles = makers if attempt.phase is Phase.WORKING else attempt.waiting
                found += [Wait(doing.step, attempt.number, role) for role in roles if role in standing.loop.people]
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
    found: dict[Wait, Asked] = {}
    orders: dict[tuple[Token, int], StepOrder] = {}
    for entry in await Trajectory(bus, standing.goal.goal, kinds=frozenset({"decision", "step", "pause"})).so_far():
        match entry.message:
            case StepOrder() as order:
                orders[order.step, order.attempt] = orders.get((order.step, order.attempt)) or order
                if (wait := Wait(order.step, order.attempt, order.role)) in wanted:
                    output = await output_of(bus, order) if order.judge else None
                    found[wait] = Asked(order, entry.seq, until(standing, wait, entry), output)
            case Pause() as pause if (pause.step, pause.attempt) in orders:
                for digest, each in pause.digests.items():
                    if (wait := Wait(pause.step, pause.attempt, each.person, digest)) in wanted:
                        order = orders[pause.step, pause.attempt]
                        found[wait] = Asked(order, entry.seq, until(standing, wait, entry), question=each)
            case _:
                pass
    return list(found.values())


def until(standing: Standing, wait: Wait, entry: Entry) -> datetime:
    """Return when the default counts for what is asked by an entry."""
    return entry.time + timedelta(seconds=standing.loop.people[wait.role].within)


async def give(bus: Bus, question: Asked, said: Result | Evaluation | Reply, *, cause: str = "") -> None:
    """Put an answer on its place, if it is the first.

    Raises:
        GuardLost: somebody was faster.
        BusUnreachable: no answer for a minute.
    """
    place = place_for(bus, question, said)
    await bus.publish_first(place, said, id=str(place), cause=cause, after=question.seq)


def place_for(bus: Bus, question: Asked, said: Result | Evaluation | Reply) -> Subject:
    """Return where an answer belongs."""
    return place_of_reply(bus, said) if isinstance(said, Reply) else place_of(bus, question.order)


def place_of_reply(bus: Bus, said: Reply) -> Subject:
    """Return where a reply belongs."""
    told: dict[str, str | int] = {"goal": said.goal, "step": said.step, "attempt": said.attempt}
    return Subject.of("reply", ns=bus.ns, digest=said.digest, **told)


def verdict(bus: Bus, question: Asked, passed: bool, why: str = "", **evidence: JsonValue) -> Evaluation:
    """Return a person's verdict on exactly what was asked."""
    told: dict[str, JsonValue] = {"digest": question.digest, **evidence}
    said = Verdict(passed=passed, score=float(passed), feedback=why, evidence=told)
    return evaluation(bus, question.order, said, question.output)


def reply(question: Asked, approved: bool, output: JsonValue = None, *, why: str = "", person: str = "") -> Reply:
    """Return what a person says to exactly what a worker has asked in the middle of its attempt."""
    order, told = question.order, {"approved": approved, "output": output, "why": why, "person": person}
    return Reply(goal=order.goal, step=order.step, attempt=order.attempt, digest=question.digest, **told)


def by_default(bus: Bus, question: Asked, person: Person) -> Result | Evaluation | Reply:
    """Return what counts as the answer where nobody has given one."""
    order, asked_for = question.order, question.question
    why = f"{question.role} has not answered within {person.within:g} seconds"
    instead = f"{why}, and this counts instead"
    if asked_for is not None and asked_for.tool:
        return reply(question, person.default is True, why=instead if person.default is True else why, person=NOBODY)
    if asked_for is not None:
        return reply(question, person.default is not None, person.default, why=why, person=NOBODY)
    if person.default is None:
        return failed(bus, order, Failure(kind=FailureClass.TIMEOUT, message=why))
    if order.judge is None:
        return result(bus, order, Made(output=person.default))
    return verdict(bus, question, bool(person.default), instead, person=NOBODY)
