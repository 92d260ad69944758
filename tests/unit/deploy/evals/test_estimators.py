"""What repeated trials say, held against counting, against published figures, and against chance."""

from collections.abc import Callable
from itertools import combinations
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopwright.deploy.evals.estimators import (
    EXACT,
    Interval,
    bootstrap,
    chance_of_drop,
    chance_of_fewer,
    mean_interval,
    pass_all,
    pass_at,
    wilson,
)

# Successes of 4 trials for each of the 50 airline tasks that τ-bench's authors published for gpt-4o (MIT licence).
AIRLINE = {0: 14, 1: 12, 2: 10, 3: 4, 4: 10}


@given(st.data())
def test_both_estimates_count_the_ways_to_draw(data: st.DataObject) -> None:
    trials = data.draw(st.integers(1, 8))
    passed, k = data.draw(st.integers(0, trials)), data.draw(st.integers(1, trials))
    draws = list(combinations([True] * passed + [False] * (trials - passed), k))
    assert pass_at(k, trials, passed) == pytest.approx(fmean(map(any, draws)))
    assert pass_all(k, trials, passed) == pytest.approx(fmean(map(all, draws)))


def test_the_published_airline_runs_give_the_published_figures() -> None:
    tasks = [passed for passed, count in AIRLINE.items() for _ in range(count)]

    def estimated(estimate: Callable[[int, int, int], float]) -> list[float]:
        return [round(fmean(estimate(k, 4, passed) for passed in tasks), 3) for k in (1, 2, 3, 4)]

    assert estimated(pass_all) == [0.42, 0.273, 0.22, 0.2]
    assert estimated(pass_at) == [0.42, 0.567, 0.66, 0.72]


def test_more_draws_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2 trials"):
        pass_at(3, 2, 1)


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    for passed, trials, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        found = wilson(passed, trials)
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(st.integers(0, 60), st.integers(0, 60))
def test_wilsons_interval_holds_the_share_and_stays_in_bounds(passed: int, more: int) -> None:
    trials = passed + more
    found = wilson(passed, trials)
    assert 0 <= found.low <= found.high <= 1
    if trials:
        assert found.low <= passed / trials <= found.high


@settings(max_examples=15, deadline=None)  # each draws 8,000 samples
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.integers(0, 3))
def test_a_bootstrap_lies_within_the_values_and_repeats(values: list[float], seed: int) -> None:
    found = bootstrap(values, seed)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert bootstrap(values, seed) == found


def test_a_bootstrap_is_as_wide_as_the_normal_approximation() -> None:
    values = [0.0, 1.0] * 100
    found = bootstrap(values, seed=1)
    assert found.low == pytest.approx(0.5 - 1.96 * (0.25 / 200) ** 0.5, abs=0.01)
    assert found.high == pytest.approx(0.5 + 1.96 * (0.25 / 200) ** 0.5, abs=0.01)
    assert bootstrap([], seed=1) == Interval(0.0, 1.0)


def test_cases_that_are_all_alike_do_not_make_one_sure() -> None:
    assert mean_interval([1.0, 1.0], seed=0) == wilson(2, 2)
    assert mean_interval([0.5], seed=0).low < 0.1
    assert mean_interval([0.0, 1.0, 1.0], seed=0) == bootstrap([0.0, 1.0, 1.0], seed=0)


def test_five_losses_and_no_gain_are_mcnemars_five_coins() -> None:
    assert chance_of_drop([-1.0] * 5 + [0.0] * 20, seed=0) == pytest.approx(1 / 32)
    assert chance_of_drop([-1.0] * 4 + [1.0], seed=0) == pytest.approx(6 / 32)
    assert chance_of_drop([0.0, 0.0], seed=0) == 1.0


def test_many_losses_are_sampled_and_as_unlikely_as_counted() -> None:
    differences = [-1.0] * 12 + [1.0] * 4
    assert len(differences) > EXACT
    assert chance_of_drop(differences, seed=1) == pytest.approx(0.0384, abs=0.012)  # sum of binomials, 16 coins


def test_fishers_tea_lady_is_right_by_chance_once_in_seventy() -> None:
    assert chance_of_fewer(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert chance_of_fewer(3, 4, 1, 4) == pytest.approx(17 / 70)
    assert chance_of_fewer(1, 1, 1, 1) == 1.0
