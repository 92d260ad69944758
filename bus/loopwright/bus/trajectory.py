"""A goal's trajectory: every message on its record, in the order in which the broker stored them."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from loopwright.bus.connection import Bus
from loopwright.bus.envelope import MODELS
from loopwright.bus.errors import Unreadable
from loopwright.bus.forks import ForkPoint, Prefix
from loopwright.bus.inbox import Inbox
from loopwright.bus.messages import Message, Result, StepOrder
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import NOBODY, Subject, of_goal

RECORDED = "Loopwright-Recorded"
"""The header of a message that was put back from a file: when it went on record where it came from."""
PLACE = "Loopwright-Place"
"""The header that tells its sequence there."""
BOTH = frozenset({"result", "step"})
"""What is said at once where a result goes straight to its evaluator."""
SAID_AS = {"eval": "evaluation", "ctl": "cancel", "event": "ended"}
"""The kind of message on a subject, where it has another name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message on record."""

    seq: int
    time: datetime
    subject: Subject
    message: Message | None
    """None for a decision that orders nothing by itself, and for what cannot be read."""
    recorded: int = 0
    """Its sequence where it was recorded, if it was put back from a file."""

    @property
    def place(self) -> int:
        """The sequence by which other messages on the record speak of it."""
        return self.recorded or self.seq


async def entries_of(bus: Bus, stored: Stored) -> tuple[Entry, ...]:
    """Return what a message says, read or not; nothing if its subject is none of ours.

    A result that went straight to its evaluator is told as what it is: the result, and the evaluator's order.
    """
    try:
        subject = Subject.parse(stored.subject)
    except Unreadable:
        return ()
    model = model_on(subject)
    message = await bus.message(model, stored) if model else None
    entry = Entry(stored.seq, time_of(stored), subject, message, place_of(stored))
    if subject.kind == "made" and isinstance(message, StepOrder) and (result := result_in(message)) is not None:
        place = subject.tokens()
        said, ordered = Subject.of("result", **place), Subject.of("step", **place)
        return replace(entry, subject=said, message=result), replace(entry, subject=ordered)
    return (entry,)


def result_in(order: StepOrder) -> Result | None:
    """Return the result that went straight to its evaluator; None if the order brings none."""
    if order.made is None or order.output is None:
        return None
    brief = {name: getattr(order.made, name) for name in ("worker", "size", "usage", "aside", "seconds", "untrusted")}
    return Result.of(goal=order.goal, step=order.step, attempt=order.attempt, output=order.output.value, **brief)


def time_of(stored: Stored) -> datetime:
    """Return when a message went on record, wherever that was."""
    try:
        found = datetime.fromisoformat(stored.headers.get(RECORDED, ""))
    except ValueError:
        return stored.time
    return found if found.tzinfo else stored.time


def place_of(stored: Stored) -> int:
    """Return where a message stood where it was recorded, if it was put back from a file."""
    place = stored.headers.get(PLACE, "")
    return int(place) if place.isdecimal() and len(place) < 19 else 0


def model_on(subject: Subject) -> type[Message] | None:
    """Return what is said on a subject; None for what is the orchestrator's own."""
    if subject.kind == "decision":
        return None if subject["role"] == NOBODY else StepOrder
    if subject.kind == "made":
        return StepOrder
    return MODELS.get(SAID_AS.get(subject.kind, subject.kind))


def belongs_to(stored: Stored, point: ForkPoint) -> bool:
    """Tell whether a message on the record of a goal belongs to it up to a place."""
    return (place_of(stored) or stored.seq) <= point.seq


async def last_said(bus: Bus, subject: Subject, prefix: Prefix) -> Stored | None:
    """Return the last message on a goal's subject, or on the same subject of the records that it goes on from."""
    if (stored := await bus.last(subject)) is not None:
        return stored
    for point in reversed(prefix):
        there = await bus.last(Subject.of(subject.kind, **(subject.tokens() | {"goal": point.goal})))
        if there is not None and belongs_to(there, point):
            return there
    return None


class Trajectory:
    """A reader of one goal's record, from a given place on, that waits for what is still to come.

    With a `prefix` the records that the goal goes on from come first, each up to where it left them. `told` hears
    of each message as it is read.
    """

    def __init__(
        self,
        bus: Bus,
        goal: str,
        *,
        kinds: frozenset[str] | None = None,
        after: int = 0,
        prefix: Prefix = (),
        told: Callable[[Message | None], None] | None = None,
    ) -> None:
        self._bus = bus
        self._kinds = kinds
        self._filters = self._about(goal)
        self._prefix = prefix
        self._told = told
        self.seen = after
        """Sequence of the last entry that was read."""

    def _about(self, goal: str) -> list[str]:
        """Return the filters for the record of a goal."""
        every = of_goal(self._bus.ns, goal)
        if self._kinds is None:
            return every
        kinds = self._kinds | ({"made"} if self._kinds & BOTH else set())
        return [text for text in every if text.split(".")[2] in kinds]

    async def _said(self, stored: Stored) -> Iterable[Entry]:
        """Return what a message says of the kinds that are wanted."""
        entries = await entries_of(self._bus, stored)
        if self._told is not None:
            for entry in entries:
                self._told(entry.message)
        return entries if self._kinds is None else [entry for entry in entries if entry.subject.kind in self._kinds]

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[AsyncIterator[Entry]]:
        """Read from here on, for ever; the consumer is made anew after `seen` when the broker loses it."""
        inbox, _ = await self._bus.reader(self._filters, after=lambda: self.seen)
        async with inbox:
            yield self._entries(inbox)

    async def _entries(self, inbox: Inbox) -> AsyncIterator[Entry]:
        for known in await self._read(await self._before()):
            yield known
        while True:
            delivery = await inbox.receive()
            if delivery.seq <= self.seen:
                continue
            entries = await self._said(Stored.delivered(delivery))
            self.seen = delivery.seq
            for entry in entries:
                yield entry

    async def so_far(self, upto: int = 0) -> list[Entry]:
        """Return what is on record now, behind `seen`; see `Bus.record` for how far that is at least."""
        before, own = await self._before(), await self._bus.record(self._filters, after=self.seen, upto=upto)
        return await self._read([*before, *own])

    async def _before(self) -> list[Stored]:
        """Return what belongs to it of the records that the goal goes on from, behind `seen`."""
        found: list[Stored] = []
        for point in [each for each in self._prefix if each.seq > self.seen]:
            there = await self._bus.record(self._about(point.goal), after=self.seen)
            found += [stored for stored in there if belongs_to(stored, point)]
        return found

    async def _read(self, record: list[Stored]) -> list[Entry]:
        """Return what these messages say, and note how far that is."""
        found: list[Entry] = []
        for stored in record:
            found += await self._said(stored)
            self.seen = stored.seq
        return found
