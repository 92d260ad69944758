"""An orchestrator's eye on who serves which role and has which loop: no goal waits for somebody who is not there."""

import math
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import anyio
import structlog

from loopwright.actors.standing import Standing
from loopwright.actors.unserved import UNSERVED, Unserved, look_again, roles_needed
from loopwright.bus.connection import Bus
from loopwright.bus.presence import RENEWAL, Roster, roster, serves

log = structlog.get_logger()

REMEMBERED = 10_000
"""Goals whose timers we take back when they end; one that is forgotten fires in vain."""


class Lookout:
    """Knows who is there from what it hears; asks nobody while all roles are served."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._roster = Roster()
        self._asked: dict[str, tuple[float, bool]] = {}
        self._minded: OrderedDict[str, None] = OrderedDict()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Listen while the body runs."""
        async with roster(self._bus) as self._roster:
            yield

    def may_have(self, loop: str, at: datetime) -> bool:
        """Tell whether others may have a loop that we have not, of which a goal was submitted at a time.

        False once it is known that nobody who serves has it.
        """
        return self._roster.may_have(loop, waited=at < self._bus.nc.heard_since)

    def has(self, loop: str) -> bool:
        """Tell whether an orchestrator that serves has a loop."""
        return self._roster.has(loop)

    def loops(self) -> list[str]:
        """Return every loop that an orchestrator has which serves."""
        return self._roster.loops()

    async def mind(self, standing: Standing, at: datetime) -> None:
        """Have the broker say when to look again at a goal that waits for a role which nobody serves now."""
        goal = standing.goal.goal
        if standing.over:
            if goal in self._minded:
                del self._minded[goal]
                self._bus.forget_timer(goal, UNSERVED)
            return
        missing = [role for role in roles_needed(standing) if not self._roster.serves(role)]
        if missing:
            log.info("role.unserved", goal=goal, roles=missing)
            await self._bus.set_timer(look_again(goal, at, standing.bounds.unserved))
            self._minded[goal] = None
            if len(self._minded) > REMEMBERED:
                self._minded.popitem(last=False)

    async def look_again(self, standing: Standing, at: datetime) -> Unserved | None:
        """Return the role that nobody has served for longer than the goal waits; None if all is well, or not sure yet.

        Where it is not sure the broker will say once more when to look.
        """
        goal = standing.goal.goal
        missing = [role for role in roles_needed(standing) if not await self._is_served(role)]
        if not missing:
            return None
        seconds, role = max((self._roster.unserved(role), role) for role in missing)
        if seconds < standing.bounds.unserved:
            await self._bus.set_timer(look_again(goal, at, standing.bounds.unserved - seconds))
            return None
        return Unserved(goal=goal, role=role, seconds=seconds)

    async def _is_served(self, role: str) -> bool:
        """Tell whether a role is served, also by those who say nothing of themselves; they are asked for seldom."""
        if self._roster.serves(role):
            return True
        at, served = self._asked.get(role, (-math.inf, False))
        if anyio.current_time() - at > RENEWAL:
            served = await serves(self._bus, role)
            self._asked[role] = anyio.current_time(), served
        return served
