"""An attempt's calls out of its record: each is answered as it was then, and none is made.

The handler's calls go the way that they go in a first run, with the record in place of models and tools. A call that
was answered is answered so; one that raised raises again, as often as it did. What the record does not tell of is where
today's code goes another way: there the handler is stopped, at its call, whatever it would make of an exception.
"""

import builtins
import json
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Never

import anyio

from loopwright.actors.effects import Place
from loopwright.actors.errors import Retriable, StepFailed
from loopwright.actors.holding import Holding
from loopwright.actors.pen import Pen
from loopwright.bus.connection import Bus
from loopwright.bus.effects import Effect, EffectPhase, What
from loopwright.bus.messages import FailureClass, Json, StepOrder
from loopwright.bus.plain import JsonValue
from loopwright.tools.model import LanguageModel, Turn
from loopwright.tools.tool import Tool

ENDS = frozenset({EffectPhase.DONE, EffectPhase.FAILED, EffectPhase.RELEASED, EffectPhase.RAISED})
"""Phases that tell how a call ended."""
SHOWN = 200
"""Characters of a call that a person is shown."""


class Halt:
    """Where a handler is stopped, and what it was about to do there."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.why = ""
        self.name = ""
        """The tool or the model that it was about to call, or the goal that is not on record here, where it was one."""

    async def __call__(self, why: str, name: str = "") -> Never:
        """Stop the handler for good."""
        if not self.why:
            self.why, self.name = why, name
        self.scope.cancel()
        await anyio.sleep_forever()
        raise AssertionError("nothing wakes it")


class Blotted(Pen):
    """A pen that writes nothing: an entry is on record, or it need not be."""

    async def look_first(self) -> None:
        """Nobody else can have been here."""

    async def put(self, effect: Effect) -> None:
        """Take in an entry."""
        self.record.take(effect)


class Recalled(Holding):
    """The hold on an attempt of which all calls are on record."""

    pen = Blotted

    def __init__(
        self, bus: Bus, order: StepOrder, tools: Sequence[Tool[Any]], effects: Sequence[Effect], halt: Halt
    ) -> None:
        super().__init__(bus, order, tools)
        self._halt = halt
        self._then = [each for each in effects if each.phase in ENDS and each.call and tells(each)]
        self._ahead: dict[Place, deque[Effect]] = {}
        for each in self._then:
            self._ahead.setdefault(Place(each.call, each.occurrence), deque()).append(each)
        ended = {Place(each.call, each.occurrence) for each in self._then}
        claims = (Place(each.call, each.occurrence) for each in effects if each.phase is EffectPhase.CLAIMED)
        self._unknown = {place for place in claims if place not in ended}
        """Calls of which nobody knows how they ended."""
        self.submitted = {each.key for each in effects if each.what == "goal"}
        """The goals that the attempt has submitted."""
        for each in effects:
            if each.phase in {EffectPhase.APPROVED, EffectPhase.DENIED}:
                self._record.take(each)
        self.made = 0
        """Calls that were answered out of the record so far."""

    @property
    def next_call(self) -> tuple[int, Effect] | None:
        """The first call on record that was not asked for yet, and the how manieth it is; None where all were."""
        left = {id(each) for waiting in self._ahead.values() for each in waiting}
        return next(((number, each) for number, each in enumerate(self._then, 1) if id(each) in left), None)

    async def _agreed(self, what: What, name: str, place: Place, person: str, arguments: Json) -> None:
        if what == "person":
            await self._recall(place, name, f"asks {person}: {in_json(arguments)}")
        elif place not in self._record.replied:
            await self._halt(f"asks {person} whether it may call {name} with {in_json(arguments)}"[:SHOWN], name)
        else:
            await super()._agreed(what, name, place, person, arguments)

    async def _asked(
        self, model: LanguageModel, turns: Sequence[Turn], name: str, place: Place, shown: dict[str, float]
    ) -> Effect:
        effect = await self._recall(place, name, f"asks {name}: {turns[-1].text if turns else ''}")
        if effect.phase is EffectPhase.DONE:
            return effect
        error: Exception = anew(effect)
        if effect.failure.startswith("ModelBusy"):
            error = Retriable(sentence(effect), wait=0.0)
        elif effect.failure.startswith("ModelRefused"):
            error = StepFailed(FailureClass.POLICY, sentence(effect))
        raise self._noted(error, effect)

    async def _make(self, tool: Tool[Any], read: dict[str, Any], written: Json, place: Place) -> None:
        effect = await self._recall(place, tool.name, f"calls {tool.name} with {in_json(written)}")
        if effect.phase in {EffectPhase.RAISED, EffectPhase.RELEASED}:
            raise self._noted(anew(effect), effect)

    async def _recall(self, place: Place, name: str, wanted: str) -> Effect:
        """Return how a call ended then, and take it in as it was taken in then."""
        waiting = self._ahead.get(place)
        if not waiting:
            doubt = ", which may or may not have happened then" if place in self._unknown else ""
            await self._halt(f"{wanted[:SHOWN]}{doubt}", name)
        effect = waiting.popleft()
        self.made += 1
        await self._pen.put(effect)
        return effect

    def _noted(self, error: Exception, effect: Effect) -> Exception:
        if effect.source is not None:
            self.met.note(error, effect.source)
        return error


def tells(effect: Effect) -> bool:
    """Tell whether an entry says something to the handler: that a claim was let go without a word does not.

    Nor does what a goal came to: that is read where the goal is on record.
    """
    return effect.what != "goal" and (effect.phase is not EffectPhase.RELEASED or bool(effect.failure))


def anew(effect: Effect) -> Exception:
    """Return the exception that a call raised, as far as the record and today's code know it."""
    name, _, text = effect.failure.partition(": ")
    kind = effect.source.kind if effect.source else FailureClass.CRASHED
    known = class_named(name)
    if issubclass(known, Retriable):
        return Retriable(text, wait=0.0)
    if issubclass(known, StepFailed):
        return StepFailed(kind, text, source=effect.source)
    error = known.__new__(known)  # what its own `__init__` wants nobody knows
    error.args = (text.strip("'") if known is KeyError else text,)
    return error


def class_named(name: str) -> type[Exception]:
    """Return the class of exceptions of that name; one without any meaning where today's code has none."""
    known = getattr(builtins, name, None)
    if isinstance(known, type) and issubclass(known, Exception):
        return known
    return next((each for each in classes(Exception) if each.__name__ == name), None) or type(name, (Exception,), {})


def classes(parent: type[Exception]) -> Iterator[type[Exception]]:
    """Yield the classes of exceptions that are known here."""
    for each in parent.__subclasses__():
        yield each
        yield from classes(each)


def in_json(value: JsonValue) -> str:
    """Return a value as JSON, for a person."""
    return json.dumps(value, ensure_ascii=False)


def sentence(effect: Effect) -> str:
    """Return what an exception said, without its name."""
    return effect.failure.partition(": ")[2]
