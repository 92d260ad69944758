"""What goes on record of the tests is small, and tells a search all that it needs."""

import random

import pytest

from loopwright.actors.repair.task import Baseline, Proposal
from loopwright.actors.repair.testing import REPORTS, brief, judged, with_few_reports
from loopwright.tools.astsearch.seeds import Standing
from loopwright.tools.program import Candidate, Case, CaseStatus, Edit, Survey, Trial
from loopwright.tools.sandbox import SandboxLevel

PASSED, FAILED = CaseStatus.PASSED, CaseStatus.FAILED


def cases(**ended: CaseStatus) -> tuple[Case, ...]:
    return tuple(
        Case(id=name, status=status, seconds=0.1, message="report" if status is FAILED else "")
        for name, status in ended.items()
    )


SURVEY = Survey(cases=cases(a=FAILED, b=FAILED, c=PASSED, d=PASSED))


def test_a_trial_on_record_tells_what_was_mended_what_was_broken_and_what_still_fails() -> None:
    trial = Trial(cases=cases(a=PASSED, b=FAILED, c=PASSED, d=FAILED), score=0.5, seconds=0.123456)
    assert brief(trial, SURVEY) == Trial(
        cases=(Case(id="a", status=PASSED), Case(id="d", status=FAILED), Case(id="b", status=FAILED)),
        score=0.5,
        seconds=0.1235,
    )


@pytest.mark.parametrize("seed", range(200))
def test_a_trial_on_record_gains_as_much_as_the_whole_trial(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"t{number}" for number in range(chance.choice([3, 12, 60]))]
    harm = chance.random()

    def ended() -> Trial:
        statuses = [PASSED if chance.random() > harm else chance.choice(list(CaseStatus)) for _ in names]
        found = tuple(Case(id=name, status=status) for name, status in zip(names, statuses, strict=True))
        return Trial(cases=found, score=sum(status is PASSED for status in statuses) / len(names))

    survey, trial = Survey(cases=ended().cases), ended()
    assert Standing(survey).gain(brief(trial, survey)) == pytest.approx(Standing(survey).gain(trial))


def test_a_thousand_failing_tests_fit_on_record() -> None:
    names = [f"tests/test_of_something.py::test_number_{number}" for number in range(1000)]
    survey = Survey(cases=tuple(Case(id=name, status=FAILED, message="x" * 2000) for name in names))
    told = with_few_reports(survey)
    assert [bool(case.message) for case in told.cases] == [True] * REPORTS + [False] * (1000 - REPORTS)
    assert [case.id for case in told.failing] == names
    assert len(Baseline(survey=told).model_dump_json(exclude_defaults=True)) < 250_000

    trial = Trial(cases=survey.cases)
    proposal = Proposal(candidates=tuple(candidate(number) for number in range(32)))
    verdict = judged(proposal, [trial] * 32, survey, SandboxLevel.BWRAP)
    assert len(verdict.model_dump_json(exclude_defaults=True)) < 60_000


def candidate(number: int) -> Candidate:
    return Candidate(edits=(Edit(path="p.py", start=0, end=0, text="x" * number),))


def test_witnesses_and_candidates_are_counted_on_the_whole_trials() -> None:
    good = Trial(cases=cases(a=PASSED, b=PASSED, c=PASSED, d=PASSED), score=1.0, passed=True)
    bad = Trial(cases=cases(a=FAILED, b=FAILED))
    verdict = judged(
        Proposal(candidates=(candidate(1), candidate(2), candidate(3))), [bad, good, None], SURVEY, SandboxLevel.BWRAP
    )
    assert (verdict.passed, verdict.score, verdict.usage.candidates) == (True, 1.0, 2)
    assert isinstance(verdict.pick, dict)
    assert (verdict.pick["witnesses"], verdict.pick["tests"]) == (4, 4)
    assert verdict.evidence["passing"] == [1]


def test_a_candidate_that_is_tried_again_with_more_time_is_counted_once() -> None:
    proposal = Proposal(candidates=(candidate(1),), time_scale=5.0)
    verdict = judged(proposal, [Trial(cases=cases(a=FAILED, b=FAILED))], SURVEY, SandboxLevel.BWRAP)
    assert verdict.usage.candidates == 0
