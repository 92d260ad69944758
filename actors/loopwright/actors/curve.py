"""The curve of an attempt's scores, of bounded length however many attempts there are."""

from loopwright.actors.frozen import Frozen

POINTS = 32
"""Points of a curve at most."""


class Curve(Frozen):
    """Scores in the order of the attempts; where there were many, each point is the best of a few."""

    points: tuple[float, ...] = ()
    each: int = 1
    """Attempts to a point; a power of two."""
    last: int = 0
    """Attempts in the last point, which may have fewer."""


def drawn(curve: Curve, score: float) -> Curve:
    """Return the curve with another score."""
    score = round(score, 4)
    points = curve.points
    if points and curve.last < curve.each:
        return curve.but(points=(*points[:-1], max(points[-1], score)), last=curve.last + 1)
    if len(points) < POINTS:
        return curve.but(points=(*points, score), last=1)
    halved = tuple(max(pair) for pair in zip(points[::2], points[1::2], strict=True))
    return Curve(points=(*halved, score), each=2 * curve.each, last=1)
