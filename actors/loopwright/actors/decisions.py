"""The decisions on record for goals, told apart from what somebody else has written among them.

Anybody who may publish can write what is no decision there: such a place is looked at, and told of, once, however often
the goal is read again.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import anyio
import structlog

from loopwright.actors.decision import CARRIED, Decision
from loopwright.actors.remembered import Remembered
from loopwright.bus.connection import Bus
from loopwright.bus.envelope import DEEPER, GROWTH, MAX_DEPTH, MAX_REFERENCED, parse_json
from loopwright.bus.errors import Unreadable
from loopwright.bus.plain import JsonValue
from loopwright.bus.reading import read_all
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import LOOP, NOBODY, Subject, decisions_on

log = structlog.get_logger()

HEAVIEST = 32 * 1024 * 1024
"""Bytes that what is remembered of goals may have on record, all together: what a goal brings can be large."""
SPOILED = 16_384
"""Goals of which is remembered what stands among their decisions; nearly nothing where none of it is one."""
FEW = 8
"""Places that are read one by one where it is read on: that is less than the making of a consumer."""
PAGE = 256
"""Places that are sifted at a time: what somebody else has written there is let go before the next are read."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The last decision on record for a goal, and the sequence to guard the next one with."""

    decision: Decision | None = None
    revision: int = 0
    weight: int = field(default=0, compare=False)
    """Bytes that it takes on record to say where the goal stands, with what it brings."""


class Known(NamedTuple):
    """A decision on record, and its place in the stream."""

    decision: Decision
    seq: int
    is_order: bool
    """Whether it is itself the order that it sends."""


NOTHING = Loaded()
"""What is on record for a goal that is new."""


class Sifted(NamedTuple):
    """The decisions on a goal, told apart from what else stands among them, as far as that was done."""

    known: tuple[Known, ...] = ()
    upto: int = 0
    """The last place that was looked at."""
    weight: int = 0
    """Bytes that these decisions take."""
    spoiled: bool = False
    """Whether there is anything else among them."""

    @property
    def loaded(self) -> Loaded:
        """Where they leave the goal."""
        decision = self.known[-1].decision if self.known else None
        return Loaded(decision, self.upto, weight_of(decision))


class Sieve:
    """Tells the decisions on goals from what somebody else has written among them.

    It is remembered of the goals where there is any, so that each of its places is looked at once: who writes there all
    the time, or has written much, costs the goal a look at what is new.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._losses = bus.nc.losses
        self._sifted = Remembered[Sifted](most=SPOILED, heaviest=HEAVIEST)
        self._sifting: dict[str, anyio.Lock] = {}

    async def last(self, goal: str, *, sure: bool) -> Loaded:
        """Return the last decision on record for a goal; `sure` asks the stream's leader."""
        stored = await self._bus.last(decisions_on(self._bus.ns, goal), sure=sure)
        if stored is None:
            return NOTHING
        sifted = self._so_far(goal)
        if stored.seq < sifted.upto and sure:  # a server has lost the end of the record
            self._sifted.forget(goal)
            sifted = Sifted()
        if stored.seq <= sifted.upto:
            return sifted.loaded
        try:
            first = sifted.known[0].decision if sifted.known else await self._first(goal)
            decision = await decision_in(self._bus, stored, first)
        except Unreadable:
            return (await self._sift(goal, upto=stored.seq)).loaded
        return Loaded(decision, stored.seq, weight_of(decision))

    async def all(self, goal: str, *, upto: int) -> list[Known]:
        """Return every decision on record for a goal, in order, up to the place of one at least."""
        return list((await self._sift(goal, upto=upto)).known)

    async def _first(self, goal: str) -> Decision:
        opening = await self._bus.first(decisions_on(self._bus.ns, goal))
        if opening is None:
            raise Unreadable("a replica lags behind")
        return await decision_in(self._bus, opening)

    def _so_far(self, goal: str) -> Sifted:
        """Return what is remembered of a goal; a server that was gone may not remember it as we do."""
        if self._losses != self._bus.nc.losses:
            self._losses = self._bus.nc.losses
            self._sifted = Remembered[Sifted](most=SPOILED, heaviest=HEAVIEST)
        return self._sifted.get(goal) or Sifted()

    async def _sift(self, goal: str, *, upto: int) -> Sifted:
        """Return what is on record for a goal, up to a place at least; who comes meanwhile waits, and reads no more."""
        lock = self._sifting.setdefault(goal, anyio.Lock())
        try:
            async with lock:
                return await self._sift_on(goal, upto)
        finally:
            if not lock.locked():
                self._sifting.pop(goal, None)

    async def _sift_on(self, goal: str, upto: int) -> Sifted:
        sifted = self._so_far(goal)
        if sifted.upto:
            sifted = await self._sift_a_few(goal, sifted, upto)
        while sifted.upto < upto:
            sifted = await self._sift_a_page(goal, sifted, upto)
        return sifted

    async def _sift_a_few(self, goal: str, sifted: Sifted, upto: int) -> Sifted:
        behind = decisions_on(self._bus.ns, goal)
        for _ in range(FEW):
            stored = await self._bus.first(behind, after=sifted.upto) if sifted.upto < upto else None
            if stored is None:  # or a replica lags behind
                break
            sifted = await taken_in(self._bus, sifted, stored)
        return self._remembered(goal, sifted)

    async def _sift_a_page(self, goal: str, sifted: Sifted, upto: int) -> Sifted:
        bus, on = self._bus, [decisions_on(self._bus.ns, goal)]
        for stored in await read_all(bus.nc, bus.js, LOOP, on, after=sifted.upto, upto=upto, most=PAGE):
            await anyio.lowlevel.checkpoint()  # garbage can be large: nobody else waits for all of it
            sifted = await taken_in(bus, sifted, stored)
        return self._remembered(goal, sifted)

    def _remembered(self, goal: str, sifted: Sifted) -> Sifted:
        if sifted.spoiled:
            self._sifted.keep(goal, sifted, sifted.weight)
        return sifted


async def taken_in(bus: Bus, sifted: Sifted, stored: Stored) -> Sifted:
    """Return what is known of a goal with one place more."""
    decision = await read_decision(bus, stored, sifted.known[0].decision if sifted.known else None)
    if decision is None:
        return sifted._replace(upto=stored.seq, spoiled=True)
    known = (*sifted.known, Known(decision, stored.seq, is_order(stored)))
    return sifted._replace(known=known, upto=stored.seq, weight=sifted.weight + weight_of(decision))


async def last_decision(bus: Bus, goal: str, *, sure: bool = False) -> Loaded:
    """Return the last decision on record for a goal; `sure` asks the stream's leader."""
    return await Sieve(bus).last(goal, sure=sure)


async def first_decision(bus: Bus, goal: str) -> Known | None:
    """Return the decision that has opened a goal, whatever stands before it; any replica answers."""
    behind, seq = decisions_on(bus.ns, goal), 0
    while (stored := await bus.first(behind, after=seq)) is not None:
        if (decision := await read_decision(bus, stored)) is not None:
            return Known(decision, stored.seq, is_order(stored))
        seq = stored.seq
    return None


def weight_of(decision: Decision | None) -> int:
    """Return the bytes that it takes to say where a goal stands, with what it brings."""
    return len(decision.standing.model_dump_json()) if decision else 0


def is_order(stored: Stored) -> bool:
    """Tell whether a decision is itself the order that it sends."""
    return Subject.parse(stored.subject)["role"] != NOBODY


async def read_decision(bus: Bus, stored: Stored, first: Decision | None = None) -> Decision | None:
    """Return the decision in a message; None if it holds something else. A later one needs the goal's first."""
    try:
        return await decision_in(bus, stored, first)
    except Unreadable as error:
        log.warning("decision.unreadable", subject=stored.subject, seq=stored.seq, reason=str(error)[:200])
        return None


async def decision_in(bus: Bus, stored: Stored, first: Decision | None = None) -> Decision:
    """Return the decision in a message; a later one needs the goal's first.

    Raises:
        Unreadable: it holds something else.
    """
    subject = Subject.parse(stored.subject)
    body = await bus.body(stored.data, stored.headers)
    if subject["role"] == NOBODY:
        decision = Decision.read(body, first)
    else:
        decision = Decision.read(stored.headers.get(CARRIED, ""), first, order_in(body))
    refuse_another_goal(decision, subject["goal"])
    return decision


def order_in(body: bytes) -> dict[str, JsonValue]:
    """Return the order in a message.

    Raises:
        Unreadable: there is none.
    """
    order = parse_json(body, size=GROWTH * MAX_REFERENCED, depth=MAX_DEPTH + DEEPER)
    if not isinstance(order, dict):
        raise Unreadable("the order that it stands beside is none")
    return order


def refuse_another_goal(decision: Decision, wanted: str) -> None:
    """Raise unless a decision is about the goal on whose subject it stands."""
    goal = decision.standing.goal.goal
    if goal != wanted:
        raise Unreadable(f"it is a decision on the goal {goal}")


async def decisions_of(bus: Bus, goal: str, *, upto: int = 0) -> list[Decision]:
    """Return every decision on record for a goal that can be read, in order.

    With `upto` a replica that has not come as far as that place is asked again.
    """
    return [known.decision for known in await known_of(bus, goal, upto=upto)]


async def known_of(bus: Bus, goal: str, *, upto: int = 0) -> list[Known]:
    """Return the same with each decision's place in the stream."""
    found: list[Known] = []
    for stored in await bus.record([decisions_on(bus.ns, goal)], upto=upto):
        decision = await read_decision(bus, stored, found[0].decision if found else None)
        if decision is not None:
            found.append(Known(decision, stored.seq, is_order(stored)))
    return found
