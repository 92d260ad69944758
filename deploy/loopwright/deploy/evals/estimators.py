"""What repeated trials say of a loop: unbiased estimates, and how sure one can be of them.

pass@k is the chance that at least one of k trials succeeds (Chen et al. 2021, "Evaluating Large Language Models
Trained on Code"); pass^k the chance that all k do (Yao et al. 2024, "τ-bench"). Both are estimated from n ≥ k trials
with c successes, by counting the ways to draw k of the n.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt
from statistics import fmean

RESAMPLES = 2000
"""Samples of a bootstrap: its bounds move by less than a hundredth of their distance from one seed to the next."""
Z = 1.959963984540054
"""Standard deviations on either side that hold 95 % of a normal distribution."""
EXACT = 14
"""Differences up to which every choice of signs is counted; more are sampled."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a figure lies with 95 % confidence."""

    low: float
    high: float


def pass_at(k: int, trials: int, passed: int) -> float:
    """Return the chance that one of `k` trials succeeds, estimated from at least `k`.

    Raises:
        ValueError: there are fewer.
    """
    refuse_fewer(k, trials, passed)
    return 1.0 - comb(trials - passed, k) / comb(trials, k)


def pass_all(k: int, trials: int, passed: int) -> float:
    """Return the chance that all of `k` trials succeed, pass^k, estimated from at least `k`.

    Raises:
        ValueError: there are fewer.
    """
    refuse_fewer(k, trials, passed)
    return comb(passed, k) / comb(trials, k)


def refuse_fewer(k: int, trials: int, passed: int) -> None:
    """Raise unless `k` of so many trials can be drawn."""
    if not 0 < k <= trials or not 0 <= passed <= trials:
        raise ValueError(f"{k} of {trials} trials, {passed} of them passed, cannot be drawn")


def wilson(passed: float, trials: int) -> Interval:
    """Return Wilson's score interval of a proportion (1927): it stays in 0..1, and holds for few trials.

    The trials must be independent; where cases are repeated, `bootstrap` over the cases is the honest one.
    """
    if trials == 0:
        return Interval(0.0, 1.0)
    share, weight = passed / trials, Z * Z / trials
    centre = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * sqrt(share * (1 - share) / trials + weight / (4 * trials))
    return Interval(0.0 if passed == 0 else max(0.0, centre - half), 1.0 if passed == trials else centre + half)


def bootstrap(values: Sequence[float], seed: int) -> Interval:
    """Return where the mean of `values` lies, one value a case: the percentiles of means of cases drawn anew.

    Efron's percentile method (1979). The same seed gives the same interval.
    """
    if not values:
        return Interval(0.0, 1.0)
    draw = random.Random(seed)
    means = sorted(fmean(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return Interval(means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1])


def mean_interval(values: Sequence[float], seed: int) -> Interval:
    """Return where the mean of shares lies, one share a case: bootstrapped, but not where all of them are the same.

    Drawing anew from equal values shows no spread, however few there are. Wilson's interval for as many trials does.
    """
    if len(set(values)) > 1:
        return bootstrap(values, seed)
    return wilson(sum(values), len(values))


def chance_of_drop(differences: Sequence[float], seed: int) -> float:
    """Return how likely a mean at most this low is, were each difference as likely to have the other sign.

    Fisher's randomisation test on pairs, one-sided; where each difference is -1, 0 or 1 it is McNemar's exact test.
    """
    moved = [each for each in differences if each]
    observed = sum(moved) + 1e-12  # sums of the same terms in another order count as equal
    if len(moved) <= EXACT:
        sums = [0.0]
        for each in moved:
            sums = [total + sign * each for total in sums for sign in (1, -1)]
        return sum(total <= observed for total in sums) / len(sums)
    draw = random.Random(seed)
    hits = sum(sum(draw.choice((1, -1)) * each for each in moved) <= observed for _ in range(RESAMPLES))
    return (hits + 1) / (RESAMPLES + 1)


def chance_of_fewer(before: int, of_before: int, after: int, of_after: int) -> float:
    """Return how likely so few successes among the later trials are, were there no difference: Fisher's exact test."""
    total, passed = of_before + of_after, before + after
    ways = comb(total, of_after)
    low = max(0, of_after - (total - passed))
    return sum(comb(passed, hits) * comb(total - passed, of_after - hits) for hits in range(low, after + 1)) / ways
