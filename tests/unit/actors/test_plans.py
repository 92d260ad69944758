"""What a plan takes, and what is said of one that was not finished."""

from typing import Any

import pytest
from pydantic import ValidationError

from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.plan import PlannedStep
from loopwright.bus.messages import Cancel, Evaluation, Result, Status, StopReason
from tests.unit.actors.telling import Told

PLANNED = Loop(name="planned", plan="planner", work="code", judges=("tests",))
TWO_STEPS: Any = {"steps": [{"name": "first"}, {"name": "second"}]}


def planned(**goal: Any) -> Told:
    told = Told(PLANNED, **goal)
    told.hears(Result(goal="g1", step="plan", attempt=1, output=TWO_STEPS))
    return told


def judged(told: Told, step: str, score: float) -> None:
    told.hears(Result(goal="g1", step=step, attempt=1))
    said = {"passed": score == 1.0, "score": score, "pick": step}
    told.hears(Evaluation(goal="g1", step=step, attempt=1, judge="tests", **said))


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
