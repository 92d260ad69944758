"""The person whom a campaign's goals ask: answers at once, lets most calls pass, and denies the rest."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from loopwright.actors.asking import place_of_reply
from loopwright.bus import Bus
from loopwright.bus.errors import GuardLost
from loopwright.bus.questions import Pause, Reply
from loopwright.bus.stored import Stored

DENIED = "01"
"""What the digest of a call begins with that is denied: one in eight."""


@asynccontextmanager
async def boss(bus: Bus) -> AsyncIterator[None]:
    """Answer whatever is asked while the body runs."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answer, bus, name="boss")
        yield
        tasks.cancel_scope.cancel()


async def answer(bus: Bus) -> None:
    """Answer whatever is asked, for ever."""
    newest = 0
    inbox, _ = await bus.reader([f"lw.v1.pause.{bus.ns}.>"], after=lambda: newest)
    async with inbox:
        while True:
            delivery = await inbox.receive()
            newest = delivery.seq
            pause = await bus.message(Pause, Stored.delivered(delivery))
            if pause is None:
                continue
            for digest in pause.digests:
                await say(bus, pause, digest, newest)


async def say(bus: Bus, pause: Pause, digest: str, asked: int) -> None:
    """Put a reply on record; one that stands there already counts."""
    approved = digest[0] not in DENIED
    told = {"goal": pause.goal, "step": pause.step, "attempt": pause.attempt, "digest": digest}
    reply = Reply(approved=approved, why="" if approved else "not today", person="boss", **told)
    place = place_of_reply(bus, reply)
    try:
        await bus.publish_first(place, reply, id=str(place), after=asked)
    except GuardLost:
        return
