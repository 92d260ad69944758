"""Holds on deliveries that are kept for as long as somebody works on them: all of one actor by one task.

A process that is frozen, or busy with something else, gives no sign of life meanwhile, and cannot say so. But it can
tell afterwards, by a clock that goes on: whatever it held before may be another's now.
"""

import math
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import anyio
import structlog
from nats.errors import Error as NatsError

from loopwright.bus.connection import LEASE
from loopwright.bus.inbox import Delivery
from loopwright.bus.wire import WireClient

log = structlog.get_logger()

BEAT = LEASE / 3
"""Seconds between two signs of life."""
SILENCE = 2 * BEAT
"""Seconds without one after which we act as if nothing were ours."""


def passed() -> float:
    """Return seconds that go on while the process stands still, and where we can tell, while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


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
    """The deliveries that an actor works on.

    The `clock` must not stand still while the process does, nor within one turn of the event loop. A sign of life is
    one that has reached the server.
    """

    def __init__(self, nc: WireClient, clock: Callable[[], float] = passed) -> None:
        self.clock = clock
        self._nc = nc
        self._held: dict[Delivery, None] = {}
        self._last: float | None = None
        """When we gave the last sign of life; None: nobody does that here."""
        self._silent = -math.inf
        """Until when we were last silent for too long."""

    def kept(self, delivery: Delivery) -> "Kept":
        """Keep the lease on a delivery while the body runs and `keep` does.

        One that lay here while we were silent has a sign of life at once: at the next of our beats it may be another's.
        """
        if self.may_have_lapsed(self.clock() - LEASE):
            with suppress(NatsError):  # it is said again as long as it is kept
                delivery.keep()
        return Kept(self._held, delivery)

    def count(self) -> int:
        """Return how many they are."""
        return len(self._held)

    def may_have_lapsed(self, since: float) -> bool:
        """Tell whether another may hold what was ours at a time."""
        self._listen()
        return since < self._silent

    def _listen(self) -> None:
        """Notice that we have been silent for too long."""
        now = self.clock()
        if self._last is not None and now - self._last > SILENCE and self._last > self._silent:
            log.warning("leases.not_kept", reason=f"no sign of life for {now - self._last:.1f} s", held=len(self._held))
            self._silent = now

    async def keep(self) -> None:
        """Say that all are being worked on, three times a lease, until cancelled."""
        self._last = self.clock()
        while True:
            await anyio.sleep(BEAT)
            said = self.clock()
            try:
                for delivery in tuple(self._held):
                    delivery.keep()
                if self._held:
                    await self._nc.reach(BEAT)
            except NatsError as error:
                log.info("leases.not_kept", reason=str(error) or type(error).__name__)
            else:
                self._listen()
                self._last = said
