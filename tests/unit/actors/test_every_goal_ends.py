"""Whatever is said in whatever order: a goal ends exactly once, and nothing is asked for twice.

The world here answers the orders of the core, late, twice, or not at all, while somebody else says what nobody
waits for. One run of `World` is one goal's life.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from loopwright.actors.decide import decide, open_goal, sends
from loopwright.actors.events import Advanced, Began, Event, Failed, Judged, Opened, Over
from loopwright.actors.evolve import evolve, fold
from loopwright.actors.ladder import Ladder, OtherModel, OtherRole
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.outcome import has_plan
from loopwright.actors.person import Person
from loopwright.actors.phases import Phase
from loopwright.actors.standing import Standing
from loopwright.actors.voting import Quorum, Vote
from loopwright.bus.messages import (
    Cancel,
    Due,
    Ended,
    Evaluation,
    Failure,
    FailureClass,
    Goal,
    Limits,
    Message,
    Result,
    Status,
    StepOrder,
    StopReason,
    Usage,
)
from loopwright.bus.questions import Pause, Question, Reply

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JUDGES = ("tests", "lint", "style")

failures = st.builds(Failure, kind=st.sampled_from(FailureClass), message=st.text(max_size=20))
mild_failures = st.builds(Failure, kind=st.sampled_from([FailureClass.CRASHED, FailureClass.EXHAUSTED]))
scores = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
usages = st.builds(
    Usage, tokens_in=st.integers(0, 400), cost=st.sampled_from([0.0, 0.01, 0.4]), candidates=st.integers(0, 9)
)


@st.composite
def steps_of_a_plan(draw: st.DrawFn, *, judged: bool = False) -> list[dict[str, JsonValue]]:
    """Some steps, each after none, some, or all of those before it, or once for each item of what one came to.

    Where they are `judged`, some name who judges them.
    """
    steps: list[dict[str, JsonValue]] = []
    for number in range(draw(st.integers(1, 4))):
        step: dict[str, JsonValue] = {"name": f"s{number}"}
        before = [str(each["name"]) for each in steps]
        if judged and draw(st.booleans()):
            own: list[JsonValue] = [judge for judge in JUDGES[:1] if draw(st.booleans())]
            step |= {"judges": own, "checks": ["form"], "vote": "all"}
        kind = draw(st.sampled_from(["in sequence", "after", "each"])) if before else "after"
        if kind == "after":
            needs: list[JsonValue] = [name for name in before if draw(st.booleans())]
            step["needs"] = needs
        elif kind == "each":
            step["each"] = draw(st.sampled_from(before))
        steps.append(step)
    return steps


planned_steps = steps_of_a_plan(judged=True)


@st.composite
def loops(draw: st.DrawFn) -> Loop:
    bounds = Bounds(
        attempts=draw(st.integers(4, 12)),  # as many as any plan here takes at least; a goal may have fewer
        patience=draw(st.integers(1, 12)),
        width=draw(st.integers(1, 5)),
        failures=draw(st.integers(1, 4)),
        tokens=draw(st.sampled_from([500, 2000, 200_000])),
        cost=draw(st.sampled_from([0.5, 3.0])),
    )
    judges = JUDGES[: draw(st.integers(1, 3))]
    votes: list[Vote] = ["all", "any", Quorum(quorum=len(judges) // 2 + 1)]
    voting: dict[str, Any] = {"vote": draw(st.sampled_from(votes)), "checks": draw(st.sampled_from([(), ("types",)]))}
    acceptance = draw(st.sampled_from([None, "hidden"]))
    ladders: list[Ladder | None] = [None, (), ("hint", OtherRole(role="strong"), OtherModel(model="m"))]
    starts: list[dict[str, Any]] = [{}, {"baseline": True}, {"plan": "planner"}, {"steps": draw(planned_steps)}]
    start = draw(st.sampled_from(starts))
    start["ladder"] = draw(st.sampled_from(ladders))
    if bounds.width == 1 and bounds.attempts > 1 and draw(st.booleans()):
        start["race"] = draw(st.sampled_from([2, min(3, bounds.attempts), ({"model": "a"}, {"role": "strong"})]))
        start["makers"] = ("strong",)
        start["ladder"] = draw(st.sampled_from([None, ()]))
    start["evaluators"] = ("form",)
    start |= {"people": {"boss": Person(within=60), "owner": Person(within=60)}, "approvers": ("boss", "owner")}
    return Loop(name="loop", work="code", judges=judges, acceptance=acceptance, bounds=bounds, **voting, **start)


@st.composite
def goals(draw: st.DrawFn) -> Goal:
    limits = Limits(width=draw(st.none() | st.integers(1, 3)), attempts=draw(st.none() | st.integers(1, 6)))
    return Goal(goal="g1", loop="loop", acceptance=draw(st.sampled_from([None, {"a": 1}])), limits=limits)


class World:
    """A goal, the orders that wait for an answer, and everything that was ever said."""

    def __init__(self, loop: Loop, goal: Goal) -> None:
        self.standing: Standing | None = None
        self.events: list[Event] = []
        self.sent: list[Message] = []
        self.open_orders: list[StepOrder] = []
        self.replies: list[Reply] = []
        """What people will say to what they are asked."""
        self.said: list[Message] = []
        self.at = NOON
        self.act(open_goal(goal, loop, NOON))

    @property
    def now(self) -> Standing:
        assert self.standing is not None
        return self.standing

    def act(self, events: tuple[Event, ...]) -> None:
        was_over = self.standing is not None and self.standing.over
        assert not (was_over and events), "something followed the end"
        was_met = self.standing is not None and self.standing.is_met
        assert not (was_met and any(isinstance(event, Began) for event in events)), "it was met, and went on"
        before = self.standing
        for event in events:
            before = evolve(before, event)
            assert len(before.under_way) <= before.ways(before) + before.loop.baseline
        self.standing = fold(self.standing, events)
        sent = list(sends(self.now, events))
        assert not (self.now.over and any(isinstance(message, StepOrder) for message in sent))
        self.events += events
        self.sent += sent
        self.open_orders += [message for message in sent if isinstance(message, StepOrder)]

    def say(self, message: Message) -> tuple[Event, ...]:
        self.at += timedelta(seconds=1)
        self.said.append(message)
        events = decide(self.now, message, self.at, len(self.said))
        self.act(events)
        if events and isinstance(message, Pause) and not self.now.over:
            told = {"goal": "g1", "step": message.step, "attempt": message.attempt}
            self.replies += [Reply(**told, digest=digest, approved=True) for digest in message.digests]
        return events

    def check(self) -> None:
        """Look at the whole life so far."""
        assert fold(None, self.events) == self.standing
        assert isinstance(self.events[0], Opened)
        assert sum(isinstance(event, Over) for event in self.events) == int(self.now.over)
        assert sum(isinstance(message, Ended) for message in self.sent) == int(self.now.over)
        told = [each for each in self.sent if isinstance(each, StepOrder)]
        orders = Counter((order.step, order.role, order.attempt, order.resumed) for order in told)
        assert not orders or max(orders.values()) == 1
        assert sum(len(begun) for begun in self.begun().values()) <= self.now.bounds.attempts + self.now.loop.baseline
        for begun in self.begun().values():
            assert begun == sorted(set(begun))
        assert self.now.attempts <= self.now.bounds.attempts
        under_way = [attempt for doing in self.now.doing for attempt in doing.under_way]
        assert all(attempt.phase not in {Phase.ACCEPTED, Phase.SETTLED} for attempt in under_way)
        met = Counter(event.step for event in self.events if isinstance(event, Advanced))
        assert all(times <= 1 + self.now.replans for step, times in met.items() if step), "a step is accepted once"
        if self.now.over:
            self.check_the_outcome()

    def begun(self) -> dict[str, list[int]]:
        """Return the attempts that were begun, by their steps."""
        steps: dict[str, list[int]] = {}
        standing: Standing | None = None
        for event in self.events:
            if standing is not None and isinstance(event, Began):
                steps.setdefault(event.step or standing.step, []).append(event.attempt)
            standing = evolve(standing, event)
        return steps

    def check_the_outcome(self) -> None:
        outcome = self.now.outcome
        assert outcome is not None
        met = self.now.is_met
        assert (outcome.reason is StopReason.ACCEPTED) == (outcome.status is Status.COMPLETED) == met
        assert (outcome.best_attempt is None) == (self.now.best is None)
        assert len(outcome.why) > 0
        lowest_counts = self.now.loop.vote == "all" and not has_plan(self.now)
        if outcome.best_attempt is not None and not self.now.accepted and lowest_counts:
            assert outcome.score == max(self.judged_scores(), default=0.0)

    def judged_scores(self) -> list[float]:
        """Return the scores of the attempts that every evaluator has seen and that were no false successes."""
        heard: dict[int, dict[str, Evaluation]] = {}
        taken = {(event.attempt, event.judge) for event in self.events if isinstance(event, Judged | Failed)}
        for said in self.said:
            if isinstance(said, Evaluation) and (said.attempt, said.judge) in taken:
                heard.setdefault(said.attempt, {}).setdefault(said.judge, said)
        return [
            min(verdict.score for verdict in verdicts.values())
            for attempt, verdicts in heard.items()
            if attempt > 0
            and set(self.now.loop.panel.everybody) == verdicts.keys()
            and not all(verdict.passed for verdict in verdicts.values())
            and not any(verdict.failure for verdict in verdicts.values())
        ]


def answer_to_one(data: st.DataObject, world: World, failing: st.SearchStrategy[Failure]) -> Message:
    """Return some answer to an order, or to what a person is asked."""
    number = data.draw(st.integers(0, len(world.open_orders) + len(world.replies) - 1))
    if number < len(world.replies):
        return world.replies.pop(number)
    return answer(data, world.open_orders.pop(number - len(world.replies)), failing)


def answer(data: st.DataObject, order: StepOrder, failing: st.SearchStrategy[Failure]) -> Message:
    """Return some answer to an order; whoever makes something may ask people first."""
    if order.judge is None and order.resumed < 2 and data.draw(st.integers(0, 5)) == 0:
        told = {"goal": "g1", "step": order.step, "attempt": order.attempt, "role": order.role}
        persons = data.draw(st.lists(st.sampled_from(["boss", "owner", "boss", "owner", "nobody"]), max_size=3))
        asked = tuple(Question(person=each, says=[order.resumed, number]) for number, each in enumerate(persons))
        return Pause(**told, resumed=order.resumed, questions=asked)
    failure = data.draw(st.integers(0, 3).flatmap(lambda dice: st.none() if dice else failing))
    usage, score = data.draw(usages), data.draw(scores)
    if order.judge is None:
        told = {"goal": "g1", "step": order.step, "attempt": order.attempt}
        output = data.draw(plans) if order.step == "plan" else None
        return Result(**told, output=output, failure=failure, usage=usage, size=data.draw(st.integers(0, 4)))
    return Evaluation(
        goal="g1",
        step=order.step,
        attempt=order.attempt,
        judge=order.role,
        passed=score == 1.0,
        score=score,
        failure=failure,
        usage=usage,
        pick=data.draw(st.sampled_from([["x", "y"], [], [1]])) if data.draw(st.integers(0, 9)) else "no list",
    )


plans: st.SearchStrategy[JsonValue] = st.one_of(
    planned_steps.map(lambda steps: {"steps": steps}), st.just({"steps": []}), st.just({"steps": [{"name": "plan"}]})
)
nonsense: st.SearchStrategy[Message] = st.one_of(
    st.builds(Result, goal=st.just("g1"), step=st.sampled_from(["work", "plan"]), attempt=st.integers(20, 99)),
    st.builds(
        Evaluation,
        goal=st.just("g1"),
        step=st.sampled_from(["work", "plan"]),
        attempt=st.integers(0, 99),
        judge=st.just("stranger"),
        passed=st.booleans(),
        score=scores,
    ),
    st.builds(Due, goal=st.just("g1"), id=st.just("tea")),
    st.builds(Goal, goal=st.just("g1"), loop=st.just("loop")),
)
endings: st.SearchStrategy[Message] = st.sampled_from([Cancel(goal="g1"), Due(goal="g1", id="deadline")])


@given(st.data(), loops(), goals())
@settings(max_examples=150, deadline=None)
def test_a_goal_ends_once_whatever_is_said_in_whatever_order(data: st.DataObject, loop: Loop, goal: Goal) -> None:
    world = World(loop, goal)
    for _ in range(data.draw(st.integers(0, 60))):
        what = data.draw(st.sampled_from(["answer"] * 8 + ["again", "nonsense", "ending"]))
        if what == "answer" and (world.open_orders or world.replies):
            world.say(answer_to_one(data, world, failures))
        elif what == "again" and world.said:
            said = data.draw(st.sampled_from(world.said))
            assert isinstance(said, Cancel | Due) or world.say(said) == (), "a duplicate led to a decision"
        elif what == "nonsense":
            assert world.say(data.draw(nonsense)) == ()
        elif what == "ending" and data.draw(st.integers(0, 9)) == 0:
            world.say(data.draw(endings))
    world.check()


@given(st.data(), loops(), goals())
@settings(max_examples=100, deadline=None)
def test_every_goal_ends_when_every_order_is_answered_at_last(data: st.DataObject, loop: Loop, goal: Goal) -> None:
    world = World(loop, goal)
    while (world.open_orders or world.replies) and not world.now.over:
        world.say(answer_to_one(data, world, mild_failures))
    assert world.now.over, "everything was answered, and the goal still waits"
    world.check()


@given(st.data(), loops())
@settings(max_examples=40, deadline=None)
def test_the_state_that_is_kept_does_not_grow_with_the_attempts(data: st.DataObject, loop: Loop) -> None:
    endless = loop.model_copy(
        update={
            "baseline": False,
            "plan": None,
            "people": {},
            "approvers": (),
            "steps": (),
            "acceptance": None,
            "bounds": Bounds(attempts=999, patience=999, width=3),
        }
    )
    world = World(endless, Goal(goal="g1", loop="loop"))
    sizes: list[int] = []
    for number in range(40):
        order = world.open_orders.pop(data.draw(st.integers(0, len(world.open_orders) - 1)))
        if order.judge is None:
            world.say(Result(goal="g1", step="work", attempt=order.attempt, output=f"{number}" + "x" * 500))
        else:
            refusal = {"passed": False, "score": 0.5, "pick": "x" * 500, "feedback": f"{number}" + "y" * 500}
            world.say(Evaluation(goal="g1", step="work", attempt=order.attempt, judge=order.role, **refusal))
        sizes.append(len(world.now.model_dump_json()))
    assert not world.now.over
    assert max(sizes) < 2000 + 4 * 900, "the goal and its loop, the best attempt, and three under way"
