"""Each reason to stop, by example: what ends a goal, and what it is told then."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import JsonValue

from loopwright.actors.decide import open_goal
from loopwright.actors.events import Opened, Over
from loopwright.bus.envelope import MAX_HOPS
from loopwright.bus.messages import (
    Cancel,
    Due,
    Ended,
    Failure,
    FailureClass,
    Goal,
    Limits,
    Result,
    Status,
    StepOrder,
    StopReason,
    Timer,
    Usage,
)
from tests.unit.actors.telling import LOOP, NOON, Told, bounded

PROMPT = LOOP.model_copy(update={"ladder": ()})
"""Stops when it is stuck."""
STRICT = LOOP.model_copy(update={"acceptance": "hidden"})
HIDDEN: dict[str, JsonValue] = {"secret": "what the generator must not know"}


def test_it_stops_when_no_attempts_are_left() -> None:
    told = Told(limits=Limits(attempts=2, patience=9))
    for attempt in (1, 2):
        told.makes(attempt)
        told.judges(attempt, 0.5)
    assert told.end == (Status.FAILED, StopReason.ATTEMPTS)
    assert told.outcome.evidence == {"attempts": 2, "limit": 2, "under_way": 0}


def test_it_stops_at_a_plateau_and_returns_the_best() -> None:
    told = Told(bounded(PROMPT, patience=2))
    for attempt, score in enumerate((0.2, 0.6, 0.6, 0.1), start=1):
        told.makes(attempt)
        told.judges(attempt, score)
    assert told.end == (Status.FAILED, StopReason.PLATEAU)
    assert (told.outcome.best_attempt, told.outcome.score, told.outcome.best) == (2, 0.6, "patch 2")
    assert told.outcome.evidence == {"since_best": 2, "patience": 2, "under_way": 0}


def test_proposals_count_towards_patience_not_attempts() -> None:
    told = Told(bounded(PROMPT, patience=5))
    told.makes(1, size=9)
    told.judges(1, 0.5)
    told.makes(2, size=5)
    told.judges(2, 0.5)
    assert told.end == (Status.FAILED, StopReason.PLATEAU)


@pytest.mark.parametrize(
    ("bound", "usage", "reason"),
    [
        ({"tokens": 100}, Usage(tokens_in=60, tokens_out=40), StopReason.TOKENS),
        ({"cost": 0.5}, Usage(cost=0.5), StopReason.COST),
    ],
)
def test_it_stops_when_the_budget_is_spent_but_hears_what_is_under_way(
    bound: dict[str, Any], usage: Usage, reason: StopReason
) -> None:
    told = Told(bounded(width=2, **bound))
    told.makes(1, usage=usage)
    assert told.orders == [("code", 1), ("tests", 1)]
    told.judges(1, 0.5)
    assert told.end == (Status.FAILED, reason)
    assert told.outcome.usage == usage


def test_an_attempt_under_way_may_still_succeed_when_a_bound_is_reached() -> None:
    told = Told(bounded(attempts=1))
    told.makes(1)
    told.judges(1, 1.0)
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)


def test_its_deadline_is_set_with_the_broker_and_ends_it_at_once() -> None:
    told = Told(limits=Limits(deadline=90))
    assert told.sent[0] == Timer(goal="g1", id="deadline", at=NOON + timedelta(seconds=90))
    told.makes(1)
    told.hears(Due(goal="g1", id="deadline"), seconds=90)
    assert told.end == (Status.FAILED, StopReason.DEADLINE)
    assert told.outcome.seconds == 90
    assert told.outcome.evidence == {"deadline": 90.0, "under_way": 1}


def test_another_timer_changes_nothing() -> None:
    assert Told().hears(Due(goal="g1", id="tea")) == ()


def test_it_is_called_off_at_once() -> None:
    told = Told()
    told.hears(Cancel(goal="g1", why="nobody needs it any more"))
    assert (*told.end, told.outcome.why) == (Status.CANCELED, StopReason.CANCELLED, "nobody needs it any more")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FailureClass.TIMEOUT, StopReason.STEP_TIMEOUT),
        (FailureClass.CRASHED, StopReason.ERROR),
        (FailureClass.UNREADABLE, StopReason.ERROR),
        (FailureClass.MISUSE, StopReason.ERROR),
        (FailureClass.TRANSIENT, StopReason.ERROR),
    ],
)
def test_it_stops_after_three_failed_attempts_in_a_row(kind: FailureClass, reason: StopReason) -> None:
    told = Told(bounded(failures=3, patience=9))
    for attempt in (1, 2):
        told.fails(attempt, kind)
        assert not told.standing.over
    told.fails(3, kind)
    assert told.end == (Status.FAILED, reason)
    assert told.outcome.fault == Failure(kind=kind, message=f"it {kind}")
    assert told.outcome.evidence == {"failures": 3, "kind": kind.value, "under_way": 0}


def test_a_judged_attempt_breaks_a_row_of_failures() -> None:
    told = Told(bounded(failures=2, patience=9))
    told.fails(1)
    told.makes(2)
    told.judges(2, 0.1)
    told.fails(3)
    assert not told.standing.over


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        (FailureClass.POLICY, (Status.FAILED, StopReason.ERROR)),
        (FailureClass.MISSING, (Status.REJECTED, StopReason.REJECTED)),
    ],
)
def test_a_failure_that_nothing_will_mend_ends_the_goal_at_once(
    kind: FailureClass, end: tuple[Status, StopReason]
) -> None:
    told = Told(bounded(width=4))
    told.makes(1)
    told.fails(2, kind)
    assert (told.end, told.outcome.why) == (end, f"it {kind}")


def test_a_goal_too_far_from_its_first_cause_is_not_begun() -> None:
    told = Told(hops=MAX_HOPS + 1)
    assert told.end == (Status.FAILED, StopReason.HOPS)
    assert [type(message) for message in told.sent] == [Ended]


def test_orders_are_one_hop_further_than_their_goal() -> None:
    told = Told(hops=4)
    assert {order.hops for order in told.sent if isinstance(order, StepOrder)} == {5}


def test_a_goal_for_an_unknown_loop_is_rejected_and_told_which_there_are() -> None:
    opened, over = open_goal(Goal(goal="g1", loop="cook"), None, NOON, ("repair", "write"))
    assert isinstance(opened, Opened)
    assert isinstance(over, Over)
    assert (over.outcome.status, over.outcome.reason) == (Status.REJECTED, StopReason.REJECTED)
    assert over.outcome.why == "There is no loop named cook here; there is repair, write."


def test_the_longest_failure_still_fits_into_the_outcome() -> None:
    told = Told(bounded(failures=1))
    told.hears(
        Result(goal="g1", step="work", attempt=1, failure=Failure(kind=FailureClass.CRASHED, message="x" * 65_536))
    )
    assert told.outcome.reason is StopReason.ERROR


def test_the_largest_figures_still_add_up() -> None:
    most = 10**15
    told = Told(bounded(patience=9))
    usage = Usage(model_calls=most, tokens_in=most, cost=most, worker_seconds=most)
    told.makes(1, usage=usage)
    told.judges(1, 0.5, usage=usage)
    assert told.outcome.usage == usage
