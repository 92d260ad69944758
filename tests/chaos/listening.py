"""Listening to the record for as long as a campaign goes on, whatever becomes of the broker."""

from collections.abc import Awaitable, Callable

from loopwright.bus import Bus
from loopwright.bus.stored import Stored


async def listen(bus: Bus, subject: str, heed: Callable[[Stored], Awaitable[None]]) -> None:
    """Have each message on record be heeded, once and in order, for ever."""
    newest = 0
    inbox, _ = await bus.reader([subject], after=lambda: newest)
    async with inbox:
        while True:
            delivery = await inbox.receive()
            newest = delivery.seq
            await heed(Stored.delivered(delivery))
