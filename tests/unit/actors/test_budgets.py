"""What a goal spends is never above its budget by more than the calls that were in flight."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from loopwright.actors.errors import StepFailed
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.purse import refuse_if_spent
from loopwright.bus.messages import (
    Allowance,
    Evaluation,
    Failure,
    FailureClass,
    Goal,
    Limits,
    Result,
    Status,
    StepOrder,
    StopReason,
    Usage,
)
from tests.unit.actors.telling import LOOP, Told, bounded
from tests.unit.actors.test_every_goal_ends import World

CALL = 7
"""Tokens of one call at most."""
SPENT = Failure(kind=FailureClass.SPENT, message="it is spent")


def spend(data: st.DataObject, order: StepOrder) -> tuple[Usage, bool]:
    """Return what a worker spends that looks before each call, and whether it was refused one."""
    assert order.left is not None
    spent = Usage()
    for _ in range(data.draw(st.integers(0, 12))):
        try:
            refuse_if_spent(order.left, spent, calls=True)
        except StepFailed:
            return spent, True
        spent += Usage(
            tool_calls=1, tokens_in=data.draw(st.integers(0, CALL)), cost=data.draw(st.sampled_from([0, 0.1]))
        )
    return spent, False


@given(st.data(), st.integers(1, 4), st.sampled_from([None, "planner"]))
@settings(max_examples=150, deadline=None)
def test_a_goal_spends_no_more_than_its_budget_and_one_call_of_each_order_in_flight(
    data: st.DataObject, width: int, plan: str | None
) -> None:
    judges = ("tests", "lint")[: data.draw(st.integers(1, 2))]
    tokens, calls = data.draw(st.integers(1, 120)), data.draw(st.integers(1, 30))
    bounds = Bounds(tokens=tokens, cost=1.0, tool_calls=calls, width=width)
    steps = data.draw(st.none() | st.integers(4, 20))
    loop = Loop(name="loop", work="code", judges=judges, plan=plan, bounds=bounds, acceptance="hidden")
    world = World(loop, Goal(goal="g1", loop="loop", limits=Limits(steps=steps), acceptance={"a": 1}))
    left_behind: list[Usage] = []
    most = 0
    while world.open_orders and not world.now.over:
        order = world.open_orders.pop(data.draw(st.integers(0, len(world.open_orders) - 1)))
        most = max(most, 1 + len(world.open_orders))
        usage, refused = spend(data, order)
        told: dict[str, Any] = {"goal": "g1", "step": order.step, "attempt": order.attempt, "usage": usage}
        told["failure"] = SPENT if refused else None
        if order.judge is None:
            steps_of_it = [{"name": "a"}, {"name": "b", "needs": data.draw(st.sampled_from([[], ["a"]]))}]
            output = {"steps": steps_of_it} if order.step == "plan" else order.attempt
            heard = world.say(Result(output=output, **told))
        else:
            score = data.draw(st.sampled_from([0.5, 1.0]))
            heard = world.say(Evaluation(judge=order.role, passed=score == 1.0, score=score, **told))
        if not heard:
            left_behind.append(usage)
    total = sum(left_behind, world.now.usage)
    assert world.now.over
    assert total.tokens_in <= tokens - 1 + CALL * most
    assert total.tool_calls <= calls + most
    assert total.cost <= bounds.cost + 0.1 * most
    assert steps is None or world.now.steps <= steps
    world.check()


def test_who_is_alone_may_spend_all_that_is_left() -> None:
    told = Told(bounded(tokens=100, tool_calls=10))
    (order,) = [message for message in told.sent if isinstance(message, StepOrder)]
    assert order.left == Allowance(tokens=100, cost=3.0, tool_calls=10)
    told.makes(1, usage=Usage(tokens_in=30, tool_calls=4))
    judged = told.sent[-1]
    assert isinstance(judged, StepOrder)
    assert judged.left == Allowance(tokens=70, cost=3.0, tool_calls=6)


def purses(told: Told) -> dict[int, int]:
    return {each.number: each.purse.tokens for each in told.standing.under_way if each.purse}


def test_attempts_under_way_at_once_have_equal_shares_and_give_back_what_they_did_not_need() -> None:
    told = Told(bounded(tokens=90, width=3))
    for attempt in (1, 2):
        told.makes(attempt)
    assert purses(told) == {1: 30, 2: 30, 3: 30}
    told.judges(1, 0.5)
    told.makes(3, usage=Usage(tokens_in=20))
    assert purses(told) == {2: 30, 3: 10, 4: 30}


@pytest.mark.parametrize(
    ("bounds", "usage", "reason"),
    [
        ({"tool_calls": 5}, Usage(tool_calls=5), StopReason.TOOL_CALLS),
        ({"steps": 3}, Usage(), StopReason.STEPS),
    ],
)
def test_it_stops_when_no_tool_may_be_called_or_no_step_taken(
    bounds: dict[str, Any], usage: Usage, reason: StopReason
) -> None:
    told = Told(bounded(**bounds))
    told.makes(1, usage=usage)
    told.judges(1, 0.5)
    assert told.end == (Status.FAILED, reason)


def test_a_goal_that_has_not_the_steps_for_one_attempt_is_not_begun() -> None:
    told = Told(limits=Limits(steps=1))
    assert (told.end, told.orders) == ((Status.FAILED, StopReason.STEPS), [])


def test_an_empty_purse_is_no_failure_and_ends_the_goal_when_the_budget_is_spent() -> None:
    told = Told(bounded(tokens=100))
    usage = Usage(tokens_in=104)
    told.hears(Result(goal="g1", step="work", attempt=1, failure=SPENT, usage=usage))
    assert (told.end, told.outcome.usage) == ((Status.FAILED, StopReason.TOKENS), usage)
    assert told.outcome.why == "104 tokens are spent; the budget was 100."


def test_a_loop_whose_steps_do_not_reach_for_one_attempt_is_refused() -> None:
    with pytest.raises(ValidationError, match="an attempt takes 2 steps, and it may take 1"):
        Loop.model_validate(LOOP.model_dump() | {"bounds": {"steps": 1}})
