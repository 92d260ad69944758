"""Running workers' code again on what is on record: each order goes to today's handler, and its calls are answered so.

What the handler answers is held against the answer on record. How long it took, who did it and what it cost are apart.
Nothing is written, and no model and no tool is called; what a handler does past its step is really done.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import anyio
from pydantic import BaseModel, ConfigDict

from loopwright.actors.answering import attempted, failed, too_late
from loopwright.actors.comparing import facts, first_difference, told
from loopwright.actors.decisions import first_decision
from loopwright.actors.errors import Retriable
from loopwright.actors.recalled import Halt, Recalled, in_json
from loopwright.actors.work import Worker
from loopwright.bus.connection import Bus
from loopwright.bus.effects import Effect
from loopwright.bus.errors import BusError
from loopwright.bus.hindsight import Hindsight, refused
from loopwright.bus.messages import Evaluation, Failure, FailureClass, Goal, Result, StepOrder
from loopwright.bus.trajectory import Entry

SHOWN = 200
"""Characters of a difference that a person is shown."""
UNFINISHED = frozenset(
    {FailureClass.TIMEOUT, FailureClass.TRANSIENT, FailureClass.CRASHED, FailureClass.IN_DOUBT, FailureClass.SPENT}
)
"""Failures of attempts that may have ended while a call was under way, of which the record does not tell."""


class Came(StrEnum):
    """What came of running an answer's code again."""

    SAME = "same"  #: the same answer, by the same calls
    PARTS = "parts"  #: it asks for something else than then
    OTHER = "other"  #: it answers otherwise
    UNTOLD = "untold"  #: it could not be run again, or the record does not tell enough


class Rerun(BaseModel):
    """What today's code makes of an order on record."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    seq: int
    """Where the order stands."""
    step: str
    attempt: int
    role: str
    came: Came
    call: int | None = None
    """The call at which it parts, counted from one."""
    now: str = ""
    """What it does there today."""
    then: str = ""
    """What the record has there."""

    @property
    def differs(self) -> bool:
        """Whether today's code does otherwise."""
        return self.came in {Came.PARTS, Came.OTHER}


@dataclass(frozen=True)
class Asked:
    """An order on record, with what came of it."""

    seq: int
    order: StepOrder
    effects: tuple[Effect, ...] = ()
    answered: int = 0
    """Where its answer stands; 0 where there is none."""
    answer: Result | Evaluation | None = None


type Place = tuple[str, int, str | None]
"""A step, the number of an attempt at it, and who judges; None for the making."""


def orders_in(entries: Sequence[Entry]) -> Iterator[Asked]:
    """Yield every order among these messages, once, with what came of it."""
    effects: dict[tuple[str, int, str], list[Effect]] = {}
    answers: dict[Place, list[tuple[int, Result | Evaluation]]] = {}
    for entry in entries:
        match entry.message:
            case Effect() as effect:
                effects.setdefault((effect.step, effect.attempt, effect.role), []).append(effect)
            case Result() as said:
                answers.setdefault((said.step, said.attempt, None), []).append((entry.seq, said))
            case Evaluation() as said:
                answers.setdefault((said.step, said.attempt, said.judge), []).append((entry.seq, said))
            case _:
                pass
    known: set[Place] = set()
    for entry in entries:
        order = entry.message
        if not isinstance(order, StepOrder) or (place := (order.step, order.attempt, order.judge)) in known:
            continue
        known.add(place)
        calls = tuple(effects.get((order.step, order.attempt, order.role), ()))
        found = next((each for each in answers.get(place, ()) if each[0] > entry.seq), None)
        yield Asked(entry.seq, order, calls, *(found or ()))


async def rerun(
    bus: Bus, workers: Mapping[str, Worker], entries: Sequence[Entry], tell: Callable[[Rerun], None]
) -> tuple[Rerun, ...]:
    """Return what today's code makes of each order on record, in their order; `tell` hears of each at once."""
    found: list[Rerun] = []
    past = Hindsight(bus)
    past.recognise = partial(was_published, bus)
    async with AsyncExitStack() as stack:
        desks = Desks(past, workers, stack)
        for asked in orders_in(entries):
            past.at(listed=asked.seq, found=asked.answered)
            found.append(await desks.done_again(asked))
            tell(found[-1])
    return tuple(found)


async def was_published(bus: Bus, goal: str, data: bytes) -> bool:
    """Tell whether a goal on record has the input that is to be published with its id."""
    first = await first_decision(bus, goal)
    return first is None or first.decision.standing.goal.input == Goal.model_validate_json(data).input


class Desks:
    """Where orders are done again: each role has the resources that its worker has for a process."""

    def __init__(self, past: Hindsight, workers: Mapping[str, Worker], stack: AsyncExitStack) -> None:
        self._past = past
        self._workers = workers
        self._stack = stack
        self._resources: dict[str, object] = {}
        self._closed: dict[str, str] = {}
        """Why roles cannot be served here."""

    async def done_again(self, asked: Asked) -> Rerun:
        """Return what today's code makes of an order."""
        role = asked.order.role
        worker = self._workers.get(role)
        if asked.answer is None:
            return rerun_of(asked, Came.UNTOLD, now="it was not answered then")
        if worker is None or worker.judges != (asked.order.judge is not None):
            return rerun_of(asked, Came.UNTOLD, now=f"nobody here serves the role {role}; name its module with --app")
        if (why := cut_off_from_outside(asked)) is not None:
            return rerun_of(asked, Came.UNTOLD, now=why)
        if (why := await self._shut(worker)) is not None:
            return rerun_of(asked, Came.UNTOLD, now=why)
        return await again(self._past, worker, asked, self._resources[role])

    async def _shut(self, worker: Worker) -> str | None:
        """Return why a role cannot be served here; None, with its resources at hand, where it can."""
        role = worker.role
        if role in self._resources or role in self._closed:
            return self._closed.get(role)
        try:
            self._resources[role] = await self._stack.enter_async_context(worker.resources(self._past))
        except Exception as error:  # noqa: BLE001 - whatever an app's resources raise, its other roles can be served
            self._closed[role] = f"what {role} needs cannot be opened here: {type(error).__name__}: {error}"
        return self._closed.get(role)


async def again(past: Hindsight, worker: Worker, asked: Asked, resources: object) -> Rerun:
    """Return what a handler makes of an order, held against the answer on record."""
    halt, said = Halt(), None
    recalled = Recalled(past, asked.order, worker.tools, asked.effects, halt)
    past.refuse = halt
    try:
        with anyio.move_on_after(asked.order.timeout), halt.scope:
            said = await answered_again(past, worker, asked.order, resources, recalled)
    except BusError as error:
        return rerun_of(asked, Came.UNTOLD, now=str(error))
    finally:
        past.refuse = refused
    if halt.why:
        return halted(asked, recalled, halt)
    return compared(asked, recalled, said or failed(past, asked.order, too_late(asked.order, "", None)))


async def answered_again(
    past: Hindsight, worker: Worker, order: StepOrder, resources: object, recalled: Recalled
) -> Result | Evaluation:
    """Return what a handler answers, tried again as long as the record has something new for it."""
    while True:
        made = recalled.made
        try:
            return await attempted(past, worker, order, resources, recalled)
        except Retriable as error:
            if recalled.made == made:
                return failed(past, order, too_late(order, str(error), None))


def rerun_of(asked: Asked, came: Came, **told: Any) -> Rerun:
    """Return what came of running an order again."""
    order = asked.order
    return Rerun(seq=asked.seq, step=order.step, attempt=order.attempt, role=order.role, came=came, **told)


def halted(asked: Asked, recalled: Recalled, halt: Halt) -> Rerun:
    """Return what came of a handler that was stopped at something of which the record does not tell."""
    failure, ahead = failure_of(asked), recalled.next_call
    if halt.name in recalled.submitted:
        why = f"the goal {halt.name} that it has submitted is not on record here, and was not exported with it"
        return rerun_of(asked, Came.UNTOLD, now=why)
    if ahead is None and failure is not None and was_cut_off(failure, halt.name):
        return rerun_of(asked, Came.SAME)
    call = recalled.made + 1
    then = f"the record has {in_words(ahead[1])}" if ahead else f"the record has its answer: {told(asked.answer)}"
    return rerun_of(asked, Came.PARTS, call=call, now=halt.why, then=then)


def cut_off_from_outside(asked: Asked) -> str | None:
    """Return what ended an attempt that its own code has not ended; None where it has."""
    failure = failure_of(asked)
    if failure is not None and failure.kind is FailureClass.CALLED_OFF:
        return "it was called off, for another attempt had won"
    if failure is not None and failure.kind is FailureClass.CRASHED and failure.source is None:
        return "it kills whoever takes it"
    return None


def was_cut_off(failure: Failure, name: str) -> bool:
    """Tell whether an attempt may have failed in the middle of a call of that name, of which nothing is on record."""
    return bool(name) and is_unfinished(failure) and (failure.source is None or failure.source.name == name)


def is_unfinished(failure: Failure | None) -> bool:
    """Tell whether an attempt may have ended while a call was under way, of which nothing is on record."""
    return failure is not None and failure.kind in UNFINISHED


def compared(asked: Asked, recalled: Recalled, said: Result | Evaluation) -> Rerun:
    """Return how an answer of today's comes out against the one on record."""
    if (ahead := recalled.next_call) is not None:
        number, effect = ahead
        now, then = f"answers without it: {told(said)}", f"the record has {in_words(effect)}"
        return rerun_of(asked, Came.PARTS, call=number, now=now, then=then)
    found = first_difference(facts(said), facts(asked.answer))
    if found is None:
        return rerun_of(asked, Came.SAME)
    where, now, then = found
    return rerun_of(asked, Came.OTHER, now=f"{where} {now}"[:SHOWN], then=then[:SHOWN])


def failure_of(asked: Asked) -> Failure | None:
    """Return why the answer on record has nothing to show."""
    return asked.answer.failure if asked.answer else None


def in_words(effect: Effect) -> str:
    """Return a call on record, for a person."""
    if effect.what == "ask":
        return f"another question to {effect.name}"
    return f"a call of {effect.name} with {in_json(effect.arguments)}"[:SHOWN]
