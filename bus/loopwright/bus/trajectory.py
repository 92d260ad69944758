"""A goal's trajectory: every message on its record, in the order in which the broker stored them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from loopwright.bus.connection import Bus
from loopwright.bus.envelope import MODELS
from loopwright.bus.errors import Unreadable
from loopwright.bus.forks import ForkPoint, Prefix
from loopwright.bus.inbox import Inbox
from loopwright.bus.messages import Message, StepOrder
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import NOBODY, Subject, of_goal

RECORDED = "Loopwright-Recorded"
"""The header of a message that was put back from a file: when it went on record where it came from."""
PLACE = "Loopwright-Place"
"""The header that tells its sequence there."""
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


async def entry_of(bus: Bus, stored: Stored) -> Entry | None:
    """Return what a message says, read or not; None if its subject is none of ours."""
    try:
        subject = Subject.parse(stored.subject)
    except Unreadable:
        return None
    model = model_on(subject)
    message = await bus.message(model, stored) if model else None
    return Entry(stored.seq, time_of(stored), subject, message, place_of(stored))


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

    With a `prefix` the records that the goal goes on from come first, each up to where it left them.
    """

    def __init__(
        self, bus: Bus, goal: str, *, kinds: frozenset[str] | None = None, after: int = 0, prefix: Prefix = ()
    ) -> None:
        self._bus = bus
        self._kinds = kinds
        self._filters = self._about(goal)
        self._prefix = prefix
        self.seen = after
        """Sequence of the last entry that was read."""

    def _about(self, goal: str) -> list[str]:
        """Return the filters for the record of a goal."""
        every = of_goal(self._bus.ns, goal)
        return [text for text in every if self._kinds is None or text.split(".")[2] in self._kinds]

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
            entry = await entry_of(self._bus, Stored.delivered(delivery))
            self.seen = delivery.seq
            if entry is not None:
                yield entry

    async def so_far(self) -> list[Entry]:
        """Return what is on record now, behind `seen`."""
        before, own = await self._before(), await self._bus.record(self._filters, after=self.seen)
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
            entry = await entry_of(self._bus, stored)
            found += [entry] if entry else []
            self.seen = stored.seq
        return found
