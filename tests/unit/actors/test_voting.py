"""How evaluators come to one verdict: by example in a goal, and by properties of every panel there can be."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from loopwright.actors.loop import Loop
from loopwright.actors.voting import Ballot, Panel, Quorum, Tally, Vote, Weighted
from loopwright.bus.messages import Allowance, FailureClass, Status, StepOrder, StopReason
from tests.unit.actors.telling import Told, bounded

NAMES = ("a", "b", "c", "d")
HIDDEN: dict[str, JsonValue] = {"secret": 1}


def voting(vote: Vote, checks: tuple[str, ...] = (), **more: Any) -> Loop:
    return Loop(name="loop", work="code", judges=("a", "b", "c"), checks=checks, vote=vote, **more)


def heard(loop: Loop, **scores: float) -> Told:
    """A first attempt that every evaluator has scored; 1 passes."""
    told = Told(loop)
    told.makes(1)
    for judge, score in scores.items():
        told.judges(1, score, judge)
    return told


@pytest.mark.parametrize(
    ("vote", "scores", "accepted", "score"),
    [
        ("all", (1.0, 1.0, 1.0), True, 1.0),
        ("all", (1.0, 0.2, 1.0), False, 0.2),
        ("any", (0.1, 1.0, 0.3), True, 1.0),
        ("any", (0.1, 0.6, 0.3), False, 0.6),
        (Quorum(quorum=2), (1.0, 0.1, 1.0), True, 1.0),
        (Quorum(quorum=2), (1.0, 0.1, 0.4), False, 0.4),
        (Weighted(weights={"a": 3, "b": 1, "c": 1}, threshold=3), (1.0, 0.0, 0.0), True, 1.0),
        (Weighted(weights={"a": 3, "b": 1, "c": 1}, threshold=3), (0.5, 1.0, 1.0), False, 0.5),
        (Weighted(weights={"a": 0.7, "b": 0.1, "c": 0.1}, threshold=0.9), (1.0, 1.0, 1.0), True, 1.0),
    ],
)
def test_an_attempt_is_judged_by_the_vote_of_its_loop(
    vote: Vote, scores: tuple[float, ...], accepted: bool, score: float
) -> None:
    told = heard(voting(vote), **dict(zip("abc", scores, strict=True)))
    assert told.standing.accepted is accepted
    assert told.standing.best is not None
    assert told.standing.best.score == score


@pytest.mark.parametrize("vote", ["any", Quorum(quorum=1), Weighted(weights={"a": 9, "b": 1, "c": 1}, threshold=1)])
def test_no_vote_outweighs_a_check_that_refuses(vote: Vote) -> None:
    told = heard(voting(vote, checks=("tests",)), tests=0.25, a=1.0, b=1.0, c=1.0)
    assert not told.standing.accepted
    assert told.standing.best is not None
    assert told.standing.best.score == 0.25
    assert told.orders[-1] == ("code", 2)


def test_checks_and_judges_are_asked_at_once_and_both_are_handed_the_result() -> None:
    told = Told(voting("any", checks=("tests",)))
    told.makes(1)
    assert told.orders[1:] == [("tests", 1), ("a", 1), ("b", 1), ("c", 1)]
    assert told.standing.steps == 5


def test_checks_alone_can_judge() -> None:
    told = Told(Loop(name="loop", work="code", checks=("tests", "lint")))
    told.makes(1)
    told.judges(1, 1.0, "tests")
    told.judges(1, 1.0, "lint")
    assert (told.end, told.outcome.score) == ((Status.COMPLETED, StopReason.ACCEPTED), 1.0)


def test_an_evaluator_that_cannot_judge_is_done_without_where_the_others_suffice() -> None:
    told = Told(voting(Quorum(quorum=2)))
    told.makes(1)
    told.judges(1, 1.0, "a")
    told.cannot_judge(1, FailureClass.CRASHED, "b")
    assert told.standing.failures == 0
    told.judges(1, 1.0, "c")
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)
    assert told.outcome.why == "Attempt 1 passed 2 of its 3 judges."


def test_an_attempt_that_too_few_can_judge_has_failed_when_the_last_has_spoken_whatever_that_one_says() -> None:
    told = Told(voting(Quorum(quorum=2)))
    told.makes(1)
    told.cannot_judge(1, FailureClass.CRASHED, "a")
    told.cannot_judge(1, FailureClass.CRASHED, "b")
    assert (told.standing.failures, told.orders[-1]) == (0, ("c", 1))
    told.judges(1, 1.0, "c")
    assert (told.standing.failures, told.orders[-1]) == (1, ("code", 2))


def test_a_check_that_cannot_judge_fails_the_attempt_whatever_the_judges_say() -> None:
    told = Told(voting("any", checks=("tests",)))
    told.makes(1)
    told.judges(1, 1.0, "a")
    told.cannot_judge(1, FailureClass.TIMEOUT, "tests")
    told.judges(1, 1.0, "b")
    told.judges(1, 1.0, "c")
    assert (told.standing.failures, told.orders[-1]) == (1, ("code", 2))


def test_a_judge_in_doubt_about_what_it_did_ends_the_goal_although_the_others_would_suffice() -> None:
    told = Told(voting("any"))
    told.makes(1)
    told.cannot_judge(1, FailureClass.IN_DOUBT, "b")
    assert told.end == (Status.FAILED, StopReason.ERROR)
    assert told.outcome.set_aside == Allowance(tokens=200_000, cost=3.0), "two have not said what they spent"


def test_the_acceptance_evaluator_is_asked_once_although_the_last_judge_could_not_judge() -> None:
    told = Told(voting("any", acceptance="hidden"), acceptance=HIDDEN)
    told.makes(1)
    told.judges(1, 1.0, "a")
    told.judges(1, 0.0, "b")
    told.cannot_judge(1, FailureClass.CRASHED, "c")
    assert [order.acceptance for order in told.sent if isinstance(order, StepOrder)][-2:] == [None, HIDDEN]
    told.judges(1, 1.0, "hidden")
    assert told.outcome.why == "Attempt 1 passed one of its judges and the acceptance evaluator."


def test_a_baseline_is_judged_by_the_same_vote() -> None:
    told = Told(voting("any", baseline=True))
    for judge, score in (("a", 0.2), ("b", 0.6), ("c", 0.0)):
        told.judges(0, score, judge)
    assert told.standing.baseline == 0.6


def test_a_judge_that_refuses_does_not_choose_among_what_another_passed() -> None:
    told = Told(voting("any"))
    told.makes(1)
    told.judges(1, 1.0, "a", pick="good")
    told.judges(1, 0.0, "b", pick="bad")
    told.judges(1, 0.0, "c", pick="worse")
    assert told.outcome.best == "good"


def test_what_nobody_checked_tells_of_the_vote() -> None:
    told = heard(bounded(voting(Quorum(quorum=2), checks=("tests",)), attempts=1), tests=1.0, a=1.0, b=0.0, c=0.0)
    unverified = "The best attempt did not pass every check and 2 of its 3 judges: b, c did not pass it."
    assert told.outcome.unverified == unverified


@st.composite
def panels(draw: st.DrawFn) -> Panel:
    judges = NAMES[: draw(st.integers(1, 3))]
    checks = draw(st.sampled_from([(), ("d",)]))
    weights = {judge: draw(st.sampled_from([0.1, 1.0, 2.5])) for judge in judges}
    threshold = draw(st.sampled_from([0.1, 0.5, 1.0])) * sum(weights.values())
    named: list[Vote] = ["all", "any"]
    weighted: Vote = Weighted(weights=weights, threshold=threshold)
    votes: st.SearchStrategy[Vote] = st.one_of(
        st.sampled_from(named), st.integers(1, len(judges)).map(lambda count: Quorum(quorum=count)), st.just(weighted)
    )
    return Panel(checks, judges, draw(votes))


@st.composite
def spoken(draw: st.DrawFn) -> tuple[Panel, list[Ballot]]:
    """A panel, all of whose evaluators have spoken; whoever passes an attempt gives it 1."""
    panel = draw(panels())
    marks = st.sampled_from([None, 0.0, 0.25, 0.5, 0.75, 1.0])
    ballots = []
    for role in panel.everybody:
        score = draw(marks)
        passed = None if score is None else score == 1.0
        ballots.append(Ballot(role=role, passed=passed, score=score or 0.0))
    return panel, ballots


@given(spoken())
def test_the_order_in_which_evaluators_speak_changes_nothing(told: tuple[Panel, list[Ballot]]) -> None:
    panel, ballots = told
    assert len({(panel.tally(each), panel.score(each)) for each in permutations(ballots)}) == 1


@given(spoken())
def test_an_attempt_passes_exactly_if_its_score_is_full_where_full_marks_pass(told: tuple[Panel, list[Ballot]]) -> None:
    panel, ballots = told
    assert (panel.tally(ballots) is Tally.PASSED) == (panel.score(ballots) == 1.0)


@given(spoken(), st.data())
def test_whoever_thinks_better_of_an_attempt_never_harms_it(
    told: tuple[Panel, list[Ballot]], data: st.DataObject
) -> None:
    panel, ballots = told
    better = [each if data.draw(st.booleans()) else Ballot(role=each.role, passed=True, score=1.0) for each in ballots]
    assert panel.score(better) >= panel.score(ballots)
    if panel.tally(ballots) is Tally.PASSED:
        assert panel.tally(better) is Tally.PASSED


@given(spoken())
def test_a_check_that_does_not_pass_keeps_an_attempt_from_passing(told: tuple[Panel, list[Ballot]]) -> None:
    panel, ballots = told
    if any(not each.passed for each in ballots if each.role in panel.checks):
        assert panel.tally(ballots) is not Tally.PASSED


@given(spoken())
def test_an_attempt_is_void_exactly_if_those_who_can_judge_could_not_pass_it(told: tuple[Panel, list[Ballot]]) -> None:
    panel, ballots = told
    kindest = [each if each.passed is None else Ballot(role=each.role, passed=True, score=1.0) for each in ballots]
    assert (panel.tally(ballots) is Tally.VOID) == (panel.tally(kindest) is not Tally.PASSED)


@given(spoken(), st.integers(0, 3))
def test_nothing_is_decided_before_the_last_has_spoken_but_that_it_is_void(
    told: tuple[Panel, list[Ballot]], count: int
) -> None:
    panel, ballots = told
    some = ballots[: min(count, len(ballots) - 1)]
    assert panel.tally(some) in {Tally.OPEN, Tally.VOID}
    if panel.tally(some) is Tally.VOID:
        assert panel.tally(ballots) is Tally.VOID
