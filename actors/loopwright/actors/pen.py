"""The pen with which one holder writes on the record of an attempt.

Every entry is written behind the last one that this holder has seen. Whoever takes an attempt over says so on its
record first: so a holder that comes back from the dead is refused at its next entry. Who holds an attempt that was
taken up again after people had replied comes behind everybody who held it before.
"""

import random
from functools import cached_property
from typing import Any

import anyio
import structlog

from loopwright.actors.effects import EffectRecord, Place, record_place
from loopwright.actors.errors import LeaseLost
from loopwright.actors.leases import Leases
from loopwright.bus.client import Run
from loopwright.bus.connection import LEASE, Bus
from loopwright.bus.effects import Effect, EffectPhase, What
from loopwright.bus.errors import GuardLost
from loopwright.bus.messages import StepOrder
from loopwright.bus.names import GoalId
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import Subject

log = structlog.get_logger()

FRESH = LEASE / 2
"""Seconds after a claim in which nobody else can hold the attempt: our last sign of life was a third of a lease ago."""
SUCCESSION = LEASE / 2
"""Seconds in which whoever was handed an attempt takes it over: that is the first thing that he does."""
PROMPT = 0.1
"""Seconds in which a successor that has come meanwhile cannot have had an answer from a model."""
ROUNDS = 3
"""Times that we make sure before we go on: a process that is always too busy to say that it is there never is."""
LAST_WORDS = 2.0
"""Seconds to put on record how a call ended while we are being cancelled."""
LOOKS = 5
"""Times to look for what has refused an entry before we give way to it unseen."""
LAG = 0.1
"""Seconds between two looks: a replica may be behind."""


class Pen:
    """What is on record of an attempt's calls, for one holder, who writes behind it."""

    def __init__(
        self, bus: Bus, order: StepOrder, *, delivery: int, new: bool, cause: str, leases: Leases | None = None
    ) -> None:
        self.record = EffectRecord()
        self._bus = bus
        self._order = order
        self._delivery = delivery
        self._rank = order.resumed, delivery
        self._new = new
        self._cause = cause
        self._seen = 0
        self._lost = False
        self._looked = self._rank > (0, 1)
        self._taken_over = not self._looked
        self._leases = leases or Leases(bus.nc)
        self._sure, self._losses = self._leases.clock() - LEASE, bus.nc.losses
        """Since when it is ours for certain, for we may have been frozen when it was handed to us; and how often the
        connection had been lost by then."""
        self._was_in_doubt = False

    @cached_property
    def _subject(self) -> Subject:
        """Where the record lies; most attempts write none."""
        return record_place(self._bus.ns, self._order)

    @cached_property
    def _hold_id(self) -> str:
        """What tells our entries from those of every other hold: a name does not, where containers share a host's."""
        return f"{random.getrandbits(48):012x}"

    def refuse_if_lost(self) -> None:
        """Raise if another worker holds the attempt now.

        Raises:
            LeaseLost: it does.
        """
        if self._lost:
            raise LeaseLost

    async def look_first(self) -> None:
        """Give way before a call if somebody has been here, if only we ourselves: who is handed it next reads all that.

        A broker that was killed, or has handed its lead to another, forgets what it has handed out, and hands it out
        for the first time again; the next time it is the second, and then the record is taken over. Where that may have
        happened we say so on record and not only look: so that an answer which is on its way there is refused, or seen.

        Raises:
            LeaseLost: another worker holds the attempt, or held it.
            RaceLost: it is called off.
        """
        self.refuse_if_lost()
        self.record.refuse_if_called_off()
        if not self._looked:
            asked = self._leases.clock()
            if self._new:
                # A cluster whose lead has moved may hand it out anew, and a replica know nothing of its record yet.
                stored = await self._bus.last(self._subject, sure=self._bus.nc.is_clustered)
                found = await self._bus.message(Effect, stored) if stored else None
                self._lost = found is not None and found.hold != self._hold_id
                self.refuse_if_lost()
            if not self._new or self._leases.clock() - asked > FRESH:  # cut off: somebody may have been here since
                await self.put(self.entry(EffectPhase.HELD))
            self._looked = True
        if self._was_in_doubt:  # whoever was handed it meanwhile may have been frozen as well, and come yet
            await self._hold()
        await self._make_sure()
        self.record.refuse_if_called_off()  # who was cut off may hear of it only now

    @property
    def _is_in_doubt(self) -> bool:
        """Whether another may have been handed the attempt, because we were frozen, or cut off."""
        return self._losses != self._bus.nc.losses or self._leases.may_have_lapsed(self._sure)

    async def _make_sure(self) -> None:
        """Return when the attempt is ours as surely as can be: whoever was handed it meanwhile has said so by then.

        Raises:
            LeaseLost: it is another's, or nobody wants it any more.
        """
        for _ in range(ROUNDS):
            if not self._is_in_doubt:
                return
            log.info("lease.in_doubt", goal=self._order.goal, attempt=self._order.attempt)
            self._was_in_doubt = True
            begun, losses = self._leases.clock(), self._bus.nc.losses
            await anyio.sleep(SUCCESSION)
            await self._refuse_if_over()
            await self._hold()
            self._sure, self._losses = begun, losses

    async def _refuse_if_over(self) -> None:
        """Give way if the goal has ended, which we may not have heard: whoever is handed the attempt next looks.

        Raises:
            LeaseLost: it has.
        """
        if await Run(self._bus, GoalId(self._order.goal)).ended() is not None:
            self._lost = True
            raise LeaseLost

    async def _hold(self) -> None:
        """Say on record that it is ours, and hear that at once: whoever hears it late may have a successor by then.

        Raises:
            LeaseLost: it is another's.
        """
        for _ in range(ROUNDS):
            asked = self._leases.clock()
            await self.put(self.entry(EffectPhase.HELD))
            if self._leases.clock() - asked < PROMPT:
                return

    async def refuse_if_taken(self) -> None:
        """Raise if another worker has taken the attempt over, where that may be.

        Raises:
            LeaseLost: one has.
        """
        self.refuse_if_lost()
        if self._is_in_doubt or self._was_in_doubt:
            await self.put(self.entry(EffectPhase.HELD))

    @cached_property
    def _lock(self) -> anyio.Lock:
        """Has one entry written at a time; most steps write none."""
        return anyio.Lock()

    async def take_over(self) -> None:
        """Read what earlier holders have put on record, if they have; they can write no more.

        Raises:
            LeaseLost: there is a later holder already.
        """
        if not self._taken_over:
            await self.put(self.entry(EffectPhase.HELD))
            self._taken_over = True

    async def claim(self, claim: Effect) -> None:
        """Claim a call, and hear at once that the claim stands: whoever hears it late may have a successor by then.

        Who never hears it at once goes on with a claim that nobody had come before.

        Raises:
            LeaseLost: there is one.
        """
        for _ in range(ROUNDS):
            await self._make_sure()
            asked = self._leases.clock()
            await self.put(claim)
            if self._leases.clock() - asked < FRESH and not self._is_in_doubt:
                return
            log.info("claim.heard_late", tool=claim.name, key=claim.key)

    async def put_at_last(self, effect: Effect) -> None:
        """Put on record how a call ended, even if we are being cancelled: it will not be asked for again."""
        try:
            await self.put(effect)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True), anyio.move_on_after(LAST_WORDS):
                await self.put(effect)
            raise

    async def put(self, effect: Effect) -> None:
        """Put an entry on record behind all that is there.

        Raises:
            LeaseLost: another worker holds the attempt now.
            BusUnreachable: no answer for a minute.
        """
        bus, subject = self._bus, self._subject
        id_ = f"{subject}-{self._delivery}-{effect.call}-{effect.occurrence}-{effect.phase}"
        async with self._lock:
            while True:
                self.refuse_if_lost()
                self.record.refuse_to_begin(effect)
                try:
                    self._seen = await bus.publish(subject, effect, id=id_, cause=self._cause, guard=self._seen)
                except GuardLost:
                    if not await self._catch_up(subject, effect):
                        continue
                else:
                    self.record.take(effect)
                return

    async def _catch_up(self, subject: Subject, effect: Effect) -> bool:
        """Read on behind the last entry that was seen; True if `effect` itself is there: only its receipt was lost."""
        ours = False
        for stored in await self._news(subject):
            self._seen = stored.seq
            found = await self._bus.message(Effect, stored)
            if found is None:
                continue  # somebody has written what nobody can read, and it means nothing
            rank = found.resumed, found.delivery
            later = found.phase is EffectPhase.HELD and rank > self._rank
            rival = found.hold != self._hold_id and rank >= self._rank
            if later or rival:
                self._lost = True
                raise LeaseLost
            self.record.take(found)
            ours = ours or found == effect
        return ours

    async def _news(self, subject: Subject) -> list[Stored]:
        """Return the entries behind the last one that was seen, of which there must be some.

        Raises:
            LeaseLost: there are none, so that the record is not the one that we have begun.
        """
        for _ in range(LOOKS):
            if found := await self._bus.record([str(subject)], after=self._seen):
                return found
            await anyio.sleep(LAG)
        self._lost = True
        raise LeaseLost

    def entry(
        self,
        phase: EffectPhase,
        what: What | None = None,
        name: str = "",
        place: Place = Place("", 0),  # noqa: B008 - frozen
        **told: Any,
    ) -> Effect:
        """Return an entry of ours."""
        order = self._order
        told |= {"goal": order.goal, "step": order.step, "attempt": order.attempt, "role": order.role}
        told |= {"worker": self._bus.name, "hold": self._hold_id}
        told |= {"delivery": self._delivery, "resumed": order.resumed}
        return Effect(phase=phase, what=what, name=name, call=place.call, occurrence=place.occurrence, **told)
