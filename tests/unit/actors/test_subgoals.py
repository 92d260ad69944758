"""A step may be a goal of its own: what is sent for it, and what comes of its end."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from loopwright.actors.drawing import mermaid
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.plan import PlannedStep
from loopwright.actors.subgoals import KINDS, answer, goal_of_attempt
from loopwright.bus.messages import (
    Allowance,
    Cancel,
    Ended,
    Evaluation,
    Failure,
    FailureClass,
    FaultClass,
    Goal,
    Message,
    Outcome,
    Parent,
    Result,
    Source,
    Status,
    StepOrder,
    StopReason,
    Usage,
)
from loopwright.deploy.apps import App
from tests.unit.actors.telling import NOON, Told

FIND = Loop(name="find", work="search", judges=("good",))


def book(*steps: PlannedStep, **more: Any) -> Loop:
    return Loop(**{"name": "book", "work": "write", "judges": ("read",), "steps": steps} | more)


BOOK = book(PlannedStep(name="facts", loop="find", input={"question": "who?"}), PlannedStep(name="text"))


def below(told: Told) -> Goal:
    """Return the last goal that was sent."""
    return [message for message in told.sent if isinstance(message, Goal)][-1]


def ended(goal: Goal, **outcome: Any) -> Result:
    """Return the result that the end of a goal is."""
    told = {"goal": goal.goal, "loop": goal.loop, "status": Status.COMPLETED, "reason": StopReason.ACCEPTED}
    (result,) = answer(goal, Outcome(**told | outcome))
    return result


def test_a_step_with_a_loop_is_sent_as_a_goal_on_half_of_what_is_left() -> None:
    told = Told(BOOK, input={"title": "A"}, hops=3)
    (first,) = [message for message in told.sent if isinstance(message, Goal | StepOrder)]
    left = Allowance(tokens=100_000, cost=1.5)
    until = NOON + timedelta(seconds=BOOK.bounds.deadline)
    parent = Parent(goal="g1", step="facts", attempt=1, left=left, until=until, answers=True)
    id_ = goal_of_attempt("g1", "facts", 1)
    assert first == Goal(goal=id_, loop="find", input={"question": "who?"}, hops=4, parent=parent)


def test_the_end_of_a_goal_is_the_result_of_the_attempt_and_is_judged_as_any() -> None:
    told = Told(BOOK)
    usage = Usage(tokens_in=70, steps=2)
    told.hears(ended(below(told), best={"found": 1}, usage=usage, steps=4))
    judged = told.sent[-1]
    assert isinstance(judged, StepOrder)
    assert (judged.step, judged.role, judged.attempt) == ("facts", "read", 1)
    assert told.standing.usage == Usage(tokens_in=70, steps=6)
    told.hears(Evaluation(goal="g1", step="facts", attempt=1, judge="read", passed=True, score=1.0, pick={"found": 1}))
    last = told.sent[-1]
    assert isinstance(last, StepOrder)
    assert (last.step, last.role, last.before) == ("text", "write", {"found": 1})


def test_a_further_attempt_is_another_goal_that_is_told_what_there_is_already() -> None:
    told = Told(book(PlannedStep(name="facts", loop="find")), input={"title": "A"})
    first = below(told)
    told.hears(ended(first, best=7))
    told.hears(Evaluation(goal="g1", step="facts", attempt=1, judge="read", passed=False, score=0.5, pick=7))
    second = below(told)
    assert second.goal != first.goal
    assert second.input == {"title": "A", "best": 7}


def test_steps_side_by_side_and_a_step_for_each_item_are_goals_with_purses_of_their_own() -> None:
    steps = (PlannedStep(name="list"), PlannedStep(name="part", each="list", loop="find"))
    told = Told(book(*steps))
    told.hears(Result(goal="g1", step="list", attempt=1, output=["a", {"b": 1}]))
    told.hears(
        Evaluation(goal="g1", step="list", attempt=1, judge="read", passed=True, score=1.0, pick=["a", {"b": 1}])
    )
    goals = [message for message in told.sent if isinstance(message, Goal)]
    assert [each.input for each in goals] == [{"task": "a"}, {"b": 1}]
    assert [each.parent.left.tokens for each in goals if each.parent and each.parent.left] == [50_000, 50_000]


def test_every_reason_to_end_means_something_for_the_attempt() -> None:
    assert KINDS.keys() == set(StopReason) - {StopReason.ACCEPTED}


@pytest.mark.parametrize("reason", sorted(KINDS))
def test_an_attempt_has_failed_whose_goal_has_failed_with_that_ones_reason(reason: StopReason) -> None:
    told = Told(BOOK)
    goal = below(told)
    status = Status.REJECTED if reason is StopReason.REJECTED else Status.FAILED
    result = ended(goal, status=status, reason=reason, why="It could not.", best="something", score=0.9)
    told.hears(result)
    assert result.output is None
    assert result.failure is not None
    assert f"{goal.goal}, a goal of the loop find, ended with the reason {reason}" in result.failure.message
    assert not any(isinstance(message, StepOrder) for message in told.sent), "nobody judges what a failed goal has made"


def test_the_fault_of_a_goal_is_the_source_of_the_failure_that_it_is() -> None:
    source = Source(fault=FaultClass.TOOL, kind=FailureClass.CRASHED, name="search")
    fault = Failure(kind=FailureClass.CRASHED, message="it broke", source=source)
    goal = below(Told(BOOK))
    told = {"status": Status.FAILED, "why": "3 attempts in a row failed", "fault": fault}
    assert ended(goal, reason=StopReason.ERROR, **told).failure == Failure(
        kind=FailureClass.CRASHED,
        message=f"{goal.goal}, a goal of the loop find, ended with the reason error: 3 attempts in a row failed",
        source=source,
    )


def test_a_goal_that_ends_calls_off_the_goals_that_its_steps_are() -> None:
    told = Told(BOOK)
    told.hears(Cancel(goal="g1"))
    assert [type(message) for message in told.sent[-2:]] == [Ended, Cancel]
    assert told.sent[-1].goal == goal_of_attempt("g1", "facts", 1)  # type: ignore[attr-defined]


def test_a_goal_that_no_attempt_is_tells_nobody_of_its_end() -> None:
    parent = Parent(goal="g0", step="work", attempt=1)
    outcome = Outcome(goal="g1", loop="find", status=Status.COMPLETED, reason=StopReason.ACCEPTED)
    assert list(answer(Goal(goal="g1", loop="find", parent=parent), outcome)) == []
    assert list(answer(Goal(goal="g1", loop="find"), outcome)) == []


def test_a_planner_may_write_steps_that_are_goals() -> None:
    told = Told(Loop(name="book", plan="outline", work="write", judges=("read",)))
    plan = {"steps": [{"name": "facts", "loop": "find", "input": {"question": "who?"}}]}
    told.hears(Result(goal="g1", step="plan", attempt=1, output=plan))
    assert (below(told).loop, below(told).input) == ("find", {"question": "who?"})


class Family:
    """A goal and the goals below it, each told what the others send."""

    def __init__(self, data: st.DataObject, loops: dict[str, Loop]) -> None:
        self.data = data
        self.loops = loops
        self.members: dict[str, Told] = {}
        self.left: list[Message] = []
        self.tokens = 0

    def open(self, goal: Goal) -> Told:
        told = {name: value for name, value in dict(goal).items() if name not in {"kind", "loop"}}
        member = self.members[goal.goal] = Told(self.loops[goal.loop], **told)
        self.pass_on(member, 0)
        return member

    def pass_on(self, member: Told, known: int) -> None:
        self.left += member.sent[known:]

    def live(self) -> None:
        """Hand over what was sent, in any order, until nothing is left."""
        while self.left:
            message = self.left.pop(self.data.draw(st.integers(0, len(self.left) - 1)))
            match message:
                case Goal() if message.goal not in self.members:
                    self.open(message)
                case StepOrder():
                    self.tell(self.answer(message))
                case Result() | Cancel():
                    self.tell(message)
                case _:
                    pass

    def tell(self, message: Message) -> None:
        member = self.members.get(str(getattr(message, "goal", "")))
        if member is not None:
            known = len(member.sent)
            member.hears(message)
            self.pass_on(member, known)

    def answer(self, order: StepOrder) -> Message:
        """Do an order: it takes a token less than it may, or a few."""
        assert order.left is not None
        took = min(self.data.draw(st.integers(0, 30)), order.left.tokens)
        self.tokens += took
        told = {"goal": order.goal, "step": order.step, "attempt": order.attempt, "usage": Usage(tokens_in=took)}
        passed = self.data.draw(st.booleans())
        if order.judge:
            return Evaluation(judge=order.judge, passed=passed, score=float(passed), **told)
        return Result(output=1 if passed else self.data.draw(st.integers()), **told)


@given(st.data(), st.integers(20, 200))
@settings(max_examples=60, deadline=None)
def test_goals_below_goals_keep_to_the_budget_at_the_root_and_none_succeeds_over_one_that_failed(
    data: st.DataObject, tokens: int
) -> None:
    bounds = Bounds(attempts=4, tokens=tokens)
    mid = book(PlannedStep(name="own"), PlannedStep(name="leaf", loop="find"), name="mid", bounds=bounds)
    steps = (PlannedStep(name="a", loop="mid"), PlannedStep(name="b", loop="find", needs=()), PlannedStep(name="c"))
    loops = {"find": FIND, "mid": mid, "book": book(*steps, bounds=bounds)}
    family = Family(data, loops)
    root = family.open(Goal(goal="root", loop="book"))
    family.live()
    assert all(member.standing.over for member in family.members.values())
    assert family.tokens <= tokens, "nobody here spends more than it was told"
    for member in family.members.values():
        parent = member.standing.goal.parent
        if parent is not None and member.outcome.status is not Status.COMPLETED:
            serves = family.members[parent.goal]
            assert not any(
                order.step == parent.step and order.attempt == parent.attempt and order.judge
                for order in serves.sent
                if isinstance(order, StepOrder)
            )
    if root.outcome.status is Status.COMPLETED and root.outcome.set_aside is None:
        assert root.outcome.usage.tokens_in == family.tokens


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"loop": "book"}, "a is done by a goal of book, and that by another, without end"),
        ({"loop": "find", "role": "write"}, "a is done by a goal of the loop find, so no role and no model is named"),
        ({"loop": "find", "race": [{"model": "x"}, {}]}, "a is done by a goal of the loop find, so no role"),
    ],
)
def test_a_step_that_can_be_no_goal_is_refused(step: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        book(PlannedStep.model_validate({"name": "a"} | step))


def test_an_app_finds_the_steps_whose_loop_nobody_has_or_has_no_end() -> None:
    there = book(PlannedStep(name="a", loop="mid"))
    back = book(PlannedStep(name="a", loop="book"), name="mid")
    app = App(loops={"mid": back, "book": there})
    assert [flaw for flaw in app.flaws(there) if flaw.path[0] == "steps"] == [
        (("steps", 0, "loop"), "a goal of mid has goals of book, and they have others, without end.")
    ]
    lost = book(PlannedStep(name="a", loop="mit"))
    assert (("steps", 0, "loop"), "there is no loop mit; did you mean mid?") in list(app.flaws(lost))


def test_a_loop_whose_steps_are_all_goals_needs_nobody_to_work() -> None:
    assert book(PlannedStep(name="a", loop="find")).roles == ("read",)
    assert BOOK.roles == ("write", "read")


def test_a_step_that_is_a_goal_is_drawn_as_one() -> None:
    assert 'step0{{"facts<br/>a goal of find"}}' in mermaid(BOOK)
