"""What a fork takes over from the goal that it goes on from, and what of it is ordered anew."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.actors.decide import sends
from loopwright.actors.decision import Decision
from loopwright.actors.decisions import Known
from loopwright.actors.errors import NoWayOn
from loopwright.actors.events import Event, Forked, Over
from loopwright.actors.evolve import fold
from loopwright.actors.forking import open_fork, standing_at
from loopwright.actors.ladder import OtherModel
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.plan import PlannedStep
from loopwright.actors.standing import Standing
from loopwright.bus.envelope import MAX_HOPS
from loopwright.bus.forks import Fork, ForkPoint
from loopwright.bus.messages import Evaluation, Goal, Limits, Message, Result, StepOrder, StopReason, Timer, Usage
from loopwright.bus.subjects import NOBODY, Subject
from loopwright.bus.trajectory import Entry
from tests.unit.actors.telling import LOOP, NOON, Told, bounded

LATER = NOON + timedelta(hours=1)
OTHER = Loop(name="mend", work="write", judges=("lint", "tests"))


class Forking(Told):
    """A fork that is told one message after another."""

    def __init__(self, was: Standing, loop: Loop | None = None, **goal: Any) -> None:
        self.loop = loop or was.loop
        self.events: list[Event] = []
        self.sent: list[Message] = []
        fork = Fork(goal=was.goal.goal, seq=50, today=loop is not None)
        goal = {"goal": "g2", "loop": self.loop.name, "fork": fork} | goal
        self.standing = self.follow(None, open_fork(Goal(**goal), was, loop, LATER))


def told(loop: Loop = LOOP, *scores: float, **goal: Any) -> Told:
    """Return a goal that has been told of an attempt for each score."""
    found = Told(loop, **goal)
    for attempt, score in enumerate(scores, start=1):
        found.tries(attempt, score)
    return found


def test_a_fork_begins_with_the_orders_for_what_was_under_way() -> None:
    origin = told(LOOP, 0.2)
    fork = Forking(origin.standing)
    timer, order = fork.sent
    assert timer == Timer(goal="g2", id="deadline", at=LATER + timedelta(seconds=600)), "the deadline starts anew"
    assert isinstance(order, StepOrder)
    assert (order.goal, order.role, order.attempt, order.best, order.hops) == ("g2", "code", 2, "patch 1", 2)
    assert order.prefix == (ForkPoint(goal="g1", seq=50),)


def test_what_was_being_judged_is_asked_of_those_who_had_not_spoken() -> None:
    origin = Told(LOOP.model_copy(update={"judges": ("tests", "lint")}))
    origin.makes(1)
    origin.judges(1, 1.0, "tests")
    assert Forking(origin.standing).orders == [("lint", 1)]
    assert Forking(origin.standing, input={"other": 1}).orders == [("tests", 1), ("lint", 1)]
    assert Forking(origin.standing, OTHER).orders == [("lint", 1), ("tests", 1)]


def test_every_step_under_way_is_ordered_anew() -> None:
    origin = Told(
        LOOP.model_copy(update={"steps": (PlannedStep(name="one", needs=()), PlannedStep(name="two", needs=()))})
    )
    origin.hears(Result(goal="g1", step="two", attempt=1, output="half"))
    fork = Forking(origin.standing, input={"other": 1})
    ordered = {(order.step, order.role) for order in fork.sent if isinstance(order, StepOrder)}
    assert ordered == {("one", "code"), ("two", "tests")}
    assert fork.standing.steps == origin.standing.steps + 2


def test_a_step_that_had_no_attempts_left_goes_on_where_a_fork_brings_more() -> None:
    steps = (PlannedStep(name="one", needs=()), PlannedStep(name="two", needs=()))
    origin = Told(LOOP.model_copy(update={"steps": steps}), limits=Limits(attempts=2))
    origin.hears(Result(goal="g1", step="one", attempt=1, output="half"))
    origin.hears(Evaluation(goal="g1", step="one", attempt=1, judge="tests", passed=False, score=0.1))
    assert not origin.standing.over
    for more, ordered in ((2, [("two", 1)]), (3, [("two", 1), ("one", 2)])):
        fork = Forking(origin.standing, limits=Limits(attempts=more))
        assert [(each.step, each.attempt) for each in fork.sent if isinstance(each, StepOrder)] == ordered


def test_a_fork_takes_over_what_it_does_not_bring_and_keeps_count_of_what_was_spent() -> None:
    brought = {"input": {"a": 1}, "acceptance": {"b": 2}, "limits": Limits(attempts=9, tokens=500), "hops": 3}
    origin = Told(LOOP, **brought)
    origin.makes(1, usage=Usage(tokens_in=100))
    fork = Forking(origin.standing, limits=Limits(attempts=4))
    goal = fork.standing.goal
    assert (goal.input, goal.acceptance, goal.hops) == ({"a": 1}, {"b": 2}, 4)
    assert goal.limits == Limits(attempts=4, tokens=500)
    assert (fork.standing.usage.tokens_in, fork.standing.attempts) == (100, 1)
    assert (fork.standing.bounds.attempts, origin.standing.bounds.attempts) == (4, 9)


def test_a_fork_names_the_model_to_ask_to_its_makers_and_to_its_own_forks_until_its_loop_climbs_to_another() -> None:
    ladder = LOOP.model_copy(update={"ladder": (OtherModel(model="large"),), "bounds": Bounds(patience=2)})
    fork = Forking(told(ladder, 0.2).standing, fork=Fork(goal="g1", seq=50, model="small"))
    again = Forking(fork.standing, fork=Fork(goal="g2", seq=90))
    again.makes(2)
    for attempt in (3, 4):
        again.judges(attempt - 1, 0.1)
        again.makes(attempt)
    again.judges(4, 0.1)
    orders = [each for each in again.sent if isinstance(each, StepOrder)]
    assert {each.model for each in orders if each.judge} == {None}
    models = [each.model for each in orders if not each.judge]
    assert models[0] == "small"
    assert models[-1] == "large"


def test_a_loop_of_the_same_name_stays_as_it_was_pinned_unless_that_of_today_is_asked_for() -> None:
    origin = told(LOOP, 0.2)
    today = bounded(attempts=5)
    kept = open_fork(Goal(goal="g2", loop="repair", fork=Fork(goal="g1", seq=1)), origin.standing, today, LATER)
    assert [each.loop for each in kept if isinstance(each, Forked)] == [LOOP]
    assert Forking(origin.standing, today).standing.loop == today


@pytest.mark.parametrize(
    ("loop", "goal", "why"),
    [
        (None, {"loop": "mend"}, "There is no loop named mend here to go on with."),
        (OTHER, {"loop": "mend"}, "g1 was being planned there, and the loop mend has no planner."),
        (None, {"hops": MAX_HOPS + 1}, f"It is {MAX_HOPS + 1} messages from its first cause"),
    ],
)
def test_a_fork_that_nobody_can_go_on_with_is_refused(loop: Loop | None, goal: dict[str, Any], why: str) -> None:
    origin = Told(LOOP.model_copy(update={"plan": "outline"}))
    wanted = Goal(**{"goal": "g2", "loop": "repair", "fork": Fork(goal="g1", seq=1)} | goal)
    events = open_fork(wanted, origin.standing, loop, LATER)
    assert isinstance(events[-1], Over)
    assert events[-1].outcome.why.startswith(why)
    after = fold(None, events)
    assert after is not None
    assert [type(each).__name__ for each in sends(after, events)] == ["Ended"]


@given(st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0]), max_size=8), st.integers(0, 8))
def test_a_fork_that_changes_nothing_and_hears_the_same_ends_the_same(scores: list[float], place: int) -> None:
    origin = Told()
    heard = 0
    was = origin.standing
    for attempt, score in enumerate(scores, start=1):
        if not origin.standing.over:
            origin.tries(attempt, score)
            heard = attempt if attempt <= place and not origin.standing.over else heard
            was = origin.standing if heard == attempt else was
    fork = Forking(was)
    for attempt in range(heard + 1, len(scores) + 1):
        fork.tries(attempt, scores[attempt - 1])
    theirs = {"goal": origin.standing.goal, "opened": NOON, "prefix": (), "steps": 0, "outcome": None}
    assert fork.standing.but(**theirs) == origin.standing.but(**theirs)
    assert fork.standing.over == origin.standing.over


@given(st.lists(st.sampled_from([0.0, 0.2, 0.4]), max_size=4), st.booleans())
def test_the_opening_of_a_fork_is_read_as_it_was_written(scores: list[float], other: bool) -> None:
    fork = Forking(told(LOOP, *scores).standing, OTHER if other else None)
    opening = Decision(number=1, seen="INTAKE-9", events=tuple(fork.events), standing=fork.standing)
    (order,) = [each for each in fork.sent if isinstance(each, StepOrder)]
    assert Decision.read(opening.record()) == opening
    assert Decision.read(opening.record(order), None, order.model_dump(mode="json")) == opening


# Where a goal stood


def on_record(*messages: tuple[int, Message]) -> list[Entry]:
    return [Entry(seq, NOON, subject_of(message), message) for seq, message in messages]


def subject_of(message: Message) -> Subject:
    kind = "step" if isinstance(message, StepOrder) else "result"
    role = getattr(message, "role", NOBODY)
    return Subject.of(kind, ns="default", role=role, goal="g1", step="work", attempt=getattr(message, "attempt", 1))


def known(origin: Told, seq: int, seen: str = "INTAKE-1") -> Known:
    return Known(Decision(number=1, seen=seen, events=tuple(origin.events), standing=origin.standing), seq, True)


def stood(seq: int, decisions: Sequence[Known], entries: Sequence[Entry]) -> Standing:
    return standing_at(ForkPoint(goal="g1", seq=seq), decisions, entries)


def test_what_was_said_by_then_counts_also_where_nobody_had_decided_on_it() -> None:
    origin = Told()
    (order,) = [each for each in origin.sent if isinstance(each, StepOrder)]
    made = Result(goal="g1", step="work", attempt=1, output="patch 1")
    decisions, entries = [known(origin, 10)], on_record((10, order), (14, made))
    assert stood(13, decisions, entries) == origin.standing
    assert Forking(stood(14, decisions, entries)).orders == [("tests", 1)]
    unasked = on_record((9, made), (10, order))
    assert stood(10, decisions, unasked) == origin.standing, "what was said before it was asked for does not count"


def test_a_record_that_was_put_back_is_gone_on_from_by_the_places_that_it_had() -> None:
    origin = Told()
    (order,) = [each for each in origin.sent if isinstance(each, StepOrder)]
    made = Result(goal="g1", step="work", attempt=1, output="patch 1")
    entries = [
        replace(entry, seq=at, recorded=entry.seq) for at, entry in enumerate(on_record((110, order), (114, made)), 3)
    ]
    decisions = [known(origin, 3)]
    assert stood(113, decisions, entries) == origin.standing
    assert Forking(stood(114, decisions, entries)).orders == [("tests", 1)]
    with pytest.raises(NoWayOn, match="g1 was opened at 110, behind 4"):
        stood(4, decisions, entries)


def test_a_place_from_which_nothing_can_go_on_is_refused_with_a_better_one() -> None:
    over = told(LOOP, 1.0)
    assert over.end[1] is StopReason.ACCEPTED
    for seq, decisions, why in (
        (9, [known(Told(), 10)], "g1 was opened at 10, behind 9."),
        (11, [known(Told(), 10)], "The record of g1 ends at 10 so far, before 11."),
        (10, [known(over, 10)], "g1 had ended with what was on its record at 10: go on from an earlier place."),
        (10, [], "There is no goal g1 on record to go on from."),
    ):
        with pytest.raises(NoWayOn) as refused:
            stood(seq, decisions, [])
        assert str(refused.value) == why
