"""Reading a stream from a place on, by a passing consumer that leaves no trace."""

import math
from collections.abc import Callable

import anyio
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from loopwright.bus.answers import ANSWER, address_of, persistently, translated
from loopwright.bus.errors import BusUnreachable
from loopwright.bus.inbox import Inbox
from loopwright.bus.stored import Stored
from loopwright.bus.wire import WireClient

READ_AHEAD = 256
"""Messages of a record that are fetched before anybody asks."""


async def open_reader(
    nc: WireClient,
    js: JetStreamContext,
    stream: str,
    filters: list[str],
    *,
    after: Callable[[], int],
    last_only: bool = False,
    headers_only: bool = False,
) -> tuple[Inbox, int]:
    """Return the inbox of a consumer that reads on behind `after`, and how many messages wait there.

    `last_only` reads the last message of every subject instead; `headers_only` leaves the bodies where they are.

    Raises:
        BusUnreachable: no answer for a minute.
    """

    async def open_now() -> tuple[Inbox, int]:
        return await _opened(nc, js, stream, filters, after=after, last_only=last_only, headers_only=headers_only)

    return await persistently(nc, open_now)


async def _opened(
    nc: WireClient,
    js: JetStreamContext,
    stream: str,
    filters: list[str],
    *,
    after: Callable[[], int],
    last_only: bool = False,
    headers_only: bool = False,
) -> tuple[Inbox, int]:
    """Open a reader, if the server answers now."""
    waiting = 0

    async def create() -> str:
        nonlocal waiting
        config = ConsumerConfig(
            filter_subjects=filters,
            ack_policy=AckPolicy.NONE,
            deliver_policy=(DeliverPolicy.LAST_PER_SUBJECT if last_only else DeliverPolicy.BY_START_SEQUENCE),
            opt_start_seq=None if last_only else after() + 1,
            headers_only=headers_only or None,
            inactive_threshold=30.0,
            mem_storage=True,
        )
        info = await js.add_consumer(stream, config)
        waiting = info.num_pending or 0
        return str(info.name)

    with translated(nc, f"reading {stream}"):
        name = await create()
    return Inbox(nc, stream, name, lost=create, ahead=READ_AHEAD), waiting


async def read_all(
    nc: WireClient,
    js: JetStreamContext,
    stream: str,
    filters: list[str],
    *,
    after: int = 0,
    upto: int = 0,
    most: float = math.inf,
    headers_only: bool = False,
) -> list[Stored]:
    """Return every message that is there now behind `after`, each once, in order; or no more than the first `most`.

    Any replica answers, which may lag behind; one that has not come as far as `upto`, the place of a message that is
    there, is asked again.

    Raises:
        BusUnreachable: no answer for a minute.
    """
    found: list[Stored] = []

    def seen() -> int:
        return found[-1].seq if found else after

    async def read_on() -> None:
        inbox, waiting = await _opened(nc, js, stream, filters, after=seen, headers_only=headers_only)
        async with inbox:
            while waiting and len(found) < most:
                with translated(nc, f"reading {stream}"), anyio.fail_after(ANSWER):
                    delivery = await inbox.receive()
                if delivery.seq > seen():
                    found.append(Stored.delivered(delivery))
                waiting = delivery.waiting
        if seen() < upto and len(found) < most:
            raise BusUnreachable(address_of(nc), "a replica lags behind")

    await persistently(nc, read_on)
    return found
