"""A loop that is stuck climbs its ladder before it stops, and says what it has seen."""

from typing import Any

import pytest
from pydantic import JsonValue, ValidationError

from loopwright.actors.events import Escalated, Replanned
from loopwright.actors.ladder import HINT, HINT_AND_REPLAN, OtherModel, OtherRole
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.recovery import RECOVERIES, Recovery
from loopwright.actors.stopping import ADVICE
from loopwright.bus.messages import Cancel, Evaluation, FailureClass, Result, Status, StepOrder, StopReason
from tests.unit.actors.telling import LOOP, Told, bounded

LADDER: tuple[Any, ...] = ("hint", OtherRole(role="strong"), OtherModel(model="large"))
PROMPT = LOOP.model_copy(update={"ladder": ()})
PLANNED = Loop(name="planned", plan="planner", work="code", judges=("tests",), bounds=Bounds(patience=2))


def patient(loop: Loop = LOOP) -> Loop:
    return bounded(loop, patience=99)


def last_order(told: Told) -> StepOrder:
    return [message for message in told.sent if isinstance(message, StepOrder) and not message.judge][-1]


def climbed(told: Told) -> list[tuple[int, StopReason]]:
    return [(event.height, event.reason) for event in told.events if isinstance(event, Escalated)]


# What it sees


def test_outputs_that_come_in_a_circle_are_an_oscillation() -> None:
    told = Told(patient(PROMPT))
    for attempt, output in enumerate("abab", start=1):
        told.tries(attempt, 0.5, output, f"failure {attempt}")
    assert told.end == (Status.FAILED, StopReason.OSCILLATION)
    assert told.outcome.why == "The same 2 results were made over and over, one after the other."
    expected = {"period": 2, "times": 2, "by": "output", "under_way": 0, "messages": [11, 21, 31, 41]}
    assert told.outcome.evidence == expected


def test_failures_that_come_in_a_circle_are_one_when_they_came_three_times() -> None:
    told = Told(patient(PROMPT))
    for attempt in range(1, 7):
        assert not told.standing.over
        told.tries(attempt, 0.5, f"patch {attempt}", ("parse fails", "print fails")[attempt % 2])
    assert told.end == (Status.FAILED, StopReason.OSCILLATION)
    assert told.outcome.evidence["by"] == "failure"


def test_the_same_with_the_same_verdict_three_times_in_a_row_is_a_repetition() -> None:
    told = Told(patient(PROMPT))
    for attempt in (1, 2, 3):
        told.tries(attempt, 0.5, "same", "in 0.1 s: it fails")
    assert told.end == (Status.FAILED, StopReason.REPETITION)
    assert told.outcome.evidence == {"times": 3, "under_way": 0, "messages": [11, 21, 31]}


def test_asking_again_what_changes_is_no_repetition() -> None:
    told = Told(patient(PROMPT))
    for attempt in range(1, 12):
        told.tries(attempt, 0.5, "is it deployed?", f"{attempt} of 12 pods are ready")
    assert not told.standing.over


def test_a_worker_whose_calls_bring_nothing_new_ends_the_goal_as_a_repetition() -> None:
    told = Told(PROMPT)
    told.fails(1, FailureClass.STUCK)
    assert (told.end, told.outcome.why) == ((Status.FAILED, StopReason.REPETITION), "it stuck")


def test_an_outcome_says_which_evaluator_refused_the_best_and_what_came_too_late() -> None:
    told = Told(bounded(LOOP.model_copy(update={"judges": ("tests", "lint")}), width=2))
    told.makes(1)
    told.judges(1, 1.0, "tests")
    told.judges(1, 0.5, "lint")
    told.makes(2)
    told.hears(Cancel(goal="g1"), seq=77)
    assert told.outcome.unverified == (
        "The best attempt did not pass every evaluator: lint did not pass it. "
        "2 attempts under way came too late to be judged."
    )
    assert (told.outcome.curve, told.outcome.evidence["messages"]) == ((0.5,), [77])


# What it does about it


def test_each_rung_is_on_record_and_in_the_next_order_until_the_last() -> None:
    told = Told(bounded(LOOP.model_copy(update={"ladder": LADDER}), patience=1))
    told.tries(1, 0.5)
    orders: list[tuple[str, str | None]] = []
    for attempt in (2, 3, 4):
        told.tries(attempt, 0.5, feedback=f"failure {attempt}")
        order = last_order(told)
        assert order.hint == (
            "The score did not improve over 1 proposals; the patience was 1. " + ADVICE[StopReason.PLATEAU]
        )
        orders.append((order.role, order.model))
    assert orders == [("code", None), ("strong", None), ("strong", "large")]
    assert climbed(told) == [(1, StopReason.PLATEAU), (2, StopReason.PLATEAU), (3, StopReason.PLATEAU)]
    told.tries(5, 0.5)
    assert told.end == (Status.FAILED, StopReason.PLATEAU)


def test_evaluators_are_told_nothing_of_the_ladder() -> None:
    told = Told(bounded(LOOP.model_copy(update={"ladder": LADDER}), patience=1))
    for attempt in (1, 2, 3, 4):
        told.tries(attempt, 0.5)
    judged = [message for message in told.sent if isinstance(message, StepOrder) and message.judge]
    assert {(order.role, order.hint, order.model) for order in judged} == {("tests", "", None)}


def test_a_better_score_makes_the_hint_pointless_and_patience_begins_anew() -> None:
    told = Told(bounded(patience=1))
    told.tries(1, 0.5)
    told.tries(2, 0.5)
    assert last_order(told).hint
    told.tries(3, 0.6)
    assert last_order(told).hint == ""
    told.tries(4, 0.6)
    assert told.end == (Status.FAILED, StopReason.PLATEAU)


def test_attempts_under_way_are_waited_for_before_anything_is_done() -> None:
    told = Told(bounded(patience=1, width=2))
    for attempt in (1, 2):
        told.makes(attempt)
    told.judges(1, 0.5)
    told.makes(3)
    told.judges(2, 0.5)
    assert climbed(told) == []
    told.judges(3, 0.5)
    assert climbed(told) == [(1, StopReason.PLATEAU)]


def test_who_has_no_attempts_left_does_not_climb() -> None:
    told = Told(bounded(patience=1, attempts=2))
    told.tries(1, 0.5)
    told.tries(2, 0.5)
    assert (climbed(told), told.end) == ([], (Status.FAILED, StopReason.PLATEAU))


# A new plan


def planned(loop: Loop = PLANNED) -> Told:
    told = Told(loop)
    told.hears(plan_at(1, "first", "second"))
    return told


def plan_at(attempt: int, *names: str) -> Result:
    steps: list[JsonValue] = [{"name": name} for name in names]
    return Result(goal="g1", step="plan", attempt=attempt, output={"steps": steps})


def tried_at(told: Told, step: str, attempt: int, score: float) -> None:
    told.hears(Result(goal="g1", step=step, attempt=attempt, output=f"{step} {attempt}"))
    said = {"passed": score == 1.0, "score": score, "pick": f"{step} {attempt}"}
    told.hears(Evaluation(goal="g1", step=step, attempt=attempt, judge="tests", **said))


def test_who_is_stuck_at_a_step_has_the_rest_planned_anew_and_numbers_go_on() -> None:
    told = planned()
    tried_at(told, "first", 1, 1.0)
    for attempt in range(1, 6):
        tried_at(told, "second", attempt, 0.5)
    order = last_order(told)
    assert (order.role, order.step, order.attempt, order.before) == ("planner", "plan", 8, "first 1")
    why = f"The score did not improve over 2 proposals; the patience was 2. {ADVICE[StopReason.PLATEAU]}"
    assert order.tried == {"step": "second", "why": why, "score": 0.5, "best": "second 1", "steps_left": []}
    told.hears(plan_at(8, "second"))
    order = last_order(told)
    assert (order.step, order.attempt, order.before, order.tried) == ("second", 8, "first 1", None)
    tried_at(told, "second", 8, 1.0)
    assert (told.end, told.outcome.attempts) == ((Status.COMPLETED, StopReason.ACCEPTED), 9)


def test_what_is_missing_is_planned_for_where_there_is_a_planner() -> None:
    told = planned()
    for attempt in (1, 3, 5):
        told.hears(Result(goal="g1", step=last_order(told).step, attempt=last_order(told).attempt, **missing()))
        if attempt < 5:
            assert (last_order(told).step, last_order(told).tried is not None) == ("plan", True)
            told.hears(plan_at(last_order(told).attempt, "first"))
    assert (told.end, told.outcome.why) == ((Status.REJECTED, StopReason.REJECTED), "no schema")
    assert sum(isinstance(event, Replanned) for event in told.events) == Bounds().replans


def missing() -> dict[str, Any]:
    return {"failure": {"kind": "missing", "message": "no schema"}}


def test_a_planner_that_misses_something_is_not_asked_again() -> None:
    told = Told(PLANNED)
    told.hears(Result(goal="g1", step="plan", attempt=1, **missing()))
    assert told.end == (Status.REJECTED, StopReason.REJECTED)


# What a design may say


def test_every_class_of_failure_has_its_recovery() -> None:
    assert RECOVERIES.keys() == set(FailureClass)


@pytest.mark.parametrize(
    ("recovery", "end"),
    [
        ({"timeout": "stop"}, (Status.FAILED, StopReason.STEP_TIMEOUT)),
        ({"timeout": "reject"}, (Status.REJECTED, StopReason.REJECTED)),
        ({"timeout": "escalate"}, (Status.FAILED, StopReason.STEP_TIMEOUT)),
    ],
)
def test_a_loop_may_say_what_a_failure_leads_to(recovery: dict[str, str], end: tuple[Status, StopReason]) -> None:
    told = Told(Loop.model_validate({**PROMPT.model_dump(), "recovery": recovery}))
    told.fails(1, FailureClass.TIMEOUT)
    assert told.end == end


def test_a_loop_that_does_not_say_gives_a_hint_and_has_a_planner_plan_anew() -> None:
    assert (LOOP.rungs, PLANNED.rungs, PROMPT.rungs) == (HINT, HINT_AND_REPLAN, ())
    assert LOOP.after(FailureClass.MISSING) is Recovery.REPLAN


@pytest.mark.parametrize(
    ("design", "why"),
    [
        ({"ladder": ["replan"]}, "nobody can plan anew: the loop has no planner."),
        ({"ladder": [{"role": "tests"}]}, "a role has one part in a loop, and tests is one of its judges already."),
        ({"ladder": ["pray"]}, "Input should be 'hint' or 'replan'"),
        ({"ladder": [{"role": "a", "modell": "b"}]}, "modell is unknown"),
        ({"recovery": {"timeout": "replan"}}, "nobody can plan anew: the loop has no planner."),
        ({"recovery": {"in_doubt": "again"}}, "a person must look"),
    ],
)
def test_a_ladder_that_nobody_can_climb_is_refused(design: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Loop.model_validate({"name": "loop", "work": "code", "judges": ["tests"], **design})
