"""What else speaks on the bus: a client that says whatever bytes it likes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

import anyio
import pytest

from loopwright.deploy.embedded import Server

type Speak = Callable[[bytes, bytes | None, bytes], Awaitable[None]]
"""Publish on a subject, with a header block or none, a body; returns when the server has taken it."""


async def _confirmed(stream: anyio.abc.SocketStream) -> None:
    """Wait until the server has read everything that was sent."""
    await stream.send(b"PING\r\n")
    heard = b""
    with anyio.fail_after(5):
        while b"PONG\r\n" not in heard:
            heard += await stream.receive()


@pytest.fixture
async def speak(server: Server) -> AsyncIterator[Speak]:
    parts = urlsplit(server.url)
    opened: AbstractAsyncContextManager[anyio.abc.SocketStream] = await anyio.connect_tcp(
        str(parts.hostname), parts.port or 0
    )
    async with opened as stream:
        await stream.send(b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"lang":"none"}\r\n')
        await _confirmed(stream)

        async def say(subject: bytes, headers: bytes | None, body: bytes) -> None:
            if headers is None:
                await stream.send(b"PUB %s %d\r\n%s\r\n" % (subject, len(body), body))
            else:
                size = len(headers)
                await stream.send(b"HPUB %s %d %d\r\n%s%s\r\n" % (subject, size, size + len(body), headers, body))
            await _confirmed(stream)

        yield say
