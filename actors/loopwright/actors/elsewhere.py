"""Goals whose loop others have: given back to the intake, which hands them to whoever asks next.

The server serves those who ask by turns, so among ten orchestrators such a goal comes to each of them after some nine
others. It waits for longer each time, for the one that has its loop may be busy; and however many there are, those that
one orchestrator gives back return no faster than one opens goals. So nobody turns in a circle, and whoever has the loop
gets as many as it can open.
"""

from collections.abc import Callable

import anyio
import structlog

log = structlog.get_logger()

PAUSE = 0.005
"""Seconds that a goal waits, for each time that it was handed out."""
LONGEST = 0.1
"""Seconds that it waits at most where somebody has its loop, unless many are given back."""
ABSENT = 0.5
"""Seconds that it waits where nobody has: whoever had it may be started anew."""
RATE = 500.0
"""Goals a second that one orchestrator gives back: more than one opens that has their loop."""
TOLD = 10.0
"""Seconds between two lines in the log."""


class Elsewhere:
    """What one orchestrator gives back."""

    def __init__(self, clock: Callable[[], float] = anyio.current_time) -> None:
        self._clock = clock
        self._returns = 0.0
        """When the last one is handed out again, if they go one after the other."""
        self._count = 0
        self._told: float | None = None

    def pause(self, loop: str, deliveries: int, *, served: bool) -> float:
        """Return for how many seconds to give back a goal that was handed out so often; `served` if others have it."""
        now = self._clock()
        self._tell(loop, now)
        self._returns = max(self._returns, now) + 1 / RATE
        return max(self._returns - now, min(LONGEST, PAUSE * deliveries) if served else ABSENT)

    def _tell(self, loop: str, now: float) -> None:
        """Have the log tell of it now and then."""
        self._count += 1
        if self._told is None or now - self._told >= TOLD:
            log.info("goal.elsewhere", loop=loop, times=self._count)
            self._told, self._count = now, 0
