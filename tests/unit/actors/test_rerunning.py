"""What is made of a record when code is run again on it: what a call raised, what an order came to, what differs."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.actors.comparing import facts, first_difference
from loopwright.actors.errors import Retriable, StepFailed
from loopwright.actors.recalled import anew
from loopwright.actors.rerunning import Asked, cut_off_from_outside, orders_in, was_cut_off
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import (
    Failure,
    FailureClass,
    FaultClass,
    Message,
    Result,
    Source,
    StepOrder,
)
from loopwright.bus.plain import JsonValue
from loopwright.bus.subjects import NOBODY, Subject
from loopwright.bus.trajectory import Entry

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_a_difference_is_told_exactly_where_there_is_one(now: JsonValue, then: JsonValue) -> None:
    assert first_difference(now, now) is None
    assert (first_difference(now, then) is None) == (now == then)


def test_a_difference_is_told_with_its_place() -> None:
    now: JsonValue = {"a": [1, {"b": "new"}]}
    assert first_difference(now, {"a": [1, {"b": "old"}]}) == ("a[1].b", '"new"', '"old"')
    assert first_difference(now, {"a": [1]}) == ("a", '[1, {"b": "new"}]', "[1]")


def raised(text: str, kind: FailureClass = FailureClass.CRASHED) -> Effect:
    source = Source(fault=FaultClass.TOOL, kind=kind, name="weigh", call="c")
    told = {"goal": "g1", "step": "work", "attempt": 1, "role": "clerk", "what": "call", "name": "weigh"}
    return Effect(**told, phase=EffectPhase.RAISED, call="c", occurrence=1, failure=text, source=source)


class Strict(Exception):
    """An exception that nobody can make from a text alone."""

    def __init__(self, status: int, *, why: str) -> None:
        super().__init__(f"{status}: {why}")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KeyError("moved"), KeyError),
        (ConnectionResetError(104, "reset by peer"), ConnectionResetError),
        (Strict(503, why="down"), Strict),
        (Retriable("later", wait=3), Retriable),
        (StepFailed(FailureClass.POLICY, "no"), StepFailed),
        (type("Unheard", (Exception,), {})("of"), Exception),
    ],
)
def test_what_a_call_raised_is_raised_again_as_whoever_catches_it_knows_it(
    error: Exception, kind: type[Exception]
) -> None:
    again = anew(raised(f"{type(error).__name__}: {error}", FailureClass.POLICY))
    assert isinstance(again, kind)
    assert (type(again).__name__, str(again)) == (type(error).__name__, str(error))
    if isinstance(again, StepFailed):
        assert again.failure.kind is FailureClass.POLICY


def entry(seq: int, kind: str, message: Message, role: str = NOBODY) -> Entry:
    subject = Subject.of(kind, ns="default", role=role, goal="g1", step="work", attempt=1)
    return Entry(seq, datetime(2026, 1, 1, tzinfo=UTC), subject, message)


def test_an_order_is_told_once_with_the_first_answer_behind_it() -> None:
    order = StepOrder(goal="g1", loop="l", step="work", attempt=1, role="clerk")
    answers = [Result(goal="g1", step="work", attempt=1, output=number) for number in (1, 2, 3)]
    other = raised("KeyError: x").model_copy(update={"role": "judge"})
    entries = [
        entry(1, "result", answers[0]),
        entry(2, "decision", order, "clerk"),
        entry(3, "step", order, "clerk"),
        entry(4, "effect", raised("KeyError: x"), "clerk"),
        entry(5, "effect", other, "judge"),
        entry(6, "result", answers[1]),
        entry(7, "result", answers[2]),
    ]
    (found,) = orders_in(entries)
    assert (found.seq, found.answered, found.answer, len(found.effects)) == (2, 6, answers[1], 1)
    (open_,) = orders_in(entries[:3])
    assert (open_.answer, open_.answered) == (None, 0)


def test_only_a_call_in_whose_middle_an_attempt_may_have_ended_is_no_other_way() -> None:
    def failure(kind: FailureClass, name: str | None) -> Failure:
        source = Source(fault=FaultClass.TOOL, kind=kind, name=name) if name else None
        return Failure(kind=kind, source=source)

    assert was_cut_off(failure(FailureClass.TIMEOUT, "weigh"), "weigh")
    assert was_cut_off(failure(FailureClass.TRANSIENT, None), "weigh")
    assert not was_cut_off(failure(FailureClass.TIMEOUT, "order"), "weigh")
    assert not was_cut_off(failure(FailureClass.MISUSE, "weigh"), "weigh")
    assert not was_cut_off(failure(FailureClass.TIMEOUT, None), ""), "it was about to write, and not to call"


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (Failure(kind=FailureClass.CALLED_OFF), "it was called off, for another attempt had won"),
        (Failure(kind=FailureClass.CRASHED), "it kills whoever takes it"),
        (Failure(kind=FailureClass.CRASHED, source=raised("KeyError: x").source), None),
        (None, None),
    ],
)
def test_what_its_own_code_has_not_ended_is_not_done_again(failure: Failure | None, why: str | None) -> None:
    order = StepOrder(goal="g1", loop="l", step="work", attempt=1, role="clerk")
    answer = Result(goal="g1", step="work", attempt=1, failure=failure)
    assert cut_off_from_outside(Asked(2, order, answered=3, answer=answer)) == why


def test_two_failures_for_want_of_time_are_the_same_answer() -> None:
    def said(kind: FailureClass, why: str) -> Result:
        return Result(goal="g1", step="work", attempt=1, failure=Failure(kind=kind, message=why))

    late, later = said(FailureClass.TIMEOUT, "longer than 3 s"), said(FailureClass.TRANSIENT, "trouble for 3 s")
    assert facts(late) == facts(later)
    assert facts(said(FailureClass.MISUSE, "a")) != facts(said(FailureClass.MISUSE, "b"))
