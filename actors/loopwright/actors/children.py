"""The goals that an attempt has submitted: what is set aside for each, and what it came to.

A goal's share goes on the attempt's record before the goal is sent, so that an attempt which is done again after a
crash sends the same goal with the same share. When the attempt hears how it ended, what it took goes on record in its
place, and the rest is free again. Of a goal that has not ended when the attempt does, nobody knows what it will take:
its whole share counts as set aside, for good.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import cached_property

import anyio
import structlog
from pydantic import BaseModel

from loopwright.actors.decisions import first_decision, last_decision
from loopwright.actors.effects import EffectRecord, Place
from loopwright.actors.errors import Retriable
from loopwright.actors.purse import EMPTY, share_for_a_goal
from loopwright.actors.trust import Trust
from loopwright.bus.client import Goals, Run
from loopwright.bus.connection import Bus
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.envelope import validate
from loopwright.bus.errors import IntakeFull
from loopwright.bus.messages import (
    Allowance,
    Json,
    Limits,
    Outcome,
    Parent,
    StepOrder,
    Usage,
)
from loopwright.bus.names import GoalId

log = structlog.get_logger()

PAUSE = 1.0
"""Seconds until a goal is sent again which found the intake full."""
LAST_WORDS = 2.0
"""Seconds to call off the goals of an attempt that is called off itself."""


class Child(Run):
    """A goal that an attempt has submitted."""

    def __init__(self, bus: Bus, goal: GoalId, children: "Children", *, new: bool) -> None:
        super().__init__(bus, goal, new=new)
        self._children = children

    async def outcome(self) -> Outcome:
        """Wait until the goal has ended, and return how; what it did not need of its share is free again."""
        outcome = await super().outcome()
        await self._children.settle(self.goal, outcome)
        return outcome


class Children:
    """The goals of one attempt, as long as one worker holds it."""

    def __init__(
        self,
        bus: Bus,
        order: StepOrder,
        record: EffectRecord,
        put: Callable[[Effect], Awaitable[None]],
        entry: Callable[..., Effect],
        look_first: Callable[[], Awaitable[None]],
        trust: Trust,
    ) -> None:
        self._bus = bus
        self._order = order
        self._record = record
        self._put = put
        self._entry = entry
        self._look_first = look_first
        self._trust = trust

    @cached_property
    def _lock(self) -> anyio.Lock:
        """Has one share taken at a time; most attempts take none."""
        return anyio.Lock()

    @property
    def spent(self) -> Usage:
        """What those took that have ended."""
        return self._record.spent_by_goals

    @property
    def aside(self) -> Allowance | None:
        """What the others may take; None if that is nothing."""
        aside = self._record.aside
        return None if aside == EMPTY else Allowance.of(**aside.__dict__)

    async def submit(
        self, loop: str, input: BaseModel | Json, *, name: str = "", limits: Limits | Json | None = None
    ) -> Child:
        """Submit a goal, with a share of what the attempt may spend.

        Raises:
            StepFailed: nothing is left to share.
            Retriable: the intake is full.
            Unreadable: what they say is not a goal.
        """
        await self._look_first()
        id_ = goal_of(self._order, loop, name)
        told = limits if isinstance(limits, Limits) else validate(Limits, limits or {})
        new = id_ not in self._record.goals
        share = await self._share(id_, loop, told)
        if self._record.goals[id_].phase is EffectPhase.RESERVED:
            await self._send(id_, loop, input, told, share)
        return Child(self._bus, id_, self, new=new)

    async def _share(self, goal: GoalId, loop: str, limits: Limits) -> Allowance | None:
        """Return what is set aside for a goal, on record before it is sent."""
        async with self._lock:
            if (known := self._record.goals.get(goal)) is None:
                left = self._order.left
                share = share_for_a_goal(left, self._record.committed, limits) if left else None
                known = self._of(goal, loop, EffectPhase.RESERVED, share)
                await self._put(known)
            return known.aside

    async def _send(
        self, goal: GoalId, loop: str, input: BaseModel | Json, limits: Limits, share: Allowance | None
    ) -> None:
        order = self._order
        parent = Parent(goal=order.goal, step=order.step, attempt=order.attempt, left=share, until=await self._until())
        try:
            await Goals(self._bus).submit(
                loop,
                input,
                goal=goal,
                limits=limits,
                hops=order.hops + 1,
                parent=parent,
                untrusted=self._trust.untrusted,
            )
        except IntakeFull as error:
            raise Retriable(str(error), wait=PAUSE) from error

    async def _until(self) -> datetime | None:
        """Return when the time is up of the goal on whose behalf we work; None if nobody knows it."""
        known = await first_decision(self._bus, self._order.goal)
        if known is not None:
            return known.decision.standing.ends
        last = (await last_decision(self._bus, self._order.goal, sure=True)).decision  # a replica may lag behind
        return last.standing.ends if last else None

    async def settle(self, goal: GoalId, outcome: Outcome) -> None:
        """Put on record what a goal took that has ended. Who hears what it came to has met what that was made of."""
        self._trust.meet(untrusted=outcome.untrusted)
        known = self._record.goals[goal]
        if known.phase is EffectPhase.RESERVED:
            usage = outcome.usage + Usage(steps=outcome.steps, all_attempts=outcome.attempts)
            await self._put(self._of(goal, known.name, EffectPhase.DONE, outcome.set_aside, usage))

    async def settle_all(self) -> None:
        """Put on record what each goal took that has ended by now."""
        for goal in self._open():
            if (outcome := await Run(self._bus, goal).ended()) is not None:
                await self.settle(goal, outcome)

    async def call_off(self) -> None:
        """Call off the goals that have not ended: the attempt is called off, and nobody waits for them any more."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(LAST_WORDS):
            for goal in self._open():
                log.info("goal.called_off", child=goal)
                why = f"{self._order.goal}, on whose behalf it was submitted, does not wait for it any more."
                await Run(self._bus, goal).cancel(why, serves=self._order.goal)

    def _open(self) -> list[GoalId]:
        """Return the goals of which we have not heard the end."""
        return [GoalId(goal) for goal, known in self._record.goals.items() if known.phase is EffectPhase.RESERVED]

    def _of(
        self,
        goal: GoalId,
        loop: str,
        phase: EffectPhase,
        aside: Allowance | None,
        usage: Usage = Usage(),  # noqa: B008 - frozen
    ) -> Effect:
        return self._entry(phase, "goal", loop, Place(goal, 1), key=goal, aside=aside, usage=usage)


def goal_of(order: StepOrder, loop: str, name: str) -> GoalId:
    """Return the id of a goal that an attempt submits: the same, whoever does the attempt."""
    told = json.dumps([order.goal, order.step, order.attempt, order.role, loop, name])
    return GoalId(f"g{hashlib.sha256(told.encode()).hexdigest()[:20]}")
