"""What rules and evaluators say of a trial once it has ended."""

from typing import Any

from loopwright.actors.rules import Breach
from loopwright.bus import Evaluation, Failure, FailureClass
from loopwright.bus.messages import Status, StopReason
from loopwright.deploy.evals.grading import final, graded
from loopwright.deploy.evals.trials import Apart, Trial
from tests.unit.actors.faults.story import Story

PASSED = Trial(case="a", repetition=1, passed=True, reason="accepted", false_successes=1)
BROKEN = (Breach("forbidden", "refund was called.", (3,)), Breach("forbidden", "refund was called.", (5,)))


def said(**verdicts: bool | None) -> dict[str, Evaluation]:
    def one(judge: str, passed: bool | None) -> Evaluation:
        failure = Failure(kind=FailureClass.SICK, message="it is sick") if passed is None else None
        score = 1.0 if passed else 0.25
        place: dict[str, Any] = {"goal": "g", "step": "work", "attempt": 1, "judge": judge}
        return Evaluation(**place, passed=bool(passed), score=score, failure=failure, feedback="too long")

    return {judge: one(judge, passed) for judge, passed in verdicts.items()}


def test_what_keeps_all_rules_and_passes_all_evaluators_has_passed() -> None:
    assert graded(PASSED, "w", (), said(near=True)) == PASSED.model_copy(
        update={"graded": "w", "judged": {"near": 1.0}}
    )


def test_a_broken_rule_fails_a_trial_that_was_accepted() -> None:
    trial = graded(PASSED, "w", BROKEN, said(near=True))
    assert (trial.passed, trial.reason, trial.why, trial.breaches) == (
        False,
        "rules",
        "refund was called.",
        ("forbidden",),
    )


def test_what_the_loop_accepted_and_an_evaluator_refuses_is_a_false_success() -> None:
    trial = graded(PASSED, "w", (), said(near=True, small=False))
    assert (trial.passed, trial.apart, trial.false_successes) == (False, None, 2)
    assert trial.why == "small refuses what the loop accepted: too long"


def test_an_evaluator_that_fails_decides_nothing() -> None:
    trial = graded(PASSED, "w", (), said(near=None, small=False))
    assert (trial.passed, trial.apart, trial.why, trial.judged) == (
        False,
        Apart.EVALUATOR,
        "it is sick",
        {"small": 0.25},
    )


def test_a_trial_that_failed_stays_as_it_is_and_tells_what_it_broke() -> None:
    failed = Trial(case="a", repetition=1, passed=False, reason="plateau")
    trial = graded(failed, "w", BROKEN, {})
    assert (trial.reason, trial.breaches) == ("plateau", ("forbidden",))


def test_a_goal_is_judged_by_the_best_attempt_or_the_last_that_came_to_anything() -> None:
    story = Story()
    for number in range(2):
        story.begin()
        story.made({"number": number})
    story.begin()
    so_far = final(story.so_far())
    ended = final(story.ended(StopReason.ACCEPTED, Status.COMPLETED, best_attempt=1))
    assert (so_far and so_far.number, ended and ended.number) == (2, 1)
    assert final(Story().so_far()) is None
