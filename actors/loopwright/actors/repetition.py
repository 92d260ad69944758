"""Repetition: the same is done, and the same comes of it. Where the world answers differently, it is none.

Among attempts, the same is made and found as wanting as before. Inside an attempt, a call gets an answer that it has
got before; as long as something new comes of every few calls, going back to an old one is no repetition.
"""

from loopwright.actors.frozen import Frozen

SAME_ATTEMPTS = 3
"""The same attempt with the same verdict so often in a row is a repetition."""
STALE_CALLS = 5
"""So many calls in a row that bring nothing new are one. In 200 recorded runs of an agent that books flights, a
successful one never made more than one such call in a row."""
NUDGE = 2
"""From so many on, the agent is told."""
REMEMBERED = 1024
"""Calls of an attempt that are remembered with their answers."""


class Same(Frozen):
    """What came last, and how often in a row."""

    key: str = ""
    times: int = 0


def again(same: Same, key: str) -> Same:
    """Return what came last after `key` came."""
    return same.but(times=same.times + 1) if key == same.key else Same(key=key, times=1)


class Calls:
    """The calls of one run of a handler, with what they brought."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], None] = {}
        self.stale = 0
        """Calls in a row, up to the last, that brought nothing new."""

    def take(self, call: str, answer: str) -> int:
        """Take in a call and its answer, both told by their digests; return how many now bring nothing new."""
        told = (call, answer)
        self.stale = self.stale + 1 if told in self._known else 0
        self._known[told] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return self.stale
