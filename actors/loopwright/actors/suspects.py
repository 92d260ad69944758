"""Messages that may kill whoever takes them: who has one in hand is on record, from the second time on.

How often the broker hands a message out tells nothing of the message: it is given back politely, whoever it was sent to
is cut off and never sees it, a broker that was killed has forgotten. So whoever takes a message another time says so
first, and takes that back when it gives the message back, or finds itself alive after another has taken it. Who is left
on the list, and is not there any more, went silent with the message in hand.

A message that is taken for the first time costs nothing, so whoever dies of it first is not on the list.
"""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import anyio
import structlog

from loopwright.bus.connection import Bus, delivery_id
from loopwright.bus.errors import GuardLost
from loopwright.bus.inbox import Delivery
from loopwright.bus.messages import Suspect, Taker
from loopwright.bus.presence import LIFE, present
from loopwright.bus.subjects import Subject

log = structlog.get_logger()

ENOUGH = 8
"""Processes that went silent with a message in hand, one after the other, so that nobody takes it any more.

That kills from outside meet one step as often is next to impossible, also where a worker is killed every half second.
"""
ALONE = 4
"""From so many on a process takes it only while it has no other of that kind in hand, which would be blamed with it."""
LAST_WORDS = 1.0
"""Seconds to take our name off the list while we are being cancelled."""

UNSUSPECTED = nullcontext("")
"""Has a message in hand that was never handed out before."""

type Takers = tuple[Taker, ...]


class Suspects:
    """What one actor has in hand that was handed out before."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._me = Taker(process=f"{random.getrandbits(64):016x}", name=bus.name)
        self._turn = anyio.Lock()
        self._in_line = 0
        """Messages that are taken alone: one in hand, and those that wait for it."""
        self._taken_alone = 0

    @property
    def process(self) -> str:
        """What tells this process from every other, its predecessors in the same container included."""
        return self._me.process

    def in_hand(self, delivery: Delivery) -> AbstractAsyncContextManager[str]:
        """Have a message in hand while the body runs; brings why nobody may take it any more, else nothing.

        Raises:
            BusUnreachable: no answer for a minute.
        """
        return UNSUSPECTED if delivery.deliveries == 1 else self._taken_again(delivery)

    @asynccontextmanager
    async def _taken_again(self, delivery: Delivery) -> AsyncIterator[str]:
        seen = await self._look(delivery, sure=False)
        lost = await self._lost(seen[0])
        if len(lost) >= ENOUGH:
            names = ", ".join(dict.fromkeys(each.name for each in lost))
            yield f"{len(lost)} processes took it and were not heard of again, one after the other ({names})"
            return
        async with self._alone(delivery, lost) if len(lost) >= ALONE else UNSUSPECTED:
            await self._change(delivery, self._with_us, seen)
            try:
                yield ""
            except anyio.get_cancelled_exc_class():
                with anyio.CancelScope(shield=True), anyio.move_on_after(LAST_WORDS):
                    await self.let_go(delivery)
                raise

    @asynccontextmanager
    async def _alone(self, delivery: Delivery, lost: Takers) -> AsyncIterator[str]:
        """Have no other of that kind in hand; the log tells when that begins, and when nothing waits for its turn."""
        if not self._in_line:
            self._taken_alone = 0
            log.info("suspect.alone", subject=delivery.subject, lost=len(lost))
        self._in_line += 1
        try:
            async with self._turn:
                self._taken_alone += 1
                yield ""
        finally:
            self._in_line -= 1
            if not self._in_line:
                log.info("suspect.alone_no_more", messages=self._taken_alone)

    async def take(self, delivery: Delivery) -> None:
        """Put our name on the list, where a message is taken another time."""
        if delivery.deliveries > 1:
            await self._change(delivery, self._with_us)

    async def let_go(self, delivery: Delivery) -> None:
        """Take our name off the list: we are alive, and have the message no more."""
        if delivery.deliveries > 1:
            await self._change(delivery, lambda takers: others(takers, self._me))

    def _with_us(self, takers: Takers) -> Takers:
        return (*others(takers, self._me), self._me)

    async def _lost(self, takers: Takers) -> Takers:
        """Return who took a message before us and is not there any more, as far as that matters."""
        takers = others(takers, self._me)
        if len(takers) < ENOUGH:
            return takers
        if len(lost := await self._gone(takers)) < ENOUGH:
            await anyio.sleep(LIFE)  # the key of who died just now has lapsed then, and who was cut off is back
            lost = await self._gone(takers)
        return lost

    async def _gone(self, takers: Takers) -> Takers:
        there = {each.process for each in await present(self._bus)}
        return tuple(each for each in takers if each.process not in there)

    async def _change(
        self, delivery: Delivery, change: Callable[[Takers], Takers], seen: tuple[Takers, int] | None = None
    ) -> None:
        """Change the list, of which `seen` was read already, if anything was."""
        takers, seq = seen or await self._look(delivery, sure=False)
        subject = self._place(delivery)
        while (changed := change(takers)) != takers:
            suspect = Suspect(message=subject["message"], takers=changed)
            try:
                await self._bus.publish(subject, suspect, id=str(subject), guard=seq)
            except GuardLost:
                takers, seq = await self._look(delivery, sure=True)
            else:
                return

    async def _look(self, delivery: Delivery, *, sure: bool) -> tuple[Takers, int]:
        """Return who is on the list, and its place in the stream; `sure` asks the stream's leader."""
        stored = await self._bus.last(self._place(delivery), sure=sure)
        if stored is None:
            return (), 0
        found = await self._bus.message(Suspect, stored)
        return (found.takers if found else ()), stored.seq

    def _place(self, delivery: Delivery) -> Subject:
        return Subject.of("suspect", ns=self._bus.ns, message=delivery_id(delivery).lower())


def others(takers: Takers, me: Taker) -> Takers:
    """Return everybody else."""
    return tuple(each for each in takers if each.process != me.process)
