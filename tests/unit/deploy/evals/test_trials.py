"""What the record of a goal says of its loop, and when it says nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from loopwright.actors.faults import Fault
from loopwright.actors.loop import Loop
from loopwright.actors.standing import Best, Standing
from loopwright.bus import (
    Entry,
    Evaluation,
    Failure,
    FailureClass,
    Goal,
    Outcome,
    Result,
    StepOrder,
    StopReason,
    Subject,
)
from loopwright.bus.messages import FaultClass, Message, Status
from loopwright.deploy.evals.trials import Apart, curve_of, score_after, trial_of

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def record(*said: tuple[float, Message]) -> list[Entry]:
    """Messages on record, each at so many seconds after the start."""
    subject = Subject.of("event", ns="default", goal="g")
    return [Entry(n, BEGAN + timedelta(seconds=at), subject, message) for n, (at, message) in enumerate(said, 1)]


def order(attempt: int = 1, judge: str | None = None, timeout: float = 10.0) -> StepOrder:
    role = judge or "make"
    return StepOrder(
        goal="g", loop="l", step="work", attempt=attempt, role=role, judge=judge, input={}, timeout=timeout
    )


def result(kind: FailureClass | None = None) -> Result:
    return Result(goal="g", step="work", attempt=1, failure=Failure(kind=kind) if kind else None)


def verdict(kind: FailureClass | None = None) -> Evaluation:
    failure = Failure(kind=kind) if kind else None
    return Evaluation(goal="g", step="work", attempt=1, judge="near", passed=False, score=0.0, failure=failure)


def apart(reason: StopReason, entries: Sequence[Entry] = (), status: Status = Status.FAILED) -> Apart | None:
    outcome = Outcome(goal="g", loop="l", status=status, reason=reason)
    return trial_of("c", 1, outcome, entries, []).apart


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (StopReason.NO_ROLE, Apart.INFRASTRUCTURE),
        (StopReason.CANCELLED, Apart.CANCELLED),
        (StopReason.REJECTED, Apart.REJECTED),
        (StopReason.PLATEAU, None),
        (StopReason.ATTEMPTS, None),
        (StopReason.TOKENS, None),
        (StopReason.DEADLINE, None),
        (StopReason.ERROR, None),
    ],
)
def test_a_stop_reason_tells_whether_the_loop_was_tried(reason: StopReason, why: Apart | None) -> None:
    assert apart(reason) is why


def test_a_deadline_while_nobody_was_free_says_nothing_of_the_loop() -> None:
    idle = record((0, order(timeout=10)), (0, order(2, timeout=60)), (11, verdict()))
    assert apart(StopReason.DEADLINE, idle) is Apart.INFRASTRUCTURE


@pytest.mark.parametrize("said", [(9, verdict()), (11, result())])
def test_a_deadline_while_a_worker_may_have_been_at_work_is_the_loops(said: tuple[float, Message]) -> None:
    assert apart(StopReason.DEADLINE, record((0, order(timeout=10)), said)) is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (result(FailureClass.TRANSIENT), Apart.INFRASTRUCTURE),
        (verdict(FailureClass.TRANSIENT), Apart.INFRASTRUCTURE),
        (verdict(FailureClass.CRASHED), Apart.EVALUATOR),
        (verdict(FailureClass.UNREADABLE), Apart.EVALUATOR),
        (verdict(FailureClass.MISUSE), None),
        (result(FailureClass.CRASHED), None),
        (result(FailureClass.TIMEOUT), None),
    ],
)
def test_the_last_failure_tells_whose_error_it_was(answer: Message, why: Apart | None) -> None:
    for reason in (StopReason.ERROR, StopReason.STEP_TIMEOUT):
        assert apart(reason, record((0, order()), (1, result(FailureClass.CRASHED)), (2, answer), (3, result()))) is why


@pytest.mark.parametrize(
    ("fault", "confidence", "why"),
    [
        (FaultClass.ENVIRONMENT, 0.9, Apart.INFRASTRUCTURE),
        (FaultClass.EVALUATOR, 1.0, Apart.EVALUATOR),
        (FaultClass.EVALUATOR, 0.5, None),
        (FaultClass.AGENT, 1.0, None),
    ],
)
def test_an_error_that_is_blamed_for_certain_on_others_is_theirs(
    fault: FaultClass, confidence: float, why: Apart | None
) -> None:
    outcome = Outcome(goal="g", loop="l", status=Status.FAILED, reason=StopReason.ERROR)
    trial = trial_of("c", 1, outcome, [], [], Fault(fault=fault, confidence=confidence))
    assert (trial.apart, trial.fault) == (why, fault.value)


def test_what_was_accepted_counts_whatever_failed_on_the_way() -> None:
    entries = record((1, verdict(FailureClass.CRASHED)))
    assert apart(StopReason.ACCEPTED, entries, Status.COMPLETED) is None


@pytest.mark.parametrize(("planned", "attempts"), [(False, 2), (True, 5)])
def test_attempts_to_accept_are_those_of_every_step(planned: bool, attempts: int) -> None:
    outcome = Outcome(
        goal="g",
        loop="l",
        status=Status.COMPLETED,
        reason=StopReason.ACCEPTED,
        attempts=5,
        best_attempt=2,
        evidence={"step": "last"} if planned else {},
    )
    assert trial_of("c", 1, outcome, [], []).accepted_at == attempts


def test_a_curve_has_a_point_where_the_best_score_changes() -> None:
    start = Standing(goal=Goal(goal="g", loop="l"), loop=Loop(name="l", work="make", judges=("near",)), opened=BEGAN)
    best = [None, 0.2, 0.2, 0.2, 0.7]
    standings = [
        start.but(begun=begun, baseline=None, best=Best(attempt=1, score=score) if score else None)
        for begun, score in enumerate(best)
    ]
    curve = curve_of(standings)
    assert curve == ((1, 0.2), (4, 0.7))
    assert [score_after(curve, at) for at in (0, 1, 3, 4, 9)] == [0.0, 0.2, 0.2, 0.7, 0.7]
