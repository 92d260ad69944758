"""What one orchestrator knows of goals, and how it puts the next decision on record.

Where goals stand is remembered between turns; a rival that was faster is noticed by the guard on the next write, which
covers every decision on the goal, and then the record is read again.
"""

import anyio

from loopwright.actors.decision import CARRIED, Decision, on_record
from loopwright.actors.decisions import HEAVIEST, Known, Loaded, Sieve
from loopwright.actors.events import Event
from loopwright.actors.remembered import Remembered
from loopwright.actors.standing import Standing
from loopwright.bus.connection import Bus
from loopwright.bus.envelope import Envelope, encode
from loopwright.bus.messages import StepOrder
from loopwright.bus.subjects import NOBODY, Subject, decisions_on

REMEMBERED = 1536
"""Goals whose standing is remembered: some 5 KB each where they bring little."""


class Writing:
    """A decision that is being written. Mostly nobody waits for it, so what tells of its end is made by who does."""

    __slots__ = ("_over",)

    def __init__(self) -> None:
        self._over: anyio.Event | None = None

    async def wait(self) -> None:
        """Wait until it is there, or refused."""
        self._over = self._over or anyio.Event()
        await self._over.wait()

    def end(self) -> None:
        """Tell who waits."""
        if self._over is not None:
            self._over.set()


class Ledger:
    """The decisions on record, as one orchestrator knows them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._sieve = Sieve(bus)
        self._known = Remembered[Loaded](most=REMEMBERED, heaviest=HEAVIEST)
        self._writing: dict[str, Writing] = {}
        """The goals on which a decision is being written; of rivals among us the last to begin is waited for."""

    async def recall(self, goal: str) -> Loaded | None:
        """Return what we know of a goal, which may be behind the record.

        An order that carries a decision may be answered before we hear that it is on record: that is waited for.
        """
        while (writing := self._writing.get(goal)) is not None:
            await writing.wait()
        return self._known.get(goal)

    async def load(self, goal: str, *, sure: bool) -> Loaded:
        """Return what is on record for a goal; `sure` asks the stream's leader."""
        self._known.forget(goal)
        return await self._sieve.last(goal, sure=sure)

    async def decisions(self, goal: str, *, upto: int) -> list[Known]:
        """Return every decision on record for a goal, in order; the last is known to stand at `upto` or behind."""
        return await self._sieve.all(goal, upto=upto)

    async def write(
        self,
        goal: str,
        loaded: Loaded,
        seen: str,
        events: tuple[Event, ...],
        after: Standing,
        orders: tuple[StepOrder, ...] = (),
    ) -> Known:
        """Put the next decision on record, after whose `events` the goal stands as told, and remember it.

        If it sends one order, that is how it is put on record.

        Raises:
            GuardLost: a rival was faster.
        """
        bus, number = self._bus, loaded.decision.number + 1 if loaded.decision else 1
        decision = Decision.of(number=number, seen=seen, events=events, standing=after)
        record, order = on_record(decision, orders)
        envelope = Envelope(f"{goal}-decision-{number}", f"/loopwright/{bus.name}", goal, seen)
        if order is None:
            subject = Subject.of("decision", ns=bus.ns, goal=goal, role=NOBODY, step=NOBODY, attempt=number)
            headers, body = envelope.headers("decision"), record
        else:
            place: dict[str, str | int] = {"role": order.role, "step": order.step, "attempt": order.attempt}
            subject = Subject.of("decision", ns=bus.ns, goal=goal, **place)
            headers, body = {**envelope.headers("step"), CARRIED: record.decode()}, encode(order)
        self._known.forget(goal)
        writing = self._writing[goal] = Writing()
        try:
            behind = decisions_on(bus.ns, goal)
            revision = await bus.write(str(subject), body, headers, guard=loaded.revision, guarded=behind)
            if not after.over:
                weight = max(loaded.weight, len(record) + len(body))
                self._known.keep(goal, Loaded(decision, revision, weight), weight)
        finally:
            if self._writing.get(goal) is writing:
                del self._writing[goal]
            writing.end()
        return Known(decision, revision, order is not None)
