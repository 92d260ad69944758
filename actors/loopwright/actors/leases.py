"""Holds on deliveries that are kept for as long as somebody works on them: all of one actor by one task."""

import anyio
import structlog
from nats.errors import Error as NatsError

from loopwright.bus.connection import LEASE
from loopwright.bus.inbox import Delivery

log = structlog.get_logger()

BEAT = LEASE / 3
"""Seconds between two signs of life."""


class Kept:
    """Keeps the lease on a delivery while the body runs."""

    __slots__ = ("_delivery", "_held")

    def __init__(self, held: dict[Delivery, None], delivery: Delivery) -> None:
        self._held = held
        self._delivery = delivery

    def __enter__(self) -> None:
        self._held[self._delivery] = None

    def __exit__(self, *_: object) -> None:
        del self._held[self._delivery]


class Leases:
    """The deliveries that an actor works on."""

    def __init__(self) -> None:
        self._held: dict[Delivery, None] = {}

    def kept(self, delivery: Delivery) -> "Kept":
        """Keep the lease on a delivery while the body runs and `keep` does."""
        return Kept(self._held, delivery)

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
