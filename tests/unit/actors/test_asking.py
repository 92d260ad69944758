"""What people are asked: who waits for them, until when, and what exactly it was."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from loopwright.actors.asking import Asked, reminders, timer_id, waited_for
from loopwright.actors.drawing import mermaid
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.person import Person
from loopwright.actors.unserved import roles_waited_for
from loopwright.bus.messages import StepOrder, StopReason
from tests.unit.actors.telling import NOON, Told

DAY = 24 * 3600.0
BOUNDS = Bounds(deadline=7 * DAY)
ASKING = Loop(
    name="refunds",
    work="clerk",
    judges=("policy", "boss"),
    people={"boss": Person(within=2 * DAY, default=False)},
    bounds=BOUNDS,
)
ORDER = StepOrder(goal="g1", loop="refunds", step="work", attempt=1, role="boss", judge="boss", input={"ticket": 7})

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=3), inside, max_size=3),
    max_leaves=6,
)


def test_a_goal_that_waits_for_a_person_waits_for_no_process() -> None:
    told = Told(ASKING)
    assert (waited_for(told.standing), roles_waited_for(told.standing)) == ([], ("clerk",))
    told.makes(1)
    assert (waited_for(told.standing), roles_waited_for(told.standing)) == ([("work", 1, "boss")], ("policy",))
    told.judges(1, 1.0, "policy")
    assert (waited_for(told.standing), roles_waited_for(told.standing)) == ([("work", 1, "boss")], ())
    told.judges(1, 1.0, "boss")
    assert told.outcome.reason is StopReason.ACCEPTED
    assert waited_for(told.standing) == []


def test_a_question_is_work_for_a_person() -> None:
    told = Told(Loop(name="ask", work="owner", judges=("near",), people={"owner": Person(within=60)}))
    assert (waited_for(told.standing), roles_waited_for(told.standing)) == ([("work", 1, "owner")], ())


def test_with_the_order_to_a_person_goes_the_time_that_the_answer_may_take() -> None:
    told = Told(ASKING)
    told.makes(1)
    (timer,) = reminders(ASKING, told.sent, NOON)
    assert (timer.goal, timer.id) == ("g1", timer_id("work", 1, "boss"))
    assert timer.at == NOON + timedelta(days=2)
    assert list(reminders(Told().loop, Told().sent, NOON)) == []


@given(values, values)
def test_a_digest_tells_one_thing_from_another(one: Any, other: Any) -> None:
    alike = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (Asked(ORDER, 7, NOON, one).digest == Asked(ORDER, 9, NOON, other).digest) == alike


def test_a_digest_is_of_the_goal_and_the_attempt_as_well() -> None:
    changes: list[dict[str, Any]] = [{}, {"goal": "g2"}, {"attempt": 2}, {"input": {}}]
    orders = [ORDER.model_copy(update=each) for each in changes]
    assert len({Asked(order, 7, NOON, {"amount": 5}).digest for order in orders}) == len(orders)


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ({"bos": Person(within=1)}, "bos is no role of this loop; did you mean boss"),
        ({"boss": Person(within=1, default="yes")}, "boss judges, so the default is true or false"),
        ({"boss": Person(within=7 * DAY)}, "the goal ends after 604800 seconds, before boss has had 604800"),
    ],
)
def test_a_design_that_asks_nobody_or_in_vain_is_refused(people: dict[str, Person], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Loop(name="refunds", work="clerk", judges=("policy", "boss"), people=people, bounds=BOUNDS)


def test_a_drawing_tells_people_from_processes() -> None:
    assert "boss, a person" in mermaid(ASKING)
    assert "policy, a person" not in mermaid(ASKING)
