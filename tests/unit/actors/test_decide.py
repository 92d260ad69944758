"""Every rule of the loop, by example: what a goal's owner relies on, without a bus."""

from typing import Any, get_args

import pytest
from pydantic import JsonValue, ValidationError

from loopwright.actors.events import Event, Over
from loopwright.actors.evolve import OF_A_STEP, OF_THE_GOAL, OPENING, evolve
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.phases import TRANSITIONS, IllegalTransition, Mark, Phase, advance
from loopwright.bus.messages import (
    Cancel,
    Due,
    Evaluation,
    FailureClass,
    Goal,
    Message,
    Outcome,
    Result,
    Status,
    StepOrder,
    StopReason,
    Usage,
)
from tests.unit.actors.telling import LOOP, Told, bounded

PROMPT = LOOP.model_copy(update={"ladder": ()})
"""Stops when it is stuck."""
STRICT = LOOP.model_copy(update={"acceptance": "hidden"})
HIDDEN: dict[str, JsonValue] = {"secret": "what the generator must not know"}


# The baseline


def test_a_loop_without_a_baseline_begins_with_the_first_attempt() -> None:
    assert Told().orders == [("code", 1)]


def test_a_baseline_goes_to_every_evaluator_and_nothing_is_made_meanwhile() -> None:
    told = Told(LOOP.model_copy(update={"baseline": True, "judges": ("tests", "lint")}))
    told.judges(0, 1.0, "tests")
    assert told.orders == [("tests", 0), ("lint", 0)]


def test_a_goal_that_is_met_as_it_stands_is_completed_at_once() -> None:
    told = Told(LOOP.model_copy(update={"baseline": True}))
    told.judges(0, 1.0)
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)
    assert (told.outcome.attempts, told.outcome.best_attempt, told.outcome.baseline) == (0, 0, 1.0)
    assert told.outcome.why == "It was met before anything was tried."


def test_a_baseline_that_falls_short_is_what_attempts_must_beat() -> None:
    told = Told(LOOP.model_copy(update={"baseline": True}))
    told.judges(0, 0.5)
    told.makes(1)
    told.judges(1, 0.4)
    assert (told.standing.baseline, told.standing.best) == (0.5, None)
    told.makes(2)
    told.judges(2, 0.6)
    assert told.standing.best is not None
    assert told.standing.best.attempt == 2


def test_a_baseline_that_lacks_what_judging_needs_rejects_the_goal() -> None:
    told = Told(LOOP.model_copy(update={"baseline": True}))
    told.cannot_judge(0, FailureClass.MISSING)
    assert told.end == (Status.REJECTED, StopReason.REJECTED)
    assert told.outcome.why == "the tests do not start"
    assert told.orders == [("tests", 0)]


def test_a_baseline_whose_evaluator_breaks_ends_the_goal_as_an_error() -> None:
    told = Told(LOOP.model_copy(update={"baseline": True}))
    told.cannot_judge(0, FailureClass.CRASHED)
    assert told.end == (Status.FAILED, StopReason.ERROR)
    assert told.outcome.why == "The input could not be judged as it stands: the tests do not start"


# Making, judging, refining


def test_a_result_goes_to_every_evaluator_and_a_refused_one_leads_to_the_next_attempt() -> None:
    told = Told()
    told.makes(1)
    told.judges(1, 0.5)
    told.makes(2)
    told.judges(2, 1.0)
    assert told.orders == [("code", 1), ("tests", 1), ("code", 2), ("tests", 2)]
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)
    assert (told.outcome.best, told.outcome.best_attempt, told.outcome.steps) == ("patch 2", 2, 4)


def test_several_evaluators_must_all_pass_and_the_lowest_score_counts() -> None:
    told = Told(LOOP.model_copy(update={"judges": ("tests", "lint", "style")}))
    told.makes(1)
    told.judges(1, 1.0, "lint")
    told.judges(1, 0.2, "tests")
    assert told.orders[-1] == ("style", 1)
    told.judges(1, 0.9, "style", passed=True)
    assert told.orders[-1] == ("code", 2)
    assert told.standing.best is not None
    assert (told.standing.best.attempt, told.standing.best.score) == (1, 0.2)

    told.makes(2)
    for judge in ("style", "lint", "tests"):
        assert not told.standing.over
        told.judges(2, 1.0, judge)
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)


def test_an_attempt_that_an_evaluator_cannot_judge_is_a_failed_one_once_the_others_have_said_what_they_spent() -> None:
    told = Told(LOOP.model_copy(update={"judges": ("tests", "lint")}))
    told.makes(1)
    told.cannot_judge(1, FailureClass.CRASHED)
    assert told.orders[-1] == ("lint", 1)
    told.judges(1, 1.0, "lint", usage=Usage(tokens_in=7))
    assert (told.orders[-1], told.standing.failures, told.standing.usage.tokens_in) == (("code", 2), 1, 7)


@pytest.mark.parametrize("acceptance", [None, HIDDEN])
def test_what_nobody_checked_is_told(acceptance: dict[str, JsonValue] | None) -> None:
    told = Told(STRICT, acceptance=acceptance)
    told.makes(1)
    told.judges(1, 1.0)
    if acceptance:
        told.judges(1, 1.0, "hidden")
        assert told.outcome.unverified == ""
    else:
        assert told.outcome.unverified.startswith("Only the evaluators whose feedback the generator saw")


# Acceptance


def test_a_false_success_is_counted_and_the_loop_goes_on() -> None:
    told = Told(STRICT, acceptance=HIDDEN)
    told.makes(1)
    told.judges(1, 1.0)
    assert told.orders[-1] == ("hidden", 1)
    told.judges(1, 0.0, "hidden")
    assert told.orders[-1] == ("code", 2)
    assert (told.standing.false_successes, told.standing.best) == (1, None)


def test_an_acceptance_evaluator_may_refuse_some_proposals_and_pass_another() -> None:
    told = Told(STRICT, acceptance=HIDDEN)
    told.makes(1, size=4)
    told.judges(1, 1.0)
    told.judges(1, 1.0, "hidden", pick="the third", rejected=2)
    assert (told.outcome.best, told.outcome.false_successes) == ("the third", 2)


def test_a_false_success_is_never_the_best() -> None:
    told = Told(bounded(STRICT, attempts=2), acceptance=HIDDEN)
    told.makes(1)
    told.judges(1, 0.3)
    told.makes(2)
    told.judges(2, 1.0)
    told.judges(2, 0.0, "hidden")
    assert told.end == (Status.FAILED, StopReason.ATTEMPTS)
    assert (told.outcome.best_attempt, told.outcome.best, told.outcome.score) == (1, "patch 1", 0.3)
    assert told.outcome.unverified == "The best attempt did not pass every evaluator: tests did not pass it."


def test_nobody_but_the_acceptance_evaluator_is_given_what_acceptance_needs() -> None:
    told = Told(STRICT.model_copy(update={"baseline": True}), acceptance=HIDDEN)
    told.judges(0, 0.5)
    told.makes(1)
    told.judges(1, 1.0)
    told.judges(1, 1.0, "hidden")
    given = {(order.role, str(order.acceptance)) for order in told.sent if isinstance(order, StepOrder)}
    assert given == {("tests", "None"), ("code", "None"), ("hidden", str(HIDDEN))}
    assert not any("secret" in each.model_dump_json() for each in told.sent if not getattr(each, "acceptance", None))


def test_a_goal_without_an_acceptance_input_is_accepted_by_the_evaluators_alone() -> None:
    told = Told(STRICT)
    told.makes(1)
    told.judges(1, 1.0)
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)


@pytest.mark.parametrize(
    "parts",
    [
        {"judges": ("tests", "tests")},
        {"judges": ("tests",), "acceptance": "tests"},
        {"judges": ("code",)},
        {"judges": ("tests",), "acceptance": "code"},
    ],
)
def test_a_role_has_one_part_in_a_loop_else_acceptance_would_leak_and_orders_collide(parts: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="a role has one part in a loop"):
        Loop.model_validate({"name": "repair", "work": "code", **parts})


# Width


def test_one_attempt_is_made_at_a_time_and_up_to_width_are_under_way() -> None:
    told = Told(bounded(width=3))
    assert told.orders == [("code", 1)]
    told.makes(1)
    told.makes(2)
    assert [attempt.number for attempt in told.standing.under_way] == [1, 2, 3]
    told.makes(3)
    assert told.orders[-1] == ("tests", 3)
    told.judges(2, 0.1)
    assert told.orders[-1] == ("code", 4)


def test_a_success_ends_the_goal_while_others_are_under_way() -> None:
    told = Told(bounded(width=3))
    told.makes(1)
    told.makes(2)
    told.judges(1, 1.0)
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)
    assert told.standing.under_way == ()
    assert told.outcome.evidence == {"under_way": 2}
    assert told.judges(2, 1.0) == ()


def test_an_exhausted_generator_is_asked_again_when_a_verdict_has_come_in() -> None:
    told = Told(bounded(width=2, patience=9))
    told.makes(1)
    told.fails(2, FailureClass.EXHAUSTED)
    assert not told.standing.over
    assert ("code", 3) not in told.orders
    told.judges(1, 0.5)
    assert told.orders[-1] == ("code", 3)


def test_an_exhausted_generator_ends_the_goal_when_nothing_is_under_way() -> None:
    told = Told(PROMPT)
    told.makes(1, usage=Usage(candidates=7))
    told.judges(1, 0.5)
    told.fails(2, FailureClass.EXHAUSTED)
    assert told.end == (Status.FAILED, StopReason.PLATEAU)
    assert told.outcome.evidence == {"exhausted": True, "candidates": 7, "under_way": 0}
    assert (told.outcome.attempts, told.outcome.best_attempt, told.outcome.fault) == (1, 1, None)


# What is not waited for


@pytest.mark.parametrize(
    "message",
    [
        Result(goal="g1", step="work", attempt=2),
        Result(goal="g1", step="work", attempt=0),
        Result(goal="g1", step="plan", attempt=1),
        Evaluation(goal="g1", step="work", attempt=1, judge="tests", passed=True, score=1.0),
        Evaluation(goal="g1", step="work", attempt=9, judge="tests", passed=True, score=1.0),
        Goal(goal="g1", loop="repair"),
    ],
)
def test_what_nobody_waits_for_changes_nothing(message: Message) -> None:
    assert Told().hears(message) == ()


def test_the_second_of_two_answers_changes_nothing() -> None:
    told = Told(LOOP.model_copy(update={"judges": ("tests", "lint")}))
    told.makes(1)
    assert told.makes(1) == ()
    assert told.fails(1) == ()
    told.judges(1, 0.5)
    assert told.judges(1, 1.0) == ()
    assert told.judges(1, 1.0, "someone") == ()


def test_nothing_follows_the_end() -> None:
    told = Told()
    told.hears(Cancel(goal="g1"))
    assert told.hears(Cancel(goal="g1")) == told.makes(1) == told.hears(Due(goal="g1", id="deadline")) == ()
    with pytest.raises(IllegalTransition):
        evolve(told.standing, Over(outcome=told.outcome))


# The table


def test_every_phase_has_its_row() -> None:
    assert TRANSITIONS.keys() == set(Phase)


def test_every_event_has_its_row() -> None:
    events: Any = Event
    kinds, _ = get_args(events.__value__)
    rows = [*OPENING, *OF_THE_GOAL, *OF_A_STEP]
    assert sorted(map(str, rows)) == sorted(map(str, get_args(kinds)))


def test_nothing_leads_away_from_where_an_attempt_ends() -> None:
    assert TRANSITIONS[Phase.ACCEPTED] == TRANSITIONS[Phase.SETTLED] == {}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("mark", Mark)
def test_an_attempt_moves_by_the_table_or_not_at_all(phase: Phase, mark: Mark) -> None:
    if mark in TRANSITIONS[phase]:
        assert advance(phase, mark) is TRANSITIONS[phase][mark]
    else:
        with pytest.raises(IllegalTransition, match=f"{phase} cannot be {mark}"):
            advance(phase, mark)


def test_nothing_is_heard_before_a_goal_is_opened() -> None:
    with pytest.raises(IllegalTransition):
        evolve(None, Over(outcome=Outcome(goal="g", loop="l", status=Status.FAILED, reason=StopReason.ERROR)))


WIDE = LOOP.model_copy(update={"bounds": Bounds(width=3)})


def wide_goal_with_two_under_way() -> Told:
    told = Told(WIDE)
    told.makes(1)
    told.makes(2)
    return told


def test_the_earliest_accepted_attempt_wins_however_slow_its_evaluators_were() -> None:
    told = wide_goal_with_two_under_way()
    told.judges(2, 1.0)
    assert not told.standing.over
    told.judges(1, 1.0)
    assert told.outcome.best_attempt == 1


def test_an_accepted_attempt_wins_once_the_earlier_ones_are_refused() -> None:
    told = wide_goal_with_two_under_way()
    told.judges(2, 1.0)
    told.judges(1, 0.9)
    assert (told.outcome.best_attempt, told.outcome.reason) == (2, StopReason.ACCEPTED)


@pytest.mark.parametrize("message", [Cancel(goal="g1"), Due(goal="g1", id="deadline")])
def test_what_was_accepted_stays_accepted_when_the_goal_is_stopped_meanwhile(message: Message) -> None:
    told = wide_goal_with_two_under_way()
    told.judges(2, 1.0)
    told.hears(message)
    assert (told.outcome.best_attempt, told.outcome.status) == (2, Status.COMPLETED)
