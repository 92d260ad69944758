"""A client that says whatever bytes it likes, many at a time, and knows when the server has taken them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import anyio
from anyio.abc import SocketStream

from tests.fuzz.garbage import Said

ANSWER = 30.0
"""Seconds that the server may take to read what it was sent."""
GREETING = b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"lang":"none"}\r\n'


class Wire:
    """A bare connection to the server."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream

    async def say(self, messages: Sequence[Said]) -> None:
        """Send messages in one go, and return when the server has read them all."""
        await self._stream.send(b"".join(framed(each) for each in messages) + b"PING\r\n")
        heard = b""
        with anyio.fail_after(ANSWER):
            while b"PONG\r\n" not in heard:
                heard = heard[-200:] + await self._stream.receive()

    async def refused(self, message: Said) -> bool:
        """Tell whether the server hangs up on a message."""
        try:
            await self.say([message])
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return True
        return False


def framed(said: Said) -> bytes:
    """Return a message in the server's protocol."""
    size, head = len(said.body), said.headers
    if head is None:
        return b"PUB %s %d\r\n%s\r\n" % (said.subject, size, said.body)
    return b"HPUB %s %d %d\r\n%s%s\r\n" % (said.subject, len(head), len(head) + size, head, said.body)


@asynccontextmanager
async def wire(url: str) -> AsyncIterator[Wire]:
    """Connect to the server as a client in no language."""
    parts = urlsplit(url)
    async with await anyio.connect_tcp(str(parts.hostname), parts.port or 0) as stream:
        await stream.send(GREETING)
        connected = Wire(stream)
        await connected.say([])
        yield connected
