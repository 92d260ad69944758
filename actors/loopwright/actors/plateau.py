"""The plateau: proposal after proposal, and the score gets no better.

A gain is a score above the one at the last gain by more than the tolerance, so that many small steps add up to one.
Where the tolerance is not zero, scores are noisy: a lucky one sets the mark too high for a while. So a loop that has
waited long enough is given as much time again while the line through its last scores rises by more than chance
explains (Student's t of a least-squares slope, one-sided).
"""

import math

from loopwright.actors.frozen import Frozen

WINDOW = 12
"""Scores through which a line is laid."""
RISING = 2.0
"""Student's t from which a line is taken to rise: chance alone does that to one flat line in thirty."""
AT_LEAST = 4
"""Scores that a line needs."""


class Climb(Frozen):
    """How the scores have risen."""

    mark: float | None = None
    """The score at the last gain; before the first, that of the baseline, if there is one."""
    since: int = 0
    """Distinct proposals since then."""
    recent: tuple[float, ...] = ()
    """The last scores, where they are noisy."""


def climbed(climb: Climb, score: float, size: int, tolerance: float) -> Climb:
    """Return how the scores have risen after another one, of so many proposals."""
    recent = (*climb.recent, score)[-WINDOW:] if tolerance else ()
    if climb.mark is None or score > climb.mark + tolerance:
        return climb.but(mark=score, since=0, recent=recent)
    return climb.but(since=climb.since + size, recent=recent)


def stayed(climb: Climb, size: int) -> Climb:
    """Return the same after proposals that have no score."""
    return climb.but(since=climb.since + size)


def is_flat(climb: Climb, patience: int) -> bool:
    """Tell whether the score has not improved for as many proposals as the patience."""
    if climb.since < patience:
        return False
    return climb.since >= 2 * patience or not rises(climb.recent)


def rises(scores: tuple[float, ...]) -> bool:
    """Tell whether the line through scores rises by more than chance explains."""
    count = len(scores)
    if count < AT_LEAST:
        return False
    middle, mean = (count - 1) / 2, math.fsum(scores) / count
    spread = math.fsum((number - middle) ** 2 for number in range(count))
    slope = math.fsum((number - middle) * (score - mean) for number, score in enumerate(scores)) / spread
    error = math.fsum((score - mean - slope * (number - middle)) ** 2 for number, score in enumerate(scores))
    return slope > RISING * math.sqrt(error / (count - 2) / spread)
