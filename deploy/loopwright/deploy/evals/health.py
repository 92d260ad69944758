"""How evaluators fared over a run: whether they failed, contradicted themselves, or told nothing apart."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from loopwright.actors.faults import GoalRecord
from loopwright.actors.faults.recorded import work_of

MANY = 20
"""Different outputs from which on one and the same score for all of them is told; a few may well deserve it."""
APART = 1e-9


class Judging(BaseModel):
    """What one evaluator did."""

    model_config = ConfigDict(frozen=True)

    verdicts: int = 0
    failures: int = 0
    """Times it had no verdict."""
    outputs: int = 0
    """Different outputs that it judged, those of each goal for themselves."""
    contradictions: int = 0
    """Outputs to which it gave different scores."""
    low: float = 1.0
    """The lowest score that it gave."""
    high: float = 0.0

    def __add__(self, other: "Judging") -> "Judging":
        return Judging(
            verdicts=self.verdicts + other.verdicts,
            failures=self.failures + other.failures,
            outputs=self.outputs + other.outputs,
            contradictions=self.contradictions + other.contradictions,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
        )

    @property
    def sickness(self) -> str:
        """What is wrong with it, in words; nothing, if nothing is known to be."""
        told: list[str] = []
        if self.failures:
            told.append(f"failed {self.failures} times")
        if self.contradictions:
            told.append(f"contradicted itself on {self.contradictions} of {self.outputs} outputs")
        if self.outputs >= MANY and self.high - self.low < APART:
            told.append(f"gave {self.low:g} to all {self.outputs} outputs")
        return ", ".join(told)


def judging_of(record: GoalRecord) -> dict[str, Judging]:
    """Return what each evaluator did in a goal; the baseline is the goal's own input, and no output.

    Verdicts that speak of more than the output are left out: two of them may differ with good reason.
    """
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    failures: dict[str, int] = defaultdict(int)
    for tried in record.tried:
        for each in tried.verdicts:
            if tried.is_called_off:
                continue  # it was told to stop
            if each.message.failure is not None:
                failures[each.message.judge] += 1
            elif tried.number > 0 and not each.message.beyond:
                scores[each.message.judge][work_of(tried)].append(each.message.score)
    return {judge: judging(scores[judge], failures[judge]) for judge in sorted({*scores, *failures})}


def judging(scores: Mapping[str, list[float]], failures: int) -> Judging:
    """Return what an evaluator did, of the scores that it gave to each output."""
    given = [score for each in scores.values() for score in each]
    return Judging(
        verdicts=len(given),
        failures=failures,
        outputs=len(scores),
        contradictions=sum(max(each) - min(each) > APART for each in scores.values()),
        low=min(given, default=1.0),
        high=max(given, default=0.0),
    )


def together(judgings: Iterable[Mapping[str, Judging]]) -> dict[str, Judging]:
    """Return what evaluators did over all goals."""
    found: dict[str, Judging] = defaultdict(Judging)
    for each in judgings:
        for judge, told in each.items():
            found[judge] += told
    return dict(found)
