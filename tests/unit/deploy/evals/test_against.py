"""Two runs compared: what counts as worse, and what chance explains."""

from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from loopwright.deploy.evals.against import Comparison, compare
from loopwright.deploy.evals.junit import junit
from loopwright.deploy.evals.tally import report_of
from loopwright.deploy.evals.trials import Apart, Trial


def trials(**passed: tuple[int, int]) -> list[Trial]:
    """So many trials of each case, of which so many passed."""
    return [
        Trial(case=case, repetition=number, passed=number <= good, score=1.0 if number <= good else 0.0)
        for case, (good, of) in passed.items()
        for number in range(1, of + 1)
    ]


def between(before: list[Trial], now: list[Trial]) -> Comparison:
    return compare("before", before, "now", now, seed=0)


def test_a_case_that_passed_every_trial_and_now_passes_none_is_a_regression() -> None:
    found = between(trials(a=(1, 1), b=(1, 1)), trials(a=(0, 1), b=(1, 1)))
    assert found.regressions == ("a passed 1 of 1 trials, and now 0 of 1.",)


def test_one_trial_fewer_of_eight_is_what_chance_explains() -> None:
    found = between(trials(a=(8, 8), b=(5, 8)), trials(a=(7, 8), b=(5, 8)))
    assert found.regressions == ()
    assert found.difference.value == -0.0625


def test_six_trials_fewer_of_eight_are_not() -> None:
    found = between(trials(a=(7, 8), b=(5, 8)), trials(a=(1, 8), b=(5, 8)))
    assert found.regressions == ("a passed 7 of 8 trials, and now 1 of 8.",)


def test_many_small_falls_are_a_regression_of_the_mean() -> None:
    before = trials(**{f"c{number}": (8, 8) for number in range(6)})
    found = between(before, trials(**{f"c{number}": (7, 8) for number in range(6)}))
    assert found.chance == 1 / 64
    assert [sentence[:40] for sentence in found.regressions] == ["The mean success of 6 cases fell by 12.5"]


def test_what_says_nothing_of_the_loop_is_missing_and_not_worse() -> None:
    lost = [Trial(case="a", repetition=1, passed=False, apart=Apart.INFRASTRUCTURE)]
    found = between(trials(a=(1, 1), b=(1, 1)), lost + trials(b=(1, 1), c=(0, 1)))
    assert (found.regressions, found.missing, found.new) == ((), ("a",), ("c",))


counts = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 4), min_size=1)


@settings(max_examples=15, deadline=None)  # each resamples twice
@given(counts)
def test_a_run_is_no_regression_against_itself_or_against_a_worse_one(good: dict[str, int]) -> None:
    now = trials(**{case: (passed, 4) for case, passed in good.items()})
    worse = trials(**{case: (max(0, passed - 1), 4) for case, passed in good.items()})
    assert between(now, now).regressions == ()
    assert between(worse, now).regressions == ()


def test_junit_has_a_test_a_trial_and_holds_whatever_a_loop_says() -> None:
    run = [
        Trial(case="a", repetition=1, passed=True, reason="accepted", seconds=1.5),
        Trial(case="a", repetition=2, passed=False, reason="plateau", why="<stuck> \x00\ud800", goal="g"),
        Trial(case="b", repetition=1, passed=False, reason="no_role", apart=Apart.INFRASTRUCTURE, why="nobody"),
    ]
    root = ET.fromstring(junit(report_of("run-1", "roots", "", run, seed=0), run).encode())
    (suite,) = root
    told = {name: suite.get(name) for name in ("name", "tests", "failures", "errors")}
    assert told == {"name": "roots", "tests": "3", "failures": "1", "errors": "1"}
    cases = suite.findall("testcase")
    assert [each.get("name") for each in cases] == ["a[1]", "a[2]", "b[1]"]
    assert [[child.tag for child in each] for each in cases] == [[], ["failure"], ["error"]]
    assert cases[1][0].get("message") == "<stuck> ��"
    assert cases[2][0].get("type") == "infrastructure"
    assert {each.get("name"): each.get("value") for each in suite.iter("property")}["pass^2"] == "0.0000"
