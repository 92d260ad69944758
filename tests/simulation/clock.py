"""A clock that nobody waits for: an event loop whose time jumps to the next timer when nothing is left to do.

Everything that asks `loop.time()` follows it, which anyio's clock, sleeps and time limits all do. The loop knows which
simulated process each callback belongs to (by its context), so that a process can be frozen as SIGSTOP does: its
callbacks and timers wait, and run in their order when it is woken.
"""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar

PROCESS: ContextVar[str] = ContextVar("PROCESS", default="")
"""The simulated process that a callback belongs to; empty for the world around them."""


class NothingLeft(Exception):
    """Everybody waits, and nothing will ever happen."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop on virtual time, without a selector: nothing comes from outside."""

    _ready: deque[asyncio.Handle]
    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._count = itertools.count()
        self._parked: dict[str, list[asyncio.Handle]] = {}

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def call_at[*A](
        self, when: float, callback: Callable[[*A], object], *args: *A, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call back at a time; what is due at one time comes in the order in which it was asked for."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._count), handle))
        return handle

    def freeze(self, process: str) -> None:
        """Run nothing of a process until it is woken."""
        self._parked.setdefault(process, [])

    def wake(self, process: str) -> None:
        """Let a frozen process go on; what its timers have missed comes due at once."""
        self._ready.extend(self._parked.pop(process, ()))

    def is_frozen(self, process: str) -> bool:
        """Tell whether a process is frozen."""
        return process in self._parked

    def _run_once(self) -> None:
        """Run what is ready; if nothing is, let the time jump to the next timer first."""
        ready, timers = self._ready, self._timers
        if not ready and not self._stopping:
            while timers and timers[0][2]._cancelled:
                heapq.heappop(timers)
            if not timers:
                raise NothingLeft("everybody waits, and nothing will ever happen")
            self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            if self._parked and (parked := self._parked.get(process_of(handle))) is not None:
                parked.append(handle)
                continue
            handle._run()

    def _write_to_self(self) -> None:
        """Wake a selector, which there is none."""


def process_of(handle: asyncio.Handle) -> str:
    """Return the process that a callback belongs to."""
    return handle.get_context().get(PROCESS, "")
