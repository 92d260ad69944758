"""How a connection to the bus comes to be: a server that answers, knows us, is new enough, and has our streams."""

import math
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import anyio
import structlog
from nats.js import JetStreamContext

from loopwright.bus import streams
from loopwright.bus.answers import ANSWER, translated
from loopwright.bus.blobs import Blobs
from loopwright.bus.connection import Bus
from loopwright.bus.errors import BusError, BusUnreachable, NotPermitted, ServerTooOld
from loopwright.bus.publishing import Publisher
from loopwright.bus.server import NEEDED, is_new_enough, without_secrets
from loopwright.bus.wire import WireClient

log = structlog.get_logger()


@asynccontextmanager
async def connect_bus(url: str | None = None, *, ns: str = "default", name: str = "") -> AsyncIterator[Bus]:
    """Connect to the bus and make its streams exist.

    `url` defaults to ``LOOPWRIGHT_NATS_URL``, else to a server on this machine. In a cluster a stream that does not
    exist yet is made with three replicas, or with as many as ``LOOPWRIGHT_REPLICAS`` says.

    Raises:
        BusUnreachable: no server answers.
        ServerTooOld: it answers and is too old.
        NotPermitted: it does not let us in, or has JetStream switched off.
        BusError: ``LOOPWRIGHT_REPLICAS`` is no number from 1 to 5.
    """
    url = url or os.environ.get("LOOPWRIGHT_NATS_URL") or "nats://127.0.0.1:4222"
    await refuse_unreachable(url)
    name = name or f"{socket.gethostname().lower()}-{os.getpid()}"
    nc = await open_connection(url, name)
    publisher = Publisher(nc, timeout=ANSWER)
    try:
        js = nc.jetstream(timeout=ANSWER)
        yield Bus(nc, js, publisher, await prepare(nc, js, url), ns=ns, name=name)
    finally:
        publisher.close()
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


async def open_connection(url: str, name: str) -> WireClient:
    """Return a client that reconnects for ever, and logs instead of printing."""

    async def on_disconnect() -> None:
        log.info("nats.disconnected")
        nc.lose()

    async def on_reconnect() -> None:
        log.info("nats.reconnected")

    async def on_error(error: Exception) -> None:
        log.info("nats.error", reason=str(error) or type(error).__name__)

    nc = WireClient()
    try:
        with translated(shown(url), "this connection"), anyio.fail_after(ANSWER):
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
    except (BusError, ValueError) as error:
        with anyio.CancelScope(shield=True):
            await nc.close()
        if isinstance(error, ValueError):
            raise BusUnreachable(shown(url), f"not an address: {error}") from error
        raise
    nc.options["allow_reconnect"] = True
    return nc


async def prepare(nc: WireClient, js: JetStreamContext, url: str) -> Blobs:
    """Check the server, make what we need exist, and return the object store."""
    version = str(nc.connected_server_version).strip("<>").rpartition(" v")[2]
    if not is_new_enough(version):
        raise ServerTooOld(version, ".".join(str(part) for part in NEEDED))
    replicas = streams.replicas_wanted(os.environ.get("LOOPWRIGHT_REPLICAS", ""), clustered=nc.is_clustered)
    try:
        with translated(shown(url), "the streams (JetStream must be enabled, with file storage)"):
            await streams.ensure(js, replicas=replicas)
            store = await js.object_store(streams.BLOBS)
            kept = (await store.status()).ttl or math.inf
    except BusUnreachable:
        if nc.offers_jetstream:
            raise
        raise NotPermitted("JetStream (JetStream must be enabled, with file storage)") from None
    return Blobs(nc, js, store, kept=kept)


async def close(nc: WireClient) -> None:
    """Flush and close, even when the server has gone."""
    try:
        if nc.is_connected:
            with translated(nc, "the last words"):
                await nc.flush(1)
    except BusError as error:
        log.info("nats.flush_failed", reason=str(error))
    if not nc.is_connected:
        nc.forget_unsent()
    await nc.close()
