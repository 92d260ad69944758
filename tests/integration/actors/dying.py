"""Processes that take a message and do not survive it."""

import anyio

from loopwright.actors.suspects import ENOUGH, Suspects
from loopwright.bus import Bus
from loopwright.bus.inbox import Delivery
from loopwright.bus.subjects import LOOP, orders_for


async def take_in_vain(bus: Bus, stream: str, name: str, *wanted: str) -> Delivery:
    """Be every process that takes a message and does not survive it; return how the last had it."""
    async with await bus.consumer(stream, name, list(wanted)) as inbox:
        with anyio.fail_after(10):
            for _ in range(ENOUGH):
                await die_of(bus, await inbox.receive())
            last = await inbox.receive()
            await die_of(bus, last)
    return last


async def take_orders_in_vain(bus: Bus, role: str) -> Delivery:
    """Be every process that takes the first order of a role there is, and does not survive it."""
    return await take_in_vain(bus, LOOP, f"role-default-{role}", *orders_for("default", role))


async def die_of(bus: Bus, delivery: Delivery) -> None:
    """Go silent with a message in hand."""
    await Suspects(bus).take(delivery)
    await delivery.later()  # its lease has lapsed
