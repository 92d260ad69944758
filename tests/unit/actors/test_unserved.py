"""A role that nobody serves: whose answers a goal waits for, and when it stops waiting."""

from datetime import UTC, datetime, timedelta

import pytest

from loopwright.actors.decide import decide, open_goal
from loopwright.actors.events import Over
from loopwright.actors.evolve import fold
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.standing import Standing
from loopwright.actors.unserved import Unserved, look_again, roles_waited_for
from loopwright.bus.messages import Evaluation, Goal, Message, Result, Status, StopReason, Timer

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOOP = Loop(name="repair", work="code", judges=("tests", "lint"), acceptance="hidden", bounds=Bounds(unserved=30))
MADE = Result(goal="g1", step="work", attempt=1)
PASSED = [
    Evaluation(goal="g1", step="work", attempt=1, judge=judge, passed=True, score=1) for judge in ("tests", "lint")
]


def after(*said: Message, loop: Loop = LOOP) -> Standing:
    goal = Goal(goal="g1", loop=loop.name, acceptance={"secret": 1})
    standing = fold(None, open_goal(goal, loop, NOON))
    for message in said:
        assert standing is not None
        standing = fold(standing, decide(standing, message, NOON))
    assert standing is not None
    return standing


@pytest.mark.parametrize(
    ("standing", "roles"),
    [
        (after(), ("code",)),
        (after(loop=LOOP.model_copy(update={"plan": "planner"})), ("planner",)),
        (after(loop=LOOP.model_copy(update={"baseline": True})), ("tests", "lint")),
        (after(MADE), ("tests", "lint")),
        (after(MADE, PASSED[0]), ("lint",)),
        (after(MADE, *PASSED), ("hidden",)),
        (after(MADE, loop=LOOP.model_copy(update={"bounds": Bounds(width=2)})), ("tests", "lint", "code")),
    ],
)
def test_a_goal_waits_for_the_roles_that_have_not_answered(standing: Standing, roles: tuple[str, ...]) -> None:
    assert roles_waited_for(standing) == roles


def test_a_goal_whose_role_nobody_serves_stops_with_what_to_start() -> None:
    (over,) = decide(after(MADE), Unserved(goal="g1", role="lint", seconds=31.25), NOON)
    assert isinstance(over, Over)
    assert (over.outcome.status, over.outcome.reason) == (Status.FAILED, StopReason.NO_ROLE)
    assert over.outcome.why == "Nobody serves the role lint: start `loopwright worker lint`."
    assert over.outcome.evidence == {"role": "lint", "unserved": 31.2, "under_way": 1}


def test_a_role_that_has_answered_meanwhile_stops_nothing() -> None:
    assert decide(after(MADE, PASSED[1]), Unserved(goal="g1", role="lint", seconds=31), NOON) == ()


def test_a_goal_that_is_over_waits_for_nobody() -> None:
    ended = fold(after(), decide(after(), Unserved(goal="g1", role="code", seconds=31), NOON))
    assert ended is not None
    assert ended.over
    assert roles_waited_for(ended) == ()


def test_the_broker_is_not_asked_to_look_again_within_a_second() -> None:
    assert look_again("g1", NOON, 0.01) == Timer(goal="g1", id="unserved", at=NOON + timedelta(seconds=1))
    assert look_again("g1", NOON, 30.0).at == NOON + timedelta(seconds=30)
