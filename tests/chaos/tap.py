"""A tap on the wire between one actor and the broker, which strikes at a named moment.

The tap reads what goes by, frame by frame, in both directions. When the frame that it waits for comes, it strikes:
nothing of what the actor says from then on reaches the broker, so for the bus the actor died exactly there. No line of
the product knows of this, and an actor in any language could be struck in the same way.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

LINE = 65_536
"""Bytes of a protocol line at most."""
BODIES = {"PUB": 1, "HPUB": 2, "MSG": 1, "HMSG": 2}
"""The frames that have a body, and how many figures stand at the end of their line."""
LOST = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.IncompleteRead, OSError)


type Strike = Callable[[], Awaitable[bool]]
"""Does something to the actor or the broker; tells whether the actor lives on, so that what it said may go on."""


class Dead(Exception):
    """The actor is no more."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of the protocol, with its body."""

    op: str
    subject: str
    reply: str
    body: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Point:
    """A moment in an actor's life: the n-th time that it takes, writes or acknowledges what has such a subject."""

    name: str
    moment: Literal["taken", "before", "after", "unacknowledged"]
    """A message is in its hands; it is about to write; the broker has said that it did; it is about to let go."""
    subject: str
    """What the subject begins with; ``*`` stands for any one token."""
    number: int = 1


async def frames(stream: BufferedByteReceiveStream) -> AsyncIterator[Frame]:
    """Yield what goes by."""
    while True:
        line = await stream.receive_until(b"\r\n", LINE)
        op, *words = line.decode(errors="replace").split() or [""]
        count, body = BODIES.get(op.upper()), b""
        subject = reply = ""
        if count:
            body = await stream.receive_exactly(int(words[-1]) + 2)
            subject, *rest = words[:-count]
            reply = rest[-1] if len(rest) > (op.upper().endswith("MSG")) else ""
        yield Frame(op.upper(), subject, reply, body, line + b"\r\n" + body)


class Tap:
    """What goes by on one actor's connections."""

    def __init__(self, upstream: str, point: Point, strike: Strike) -> None:
        self._upstream = urlsplit(upstream)
        self._point = point
        self._strike = strike
        self._seen = 0
        self._awaited = ""
        self._dead = False
        self._taken: dict[str, str] = {}
        self.struck = anyio.Event()
        self.url = ""

    async def serve(self, client: SocketStream) -> None:
        """Pass on both ways until either side is gone."""
        try:
            server = await anyio.connect_tcp(str(self._upstream.hostname), self._upstream.port or 4222)
        except OSError:
            await client.aclose()
            return
        async with client, server, anyio.create_task_group() as tasks:
            tasks.start_soon(self._pump, client, server, self._outgoing, tasks.cancel_scope)
            tasks.start_soon(self._pump, server, client, self._incoming, tasks.cancel_scope)

    async def _pump(
        self,
        source: SocketStream,
        target: SocketStream,
        look: Callable[[Frame, SocketStream], Awaitable[None]],
        both: anyio.CancelScope,
    ) -> None:
        try:
            async for frame in frames(BufferedByteReceiveStream(source)):
                if self._dead:
                    break
                await look(frame, target)
            both.cancel()
        except (Dead, *LOST):
            both.cancel()

    async def _outgoing(self, frame: Frame, server: SocketStream) -> None:
        point, subject = self._point, frame.subject
        if point.moment == "unacknowledged":
            subject = self._taken.get(subject, "") if re.match(rb"(\+ACK.*)?\r\n", frame.body) else ""
        elif point.moment == "taken":
            subject = ""
        if not self._is_it(subject):
            await server.send(frame.raw)
        elif point.moment == "after":
            self._awaited = frame.reply
            await server.send(frame.raw)
            if not frame.reply:
                await self._hit()
        else:
            await self._hit()
            await server.send(frame.raw)

    async def _incoming(self, frame: Frame, client: SocketStream) -> None:
        if frame.reply:
            self._taken[frame.reply] = frame.subject
        if self._awaited and frame.subject == self._awaited:
            self._awaited = ""
            await self._hit()
        elif self._point.moment == "taken" and self._is_it(frame.subject):
            await self._hit()
        await client.send(frame.raw)

    def _is_it(self, subject: str) -> bool:
        """Count what fits, and tell whether this is the one."""
        if not re.match(self._point.subject.replace(".", r"\.").replace("*", r"[^.]+"), subject):
            return False
        self._seen += 1
        return self._seen == self._point.number

    async def _hit(self) -> None:
        """Strike; whoever is killed hears and says no more."""
        self.struck.set()
        if not await self._strike():
            self._dead = True
            raise Dead


@asynccontextmanager
async def tapped(upstream: str, point: Point, strike: Strike) -> AsyncIterator[Tap]:
    """Run a tap before the broker at `upstream` while the body runs."""
    tap = Tap(upstream, point, strike)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tap.url = f"nats://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        tasks.start_soon(listener.serve, tap.serve, name="tap")
        yield tap
        tasks.cancel_scope.cancel()
