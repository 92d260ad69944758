"""Hands that take messages from an inbox until they are told to stop."""

from collections.abc import Awaitable, Callable

import anyio

from loopwright.bus.inbox import Delivery, Inbox

type Handle = Callable[[Delivery], Awaitable[None]]


async def serve(inbox: Inbox, handle: Handle, *, hands: int, stopping: anyio.Event) -> None:
    """Handle deliveries, `hands` at a time; when `stopping` is set take no more, and return when all is done."""
    waits: set[anyio.CancelScope] = set()

    async def hand() -> None:
        while not stopping.is_set():
            delivery = None
            with anyio.CancelScope() as wait:
                waits.add(wait)
                delivery = await inbox.receive()
            waits.discard(wait)
            if delivery is not None:
                await handle(delivery)

    async with anyio.create_task_group() as watching:
        watching.start_soon(stop_waiting, stopping, waits, name="stop")
        async with anyio.create_task_group() as working:
            for number in range(hands):
                working.start_soon(hand, name=f"hand {number}")
        watching.cancel_scope.cancel()


async def stop_waiting(stopping: anyio.Event, waits: set[anyio.CancelScope]) -> None:
    """When `stopping` is set, end every wait for a next message."""
    await stopping.wait()
    for wait in list(waits):
        wait.cancel()
