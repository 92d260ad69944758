"""What trials come to: the published figures from published runs, and what counts for a rate."""

import json
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopwright.actors.rules import WrittenRule
from loopwright.bus import Usage
from loopwright.deploy.evals.recorded import recorded_run, recorded_runs
from loopwright.deploy.evals.runs import RunRefused
from loopwright.deploy.evals.tally import Spread, report_of, tally
from loopwright.deploy.evals.trials import Apart, Trial

HERE = Path(__file__).parent


def trial(case: str = "a", repetition: int = 1, passed: bool = True, **told: object) -> Trial:
    return Trial.model_validate({"case": case, "repetition": repetition, "passed": passed} | told)


def test_the_published_airline_runs_come_to_the_published_figures() -> None:
    (run,) = recorded_runs(HERE / "airline.json")
    report = report_of(run.heading.run, run.heading.suite, "", run.trials, seed=0)
    assert (len(report.cases), report.total.trials, report.total.passed) == (50, 200, 84)
    assert [round(each.value, 3) for each in report.total.pass_all.values()] == [0.42, 0.273, 0.22, 0.2]
    assert [round(each.value, 3) for each in report.total.pass_at.values()] == [0.42, 0.567, 0.66, 0.72]
    assert all(each.low < each.value < each.high for each in report.total.pass_all.values())
    assert {each.of for each in report.total.pass_at.values()} == {50}


def test_a_recorded_trial_that_raised_says_nothing_of_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "Some Run.json"
    path.write_text('[{"task_id": 3, "reward": 0, "info": {"error": "503"}}, {"task_id": 3, "trial": 1, "reward": 1}]')
    run = recorded_run(path)
    assert run.heading.run == "some-run"
    assert [(each.case, each.repetition, each.apart) for each in run.trials] == [
        ("task-3", 1, Apart.INFRASTRUCTURE),
        ("task-3", 2, None),
    ]


def test_recorded_conversations_are_held_against_rules(tmp_path: Path) -> None:
    def call(name: str, id_: str) -> dict[str, object]:
        return {"role": "assistant", "tool_calls": [{"id": id_, "function": {"name": name, "arguments": '{"a": 1}'}}]}

    conversation = [
        {"role": "user", "content": "Cancel ABC123, please."},
        call("cancel", "1"),
        {"role": "tool", "tool_call_id": "1", "content": "Error: not yours"},
        call("lookup", "2"),
        {"role": "tool", "tool_call_id": "2", "content": '{"id": "ABC123"}'},
        call("cancel", "3"),
        {"role": "tool", "tool_call_id": "3", "content": "done"},
        {"role": "assistant", "content": "ABC123 is cancelled, and so is XYZ999."},
    ]
    path = tmp_path / "run.json"
    path.write_text(json.dumps([{"task_id": 1, "reward": 1.0, "traj": conversation}]))

    def broken(*rules: dict[str, object]) -> tuple[bool, tuple[str, ...], str]:
        (trial,) = recorded_run(path, [WrittenRule.model_validate(rule) for rule in rules]).trials
        return trial.passed, trial.breaches, trial.why

    assert broken({"ordered": ["lookup", "cancel"]}, {"at_most": {"call": "cancel"}}) == (True, (), "")
    assert broken({"forbidden": "can*"}) == (False, ("forbidden",), "cancel was called.")
    why = "Attempt 1 states 'XYZ999', which nobody had told it."
    assert broken({"founded": "[A-Z]{3}[0-9]{3}"}) == (False, ("founded",), why)


@pytest.mark.parametrize("text", ["{}", "[{}]", "no", '[{"task_id": 1, "reward": "high"}]'])
def test_what_is_no_recorded_run_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(RunRefused, match="no recorded run that is known here"):
        recorded_run(path)


def test_a_folder_without_recorded_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunRefused, match="holds no recorded run"):
        recorded_runs(tmp_path)


def test_what_says_nothing_of_the_loop_counts_for_no_rate() -> None:
    trials = [
        trial(repetition=1, passed=True, reason="accepted", accepted_at=2, attempts=2, score=1.0),
        trial(repetition=2, passed=False, reason="plateau", fault="misuse", score=0.5, false_successes=2),
        trial(repetition=3, passed=False, reason="no_role", apart=Apart.INFRASTRUCTURE),
        trial(repetition=4, passed=False, reason="error", apart=Apart.EVALUATOR, false_successes=7),
    ]
    found = tally(trials, seed=0)
    assert (found.trials, found.decided, found.passed, found.success.value) == (4, 2, 1, 0.5)
    assert list(found.pass_all) == [1, 2]
    assert found.stops == {"accepted": 1, "plateau": 1}
    assert found.faults == {"misuse": 1}
    assert found.apart == {"infrastructure": 1, "evaluator": 1}
    assert found.false_successes == 2
    assert found.attempts_to_accept == Spread(median=2, p90=2, most=2)
    assert found.score is not None
    assert found.score.value == 0.75


def test_a_case_with_fewer_trials_than_k_is_left_out_of_that_k() -> None:
    trials = [trial("a", 1), trial("a", 2), trial("b", 1, False)]
    found = tally(trials, seed=0)
    assert {k: (each.value, each.of) for k, each in found.pass_all.items()} == {1: (0.5, 2), 2: (1.0, 1)}


def test_nothing_decided_is_no_figure_and_no_crash() -> None:
    found = tally([trial(passed=False, apart=Apart.CANCELLED)], seed=0)
    assert (found.decided, found.pass_at, found.score, found.effort, found.curve) == (0, {}, None, None, {})
    assert (found.success.low, found.success.high) == (0, 1)


def test_the_curve_is_the_mean_of_the_best_so_far() -> None:
    trials = [
        trial("a", 1, curve=((0, 0.2), (3, 1.0)), attempts=3, accepted_at=3, usage=Usage(tokens_in=5)),
        trial("b", 1, curve=((1, 0.4),), attempts=8, passed=False, usage=Usage(tokens_in=7)),
    ]
    found = tally(trials, seed=0)
    assert found.curve == {0: 0.1, 1: 0.3, 2: 0.3, 3: 0.7, 5: 0.7, 8: 0.7}
    assert found.accepted_by == {3: 1}
    assert found.effort is not None
    assert found.effort.usage.tokens_in == 12


outcomes = st.lists(st.lists(st.booleans(), min_size=1, max_size=5), min_size=1, max_size=5)


@settings(max_examples=15, deadline=None)  # each resamples a dozen times
@given(outcomes)
def test_the_total_is_the_mean_of_the_cases(cases: list[list[bool]]) -> None:
    trials = [trial(f"c{c}", r, ok) for c, each in enumerate(cases) for r, ok in enumerate(each, start=1)]
    report = report_of("run", "suite", "", trials, seed=0)
    assert report.total.pass_at[1].value == pytest.approx(fmean(fmean(each) for each in cases), abs=1e-6)
    assert report.total.pass_all[1].value == pytest.approx(report.total.pass_at[1].value, abs=1e-6)
    for name, each in enumerate(cases):
        assert (report.cases[f"c{name}"].trials, report.cases[f"c{name}"].passed) == (len(each), sum(each))
    for figure in (*report.total.pass_all.values(), *report.total.pass_at.values()):
        assert 0 <= figure.low <= figure.value <= figure.high <= 1
