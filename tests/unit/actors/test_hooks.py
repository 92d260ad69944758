"""What happens to a goal is told to goals of other loops, each once, and changes nothing for the goal itself."""

import pytest
from pydantic import ValidationError

from loopwright.actors.hooks import hooked
from loopwright.actors.loop import Bounds, Loop
from loopwright.bus.messages import Goal
from tests.unit.actors.telling import LOOP, Told

HOOKS = {"opened": "greet", "stuck": "alarm", "ended": "report"}
WATCHED = LOOP.model_copy(update={"hooks": HOOKS, "bounds": Bounds(patience=1, attempts=9)})


def told_by(told: Told) -> list[Goal]:
    return [message for message in told.sent if isinstance(message, Goal)]


def test_a_goal_of_another_loop_is_told_what_happens() -> None:
    told = Told(WATCHED)
    told.tries(1, 0.5)
    told.tries(2, 0.5)
    told.tries(3, 1.0)
    assert [(goal.loop, goal.input["moment"], goal.hops) for goal in told_by(told)] == [
        ("greet", "opened", 1),
        ("alarm", "stuck", 1),
        ("report", "ended", 1),
    ]
    alarm, report = told_by(told)[1:]
    assert (alarm.input["rung"], alarm.input["reason"], alarm.input["attempts"]) == ("hint", "plateau", 3)
    assert report.input["outcome"] == told.outcome.model_dump(mode="json")


def test_a_goal_goes_on_as_it_would_if_nobody_were_told() -> None:
    watched, alone = Told(WATCHED), Told(WATCHED.model_copy(update={"hooks": {}}))
    for each in (watched, alone):
        each.tries(1, 0.5)
        each.tries(2, 0.5)
        each.tries(3, 0.5)
    assert watched.outcome == alone.outcome
    assert watched.orders == alone.orders


def test_whoever_acts_on_a_decision_again_submits_the_same_goals() -> None:
    told = Told(WATCHED)
    first = list(hooked(told.standing, told.events))
    assert first == list(hooked(told.standing, told.events))
    told.tries(1, 0.5)
    told.tries(2, 0.5)
    told.tries(3, 0.5)
    ids = [goal.goal for goal in told_by(told)]
    assert len(set(ids)) == len(ids) >= 3


def test_who_is_told_is_told_on_whose_behalf() -> None:
    (goal,) = told_by(Told(WATCHED))
    assert goal.parent is not None
    assert (goal.parent.goal, goal.parent.left, goal.parent.answers) == ("g1", None, False)
    assert goal.input["input"] == {}


def test_a_loop_does_not_tell_itself() -> None:
    with pytest.raises(ValidationError, match="without end"):
        Loop(name="echo", work="code", judges=("tests",), hooks={"ended": "echo"})


def test_only_what_can_happen_is_told() -> None:
    with pytest.raises(ValidationError, match="opened"):
        Loop.model_validate({"name": "echo", "work": "code", "judges": ["tests"], "hooks": {"bored": "other"}})
