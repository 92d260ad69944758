"""A race: lanes that are made side by side, of which the first that is accepted wins."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopwright.actors.decide import sends
from loopwright.actors.decision import Decision
from loopwright.actors.drawing import mermaid
from loopwright.actors.events import Accounted, Advanced, CalledOff, Forked
from loopwright.actors.evolve import fold
from loopwright.actors.forking import open_fork
from loopwright.actors.ladder import OtherModel
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.measured import NEW, Measured
from loopwright.actors.plan import PlannedStep
from loopwright.actors.race import Lane
from loopwright.actors.subgoals import goal_of_attempt
from loopwright.actors.unserved import Unserved, roles_waited_for
from loopwright.bus.forks import Fork
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
    Usage,
)
from tests.unit.actors.telling import NOON, Told, at
from tests.unit.actors.test_budgets import CALL, SPENT, spend
from tests.unit.actors.test_every_goal_ends import World

LANES = (Lane(model="a"), Lane(role="strong", model="b"), Lane())
RACE = Loop(name="race", work="code", makers=("strong",), judges=("tests",), race=3, bounds=Bounds(tokens=90))
NAMED = RACE.model_copy(update={"race": LANES})
STEPS = RACE.model_copy(update={"steps": (PlannedStep(name="one"), PlannedStep(name="two")), "race": 2})


def numbers(told: Told) -> list[int]:
    return [attempt.number for attempt in told.standing.under_way]


def test_the_lanes_of_a_race_are_made_at_once_each_as_it_is_told_and_with_a_purse_of_its_own() -> None:
    told = Told(NAMED)
    orders = [order for order in told.sent if isinstance(order, StepOrder)]
    assert [(each.attempt, each.lane, each.role, each.model) for each in orders] == [
        (1, 1, "code", "a"),
        (2, 2, "strong", "b"),
        (3, 3, "code", None),
    ]
    assert [each.left.tokens for each in orders if each.left] == [30, 30, 30]
    assert roles_waited_for(told.standing) == ("code", "strong")


def test_the_first_that_is_accepted_wins_whatever_its_number_and_the_rest_are_called_off() -> None:
    told = Told(NAMED)
    told.makes(3)
    told.makes(1)
    events = told.judges(3, 1.0)
    assert events[1:3] == (
        CalledOff(step="work", attempt=1, roles=("tests",)),
        CalledOff(step="work", attempt=2, roles=("strong",)),
    )
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)
    assert told.outcome.why == "Attempt 3 passed every evaluator; 2 other attempts came too late and were called off."
    assert told.outcome.evidence == {"called_off": 2, "under_way": 0}
    assert told.outcome.set_aside is not None
    assert told.outcome.set_aside.tokens == 60, "nobody has said yet what they took"


def test_when_all_lanes_are_refused_there_is_another_round_with_the_best_of_the_last() -> None:
    told = Told(RACE.model_copy(update={"bounds": Bounds(patience=9)}))
    for attempt, score in ((2, 0.5), (1, 0.3)):
        told.tries(attempt, score)
        assert max(numbers(told)) == 3, "a round begins when the last one is over"
    told.tries(3, 0.4)
    assert numbers(told) == [4, 5, 6]
    assert {order.best for order in told.sent if isinstance(order, StepOrder) and order.attempt > 3} == {"patch 2"}
    told.tries(5, 1.0)
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)


def test_the_last_round_has_as_many_lanes_as_there_are_attempts_left() -> None:
    told = Told(RACE.model_copy(update={"bounds": Bounds(attempts=5, patience=9)}))
    for attempt in (1, 2, 3):
        told.tries(attempt, attempt / 10)
    assert numbers(told) == [4, 5]
    for attempt in (4, 5):
        told.tries(attempt, attempt / 10)
    assert told.end == (Status.FAILED, StopReason.ATTEMPTS)


def test_who_was_called_off_says_what_that_took_and_what_was_not_needed_is_free_again() -> None:
    told = Told(STEPS)
    told.hears(Result(**at("one", 1), output="x"))
    heard = told.hears(Evaluation(**at("one", 1), judge="tests", passed=True, score=1.0, pick="x"))
    assert [event.event for event in heard] == ["judged", "called_off", "advanced", "began", "began"]
    assert isinstance(heard[2], Advanced)
    assert told.standing.room.tokens == 0, "half is the loser's, the rest is shared by the lanes of the next step"
    took = Usage(tokens_in=5)
    failure = Failure(kind=FailureClass.CALLED_OFF)
    assert told.hears(Result(**at("one", 2), failure=failure, usage=took)) == (
        Accounted(step="one", attempt=2, usage=took),
    )
    assert (told.standing.usage, told.standing.losers) == (took, ())
    assert told.standing.room.tokens == 45 - 5
    assert told.hears(Result(**at("one", 2), failure=failure, usage=took)) == (), "it says so once"


def test_the_evaluators_of_an_attempt_that_is_called_off_speak_for_themselves() -> None:
    told = Told(STEPS.model_copy(update={"judges": ("tests", "lint")}))
    for attempt in (1, 2):
        told.hears(Result(**at("one", attempt), output="x"))
    for judge in ("tests", "lint"):
        told.hears(Evaluation(**at("one", 1), judge=judge, passed=True, score=1.0))
    (loser,) = told.standing.losers
    assert (loser.attempt, loser.waiting) == (2, ("tests", "lint"))
    told.hears(Evaluation(**at("one", 2), judge="lint", passed=True, score=1.0, usage=Usage(cost=0.5)))
    assert told.standing.losers[0].waiting == ("tests",)
    assert told.hears(Result(**at("one", 2), output="x")) == (), "its maker had spoken before"
    told.hears(Evaluation(**at("one", 2), judge="tests", passed=False, score=0.0))
    assert (told.standing.losers, told.standing.usage.cost) == ((), 0.5)


def test_a_lane_that_is_a_goal_of_its_own_is_called_off_and_what_that_took_counts() -> None:
    told = Told(
        STEPS.model_copy(update={"steps": (PlannedStep(name="one", loop="find", race=2), PlannedStep(name="two"))})
    )
    told.hears(Result(**at("one", 2), output="x"))
    told.hears(Evaluation(**at("one", 2), judge="tests", passed=True, score=1.0))
    (word,) = [message for message in told.sent if isinstance(message, Cancel)]
    (loser,) = told.standing.losers
    assert (word.goal, loser.attempt) == (goal_of_attempt("g1", "one", 1), 1)
    told.hears(Result(**at("one", 1), failure=Failure(kind=FailureClass.POLICY), usage=Usage(tokens_in=7)))
    assert (told.standing.losers, told.standing.usage.tokens_in, told.standing.over) == ((), 7, False)


def test_a_loser_that_leaves_a_call_in_doubt_ends_the_goal_for_a_person_must_look() -> None:
    told = Told(STEPS)
    told.hears(Result(**at("one", 1), output="x"))
    told.hears(Evaluation(**at("one", 1), judge="tests", passed=True, score=1.0, pick="x"))
    told.hears(Result(**at("one", 2), failure=Failure(kind=FailureClass.IN_DOUBT, message="refund or not?")))
    assert (told.end, told.outcome.why) == ((Status.FAILED, StopReason.ERROR), "refund or not?")


def test_one_lane_that_may_not_go_on_leaves_the_goal_to_the_others() -> None:
    told = Told(RACE)
    told.fails(1, FailureClass.POLICY)
    told.fails(2, FailureClass.POLICY)
    assert not told.standing.over
    told.tries(3, 1.0)
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)


def test_a_lane_that_nobody_serves_ends_the_goal_only_when_no_other_is_under_way() -> None:
    told = Told(RACE.model_copy(update={"race": (Lane(), Lane(role="strong"))}))
    unserved = Unserved(goal="g1", role="strong", seconds=31)
    assert told.hears(unserved) == ()
    told.tries(1, 0.5)
    told.hears(unserved)
    assert told.end == (Status.FAILED, StopReason.NO_ROLE)


def test_a_race_in_which_no_lane_may_go_on_ends_the_goal() -> None:
    told = Told(RACE)
    for attempt in (1, 2, 3):
        told.fails(attempt, FailureClass.POLICY)
    assert told.end == (Status.FAILED, StopReason.ERROR)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_generator_with_nothing_left_does_not_end_a_race_in_which_another_has(order: tuple[int, int]) -> None:
    told = Told(RACE.model_copy(update={"race": 2, "bounds": Bounds(patience=9)}))
    for attempt in order:
        if attempt == 1:
            told.fails(1, FailureClass.EXHAUSTED)
        else:
            told.tries(2, 0.5)
    assert numbers(told) == [3, 4]


def test_a_rung_outranks_what_a_lane_is_told() -> None:
    bounds, ladder = Bounds(patience=1), (OtherModel(model="c"),)
    told = Told(NAMED.model_copy(update={"bounds": bounds, "ladder": ladder}))
    for attempt in (1, 2, 3):
        told.tries(attempt, 0.5)
    models = [each.model for each in told.sent if isinstance(each, StepOrder) and each.attempt > 3]
    assert models == ["c", "c", "c"]


def test_a_planner_races_nobody_and_its_steps_do() -> None:
    told = Told(RACE.model_copy(update={"plan": "outline"}))
    assert numbers(told) == [1]
    told.hears(Result(**at("plan", 1), output={"steps": [{"name": "a", "race": [{"role": "strong"}, {}]}]}))
    assert [(role, attempt) for role, attempt in told.orders[1:]] == [("strong", 1), ("code", 2)]


def test_a_race_stands_on_record_as_it_was_decided() -> None:
    told = Told(STEPS)
    told.hears(Result(**at("one", 2), output="x"))
    first = Decision(number=1, seen="LOOP-1", events=tuple(told.events[:1]), standing=told.standing)
    events = told.hears(Evaluation(**at("one", 2), judge="tests", passed=True, score=1.0))
    decision = Decision(number=2, seen="LOOP-2", events=events, standing=told.standing)
    assert Decision.read(decision.record(), first) == decision


@given(st.data(), st.integers(2, 4), st.integers(20, 200))
@settings(max_examples=40, deadline=None)
def test_a_race_spends_no_more_than_the_budget_and_one_call_of_each_order_in_flight_losers_included(
    data: st.DataObject, lanes: int, tokens: int
) -> None:
    bounds = Bounds(tokens=tokens, cost=1.0, tool_calls=tokens, patience=99)
    world = World(STEPS.model_copy(update={"race": lanes, "bounds": bounds}), Goal(goal="g1", loop="race"))
    total, most = Usage(), 0
    while world.open_orders:
        order = world.open_orders.pop(data.draw(st.integers(0, len(world.open_orders) - 1)))
        most = max(most, 1 + len(world.open_orders))
        usage, refused = spend(data, order)
        total += usage
        said: dict[str, Any] = {"goal": "g1", "step": order.step, "attempt": order.attempt, "usage": usage}
        said["failure"] = SPENT if refused else None
        if order.judge is None:
            world.say(Result(output=order.attempt, **said))
        else:
            score = data.draw(st.sampled_from([0.5, 1.0]))
            world.say(Evaluation(judge=order.role, passed=score == 1.0, score=score, **said))
    assert world.now.over, "everybody has spoken, also those who were called off"
    assert total.tokens_in <= tokens - 1 + CALL * most
    assert total.tool_calls <= tokens + most
    assert total.cost <= bounds.cost + 0.1 * most
    world.check()


def test_a_fork_runs_the_race_on_from_where_it_was_with_the_model_that_it_names() -> None:
    told = Told(NAMED)
    told.tries(2, 0.5)
    fork = Goal(goal="g2", loop="race", fork=Fork(goal="g1", seq=9, model="z"))
    (forked, *_) = events = open_fork(fork, told.standing, None, NOON)
    after = fold(None, events)
    assert after is not None
    orders = [each for each in sends(after, events) if isinstance(each, StepOrder)]
    assert isinstance(forked, Forked)
    assert [(each.attempt, each.lane, each.model) for each in orders] == [(1, 1, "z"), (3, 3, "z")]


def test_what_losers_of_another_goal_may_have_spent_counts_as_spent_in_its_fork() -> None:
    told = Told(STEPS)
    told.hears(Result(**at("one", 1), output="x"))
    told.hears(Evaluation(**at("one", 1), judge="tests", passed=True, score=1.0))
    fork = Goal(goal="g2", loop="race", fork=Fork(goal="g1", seq=9))
    after = fold(None, open_fork(fork, told.standing, None, NOON))
    assert after is not None
    assert (after.losers, after.set_aside.tokens) == ((), 45)


# What is measured of a round


def round_of(*lanes: tuple[str, str, float | None]) -> Measured:
    measured = NEW
    for made, failure, score in lanes:
        if score is None:
            measured = measured.without_score(1, failure, 0, 1)
        else:
            measured = measured.judged(score, 1, made, failure, 0, 0.0, 1)
    return measured.round_over()


lanes = st.tuples(st.sampled_from("ABC"), st.sampled_from("xyz"), st.sampled_from([0.5, None]))


@given(st.lists(lanes, min_size=1, max_size=5).flatmap(lambda told: st.tuples(st.just(told), st.permutations(told))))
def test_the_order_in_which_lanes_were_refused_changes_nothing_of_where_a_round_has_led(told: Any) -> None:
    one, other = (round_of(*each) for each in told)
    assert (one.made, one.failed, one.same) == (other.made, other.failed, other.same)
    assert one.round == ()


def test_lanes_that_make_the_same_repeat_nothing_and_rounds_that_do_are_a_repetition() -> None:
    told = Told(RACE.model_copy(update={"ladder": (), "bounds": Bounds(patience=99)}))
    for attempt in range(1, 10):
        assert not told.standing.over, "the lanes of one round know nothing of each other"
        told.tries(attempt, 0.5, output="the same")
    assert told.end == (Status.FAILED, StopReason.REPETITION)


def test_a_drawing_tells_how_many_race() -> None:
    assert "work<br/>code<br/>a race of 3" in mermaid(RACE)
