"""Oscillation: attempts go round in a circle, A, B, A, B or longer, told by what was made or by how it failed."""

from loopwright.actors.frozen import Frozen

PERIODS = (2, 3, 4)
"""How many different places a circle may have; what stays in one place is a repetition."""


class Trail(Frozen):
    """Where the last attempts have led, as far as it takes to see a circle."""

    keys: tuple[str, ...] = ()
    """The last four places."""
    runs: tuple[int, ...] = (0, 0, 0)
    """For each period, how many attempts in a row have led to where the one so many before had led."""


def led(trail: Trail, key: str) -> Trail:
    """Return the trail after an attempt that has led to `key`."""
    keys = trail.keys
    runs = [
        run + 1 if len(keys) >= period and keys[-period] == key else 0
        for period, run in zip(PERIODS, trail.runs, strict=True)
    ]
    return trail.but(keys=(*keys, key)[-PERIODS[-1] :], runs=tuple(runs))


def circle_of(trail: Trail, times: int) -> int:
    """Return the period of the shortest circle that was run through so many times; 0 if there is none."""
    if not any(trail.runs):
        return 0
    for period, run in zip(PERIODS, trail.runs, strict=True):
        if run >= (times - 1) * period and len(set(trail.keys[-period:])) > 1:
            return period
    return 0
