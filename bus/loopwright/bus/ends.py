"""Hearing that goals end: one ear a connection, for everybody there who works on a goal or waits for it.

An end is overheard as it is written, not read from the stream, and may be missed: whoever must know looks at the
record as well.
"""

from collections import OrderedDict
from collections.abc import Callable

from nats.aio.subscription import Subscription

from loopwright.bus.subjects import Subject
from loopwright.bus.wire import Arrival, WireClient

REMEMBERED = 10_000
"""Ends that are remembered."""

type Told = Callable[[Arrival], None]


class Telling:
    """Who is told of a goal's end, as long as the body runs."""

    __slots__ = ("_everyone", "_goal", "_told")

    def __init__(self, everyone: dict[str, set[Told]], goal: str, told: Told) -> None:
        self._everyone = everyone
        self._goal = goal
        self._told = told

    def __enter__(self) -> None:
        self._everyone.setdefault(self._goal, set()).add(self._told)

    def __exit__(self, *_: object) -> None:
        others = self._everyone[self._goal]
        others.discard(self._told)
        if not others:
            del self._everyone[self._goal]


class Ends:
    """What a connection has overheard of the ends of goals."""

    def __init__(self, nc: WireClient, ns: str) -> None:
        self._nc = nc
        self._filter = str(Subject.of("event", ns=ns, goal="any")).removesuffix("any") + "*"
        self._lane: Subscription | None = None
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._told: dict[str, set[Told]] = {}

    async def listen(self) -> None:
        """Listen from now on; once is enough for a connection's life."""
        if self._lane is None:
            self._lane = await self._nc.lane(self._filter, self._heard)

    def may_have_ended(self, goal: str) -> bool:
        """Tell whether an end of the goal was overheard lately; the record knows for sure."""
        return goal in self._recent

    def telling(self, goal: str, told: Told) -> "Telling":
        """Have `told` called with what is overheard of the goal's end while the body runs."""
        return Telling(self._told, goal, told)

    def _heard(self, arrival: Arrival) -> None:
        goal = arrival.subject.rpartition(".")[2]
        self._recent[goal] = None
        if len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        for told in tuple(self._told.get(goal, ())):
            told(arrival)
