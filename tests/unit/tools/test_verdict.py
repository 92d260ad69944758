from collections.abc import Sequence
from typing import Any

import pytest

from loopwright.tools.program import Case, CaseStatus, Survey
from loopwright.tools.verdict import Record, error_line, survey_of, suspicion, trial_of

LINES = {"a.py": [1]}


def start(name: str) -> dict[str, Any]:
    return {"event": "start", "id": name}


def case(name: str, status: str = "passed") -> dict[str, Any]:
    return {"event": "case", "id": name, "status": status, "seconds": 0.1, "message": "", "lines": {}}


def broken(name: str, message: str = "") -> dict[str, Any]:
    return {"event": "broken", "id": name, "message": message, "lines": {}}


def collected(*names: str) -> dict[str, Any]:
    return {"event": "collected", "ids": list(names), "lines": {}, "seconds": 0.1}


END = {"event": "end", "exit": 0}


def heard(*events: dict[str, Any], why: str = "") -> Record:
    record = Record()
    record.absorb({"events": list(events), "why": why})
    return record


def baseline(**statuses: str) -> Survey:
    return Survey(cases=tuple(Case(id=f"t.py::{name}", status=CaseStatus(status)) for name, status in statuses.items()))


@pytest.mark.parametrize(
    ("why", "status"),
    [("timeout", "timeout"), ("wall", "timeout"), ("processes", "crashed"), ("memory", "crashed"), ("", "crashed")],
)
def test_a_test_without_an_end_is_judged_by_what_ended_it(why: str, status: str) -> None:
    record = heard(collected("t.py::a", "t.py::b"), start("t.py::a"), why=why)
    assert record.cases["t.py::a"].status == status
    assert record.left == ["t.py::b"]


def test_what_a_forger_wrote_breaks_nothing() -> None:
    record = heard(
        collected("t.py::a"), {"event": "case"}, {"event": "case", "id": 3}, start("t.py::a"), case("t.py::a")
    )
    assert [one.id for one in survey_of(record).cases] == ["t.py::a"]


def test_imports_that_die_are_a_problem() -> None:
    assert survey_of(heard()).problem == "importing the tests took its process down"
    assert survey_of(heard(why="timeout")).problem == "importing the tests does not end"
    assert survey_of(heard(why="processes")).problem == "importing the tests started too many processes"


def test_a_survey_without_tests_says_so() -> None:
    assert survey_of(heard(collected(), END)).problem == "no tests were found"


def test_the_first_broken_file_is_named_and_the_others_counted() -> None:
    record = heard(broken("t.py", "E   ImportError: no x"), broken("u.py"), broken("v.py"), collected(), END)
    assert survey_of(record).problem == "t.py cannot be collected: ImportError: no x (and 2 more files)"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("a.py:1: in <module>\n    import x\nE   ImportError: no x", "ImportError: no x"),
        ('E     File "a.py", line 7\nE     x =\nE   SyntaxError: invalid', "SyntaxError: invalid (line 7)"),
        ("usage: pytest\n__main__.py: error: unrecognized arguments: --x\n  rootdir: /", "unrecognized arguments: --x"),
        ("", "no reason is given"),
    ],
)  # fmt: skip
def test_the_line_that_names_the_error_is_found(message: str, line: str) -> None:
    assert error_line(message) == line


def test_a_line_of_all_failing_and_no_passing_tests_is_certain() -> None:
    cases = {name: Case(id=name, status=CaseStatus(status)) for name, status in
             {"f": "failed", "g": "timeout", "p": "passed", "s": "skipped"}.items()}  # fmt: skip
    lines = {"f": {"a.py": [1, 2]}, "g": {"a.py": [1, 2]}, "p": {"a.py": [1, 3]}, "s": {"a.py": [4]}}
    assert suspicion(cases, lines, {}) == {"a.py": {1: pytest.approx((2 / 3) ** 0.5), 2: 1.0, 3: 0.0}}


def test_a_line_that_only_imports_run_stays_below_those_that_tests_run() -> None:
    cases = {"f": Case(id="f", status=CaseStatus.FAILED)}
    found = suspicion(cases, {"f": {"a.py": [2]}}, {"a.py": [1, 2], "constants.py": [1]})
    assert found == {"a.py": {1: 0.5, 2: 1.0}, "constants.py": {1: 0.5}}


def trial(events: Sequence[dict[str, Any]], why: str = "", **known: str) -> tuple[bool, float, bool]:
    base = baseline(**known)
    first = [one.id for one in base.failing]
    found = trial_of(base, heard(*events, why=why), first, 0.1)
    return found.passed, round(found.score, 3), found.timed_out


A, B, C = "t.py::a", "t.py::b", "t.py::c"


def test_all_counted_cases_must_pass() -> None:
    events = [collected(A, B), start(A), case(A), start(B), case(B), END]
    assert trial(events, a="failed", b="passed") == (True, 1.0, False)
    assert trial(events, a="failed", b="passed", c="passed") == (False, 0.667, False)


def test_what_was_not_run_counts_as_not_passed() -> None:
    assert trial([collected(A, B), start(A), case(A), END], a="failed", b="passed") == (False, 0.5, False)


def test_a_trial_that_no_failing_test_survives_scores_nothing() -> None:
    events = [collected(A, B), start(A), case(A, "failed"), END]
    assert trial(events, a="failed", b="passed") == (False, 0.0, False)


def test_only_the_clock_against_it_is_told_from_a_failure() -> None:
    hung = [collected(A, B), start(A), case(A, "timeout")]
    assert trial(hung, a="failed", b="passed") == (False, 0.0, True)
    failed = [collected(A, B), start(B), case(B, "failed"), start(A), case(A, "timeout")]
    assert trial(failed, a="failed", b="passed") == (False, 0.0, False)


def test_imports_that_hang_are_the_clocks_fault() -> None:
    assert trial([], why="timeout", a="failed") == (False, 0.0, True)


def test_a_skip_does_not_replace_a_pass() -> None:
    events = [collected(A, B), start(A), case(A), start(B), case(B, "skipped"), END]
    assert trial(events, a="failed", b="passed") == (False, 0.5, False)
    assert trial(events, a="failed", b="skipped") == (True, 1.0, False)


def test_a_file_that_cannot_be_imported_any_more_fails_its_tests() -> None:
    found = trial_of(baseline(a="failed", b="passed"), heard(broken("t.py", "why"), collected(), END), [A], 0.1)
    assert [(one.id, one.status, one.message) for one in found.cases] == [(A, "error", "why"), (B, "error", "why")]


def test_a_file_that_can_be_imported_again_counts_by_its_tests() -> None:
    base = Survey(cases=(Case(id="t.py", status=CaseStatus.ERROR), Case(id="u.py::d", status=CaseStatus.PASSED)))
    record = heard(collected(A, "u.py::d"), start(A), case(A), start("u.py::d"), case("u.py::d"), END)
    found = trial_of(base, record, ["t.py"], 0.1)
    assert (found.passed, found.score) == (True, 1.0)
    assert {one.id for one in found.cases} == {A, "u.py::d"}
