"""A result that has one evaluator only goes straight to it; the goal hears of both with the verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.actors.handing import handed_on
from loopwright.actors.loop import Loop
from loopwright.actors.person import Person
from loopwright.actors.unserved import roles_needed, roles_waited_for
from loopwright.bus.messages import Allowance, Brief, FailureClass, Result, StepOrder, Usage
from tests.unit.actors.telling import LOOP, Told, bounded


def brief(output: str, usage: Usage | None = None) -> Brief:
    """What the evaluator says of a result that it was handed."""
    spent = usage or Usage()
    order = StepOrder(goal="g1", loop="repair", step="work", attempt=1, role="code", to="tests")
    made = handed_on(order, "tests", Result(goal="g1", step="work", attempt=1, output=output, usage=spent)).made
    assert made is not None
    return made


def test_a_maker_is_told_where_its_result_goes() -> None:
    (order,) = [each for each in Told().sent if isinstance(each, StepOrder)]
    assert order.to == "tests"


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.4, 0.8, 1.0]), st.sampled_from("abc")), min_size=1, max_size=12))
def test_a_goal_stands_where_it_would_had_orchestrators_heard_the_result_first(
    tries: list[tuple[float, str]],
) -> None:
    usage = Usage(model_calls=1, tokens_in=7)
    heard, handed = Told(bounded(patience=4)), Told(bounded(patience=4))
    for attempt, (score, output) in enumerate(tries, start=1):
        heard.makes(attempt, output, usage=usage)
        heard.judges(attempt, score, seq=attempt)
        handed.judges(attempt, score, seq=attempt, made=brief(output, usage))
        if heard.standing.over:
            break
    assert handed.standing == heard.standing
    assert ("tests", 1) not in handed.orders, "its maker has ordered it"


def test_nobody_is_believed_who_judges_what_was_not_handed_to_him() -> None:
    told = Told()
    assert told.judges(1, 1.0) == (), "it says nothing of a result"
    assert told.judges(1, 1.0, "other", made=brief("patch")) == ()
    assert told.judges(2, 1.0, made=brief("patch")) == ()


def test_an_evaluator_that_could_not_read_what_was_handed_to_it_fails_the_attempt() -> None:
    told = Told()
    told.cannot_judge(1, FailureClass.UNREADABLE)
    assert told.orders == [("code", 1), ("code", 2)]
    assert told.standing.failures == 1


def test_a_failed_result_is_heard_by_orchestrators() -> None:
    told = Told()
    told.fails(1)
    assert told.orders == [("code", 1), ("code", 2)]


@pytest.mark.parametrize(
    "loop",
    [
        LOOP.model_copy(update={"judges": ("tests", "lint")}),
        bounded(width=2),
        LOOP.model_copy(update={"people": {"tests": Person(within=5)}}),
        LOOP.model_copy(update={"people": {"code": Person(within=5)}}),
    ],
    ids=["two evaluators", "the next is begun meanwhile", "a person judges", "a person makes"],
)
def test_orchestrators_hear_a_result_first_where(loop: Loop) -> None:
    told = Told(loop)
    assert told.standing.judge_of(told.standing) is None
    assert told.judges(1, 1.0, made=brief("patch")) == ()


def test_a_plan_is_heard_by_orchestrators() -> None:
    told = Told(LOOP.model_copy(update={"plan": "draft"}))
    (order,) = [each for each in told.sent if isinstance(each, StepOrder)]
    assert (order.role, order.to) == ("draft", None)


def test_a_goal_that_waits_for_a_maker_needs_its_evaluator_too() -> None:
    standing = Told().standing
    assert (roles_waited_for(standing), roles_needed(standing)) == (("code",), ("code", "tests"))


def test_an_evaluator_may_spend_what_its_maker_has_left() -> None:
    order = StepOrder(goal="g1", loop="repair", step="work", attempt=1, role="code", to="tests", hint="look there")
    order = order.but(left=Allowance(tokens=100, cost=1.0, tool_calls=3))
    spent = Usage(tokens_in=60, tokens_out=10, cost=0.25, tool_calls=2)
    handed = handed_on(order, "tests", Result(goal="g1", step="work", attempt=1, output=7, usage=spent))
    assert handed.left == Allowance(tokens=30, cost=0.75, tool_calls=1)
    assert (handed.role, handed.judge, handed.output and handed.output.value, handed.hint) == ("tests", "tests", 7, "")
