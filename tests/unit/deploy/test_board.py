"""What the screen knows after each message, for loops of any shape."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from loopwright.actors.voting import Panel, Quorum
from loopwright.bus import (
    Entry,
    Evaluation,
    FailureClass,
    Outcome,
    Result,
    Status,
    StepOrder,
    StopReason,
    Subject,
    Usage,
)
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import Ended, Failure, Message
from loopwright.bus.questions import Pause, Reply
from loopwright.deploy.board import Board, sparkline
from loopwright.deploy.screen import line

SOMEWHERE = Subject.of("event", ns="default", goal="g1")


def told(*messages: Message) -> Board:
    board = Board(goal="g1")
    for seq, message in enumerate(messages):
        board = board.after(Entry(seq, datetime(2026, 1, 1, tzinfo=UTC), SOMEWHERE, message))
    return board


def order(role: str, attempt: int, judge: str | None = None, **more: object) -> StepOrder:
    told = {"goal": "g1", "loop": "roots", "step": "work", "attempt": attempt, "role": role, "judge": judge}
    return StepOrder.model_validate(told | more)


def result(attempt: int) -> Result:
    return Result(goal="g1", step="work", attempt=attempt)


def said(attempt: int, judge: str, score: float, **more: object) -> Evaluation:
    told = {"goal": "g1", "step": "work", "attempt": attempt, "judge": judge, "passed": score == 1.0, "score": score}
    return Evaluation.model_validate(told | more)


def test_any_role_is_waited_for_until_it_answers() -> None:
    asked = order("guess", 1)
    assert told(asked).waiting == {"guess": 1}
    assert told(asked, result(1)).waiting == {}


def test_an_attempt_is_judged_when_every_evaluator_has_spoken_and_scores_the_lowest() -> None:
    orders = [order("style", 1, "style"), order("tests", 1, "tests")]
    half = told(*orders, said(1, "style", 0.9))
    assert (half.judged, half.waiting) == (0, {"tests": 1})
    whole = told(*orders, said(1, "style", 0.9), said(1, "tests", 0.4))
    assert (whole.judged, whole.score, whole.best, whole.curve) == (1, 0.4, 0.4, (0.4,))


def test_where_a_quorum_votes_an_attempt_scores_what_the_quorum_agrees_on() -> None:
    orders = [order(role, 1, role) for role in ("a", "b", "c")]
    verdicts = [said(1, "a", 0.9), said(1, "b", 0.4), said(1, "c", 0.7)]
    asked = replace(told(*orders), panel=Panel((), ("a", "b", "c"), Quorum(quorum=2)))
    for verdict in verdicts:
        asked = asked.after(Entry(9, datetime(2026, 1, 1, tzinfo=UTC), SOMEWHERE, verdict))
    assert (asked.judged, asked.score, asked.ballots) == (1, 0.7, {})


@pytest.mark.parametrize(("rejected", "false"), [(0, 1), (3, 3)])
def test_what_fails_acceptance_is_a_false_success_and_no_score(rejected: int, false: int) -> None:
    board = told(order("hidden", 1, "hidden", acceptance={}), said(1, "hidden", 0.0, rejected=rejected))
    assert (board.false_successes, board.judged, board.score) == (false, 0, None)


def test_the_baseline_is_what_attempts_are_compared_with() -> None:
    board = told(order("tests", 0, "tests"), said(0, "tests", 0.5), order("tests", 1, "tests"), said(1, "tests", 0.3))
    assert (board.baseline, board.best, board.judged, board.best_attempt) == (0.5, 0.5, 1, None)


def test_steps_under_way_together_are_told_apart() -> None:
    orders = [order("write", 1, step="text"), order("draw", 1, step="cover"), order("read", 1, "read", step="text")]
    board = told(*orders, result(1).model_copy(update={"step": "text"}))
    assert (board.begun, board.waiting) == (2, {"draw": 1, "read": 1})


def test_what_was_called_off_is_waited_for_no_more_and_what_it_took_counts() -> None:
    word = Effect(goal="g1", step="work", attempt=1, role="guess", phase=EffectPhase.CALLED_OFF)
    board = told(order("guess", 1, lane=1), order("guess", 2, lane=2), word)
    assert (board.begun, board.waiting) == (2, {"guess": 1})
    stopped = Failure(kind=FailureClass.CALLED_OFF, message="another has won")
    late = Result(goal="g1", step="work", attempt=1, failure=stopped, usage=Usage(tokens_in=5))
    board = board.after(Entry(9, datetime(2026, 1, 1, tzinfo=UTC), SOMEWHERE, late))
    assert (board.usage.tokens_in, board.feedback) == (5, "")


def test_a_step_with_other_judges_scores_as_those_vote() -> None:
    panels = {"text": Panel((), ("a", "b"), "any")}
    board = replace(told(order("a", 1, "a", step="text")), panel=Panel((), ("c",)), panels=panels)
    board = board.after(Entry(8, datetime(2026, 1, 1, tzinfo=UTC), SOMEWHERE, order("b", 1, "b", step="text")))
    for verdict in (said(1, "a", 0.2, step="text"), said(1, "b", 0.8, step="text")):
        board = board.after(Entry(9, datetime(2026, 1, 1, tzinfo=UTC), SOMEWHERE, verdict))
    assert board.score == 0.8


def test_a_long_curve_is_drawn_to_its_newest_point() -> None:
    drawn = sparkline((*[0.0] * 1000, 1.0), width=10)
    assert drawn == "▁" * 9 + "█"


def test_a_role_that_nobody_serves_is_shown_until_the_goal_is_over() -> None:
    board = replace(told(order("near", 1, "near")), unserved=("near",))
    assert line(board, 1.0).endswith(" · Nobody serves the role near: start `loopwright worker near`.")
    outcome = Outcome(goal="g1", loop="guessing", status=Status.FAILED, reason=StopReason.NO_ROLE)
    ended = Entry(2, datetime(2026, 1, 1, tzinfo=UTC), SOMEWHERE, Ended(goal="g1", outcome=outcome))
    assert board.after(ended).unserved == ()


def test_an_attempt_that_was_laid_aside_waits_for_a_person_and_not_for_its_role() -> None:
    place: dict[str, object] = {"goal": "g1", "step": "work", "attempt": 1}
    question = {"person": "boss", "tool": "refund"}
    pause = Pause.model_validate(place | {"resumed": 0, "role": "guess", "questions": [question]})
    (digest,) = pause.digests
    board = told(order("guess", 1), pause)
    assert (board.status, board.waiting) == ("input_required", {"boss": 1})
    board = told(order("guess", 1), pause, Reply.model_validate(place | {"digest": digest, "approved": True}))
    assert (board.status, board.waiting) == ("working", {})
    board = told(order("guess", 1), pause, order("guess", 1, resumed=1), result(1))
    assert (board.begun, board.waiting) == (1, {})
