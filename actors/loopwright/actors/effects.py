"""The effect record of an attempt: which of its calls were made, and what they came to.

A call is told by its content: what is asked for, of whom, with which arguments. The same call made again in one run of
the handler is another occurrence of it. A call moves through this table:

    (unknown) ──claimed──▶ CLAIMED ──done──▶ DONE
        │                     ├─────failed──▶ FAILED     it said no; made again, it is the same occurrence
        │                     └───released──▶ (unknown)  it has not happened, and may be made
        ├────────done──────────────────────▶ DONE        what changes nothing is not claimed
        └───────raised─────────────────────▶ (unknown)   it changes nothing, was not answered, and may be made again

A call for which a person is asked goes through this one before:

    (unknown) ──asked──▶ ASKED ──approved──▶ (unknown)  it may be made now, once
                           ├─────denied────▶ DENIED     it is never made; made again, it is the same occurrence
                           └─────done──────▶ DONE       a question was answered: there is no more to it

A run of the handler, the first or a later one, in this process or another, goes through the record from its start: a
call that is DONE is answered from it, one that FAILED fails again as often as it did, and what is not found is made.
An occurrence is used up by its answer only, so that a call which raised, or was given up, is the same call when it is
made again. CLAIMED outside a run means that nobody knows: such a call is never made again before somebody does.

A goal that the attempt submits is told by its id. It is RESERVED, with what is set aside for it, and DONE once the
attempt has heard how it ended.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pydantic import JsonValue

from loopwright.actors.errors import RaceLost
from loopwright.actors.purse import EMPTY, Purse, purse_of
from loopwright.bus.effects import Effect, EffectPhase, What
from loopwright.bus.messages import StepOrder, Usage
from loopwright.bus.subjects import Subject

DIGITS = 32
"""Hexadecimal digits of a digest; enough for no two calls of an attempt to share one."""
NOTHING = Usage()
BEGUN = frozenset({EffectPhase.CLAIMED, EffectPhase.RESERVED})
"""Entries behind which something happens in the world."""


class Place(NamedTuple):
    """Where a call stands on record."""

    call: str
    """Digest of what is asked for."""
    occurrence: int
    """Counts from one."""


def digest_of(what: What, name: str, arguments: JsonValue) -> str:
    """Return what tells a call from every other: the same for the same content, in any process."""
    content = json.dumps([what, name, arguments], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:DIGITS]


def key_of(ns: str, order: StepOrder, place: Place) -> str:
    """Return the key by which a tool can tell a call, however often it hears of it."""
    parts = [ns, order.goal, order.step, order.attempt, order.role, *place]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def record_place(ns: str, order: StepOrder) -> Subject:
    """Return where the effect record of an order lies."""
    told: dict[str, str | int] = {"goal": order.goal, "step": order.step, "attempt": order.attempt}
    return Subject.of("effect", ns=ns, role=order.role, **told)


class EffectRecord:
    """What is on record of an attempt's calls."""

    def __init__(self) -> None:
        self.claimed: dict[Place, Effect] = {}
        """Calls of which nobody knows yet whether they happened."""
        self.done: dict[Place, Effect] = {}
        self.failed: dict[Place, list[Effect]] = {}
        self.goals: dict[str, Effect] = {}
        """What was said last of each goal that was submitted, by its id."""
        self.asked: dict[Place, Effect] = {}
        """What a person was asked."""
        self.replied: dict[Place, Effect] = {}
        """What the person has said."""
        self.spent = NOTHING
        """What all calls took together."""
        self.is_called_off = False
        """Whether another attempt at the step has won."""

    def refuse_if_called_off(self) -> None:
        """Raise if nothing is to be begun any more.

        Raises:
            RaceLost: another attempt has won.
        """
        if self.is_called_off:
            raise RaceLost

    def refuse_to_begin(self, effect: Effect) -> None:
        """Raise if an entry begins something, and nothing is to be begun any more; what was begun may be ended.

        Raises:
            RaceLost: another attempt has won.
        """
        if effect.phase in BEGUN:
            self.refuse_if_called_off()

    @property
    def spent_by_goals(self) -> Usage:
        """What the goals took together of which the end was heard."""
        return sum((effect.usage for effect in self.goals.values()), NOTHING)

    @property
    def aside(self) -> Purse:
        """What is set aside for goals."""
        aside = EMPTY
        for effect in self.goals.values():
            aside = aside.plus(purse_of(effect.aside)) if effect.aside else aside
        return aside

    @property
    def committed(self) -> Usage:
        """What was spent, by calls and goals, and what goals may still spend."""
        if not self.goals:
            return self.spent
        aside = self.aside
        told = {"tokens_in": aside.tokens, "cost": aside.cost, "tool_calls": aside.tool_calls, "steps": aside.steps}
        told["all_attempts"] = aside.all_attempts
        return self.spent + self.spent_by_goals + Usage.of(**told)

    def take(self, effect: Effect) -> None:
        """Take in one entry."""
        if effect.what == "goal":
            self.goals[effect.key] = effect
            return
        place = Place(effect.call, effect.occurrence)
        match effect.phase:
            case EffectPhase.HELD:
                return
            case EffectPhase.CALLED_OFF:
                self.is_called_off = True
                return
            case EffectPhase.CLAIMED:
                self.claimed[place] = effect
                return
            case EffectPhase.DONE:
                self.done[place] = effect
            case EffectPhase.FAILED:
                self.failed.setdefault(place, []).append(effect)
            case EffectPhase.ASKED:
                self.asked[place] = effect
                return
            case EffectPhase.APPROVED | EffectPhase.DENIED:
                self.replied[place] = effect
                return
            case EffectPhase.RELEASED | EffectPhase.RAISED | EffectPhase.RESERVED:
                pass
        self.claimed.pop(place, None)
        made = effect.what == "call" and effect.phase in {EffectPhase.DONE, EffectPhase.FAILED}
        if made or effect.usage != NOTHING:
            self.spent += effect.usage.but(tool_calls=effect.usage.tool_calls + 1) if made else effect.usage


class Run:
    """One run of the handler through the record of its attempt."""

    def __init__(self, record: EffectRecord) -> None:
        self._record = record
        self._taken: set[Place] = set()
        self._failures: dict[Place, int] = {}

    @contextmanager
    def taking(self, call: str) -> Iterator[Place]:
        """Take the next occurrence of a call while the body makes it; it is given back if the body raises."""
        occurrence = 1
        while (place := Place(call, occurrence)) in self._taken:
            occurrence += 1
        self._taken.add(place)
        try:
            yield place
        except BaseException:
            self._taken.discard(place)
            raise

    def recall(self, place: Place) -> Effect | None:
        """Return how a call ended that is on record; None: it is still to be made."""
        failures = self._record.failed.get(place, ())
        if (heard := self._failures.get(place, 0)) < len(failures):
            self._failures[place] = heard + 1
            return failures[heard]
        return self._record.done.get(place)


def in_doubt(claim: Effect) -> str:
    """Return what a person should know of a call of which nobody knows whether it happened."""
    arguments = json.dumps(claim.arguments, ensure_ascii=False)[:500]
    return (
        f"{claim.name} with {arguments} may or may not have happened, and nothing here can tell. "
        f"Look for the key {claim.key}, and go on by hand."
    )
