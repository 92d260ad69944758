"""Telling whoever looks on which steps are being done, if they take long enough to be seen, and which are over."""

import asyncio
from contextvars import copy_context

from loopwright.actors.work import glimpse
from loopwright.bus.connection import Bus
from loopwright.bus.messages import StepOrder

NOTICED = 0.25
"""Seconds after which a step that is being done is shown."""


class Glimpses:
    """The steps that are being done in one process. Most are over before they are seen, and share one timer."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.unseen: dict[Glimpse, float] = {}
        """When each is to be shown; the oldest first."""
        self._next: asyncio.TimerHandle | None = None
        self._context = copy_context()
        """What the timer runs in; in that of the step which begins it, lines of the log would speak of that step."""

    def of(self, order: StepOrder) -> "Glimpse":
        """Tell of the step that an order is about while the body does it."""
        return Glimpse(self, order)

    def look_in_time(self) -> None:
        """See to it that the oldest is shown when it is time."""
        if self._next is None and self.unseen:
            due = next(iter(self.unseen.values()))
            self._next = asyncio.get_running_loop().call_at(due, self._look, context=self._context)

    def _look(self) -> None:
        now, self._next = asyncio.get_running_loop().time(), None
        for each in [each for each, due in self.unseen.items() if due <= now]:
            each.show()
        self.look_in_time()


class Glimpse:
    """A step that is being done, as whoever looks on is told of it."""

    __slots__ = ("_all", "_order")

    def __init__(self, all_: Glimpses, order: StepOrder) -> None:
        self._all = all_
        self._order = order

    def __enter__(self) -> None:
        self._all.unseen[self] = asyncio.get_running_loop().time() + NOTICED
        self._all.look_in_time()

    def __exit__(self, *_: object) -> None:
        if self._all.unseen.pop(self, None) is None:
            glimpse(self._all.bus, self._order, "")

    def show(self) -> None:
        """Show that the step is being done."""
        del self._all.unseen[self]
        glimpse(self._all.bus, self._order, "begins")
