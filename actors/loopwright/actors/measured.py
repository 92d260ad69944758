"""What is measured of the attempts at a step, as far as the rules need it: a value whose size does not grow."""

from loopwright.actors.curve import Curve, drawn
from loopwright.actors.fingerprint import digest
from loopwright.actors.frozen import Frozen
from loopwright.actors.oscillation import Trail, led
from loopwright.actors.plateau import Climb, climbed, stayed
from loopwright.actors.repetition import Same, again

SHOWN = 8
"""Messages that bear witness to what was measured."""
NOTHING = Same()


class Measured(Frozen):
    """What is known of the attempts at a step since the loop last did something about them."""

    climb: Climb = Climb()
    curve: Curve = Curve()
    made: Trail = Trail()
    """What was made."""
    failed: Trail = Trail()
    """How it failed."""
    same: Same = NOTHING
    """What was made, and how it failed."""
    round: tuple[tuple[str, str, float | None], ...] = ()
    """The lanes of a race that were refused while others are under way: what each made, how it failed, its score."""
    shown: tuple[int, ...] = ()
    """Places in the stream of the last messages that ended an attempt."""

    def from_baseline(self, score: float, seq: int) -> "Measured":
        """Return what is measured once the input was judged as it stands."""
        return self.but(climb=self.climb.but(mark=score), shown=(seq,))

    def met(self, score: float, seq: int) -> "Measured":
        """Return what is measured after the attempt that was accepted."""
        return self.but(curve=drawn(self.curve, score), shown=(seq,))

    def judged(
        self, score: float | None, size: int, made: str, failure: str, seq: int, tolerance: float, lane: int = 0
    ) -> "Measured":
        """Return what is measured after an attempt that was refused, with what tells its output and its failure.

        One that only the acceptance evaluator has refused has no score that compares with those of others. Whoever
        improves goes round in no circle: what came before a gain is forgotten. The lanes of a race know nothing of each
        other, so that two which make the same repeat nothing: where they have led is told by the round as a whole.
        """
        climb = stayed(self.climb, size) if score is None else climbed(self.climb, score, size, tolerance)
        gained = climb.since == 0 and climb.mark != self.climb.mark
        before = NEW if gained else self
        if lane:
            lanes = (*self.round, (made, failure, level(score, tolerance)))
            curve = self.curve if score is None else drawn(self.curve, score)
            told = {name: getattr(before, name) for name in ("made", "failed", "same")}
            return self.but(climb=climb, curve=curve, round=lanes, shown=(*before.shown, seq)[-SHOWN:], **told)
        return Measured.of(
            climb=climb,
            curve=self.curve if score is None else drawn(self.curve, score),
            made=led(before.made, made),
            failed=led(before.failed, failure),
            same=again(before.same, digest(f"{made} {failure} {level(score, tolerance)}")),
            shown=(*before.shown, seq)[-SHOWN:],
        )

    def without_score(self, size: int, failure: str, seq: int, lane: int = 0) -> "Measured":
        """Return what is measured after an attempt that has nothing to show."""
        if lane:
            climb, shown = stayed(self.climb, size), (*self.shown, seq)[-SHOWN:]
            return self.but(climb=climb, round=(*self.round, ("", failure, None)), shown=shown)
        return self.but(
            climb=stayed(self.climb, size),
            made=NEW.made,
            failed=led(self.failed, failure),
            same=NOTHING,
            shown=(*self.shown, seq)[-SHOWN:],
        )

    def round_over(self) -> "Measured":
        """Return what is measured once every lane of a race was refused: in whatever order, the round is one story."""
        lanes = set(self.round)
        made = [each[0] for each in lanes if each[0]]
        came_to = digest(" ".join(sorted(made))) if made else ""
        failed = digest(" ".join(sorted(each[1] for each in lanes)))
        return self.but(
            made=led(self.made, came_to) if made else NEW.made,
            failed=led(self.failed, failed),
            same=again(self.same, digest(str(sorted(map(str, lanes))))) if made else NOTHING,
            round=(),
        )

    def anew(self) -> "Measured":
        """Return what is measured once something was done about it: the next attempts are another story.

        Only where the last ones have led is still known: who goes there again has learnt nothing.
        """
        return self.but(
            climb=self.climb.but(since=0, recent=()),
            made=self.made.but(runs=NEW.made.runs),
            failed=self.failed.but(runs=NEW.failed.runs),
            same=self.same.but(times=min(1, self.same.times)),
        )


NEW = Measured()


def level(score: float | None, tolerance: float) -> float | None:
    """Return a score such that those which differ by less than the tolerance mostly have the same."""
    return round(score / tolerance) if tolerance and score is not None else score
