"""Plans, by example: how one is made and done, what it takes, and what is said of one that was not finished."""

from typing import Any

import pytest
from pydantic import JsonValue, ValidationError

from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.plan import PlannedStep
from loopwright.bus.messages import (
    Cancel,
    Evaluation,
    FailureClass,
    Result,
    Status,
    StepOrder,
    StopReason,
)
from tests.unit.actors.telling import Told, bounded

PLANNED = Loop(name="planned", plan="planner", work="code", judges=("tests",))
TWO_STEPS: dict[str, JsonValue] = {"steps": [{"name": "first", "input": {"part": 1}}, {"name": "second"}]}


def planned(loop: Loop = PLANNED, **goal: Any) -> Told:
    told = Told(loop, **goal)
    told.hears(Result(goal="g1", step="plan", attempt=1, output=TWO_STEPS))
    return told


def made_at(step: str, attempt: int = 1) -> Result:
    return Result(goal="g1", step=step, attempt=attempt)


def judged_at(step: str, attempt: int = 1, score: float = 1.0) -> Evaluation:
    said = {"passed": score == 1.0, "score": score, "pick": f"{step} {attempt}"}
    return Evaluation(goal="g1", step=step, attempt=attempt, judge="tests", **said)


def judged(told: Told, step: str, score: float) -> None:
    told.hears(made_at(step))
    told.hears(judged_at(step, score=score))


def test_a_goal_of_a_loop_with_a_planner_is_planned_first() -> None:
    told = Told(PLANNED)
    (order,) = [each for each in told.sent if isinstance(each, StepOrder)]
    assert (order.role, order.step, order.attempt) == ("planner", "plan", 1)


def test_the_steps_of_a_plan_are_done_one_after_the_other_each_with_what_the_one_before_came_to() -> None:
    told = planned()
    told.hears(made_at("first"))
    told.hears(judged_at("first"))
    told.hears(made_at("second"))
    told.hears(judged_at("second"))
    orders = [(each.role, each.step, each.task, each.before) for each in told.sent if isinstance(each, StepOrder)]
    assert orders == [
        ("planner", "plan", None, None),
        ("code", "first", {"part": 1}, None),
        ("tests", "first", {"part": 1}, None),
        ("code", "second", None, "first 1"),
        ("tests", "second", None, "first 1"),
    ]
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)
    assert (told.outcome.best, told.outcome.attempts, told.outcome.steps) == ("second 1", 3, 5)


def test_a_refused_attempt_at_a_step_is_made_again_knowing_the_best_so_far() -> None:
    told = planned()
    told.hears(made_at("first"))
    told.hears(judged_at("first", score=0.5))
    again = told.sent[-1]
    assert isinstance(again, StepOrder)
    assert (again.step, again.attempt, again.best) == ("first", 2, "first 1")


def test_an_answer_to_a_step_that_is_behind_us_changes_nothing() -> None:
    told = planned()
    told.hears(made_at("first"))
    told.hears(judged_at("first"))
    assert told.hears(made_at("first")) == ()
    assert told.hears(judged_at("first")) == ()
    assert told.hears(Result(goal="g1", step="plan", attempt=1, output=TWO_STEPS)) == ()


def test_an_attempt_that_is_under_way_when_its_step_is_met_comes_too_late() -> None:
    told = planned(bounded(PLANNED, width=2))
    told.hears(made_at("first"))
    told.hears(judged_at("first"))
    assert [(each.step, each.attempt) for each in told.sent if isinstance(each, StepOrder)][-1] == ("second", 1)
    assert told.hears(made_at("first", 2)) == ()


@pytest.mark.parametrize(
    "output",
    [
        None,
        {"steps": []},
        {"steps": [{"name": "No Token"}]},
        {"steps": [{"name": "a"}, {"name": "a"}]},
        {"steps": [{"name": "plan"}]},
        {"steps": [{"name": f"s{number}"} for number in range(65)]},
    ],
)
def test_what_is_no_plan_is_a_failed_attempt_at_one(output: JsonValue) -> None:
    told = Told(PLANNED)
    told.hears(Result(goal="g1", step="plan", attempt=1, output=output))
    assert told.standing.last_failure is not None
    assert told.standing.last_failure.kind is FailureClass.MISUSE
    assert told.orders[-1] == ("planner", 2)


def test_the_attempts_of_a_goal_are_bounded_over_all_its_steps() -> None:
    told = planned(bounded(PLANNED, attempts=2))
    told.hears(made_at("first"))
    told.hears(judged_at("first"))
    assert told.end == (Status.FAILED, StopReason.ATTEMPTS)
    assert told.outcome.best == "first 1"
    assert told.outcome.evidence["step"] == "second"


def test_a_goal_that_is_called_off_between_two_steps_is_not_met() -> None:
    told = planned(bounded(PLANNED, width=2))
    told.hears(made_at("first"))
    told.hears(Cancel(goal="g1"))
    assert told.end == (Status.CANCELED, StopReason.CANCELLED)


def test_a_loop_with_a_plan_and_a_baseline_is_refused() -> None:
    with pytest.raises(ValidationError, match="a loop with a plan has no baseline"):
        Loop(name="loop", plan="planner", work="code", judges=("tests",), baseline=True)


def test_one_attempt_is_too_few_for_a_plan_and_is_refused_before_anybody_plans() -> None:
    told = Told(PLANNED, limits={"attempts": 1})
    assert (told.end, told.outcome.attempts, told.orders) == ((Status.FAILED, StopReason.ATTEMPTS), 0, [])
    assert told.outcome.why == (
        "It takes 2 attempts at least, one at its plan, and one at each step of it; the budget was 1."
    )
    assert told.outcome.evidence["least"] == 2
    assert told.outcome.unverified == "It was not planned."


def test_a_loop_that_allows_fewer_attempts_than_it_has_steps_is_refused() -> None:
    with pytest.raises(ValidationError, match="a goal takes 2 attempts at least, and it may take 1"):
        Loop(
            name="two",
            work="code",
            judges=("tests",),
            steps=(PlannedStep(name="first"), PlannedStep(name="second")),
            bounds=Bounds(attempts=1),
        )


def test_what_stayed_unverified_names_the_step_under_way() -> None:
    told = planned()
    judged(told, "first", 0.5)
    told.hears(Cancel(goal="g1"))
    assert told.outcome.unverified == (
        "The best attempt at first did not pass every evaluator: tests did not pass it. "
        "1 attempt under way came too late to be judged. Not begun: second."
    )


def test_what_stayed_unverified_names_a_step_of_which_there_is_nothing() -> None:
    told = planned(limits={"attempts": 2})
    judged(told, "first", 1.0)
    assert (told.outcome.reason, told.outcome.unverified) == (StopReason.ATTEMPTS, "Nothing was accepted at second.")
