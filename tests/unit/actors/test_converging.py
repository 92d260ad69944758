"""The stopping rules on planted trajectories: they save most of what is wasted, and stop hardly anybody falsely."""

import os
from pathlib import Path

import pytest

from loopwright.actors.stale import NUDGE
from loopwright.bus.messages import StopReason
from tests.benchmarks.converging import RECORDED, recorded, row_of
from tests.benchmarks.planted import IN_TIME, NEVER

SEEDS = 40
FALSELY = {"slowly improving": 0.0, "noisy, improving": 0.1, "improving late": 0.15, "healthy polling": 0.0}
"""The share of those that would have got there that may be stopped before."""


@pytest.mark.parametrize("name", NEVER)
def test_what_never_gets_there_is_stopped_in_a_third_of_the_attempts(name: str) -> None:
    row = row_of(name, NEVER[name], SEEDS)
    assert row.would == 0
    assert row.saved > 2 / 3


@pytest.mark.parametrize("name", IN_TIME)
def test_what_gets_there_in_time_is_hardly_ever_stopped(name: str) -> None:
    row = row_of(name, IN_TIME[name], SEEDS)
    assert row.would > SEEDS / 2
    assert row.false_stops.total() <= FALSELY[name] * row.would


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("repeating", StopReason.REPETITION),
        ("oscillating", StopReason.OSCILLATION),
        ("trading", StopReason.OSCILLATION),
        ("stuck", StopReason.PLATEAU),
    ],
)
def test_who_has_patience_is_told_what_it_was(name: str, reason: StopReason) -> None:
    row = row_of(name, NEVER[name], SEEDS, patience=12)
    assert row.reasons[reason] == SEEDS


@pytest.mark.skipif(RECORDED not in os.environ, reason=f"{RECORDED} names no folder of recorded runs")
def test_no_successful_recorded_run_makes_calls_that_bring_nothing_new() -> None:
    runs = recorded(Path(os.environ[RECORDED]))
    assert sum(good for good, _ in runs) > 50
    assert [most for good, most in runs if good and most >= NUDGE] == []
