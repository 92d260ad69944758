"""What the server that we are connected to promises, read from the server itself."""

import structlog
from nats.errors import Error as NatsError
from nats.js.api import StorageType, StreamConfig
from pydantic import BaseModel

from loopwright.bus.answers import persistently, reason_of, translated
from loopwright.bus.connection import Bus
from loopwright.bus.server import guarantee, sync_in
from loopwright.bus.streams import BLOBS_STREAM, PRESENCE_STREAM, STREAMS

log = structlog.get_logger()

KEPT = (*(str(config.name) for config in STREAMS if config.name != PRESENCE_STREAM), BLOBS_STREAM)
"""The streams whose messages are to last: one that is weaker than the others makes the promise as weak."""
ABOUT_US = "$SYS.REQ.USER.INFO"
"""What any client may ask. The answer has the server's tags; its settings are for the system account only."""
TELLS = 1.0
"""Seconds to wait for the tags: a server that does not let us ask stays silent."""


class About(BaseModel):
    """What a server tells of itself."""

    tags: tuple[str, ...] = ()


class Told(BaseModel):
    """The answer to what any client may ask."""

    server: About


async def promise(bus: Bus) -> str:
    """Return in one sentence what an acknowledged message survives on this bus.

    Raises:
        BusUnreachable: no answer for a minute.
    """

    async def ask() -> list[StreamConfig]:
        with translated(bus.nc, "what is said about the streams"):
            return [(await bus.js.stream_info(name)).config for name in KEPT]

    configs = await persistently(bus.nc, ask)
    return guarantee(
        await sync_of(bus),
        min(config.num_replicas or 1 for config in configs),
        on_disk=all(config.storage != StorageType.MEMORY for config in configs),
    )


async def sync_of(bus: Bus) -> str:
    """Return the `sync_interval` that the server tells; empty where it tells none, or may not be asked."""
    try:
        answer = await bus.nc.request(ABOUT_US, b"", timeout=TELLS)
        return sync_in(Told.model_validate_json(answer.data).server.tags)
    except (NatsError, ValueError) as error:
        log.info("server.untold", reason=reason_of(error))
        return ""
