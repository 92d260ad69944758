"""The person whom a campaign's goals ask: answers at once, lets most calls pass, and denies the rest."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio

from loopwright.actors.asking import place_of_reply
from loopwright.bus import Bus
from loopwright.bus.errors import GuardLost
from loopwright.bus.questions import Pause, Reply
from loopwright.bus.stored import Stored
from tests.chaos.listening import listen

DENIED = "01"
"""What the digest of a call begins with that is denied: one in eight."""


@asynccontextmanager
async def boss(bus: Bus) -> AsyncIterator[None]:
    """Answer whatever is asked while the body runs."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen, bus, f"lw.v1.pause.{bus.ns}.>", partial(answer, bus), name="boss")
        yield
        tasks.cancel_scope.cancel()


async def answer(bus: Bus, stored: Stored) -> None:
    """Answer all that is asked where an attempt was laid aside."""
    pause = await bus.message(Pause, stored)
    if pause is not None:
        for digest in pause.digests:
            await say(bus, pause, digest, stored.seq)


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
