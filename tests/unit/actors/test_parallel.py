"""Steps that do not wait for each other are under way together: by example, and for every plan there can be."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from loopwright.actors.decision import Decision
from loopwright.actors.events import Advanced
from loopwright.actors.evolve import evolve
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.plan import PlannedStep, resolved
from loopwright.actors.standing import Standing
from loopwright.actors.unserved import roles_waited_for
from loopwright.bus.messages import (
    Cancel,
    Evaluation,
    Failure,
    FailureClass,
    Goal,
    Result,
    Status,
    StepOrder,
    StopReason,
)
from tests.unit.actors.telling import Told
from tests.unit.actors.test_every_goal_ends import World, steps_of_a_plan

DIAMOND = Loop(
    name="diamond",
    work="write",
    makers=("draw",),
    judges=("tests",),
    steps=(
        PlannedStep(name="outline", input="short"),
        PlannedStep(name="text"),
        PlannedStep(name="picture", needs=("outline",), role="draw"),
        PlannedStep(name="page", needs=("text", "picture")),
    ),
)
FAN = Loop(
    name="fan",
    work="write",
    judges=("tests",),
    steps=(
        PlannedStep(name="list"),
        PlannedStep(name="chapter", each="list"),
        PlannedStep(name="book", needs=("chapter", "list")),
    ),
)


class Followed(Told):
    """A goal whose steps are done one after the other, as the test has it."""

    def does(self, step: str, pick: JsonValue = None, attempt: int = 1, score: float = 1.0) -> None:
        self.hears(Result(goal="g1", step=step, attempt=attempt))
        self.refuses_or_passes(step, attempt, score, f"{step} {attempt}" if pick is None else pick)

    def refuses_or_passes(self, step: str, attempt: int, score: float, pick: JsonValue) -> None:
        said = {"judge": "tests", "passed": score == 1.0, "score": score, "pick": pick}
        self.hears(Evaluation(goal="g1", step=step, attempt=attempt, **said))

    def fails_at(self, step: str, attempt: int, kind: FailureClass = FailureClass.CRASHED) -> None:
        self.hears(Result(goal="g1", step=step, attempt=attempt, failure=Failure(kind=kind, message="no")))

    @property
    def asked(self) -> list[tuple[str, str, JsonValue, JsonValue]]:
        """What was made, so far: the role, the step, its task and what came before."""
        orders = [each for each in self.sent if isinstance(each, StepOrder) and each.judge is None]
        return [(each.role, each.step, each.task, each.before) for each in orders]


def test_steps_that_wait_for_the_same_are_under_way_together_and_meet_where_both_are_needed() -> None:
    told = Followed(DIAMOND)
    assert told.asked == [("write", "outline", "short", None)]
    told.does("outline")
    assert told.asked[1:] == [("write", "text", None, "outline 1"), ("draw", "picture", None, "outline 1")]
    told.does("picture")
    assert len(told.asked) == 3, "the page needs the text, too"
    told.does("text")
    assert told.asked[3:] == [("write", "page", None, {"text": "text 1", "picture": "picture 1"})]
    told.does("page")
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)
    assert (told.outcome.best, told.outcome.attempts, told.outcome.steps) == ("page 1", 4, 8)
    assert told.outcome.why == "Every step of its plan passed every evaluator."


def test_each_step_under_way_is_refined_by_itself() -> None:
    told = Followed(DIAMOND)
    told.does("outline")
    told.does("text", score=0.5)
    told.does("picture", score=0.25)
    told.does("text", attempt=2, score=0.75)
    told.does("picture", attempt=2)
    (text,) = told.standing.doing
    assert (text.step, text.begun, text.best and text.best.score) == ("text", 3, 0.75)
    best = [each.best for each in told.sent if isinstance(each, StepOrder) and each.step == "picture"]
    assert best == [None, None, "picture 1", None]


def test_a_goal_waits_for_the_roles_of_all_its_steps() -> None:
    told = Followed(DIAMOND)
    told.does("outline")
    told.hears(Result(goal="g1", step="text", attempt=1))
    assert set(roles_waited_for(told.standing)) == {"tests", "draw"}


def test_a_step_is_done_for_each_item_of_a_list_and_who_needs_it_is_given_all() -> None:
    told = Followed(FAN)
    told.does("list", ["sea", "sky"])
    assert told.asked[1:] == [("write", "chapter-1", "sea", None), ("write", "chapter-2", "sky", None)]
    told.does("chapter-2")
    told.does("chapter-1")
    before = {"chapter": ["chapter-1 1", "chapter-2 1"], "list": ["sea", "sky"]}
    assert told.asked[3:] == [("write", "book", None, before)]


def test_what_is_done_for_each_item_of_nothing_comes_to_nothing() -> None:
    told = Followed(FAN)
    told.does("list", [])
    assert told.asked[-1] == ("write", "book", None, {"chapter": [], "list": []})


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("words", "The step chapter is done for each item of list, which made no list."),
        (["x"] * 9, "The step list made 9 items, and chapter is done for at most 8."),
    ],
)
def test_what_no_step_can_be_done_for_ends_the_goal(made: JsonValue, why: str) -> None:
    told = Followed(FAN)
    told.does("list", made)
    assert (told.end, told.outcome.why) == ((Status.FAILED, StopReason.ERROR), why)


def test_several_ends_of_a_plan_come_to_several_things() -> None:
    steps = (PlannedStep(name="a", needs=()), PlannedStep(name="b", needs=()))
    told = Followed(DIAMOND.model_copy(update={"steps": steps}))
    told.does("b", ["b"])
    told.does("a", score=0.5)
    told.does("a", attempt=2)
    assert (told.outcome.best, told.outcome.reason) == ({"a": "a 2", "b": ["b"]}, StopReason.ACCEPTED)


def test_a_step_that_is_stuck_ends_the_goal_although_others_are_under_way() -> None:
    told = Followed(DIAMOND.model_copy(update={"bounds": Bounds(failures=2)}))
    told.does("outline")
    told.fails_at("picture", 1)
    told.fails_at("text", 1)
    assert not told.standing.over, "failures are counted in a row, at each step"
    told.fails_at("picture", 2)
    assert told.end == (Status.FAILED, StopReason.ERROR)
    assert told.outcome.evidence["step"] == "picture"
    assert told.outcome.evidence["beside"] == ["text"]
    assert told.outcome.best == {"picture": "outline 1", "text": "outline 1"}


def test_attempts_under_way_anywhere_may_still_succeed_when_a_bound_of_the_goal_is_reached() -> None:
    steps = (PlannedStep(name="a", needs=()), PlannedStep(name="b", needs=()))
    told = Followed(DIAMOND.model_copy(update={"steps": steps, "bounds": Bounds(attempts=3)}))
    told.does("a", score=0.5)
    told.does("a", attempt=2, score=0.6)
    assert not told.standing.over
    told.does("b")
    assert told.end == (Status.FAILED, StopReason.ATTEMPTS)
    assert told.outcome.attempts == 3


def test_the_bound_on_attempts_is_kept_where_several_steps_begin_at_once() -> None:
    told = Followed(FAN.model_copy(update={"bounds": Bounds(attempts=3)}))
    told.does("list", ["a", "b", "c"])
    assert [step for _, step, _, _ in told.asked] == ["list", "chapter-1", "chapter-2"]
    told.does("chapter-1")
    told.does("chapter-2")
    assert told.end == (Status.FAILED, StopReason.ATTEMPTS)


def test_a_goal_is_called_off_with_all_its_steps() -> None:
    told = Followed(DIAMOND)
    told.does("outline")
    told.hears(Cancel(goal="g1"))
    assert told.end == (Status.CANCELED, StopReason.CANCELLED)
    assert told.outcome.evidence["under_way"] == 2
    assert told.hears(Result(goal="g1", step="text", attempt=1)) == ()


def test_a_planner_may_write_what_steps_need() -> None:
    told = Followed(Loop(name="planned", plan="planner", work="write", makers=("draw",), judges=("tests",)))
    steps: JsonValue = [{"name": "a", "mood": "calm"}, {"name": "b", "needs": [], "role": "draw"}]
    told.hears(Result(goal="g1", step="plan", attempt=1, output={"steps": steps}))
    assert told.asked[1:] == [("write", "a", None, None), ("draw", "b", None, None)]


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([{"name": "a", "needs": ["b"]}, {"name": "b"}], "a needs b needs a: none of them can begin."),
        ([{"name": "a"}, {"name": "b", "needs": ["aa"]}], "there is no step aa; did you mean a?"),
        ([{"name": "a", "role": "cook"}], "cook is not among the roles that make results; there is write."),
    ],
)
def test_a_plan_that_cannot_be_done_is_a_failed_attempt_at_one(steps: JsonValue, why: str) -> None:
    told = Followed(Loop(name="planned", plan="planner", work="write", judges=("tests",)))
    told.hears(Result(goal="g1", step="plan", attempt=1, output={"steps": steps}))
    assert told.standing.last_failure is not None
    assert told.standing.last_failure.message == f"the planner's output is no plan: {why}"
    assert told.orders[-1] == ("planner", 2)


class Model:
    """What a plan is expected to do, worked out anew from what was accepted."""

    def __init__(self, steps: tuple[PlannedStep, ...]) -> None:
        self.steps = {step.name: step for step in resolved(steps)}
        self.accepted: dict[str, JsonValue] = {}

    def instances(self, name: str) -> list[str] | None:
        """Return the names under which a step is done; None while that is open."""
        each = self.steps[name].each
        if each is None:
            return [name]
        made = self.came_to(each)
        return [f"{name}-{number}" for number in range(1, len(made) + 1)] if isinstance(made, list) else None

    def came_to(self, name: str) -> JsonValue:
        """Return what a step came to; None while it is not done."""
        names = self.instances(name)
        if names is None or not all(each in self.accepted for each in names):
            return None
        made = [self.accepted[each] for each in names]
        return made if self.steps[name].each else made[0]

    def can_begin(self) -> set[str]:
        """Return the names of all that could have begun by now."""
        done = {name for name in self.steps if self.came_to(name) is not None}
        ready = [step for step in self.steps.values() if set(step.needs or ()) <= done]
        return {name for step in ready for name in self.instances(step.name) or ()}

    def accepts(self, standing: Standing | None, step: str) -> None:
        """Note what an accepted step came to."""
        there = standing.at(step) if standing else None
        assert there is not None
        assert there.best is not None
        self.accepted[step] = there.best.pick

    def given(self, name: str) -> tuple[JsonValue, JsonValue]:
        """Return the task of a step, and what comes before it."""
        step = self.steps.get(name) or self.steps[re.sub("-[0-9]+$", "", name)]
        before = {need: self.came_to(need) for need in step.needs or () if need != step.each}
        items = self.came_to(step.each) if step.each else None
        task = items[int(name.rpartition("-")[2]) - 1] if isinstance(items, list) else step.input
        return task, (next(iter(before.values())) if len(before) == 1 else before or None)

    def end(self) -> JsonValue:
        """Return what the plan comes to."""
        needed = {need for step in self.steps.values() for need in step.needs or ()}
        ends = [name for name in self.steps if name not in needed]
        return self.came_to(ends[0]) if len(ends) == 1 else {name: self.came_to(name) for name in ends}


def kept(world: World) -> Standing:
    """Return where a goal stands by the record of its first and its last decision."""
    first = Decision(number=1, seen="x", events=world.events[:1], standing=evolve(None, world.events[0]))
    last = Decision.model_construct(number=2, seen="x", events=tuple(world.events[-1:]), standing=world.now)
    order = next(each for each in reversed(world.sent) if isinstance(each, StepOrder))
    return Decision.read(last.record(order), first, order.model_dump(mode="json")).standing


@given(st.data(), steps_of_a_plan(), st.booleans(), st.integers(1, 3))
@settings(max_examples=120, deadline=None)
def test_a_plan_is_done_side_by_side_as_far_as_its_needs_allow(
    data: st.DataObject, steps: list[dict[str, JsonValue]], planned: bool, width: int
) -> None:
    bounds = Bounds(attempts=999, patience=999, width=width)
    start: dict[str, Any] = {"plan": "planner"} if planned else {"steps": steps}
    world = World(
        Loop(name="loop", work="code", judges=("tests",), bounds=bounds, **start), Goal(goal="g1", loop="loop")
    )
    if planned:
        world.open_orders.clear()
        world.say(Result(goal="g1", step="plan", attempt=1, output={"steps": steps}))
    model = Model(tuple(PlannedStep.model_validate(step) for step in steps))
    while not world.now.over:
        assert kept(world) == world.now
        begun = {order.step for order in world.sent if isinstance(order, StepOrder)} - {"plan"}
        assert begun == model.can_begin()
        order = world.open_orders.pop(data.draw(st.integers(0, len(world.open_orders) - 1)))
        assert (order.task, order.before) == model.given(order.step)
        if order.judge is None:
            made = [order.step, order.attempt]  # the same again and again would be a repetition
            world.say(Result(goal="g1", step=order.step, attempt=order.attempt, output=made))
            continue
        passed = data.draw(st.integers(0, 3)) < 3
        pick: JsonValue = [f"{order.step} {number}" for number in range(data.draw(st.integers(0, 3)))]
        told = {"passed": passed, "score": float(passed), "pick": pick}
        before: Standing | None = world.now
        for event in world.say(Evaluation(goal="g1", step=order.step, attempt=order.attempt, judge="tests", **told)):
            if isinstance(event, Advanced):
                assert before is not None
                model.accepts(before, event.step or before.step)
            before = evolve(before, event)
    for step in {doing.step for doing in world.now.doing if doing.accepted} - model.accepted.keys():
        model.accepts(world.now, step)
    world.check()
    assert world.now.outcome is not None
    assert world.now.outcome.reason is StopReason.ACCEPTED
    assert world.now.outcome.best == model.end()
