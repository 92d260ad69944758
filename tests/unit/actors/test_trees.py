"""What a goal and all goals below it spend is never above its budget by more than the calls that were in flight."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopwright.actors.effects import EffectRecord
from loopwright.actors.errors import StepFailed
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.purse import refuse_if_spent, share_for_a_goal
from loopwright.actors.stopping import deadline_reached
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import (
    Allowance,
    Due,
    Failure,
    FailureClass,
    Goal,
    Limits,
    Outcome,
    Parent,
    Result,
    Status,
    StepOrder,
    StopReason,
    Timer,
    Usage,
)
from tests.unit.actors.telling import LOOP, NOON, Told, bounded
from tests.unit.actors.test_budgets import CALL, SPENT
from tests.unit.actors.test_every_goal_ends import World

LEFT = Allowance(tokens=100, cost=2.0, tool_calls=7, steps=9, all_attempts=5)
NAMES = count()


class Tree:
    """Goals that have goals of their own, and what all of them have really spent."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.tokens = self.calls = self.steps = self.attempts = 0
        self.unheard = 0
        """Goals whose last call was in flight when nobody listened any more."""

    def live(self, goal: Goal, depth: int) -> Outcome:
        """Return how a goal ended whose attempts spend what they may, with goals of their own."""
        world = World(LOOP.model_copy(update={"bounds": Bounds(attempts=3, width=goal.limits.width or 1)}), goal)
        while world.open_orders and not world.now.over:
            order = world.open_orders.pop(self.data.draw(st.integers(0, len(world.open_orders) - 1)))
            told: dict[str, Any] = {"goal": goal.goal, "step": order.step, "attempt": order.attempt}
            world.say(Result(output=order.attempt, **told, **self.work(order, depth)))
        while not world.now.over:
            world.say(Result(goal=goal.goal, step="work", attempt=world.now.begun, failure=SPENT))
        self.steps += world.now.steps
        self.attempts += world.now.attempts
        outcome = world.now.outcome
        assert outcome is not None
        return outcome

    def work(self, order: StepOrder, depth: int) -> dict[str, Any]:
        """Spend on an order, as a worker does, and return what its answer tells."""
        record = EffectRecord()
        for _ in range(self.data.draw(st.integers(1, 6))):
            try:
                if depth and self.data.draw(st.booleans()):
                    self.nest(order, record, depth)
                else:
                    self.call(order, record)
            except StepFailed as error:
                return self.told(record) | {"failure": error.failure}
        return self.told(record) | {"failure": Failure(kind=FailureClass.MISUSE, message=f"{next(NAMES)}")}

    def call(self, order: StepOrder, record: EffectRecord) -> None:
        refuse_if_spent(order.left, record.committed, calls=True)
        tokens = self.data.draw(st.integers(0, CALL))
        record.take(effect(EffectPhase.DONE, "call", f"{next(NAMES)}", usage=Usage(tokens_in=tokens)))
        self.tokens, self.calls = self.tokens + tokens, self.calls + 1

    def nest(self, order: StepOrder, record: EffectRecord, depth: int) -> None:
        """Have a goal of one's own, and hear its end or not."""
        assert order.left is not None
        limits = Limits(tokens=self.data.draw(st.none() | st.integers(1, 200)))
        share, id_ = share_for_a_goal(order.left, record.committed, limits), f"g{next(NAMES)}"
        record.take(effect(EffectPhase.RESERVED, "goal", id_, aside=share))
        parent = Parent(goal=order.goal, step=order.step, attempt=order.attempt, left=share)
        outcome = self.live(Goal(goal=id_, loop=LOOP.name, limits=limits, parent=parent), depth - 1)
        if self.data.draw(st.booleans()):
            usage = outcome.usage + Usage(steps=outcome.steps, all_attempts=outcome.attempts)
            record.take(effect(EffectPhase.DONE, "goal", id_, usage=usage, aside=outcome.set_aside))
        else:
            self.unheard += 1

    def told(self, record: EffectRecord) -> dict[str, Any]:
        aside = record.aside
        return {"usage": record.spent + record.spent_by_goals, "aside": Allowance.of(**aside.__dict__)}


def effect(phase: EffectPhase, what: Any, key: str, **told: Any) -> Effect:
    place = {"goal": "g", "step": "work", "attempt": 1, "role": "code"}
    return Effect(phase=phase, what=what, key=key, call=key, occurrence=1, **place, **told)


@given(st.data(), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_a_tree_of_goals_spends_no_more_than_the_budget_at_its_root_and_a_call_of_each_that_nobody_heard(
    data: st.DataObject, width: int
) -> None:
    tokens, calls, steps = (data.draw(st.integers(2, most)) for most in (200, 40, 30))
    attempts = data.draw(st.none() | st.integers(1, 12))
    tree = Tree(data)
    limits = Limits(tokens=tokens, tool_calls=calls, steps=steps, all_attempts=attempts, width=width)
    outcome = tree.live(Goal(goal="root", loop=LOOP.name, limits=limits), depth=2)
    assert tree.tokens < tokens + CALL * (1 + tree.unheard)
    assert tree.calls <= calls
    assert tree.steps <= steps
    assert attempts is None or tree.attempts <= attempts
    assert outcome.usage.tool_calls <= tree.calls, "nothing is counted twice"
    if not tree.unheard and outcome.set_aside is None:
        assert (outcome.usage.tokens_in, outcome.usage.tool_calls) == (tree.tokens, tree.calls)
        assert outcome.steps + outcome.usage.steps == tree.steps
        assert outcome.attempts + outcome.usage.all_attempts == tree.attempts


def test_a_goal_of_an_attempt_gets_what_its_limits_name_and_half_of_all_else() -> None:
    committed = Usage(tokens_in=20, tokens_out=1, tool_calls=2)
    limits = Limits(tokens=500, steps=4)
    assert share_for_a_goal(LEFT, committed, limits) == Allowance(
        tokens=79, cost=1.0, tool_calls=3, steps=4, all_attempts=3
    )


def test_what_nobody_counts_for_the_attempt_nobody_counts_for_its_goal() -> None:
    left = Allowance(tokens=100, cost=2.0)
    assert share_for_a_goal(left, Usage(), Limits(tool_calls=3)) == Allowance(tokens=50, cost=1.0)


@pytest.mark.parametrize(
    ("spent", "what"),
    [
        (Usage(tokens_in=100), "tokens"),
        (Usage(cost=2.0), "cost"),
        (Usage(tool_calls=7), "tool calls"),
        (Usage(steps=9), "steps"),
        (Usage(all_attempts=5), "all attempts"),
    ],
)
def test_an_attempt_that_has_nothing_left_has_no_goal_of_its_own(spent: Usage, what: str) -> None:
    with pytest.raises(StepFailed, match=f"nothing is left of the {what} for a goal of its own") as failed:
        share_for_a_goal(LEFT, spent, Limits())
    assert failed.value.failure.kind is FailureClass.SPENT


def below(loop: Loop = LOOP, **parent: Any) -> Told:
    """Return a goal that another's attempt has submitted."""
    return Told(loop, parent=Parent(goal="g0", step="work", attempt=1, **parent))


def test_the_bounds_of_a_goal_are_no_higher_than_its_share_whatever_its_loop_and_its_limits_say() -> None:
    loop = bounded(tokens=50, tool_calls=20)
    told = Told(loop, limits=Limits(cost=9.0, steps=30), parent=Parent(goal="g0", step="work", attempt=1, left=LEFT))
    bounds = told.standing.bounds
    assert (bounds.tokens, bounds.cost, bounds.tool_calls, bounds.steps) == (50, 2.0, 7, 9)


def test_a_goal_ends_no_later_than_the_one_that_it_serves() -> None:
    soon, late = NOON + timedelta(seconds=5), NOON + timedelta(days=1)
    timers = [[each.at for each in below(until=until).sent if isinstance(each, Timer)] for until in (soon, late)]
    assert timers == [[soon], [NOON + timedelta(seconds=LOOP.bounds.deadline)]]
    assert deadline_reached(below(until=soon).standing).why == "Its 5 seconds ran out."
    gone = below(until=NOON)
    assert (gone.end, gone.orders) == ((Status.FAILED, StopReason.DEADLINE), [])


def test_what_is_set_aside_for_good_is_not_spent_again() -> None:
    told = Told(bounded(tokens=100))
    failure = Failure(kind=FailureClass.CRASHED, message="it broke")
    told.hears(
        Result(goal="g1", step="work", attempt=1, failure=failure, aside=Allowance(tokens=70, cost=1.0), usage=Usage())
    )
    again = told.sent[-1]
    assert isinstance(again, StepOrder)
    assert again.left == Allowance(tokens=30, cost=2.0)
    told.hears(Result(goal="g1", step="work", attempt=2, failure=SPENT, usage=Usage(tokens_in=30)))
    assert (told.end, told.outcome.set_aside) == ((Status.FAILED, StopReason.TOKENS), Allowance(tokens=70, cost=1.0))
    assert told.outcome.evidence["set_aside"] == 70


def test_an_attempt_under_way_at_the_end_may_have_spent_all_that_it_had() -> None:
    told = Told(bounded(tokens=100, tool_calls=10))
    told.makes(1, usage=Usage(tokens_in=30, tool_calls=4))
    told.hears(Due(goal="g1", id="deadline"))
    assert told.outcome.usage == Usage(tokens_in=30, tool_calls=4)
    assert told.outcome.set_aside == Allowance(tokens=70, cost=3.0, tool_calls=6)


def test_a_goal_that_waits_for_steps_of_others_ends_only_when_they_are_settled() -> None:
    told = Told(bounded(steps=7, width=3))
    told.makes(1)
    assert told.orders == [("code", 1), ("tests", 1), ("code", 2)]
    told.makes(2)
    told.judges(1, 0.5)
    assert told.orders[-2:] == [("tests", 2), ("code", 3)]
