"""Hands that take messages from an inbox until they are told to stop."""

from collections.abc import Awaitable, Callable

import anyio
import structlog

from loopwright.bus.inbox import Delivery, Inbox

log = structlog.get_logger()

GRACE = 20.0
"""Seconds to finish what is in hand after being told to stop; what is left is handed back."""

type Handle = Callable[[Delivery], Awaitable[None]]


async def serve(inbox: Inbox, handle: Handle, *, hands: int, stopping: anyio.Event) -> None:
    """Handle deliveries, `hands` at a time; when `stopping` is set take no more, and return when all is done.

    What is not done within `GRACE` seconds is cancelled.
    """

    async def hand() -> None:
        while (delivery := await inbox.take()) is not None:
            await handle(delivery)

    async with anyio.create_task_group() as watching:
        async with anyio.create_task_group() as working:
            watching.start_soon(stop_in_time, stopping, inbox, working.cancel_scope, name="stop")
            for number in range(hands):
                working.start_soon(hand, name=f"hand {number}")
        watching.cancel_scope.cancel()


async def stop_in_time(stopping: anyio.Event, inbox: Inbox, work: anyio.CancelScope) -> None:
    """When `stopping` is set, stop the inbox, and after the grace the work itself."""
    await stopping.wait()
    await inbox.stop()
    await anyio.sleep(GRACE)
    log.warning("grace.over", seconds=GRACE)
    work.cancel()
