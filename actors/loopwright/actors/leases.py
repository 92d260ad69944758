"""Holds on deliveries that are kept for as long as somebody works on them: all of one actor by one task."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import structlog
from nats.errors import Error as NatsError

from loopwright.bus.connection import LEASE
from loopwright.bus.inbox import Delivery

log = structlog.get_logger()

BEAT = LEASE / 3
"""Seconds between two signs of life."""


class Leases:
    """The deliveries that an actor works on."""

    def __init__(self) -> None:
        self._held: dict[Delivery, None] = {}

    @contextmanager
    def kept(self, delivery: Delivery) -> Iterator[None]:
        """Keep the lease on a delivery while the body runs and `keep` does."""
        self._held[delivery] = None
        try:
            yield
        finally:
            del self._held[delivery]

    def count(self) -> int:
        """Return how many they are."""
        return len(self._held)

    async def keep(self) -> None:
        """Say that all are being worked on, three times a lease, until cancelled."""
        while True:
            await anyio.sleep(BEAT)
            try:
                for delivery in tuple(self._held):
                    await delivery.keep()
            except NatsError as error:
                log.info("leases.not_kept", reason=str(error) or type(error).__name__)
