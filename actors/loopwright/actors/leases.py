"""A hold on a delivery that is kept for as long as somebody works on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import structlog
from nats.errors import Error as NatsError

from loopwright.bus.connection import LEASE
from loopwright.bus.inbox import Delivery

log = structlog.get_logger()


@asynccontextmanager
async def kept(delivery: Delivery) -> AsyncIterator[None]:
    """Keep the lease on a delivery while the body runs."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep, delivery)
        yield
        tasks.cancel_scope.cancel()


async def keep(delivery: Delivery) -> None:
    """Say that it is being worked on, three times a lease."""
    while True:
        await anyio.sleep(LEASE / 3)
        try:
            await delivery.keep()
        except NatsError as error:
            log.info("lease.not_kept", reason=str(error) or type(error).__name__)
