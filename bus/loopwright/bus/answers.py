"""What a server's answers mean to us, and how long we wait for a better one.

Every error of the NATS client is translated here. A server that is silent, gone, or not ready yet (503) is
`BusUnreachable`, and asking again may help; any other refusal is what the caller takes it for.
"""

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import anyio
import structlog
from nats.aio.client import Client
from nats.errors import AuthorizationError
from nats.errors import Error as NatsError
from nats.js.errors import APIError, ServiceUnavailableError

from loopwright.bus.errors import BusUnreachable, NotPermitted
from loopwright.bus.server import without_secrets

log = structlog.get_logger()

ANSWER = 5.0
"""Seconds one request to the server may take."""
PERSISTENCE = 60.0
"""Seconds a request is repeated while the server cannot be reached."""
LONGEST_PAUSE = 0.5
"""Seconds between two tries: how late we may notice that the server is back."""
UNAVAILABLE = 503
JETSTREAM_OFF = frozenset({10039, 10076})
"""A server that says so is available, and will not do it."""
UNDER_WAY = frozenset({10158, 10164})
"""What a cluster says while it copies the same message, or another on its subject: nobody knows yet how that ends."""


def address_of(nc: Client) -> str:
    """Return the server's address, without secrets."""
    url = nc.connected_url
    return without_secrets(url.geturl()) if url else "the NATS server"


def named(server: Client | str) -> str:
    """Return the address of a server."""
    return server if isinstance(server, str) else address_of(server)


def reason_of(error: Exception) -> str:
    """Return what the server or the client said, in a few words."""
    said = getattr(error, "description", None) or str(error)
    return str(said) or type(error).__name__


def is_unavailable(error: APIError) -> bool:
    """Tell whether the server would do it, and cannot now. Some errors of the client come without their codes."""
    told = getattr(error, "err_code", None)
    if told in JETSTREAM_OFF:
        return False
    if told in UNDER_WAY:
        return True
    return isinstance(error, ServiceUnavailableError) or getattr(error, "code", None) == UNAVAILABLE


def translation(error: NatsError | OSError, server: Client | str, doing: str) -> BusUnreachable | NotPermitted:
    """Return one of our errors for one of the NATS client's, or for a time limit of ours.

    `BusUnreachable` where the `server`, a connection or an address, is silent, gone, or not ready; `NotPermitted` where
    it refuses what we are `doing`.
    """
    if isinstance(error, APIError):
        if is_unavailable(error):
            return BusUnreachable(named(server), reason_of(error))
        return NotPermitted(f"{doing}: {reason_of(error)}")
    # The client has two errors for a login that is refused, one with no name of its own.
    if isinstance(error, AuthorizationError) or "authorization" in str(error).lower():
        return NotPermitted(doing)
    return BusUnreachable(named(server), reason_of(error))


@contextmanager
def translated(server: Client | str, doing: str) -> Iterator[None]:
    """Have every error of the NATS client, and our own time limits, come out as one of ours.

    Raises:
        BusUnreachable: the `server`, a connection or an address, is silent, gone, or not ready.
        NotPermitted: it refuses what we are `doing`.
    """
    try:
        yield
    except (NatsError, OSError) as error:  # a time limit of ours is an OSError, too
        raise translation(error, server, doing) from error


async def persistently[T](nc: Client, ask: Callable[[], Awaitable[T]]) -> T:
    """Repeat a request that may be repeated until the server answers it.

    Raises:
        BusUnreachable: no answer for a minute, or the connection was closed for good.
    """
    until, pause = math.inf, 0.05
    while True:
        try:
            return await ask()
        except BusUnreachable as error:
            if nc.is_closed or anyio.current_time() > until:
                raise
            log.info("bus.retry", reason=str(error))
        until = min(until, anyio.current_time() + PERSISTENCE)
        await anyio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
