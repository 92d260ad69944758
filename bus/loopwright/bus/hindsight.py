"""The bus in hindsight: it says what was on record at a moment, and nothing is written on it.

What a goal's past is listed from ends with the moment; a single message is found if it went on record before a second,
later one. Large bytes that are put aside are found again as long as this lasts, and go nowhere.
"""

from collections.abc import Awaitable, Callable
from typing import Never

from loopwright.bus.blobs import Blobs, digest
from loopwright.bus.connection import LEASE, Bus
from loopwright.bus.ends import Ends
from loopwright.bus.errors import BusError
from loopwright.bus.inbox import Inbox
from loopwright.bus.messages import Message
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import Subject, decisions_on
from loopwright.bus.wire import Headers

type Refuse = Callable[[str, str], Awaitable[Never]]
"""Told what somebody is about to write, and which goal is not on record here, if that is why; it never comes back."""
type Recognise = Callable[[str, bytes], Awaitable[bool]]
"""Told a goal's id and what is to be published as it, tells whether that was published then."""


class NothingWritten(BusError):
    """Somebody was about to write where nothing is written."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Nothing is written here, and somebody {what}.")


async def recognised(goal: str, data: bytes) -> bool:
    """Take what is published under a goal's id for that goal."""
    return True


async def refused(what: str, goal: str = "") -> Never:
    """Raise for what is about to be written."""
    raise NothingWritten(what)


class Aside(Blobs):
    """Large bytes that are read where they lie, and put nowhere but here."""

    def __init__(self, there: Blobs) -> None:
        self._there = there
        self._aside: dict[str, bytes] = {}

    async def put(self, data: bytes) -> str:
        """Keep bytes as long as this lasts, and return their name."""
        name = digest(data)
        self._aside[name] = data
        return name

    async def get(self, name: str) -> bytes:
        """Return the bytes of that name; see `Blobs.get`."""
        return self._aside[name] if name in self._aside else await self._there.get(name)


class OnRecord(Ends):
    """The ends of goals where all of them lie in the past: nothing is overheard, and the record is looked at."""

    def may_have_ended(self, goal: str) -> bool:
        """Tell that a goal may have ended."""
        return True


class Hindsight(Bus):
    """A bus that is only read, as it was at a moment; it holds nothing that would have to be closed."""

    def __init__(self, bus: Bus) -> None:
        self.__dict__.update(bus.__dict__)
        self.blobs = Aside(bus.blobs)
        self.ends = OnRecord(bus.nc, bus.ns)
        self.refuse: Refuse = refused
        """What is done about a write."""
        self.recognise: Recognise = recognised
        self._listed = self._found = 0

    def at(self, listed: int, found: int) -> None:
        """Go to a moment: the last place that is listed, and the first that is not found."""
        self._listed, self._found = listed, found

    async def record(self, filters: list[str], *, after: int = 0, upto: int = 0) -> list[Stored]:
        """Return what was on record at the moment."""
        return [each for each in await super().record(filters, after=after, upto=upto) if each.seq <= self._listed]

    async def last(self, subject: Subject | str, *, sure: bool = False) -> Stored | None:
        """Return the last message on a subject that is found at the moment."""
        stored = await super().last(subject, sure=sure)
        if stored is None or stored.seq < self._found:
            return stored
        before = [each for each in await super().record([str(subject)]) if each.seq < self._found]
        return before[-1] if before else None

    async def write(
        self, subject: str, data: bytes, headers: Headers, *, guard: int | None = None, guarded: str = ""
    ) -> int:
        """Write nothing. A goal that was published then is one still; whatever else is to be written is refused."""
        parsed = Subject.parse(subject)
        goal = headers.get("Nats-Msg-Id", "") if parsed.kind == "goal" else ""
        if not goal:
            return await self.refuse(f"writes on {subject}", "")
        known = await super().last(decisions_on(self.ns, goal))
        if known is None:
            return await self.refuse(f"submits the goal {goal} of {parsed['loop']}, which is not on record here", goal)
        if not await self.recognise(goal, data):
            return await self.refuse(f"submits the goal {goal} with another input", "")
        return known.seq

    async def consumer(self, stream: str, name: str, filters: list[str], *, lease: float = LEASE) -> Inbox:
        """Open nothing that would stay behind."""
        return await self.refuse(f"serves the consumer {name}", "")

    def shout(self, subject: Subject, message: Message) -> None:
        """Say nothing."""

    def forget_timer(self, goal: str, id: str) -> None:
        """Let the timer be."""
