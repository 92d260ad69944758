"""What the trials of a run say, case by case and in total: pure figures, no printing."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Literal

from pydantic import BaseModel, ConfigDict

from loopwright.bus import Usage
from loopwright.deploy.evals.estimators import Interval, mean_interval, pass_all, pass_at, wilson
from loopwright.deploy.evals.health import Judging, together
from loopwright.deploy.evals.trials import Apart, Trial, score_after

MANY = 8
"""Up to which every k is told; above it the powers of two, and the largest."""
LOOKS = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
"""After how many attempts the score is told."""

type Estimate = Callable[[int, int, int], float]


class Figure(BaseModel):
    """A figure, and where it lies with 95 % confidence."""

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float
    of: int
    """Trials for a share of trials, cases for a mean over cases."""


class Spread(BaseModel):
    """How a figure is spread over trials."""

    model_config = ConfigDict(frozen=True)

    median: float
    p90: float
    most: float


class Effort(BaseModel):
    """What trials took."""

    model_config = ConfigDict(frozen=True)

    attempts: Spread
    seconds: Spread
    usage: Usage
    """All together."""


class Tally(BaseModel):
    """What trials came to, of one case or of all."""

    model_config = ConfigDict(frozen=True)

    trials: int
    decided: int
    """Those that say something of the loop: only these count for a rate."""
    passed: int
    success: Figure
    """Share of the decided trials that passed, with Wilson's interval."""
    pass_at: dict[int, Figure]
    """The chance that one of k trials passes; the mean over cases that have k decided trials, bootstrapped."""
    pass_all: dict[int, Figure]
    """The chance that all of k trials pass: pass^k."""
    score: Figure | None
    """The mean of the cases' mean final scores, bootstrapped; None where nothing is decided."""
    curve: dict[int, float]
    """The mean of the best score after so many attempts."""
    accepted_by: dict[int, int]
    """How many trials were accepted by so many attempts."""
    attempts_to_accept: Spread | None
    effort: Effort | None
    false_successes: int
    """Results that passed the loop's evaluators and were false."""
    stops: dict[str, int]
    """Trials by their stop reason, those apart left out."""
    faults: dict[str, int]
    """Failed trials by whose fault it was."""
    evaluators: dict[str, Judging]
    """What the evaluators did, in decided trials and in those that were an evaluator's fault."""
    breaches: dict[str, int]
    """Decided trials by the rules that they broke."""
    apart: dict[str, int]
    """Trials that say nothing of the loop, by why."""


class Report(BaseModel):
    """What a run says."""

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    run: str
    suite: str
    machine: str
    seed: int
    """Of the bootstraps."""
    total: Tally
    cases: dict[str, Tally]


def report_of(run: str, suite: str, machine: str, trials: Sequence[Trial], seed: int) -> Report:
    """Return what a run says, all of it and case by case."""
    by_case = cases_of(trials)
    cases = {name: tally(each, seed) for name, each in by_case.items()}
    return Report(run=run, suite=suite, machine=machine, seed=seed, total=tally(trials, seed), cases=cases)


def cases_of(trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    """Return trials by their cases, in the order in which the cases came."""
    found: dict[str, list[Trial]] = defaultdict(list)
    for trial in sorted(trials, key=lambda each: each.repetition):
        found[trial.case].append(trial)
    return dict(found)


def tally(trials: Sequence[Trial], seed: int) -> Tally:
    """Return what trials came to."""
    decided = [trial for trial in trials if trial.apart is None]
    passed = [trial for trial in decided if trial.passed]
    by_case = cases_of(decided)
    return Tally(
        trials=len(trials),
        decided=len(decided),
        passed=len(passed),
        success=figure(len(passed) / len(decided) if decided else 0.0, wilson(len(passed), len(decided)), len(decided)),
        pass_at=estimated(pass_at, by_case, seed),
        pass_all=estimated(pass_all, by_case, seed),
        score=mean_over(by_case, lambda each: each.score, seed),
        curve=mean_curve(decided),
        accepted_by=accepted_by(passed),
        attempts_to_accept=spread([each.accepted_at for each in passed if each.accepted_at is not None]),
        effort=effort(decided),
        false_successes=sum(trial.false_successes for trial in decided),
        stops=counted(trial.reason for trial in decided),
        faults=counted(trial.fault for trial in decided if not trial.passed),
        evaluators=together(trial.evaluators for trial in trials if trial.apart in {None, Apart.EVALUATOR}),
        breaches=counted(rule for trial in decided for rule in trial.breaches),
        apart=counted(str(trial.apart) for trial in trials if trial.apart),
    )


def figure(value: float, interval: Interval, of: int) -> Figure:
    """Return a figure with its interval, to so many digits that a person may read them.

    An unbiased estimate may lie outside the interval, which is then as wide as to hold it: of two trials one passed,
    pass^2 is estimated at 0, although it cannot be 0.
    """
    low, high = min(value, interval.low), max(value, interval.high)
    return Figure(value=round(value, 6), low=round(low, 6), high=round(high, 6), of=of)


def estimated(estimate: Estimate, by_case: Mapping[str, Sequence[Trial]], seed: int) -> dict[int, Figure]:
    """Return an estimate for every k that some case has trials for."""
    counts = [(len(trials), sum(trial.passed for trial in trials)) for trials in by_case.values()]
    told: dict[int, Figure] = {}
    for k in ks(max((trials for trials, _ in counts), default=0)):
        values = [estimate(k, trials, passed) for trials, passed in counts if trials >= k]
        told[k] = figure(fmean(values), interval_of(estimate, k, counts, seed), len(values))
    return told


def interval_of(estimate: Estimate, k: int, counts: Sequence[tuple[int, int]], seed: int) -> Interval:
    """Return where an estimate lies: by the cases where there are several, by Wilson for the single trials of one."""
    enough = [(trials, passed) for trials, passed in counts if trials >= k]
    if len(enough) > 1:
        return mean_interval([estimate(k, trials, passed) for trials, passed in enough], seed)
    trials, passed = enough[0]
    sure = wilson(passed, trials)
    chance = chance_of_all if estimate is pass_all else chance_of_one
    return Interval(chance(k, sure.low), chance(k, sure.high))


def chance_of_all(k: int, share: float) -> float:
    """Return the chance that `k` trials pass, each with the chance `share`."""
    return float(share**k)


def chance_of_one(k: int, share: float) -> float:
    """Return the chance that one of `k` trials passes, each with the chance `share`."""
    return float(1 - (1 - share) ** k)


def ks(trials: int) -> list[int]:
    """Return which k are told of so many trials."""
    if trials <= MANY:
        return list(range(1, trials + 1))
    return sorted({2**power for power in range(int(math.log2(trials)) + 1)} | {trials})


def mean_over(by_case: Mapping[str, Sequence[Trial]], value: Callable[[Trial], float], seed: int) -> Figure | None:
    """Return the mean over cases of each case's mean; of one case, over its trials."""
    means = [fmean(map(value, trials)) for trials in by_case.values()]
    if len(means) == 1:
        means = [value(trial) for trials in by_case.values() for trial in trials]
    return figure(fmean(means), mean_interval(means, seed), len(means)) if means else None


def mean_curve(trials: Sequence[Trial]) -> dict[int, float]:
    """Return the mean of the best score after so many attempts; what has ended keeps its score."""
    known = [trial for trial in trials if trial.curve]
    longest = max((trial.attempts for trial in known), default=-1)
    looks = [at for at in LOOKS if at < longest] + ([longest] if longest >= 0 else [])
    return {at: round(fmean(score_after(trial.curve, at) for trial in known), 4) for at in looks}


def accepted_by(passed: Sequence[Trial]) -> dict[int, int]:
    """Return how many trials were accepted by so many attempts."""
    took = [trial.accepted_at for trial in passed if trial.accepted_at is not None]
    longest = max(took, default=-1)
    looks = [at for at in LOOKS if min(took, default=0) <= at < longest] + ([longest] if took else [])
    return {at: sum(each <= at for each in took) for at in looks}


def spread(values: Sequence[float]) -> Spread | None:
    """Return how values are spread; None where there are none."""
    if not values:
        return None
    ordered = sorted(values)
    p90 = ordered[math.ceil(0.9 * len(ordered)) - 1]
    return Spread(median=round(median(ordered), 3), p90=round(p90, 3), most=round(ordered[-1], 3))


def effort(trials: Sequence[Trial]) -> Effort | None:
    """Return what trials took."""
    attempts, seconds = spread([each.attempts for each in trials]), spread([each.seconds for each in trials])
    if attempts is None or seconds is None:
        return None
    return Effort(attempts=attempts, seconds=seconds, usage=sum((each.usage for each in trials), Usage()))


def counted(names: Iterable[str]) -> dict[str, int]:
    """Return how often each name came, the commonest first; no name is none."""
    return dict(Counter(name for name in names if name).most_common())
