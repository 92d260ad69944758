"""Repetition: the same is made, and found as wanting as before. Where the verdict is another, it is none."""

from loopwright.actors.frozen import Frozen

SAME_ATTEMPTS = 3
"""The same attempt with the same verdict so often in a row is a repetition."""


class Same(Frozen):
    """What came last, and how often in a row."""

    key: str = ""
    times: int = 0


def again(same: Same, key: str) -> Same:
    """Return what came last after `key` came."""
    return same.but(times=same.times + 1) if key == same.key else Same.of(key=key, times=1)
