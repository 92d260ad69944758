"""How a connection to the bus comes to be: a server that answers, knows us, is new enough, and has our streams."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import anyio
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from loopwright.bus import streams
from loopwright.bus.blobs import Blobs
from loopwright.bus.connection import ANSWER, Bus
from loopwright.bus.errors import BusUnreachable, NotPermitted, ServerTooOld
from loopwright.bus.server import NEEDED, is_new_enough, without_secrets
from loopwright.bus.wire import WireClient

log = structlog.get_logger()


@asynccontextmanager
async def connect_bus(url: str | None = None, *, ns: str = "default", name: str = "") -> AsyncIterator[Bus]:
    """Connect to the bus and make its streams exist.

    `url` defaults to ``LOOPWRIGHT_NATS_URL``, else to a server on this machine.

    Raises:
        BusUnreachable: no server answers.
        ServerTooOld: it answers and is too old.
        NotPermitted: it does not let us in, or has JetStream switched off.
    """
    url = url or os.environ.get("LOOPWRIGHT_NATS_URL") or "nats://127.0.0.1:4222"
    await refuse_unreachable(url)
    name = name or f"{socket.gethostname().lower()}-{os.getpid()}"
    nc = await open_connection(url, name)
    try:
        js = nc.jetstream(timeout=ANSWER)
        yield Bus(nc, js, await prepare(nc, js, url), ns=ns, name=name)
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(2):
            await close(nc)


def addresses(url: str) -> list[str]:
    """Return the addresses in a setting: one, or those of a cluster with commas between them."""
    return [each.strip() for each in url.split(",") if each.strip()]


async def refuse_unreachable(url: str) -> None:
    """Raise unless something listens at one of the addresses: the client would go on trying for minutes."""
    reason = "no address was given"
    for address in addresses(url):
        try:
            parts = urlsplit(address if "://" in address else f"nats://{address}")
            host, port = parts.hostname or "127.0.0.1", parts.port or 4222
        except ValueError as error:
            raise BusUnreachable(address, f"not an address: {error}") from None
        try:
            with anyio.fail_after(ANSWER):
                stream = await anyio.connect_tcp(host, port)
                await stream.aclose()
                return
        except (OSError, TimeoutError) as error:
            reason = str(error) or "no answer"
    raise BusUnreachable(shown(url), reason)


def shown(url: str) -> str:
    """Return the addresses as they may be shown."""
    return ", ".join(without_secrets(address) for address in addresses(url)) or "''"


async def open_connection(url: str, name: str) -> Client:
    """Return a client that reconnects for ever, and logs instead of printing."""

    async def on_disconnect() -> None:
        log.info("nats.disconnected")

    async def on_reconnect() -> None:
        log.info("nats.reconnected")

    async def on_error(error: Exception) -> None:
        log.info("nats.error", reason=str(error) or type(error).__name__)

    nc = WireClient()
    try:
        with anyio.fail_after(ANSWER):
            await nc.connect(
                addresses(url),
                name=name,
                error_cb=on_error,
                disconnected_cb=on_disconnect,
                reconnected_cb=on_reconnect,
                allow_reconnect=False,  # a login that is refused now would be tried for ever
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.25,  # type: ignore[arg-type]  # it only sleeps that long
                connect_timeout=int(ANSWER),
            )
    except (NatsError, OSError, ValueError) as error:
        with anyio.CancelScope(shield=True):
            await nc.close()
        if is_refusal(error):
            raise NotPermitted("this connection") from error
        raise BusUnreachable(shown(url), str(error) or type(error).__name__) from error
    nc.options["allow_reconnect"] = True
    return nc


def is_refusal(error: Exception) -> bool:
    """Tell whether the server does not know us; the client has two errors for that, one with no name of its own."""
    return "authorization" in str(error).lower()


async def prepare(nc: Client, js: JetStreamContext, url: str) -> Blobs:
    """Check the server, make what we need exist, and return the object store."""
    version = str(nc.connected_server_version).strip("<>").rpartition(" v")[2]
    if not is_new_enough(version):
        raise ServerTooOld(version, ".".join(str(part) for part in NEEDED))
    try:
        await streams.ensure(js)
        return Blobs(await js.object_store(streams.BLOBS))
    except APIError as error:
        raise NotPermitted(
            f"{error.description or 'JetStream'} (JetStream must be enabled, with file storage)"
        ) from error
    except NatsError as error:
        raise BusUnreachable(shown(url), f"JetStream does not answer: {error}") from error


async def close(nc: Client) -> None:
    """Flush and close, even when the server has gone."""
    try:
        if nc.is_connected:
            await nc.flush(1)
    except NatsError as error:
        log.info("nats.flush_failed", reason=str(error) or type(error).__name__)
    await nc.close()
