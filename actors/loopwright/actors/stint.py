"""The time that a worker has for an attempt, and what cuts it short: one cancel scope for all of it.

It is over when that time is up, and earlier when people are asked, or when the goal has ended.
"""

import asyncio

import anyio


class Stint:
    """A worker's time with an attempt."""

    def __init__(self) -> None:
        self._scope: anyio.CancelScope | None = None
        self.is_called_off = False
        """Whether nobody waits any more for what comes of it."""

    @property
    def is_over(self) -> bool:
        """Whether its time is up, or it was cut short."""
        return self._scope is not None and self._scope.cancel_called

    def lasting(self, seconds: float) -> anyio.CancelScope:
        """Return what the work is done in: it is left when so many seconds are over, or before."""
        self._scope = anyio.CancelScope(deadline=asyncio.get_running_loop().time() + seconds)
        if self.is_called_off:
            self._scope.cancel()
        return self._scope

    def cut_short(self) -> None:
        """Have the work left now."""
        if self._scope is not None:
            self._scope.cancel()

    def call_off(self) -> None:
        """Have it left for good."""
        self.is_called_off = True
        self.cut_short()
