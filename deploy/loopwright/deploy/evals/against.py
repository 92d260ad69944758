"""Two runs of a suite, compared case by case: what has changed, and whether it is worse than chance explains.

Three things count as a regression: the mean over the cases has fallen (a randomisation test on the paired cases), a
case has fallen (Fisher's exact test on its trials, held to a smaller chance the more cases there are, after Holm), or
a case that passed every trial now passes none.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict

from loopwright.deploy.evals.estimators import bootstrap, chance_of_drop, chance_of_fewer
from loopwright.deploy.evals.tally import Figure, cases_of, figure
from loopwright.deploy.evals.trials import Trial

UNLIKELY = 0.05
"""The chance below which a fall is not put down to chance."""


class Change(BaseModel):
    """How often a case passed, before and now."""

    model_config = ConfigDict(frozen=True)

    before: int
    of_before: int
    now: int
    of_now: int

    @property
    def difference(self) -> float:
        """By how much the share of passed trials has risen."""
        return self.now / self.of_now - self.before / self.of_before

    @property
    def broke(self) -> bool:
        """Whether every trial passed before, and none does now."""
        return self.before == self.of_before and self.now == 0

    @property
    def chance(self) -> float:
        """How likely so few successes are, were there no difference."""
        return chance_of_fewer(self.before, self.of_before, self.now, self.of_now)


class Comparison(BaseModel):
    """What has changed between two runs."""

    model_config = ConfigDict(frozen=True)

    before: str
    """The run that is compared with."""
    now: str
    difference: Figure
    """By how much the mean of the cases' success has risen; paired, bootstrapped over the cases."""
    chance: float
    """How likely such a fall is by chance."""
    cases: dict[str, Change]
    """The cases that both have decided trials of."""
    missing: tuple[str, ...]
    """Cases of the earlier run of which nothing is known now."""
    new: tuple[str, ...]
    """Cases that the earlier run knows nothing of."""
    regressions: tuple[str, ...]
    """What is worse, in sentences; nothing, if nothing is."""


def compare(before: str, earlier: Sequence[Trial], now: str, later: Sequence[Trial], seed: int) -> Comparison:
    """Return what has changed between two runs; trials that say nothing of the loop do not count."""
    old, new = decided(earlier), decided(later)
    both = {name: change(old[name], new[name]) for name in old if name in new}
    differences = [each.difference for each in both.values()]
    chance = chance_of_drop(differences, seed)
    mean = figure(fmean(differences) if both else 0.0, bootstrap(differences, seed), len(both))
    return Comparison(
        before=before,
        now=now,
        difference=mean,
        chance=round(chance, 6),
        cases=both,
        missing=tuple(name for name in old if name not in new),
        new=tuple(name for name in new if name not in old),
        regressions=(*overall(mean, chance), *fallen(both)),
    )


def decided(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    """Return the trials that count, by their cases."""
    return cases_of(trial for trial in trials if trial.apart is None)


def change(earlier: Sequence[Trial], later: Sequence[Trial]) -> Change:
    """Return how often a case passed, before and now."""
    before, now = (sum(trial.passed for trial in trials) for trials in (earlier, later))
    return Change(before=before, of_before=len(earlier), now=now, of_now=len(later))


def overall(mean: Figure, chance: float) -> list[str]:
    """Return that all cases together are worse, if they are."""
    if mean.value >= 0 or chance > UNLIKELY:
        return []
    return [f"The mean success of {mean.of} cases fell by {-mean.value:.1%}; by chance that happens in {chance:.1%}."]


def fallen(changes: Mapping[str, Change]) -> list[str]:
    """Return which cases are worse than chance explains: Holm's procedure (1979) over all of them."""
    told: list[str] = []
    unlikely = True
    by_chance = sorted(changes.items(), key=lambda item: item[1].chance)
    for number, (name, each) in enumerate(by_chance):
        unlikely = unlikely and each.chance <= UNLIKELY / (len(changes) - number)
        if each.difference < 0 and (unlikely or each.broke):
            told.append(f"{name} passed {each.before} of {each.of_before} trials, and now {each.now} of {each.of_now}.")
    return told
