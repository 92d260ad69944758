"""What an entry on record says to a person."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from loopwright.actors import Loop, PlannedStep
from loopwright.actors.decide import open_goal
from loopwright.actors.evolve import fold
from loopwright.bus import Entry, Subject
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import (
    Allowance,
    Evaluation,
    Failure,
    FailureClass,
    Goal,
    Limits,
    Outcome,
    Result,
    Status,
    StepOrder,
    StopReason,
    Usage,
)
from loopwright.bus.questions import Pause, Reply
from loopwright.deploy.board import Board
from loopwright.deploy.entries import sentence_of
from loopwright.deploy.goals import called_off, in_words, race_of, row_in_words, steps_of
from loopwright.deploy.listing import row_of
from loopwright.deploy.screen import drawn, line
from loopwright.deploy.spending import spent_in_words
from loopwright.deploy.verbs.goal import submit

NOW = datetime.now(UTC)
SUBJECT = Subject.of("effect", ns="default", goal="g1", step="work", attempt=2, role="support")


def test_an_entry_says_at_which_step_where_there_may_be_several() -> None:
    subject = Subject.of("step", ns="default", role="draw", goal="g1", step="cover", attempt=2)
    order = StepOrder(goal="g1", loop="book", step="cover", attempt=2, role="draw")
    assert sentence_of(Entry(1, datetime.now(UTC), subject, order)) == "cover, attempt 2: draw is asked to work"


def test_a_race_is_told_from_its_beginning_to_its_end() -> None:
    race = Loop(name="race", work="draw", judges=("read",), race=({"model": "m"}, {}))
    place = {"goal": "g1", "step": "work", "attempt": 2}
    order = StepOrder(**place, loop="race", role="draw", lane=2, model="m")
    word = Effect(**place, role="draw", phase=EffectPhase.CALLED_OFF)
    stopped = Failure(kind=FailureClass.CALLED_OFF, message="another has won")
    late = Result(**place, worker="w1", failure=stopped, usage=Usage(tokens_in=1200))
    assert [sentence_of(Entry(1, datetime.now(UTC), SUBJECT, each)) for each in (order, word, late)] == [
        "attempt 2: draw is asked to work, in lane 2 of a race, by the model m",
        "attempt 2: draw is told to stop: another attempt has won",
        "attempt 2: w1 has stopped, 1,200 tokens",
    ]
    standing = fold(None, open_goal(Goal(goal="g1", loop="race"), race, datetime.now(UTC)))
    assert standing is not None
    assert race_of(standing) == {"race": "attempts 1, 2 side by side; the first accepted wins"}
    assert race_of(standing.but(under_way=(), called_off=1)) == {"called_off": 1}


def test_a_verdict_without_feedback_leaves_no_blank_behind_it() -> None:
    subject = Subject.of("eval", ns="default", goal="g1", step="work", attempt=2, judge="lint")
    passed = Evaluation(goal="g1", step="work", attempt=2, judge="lint", worker="w1", passed=True, score=1.0)
    assert sentence_of(Entry(1, datetime.now(UTC), subject, passed)) == "attempt 2: lint passed, score 1.00."


def test_a_goal_that_goes_on_shows_no_none_and_no_underscore() -> None:
    row = {"goal": "g1", "reason": None, "score": 0.5, "waiting_on": "lint"}
    assert row_in_words(row) == "       goal  g1\n      score  0.50\n waiting on  lint"


def test_a_goal_shows_the_steps_that_are_under_way_and_those_that_wait() -> None:
    steps = [PlannedStep(name=name, needs=needs) for name, needs in (("a", ()), ("b", ()), ("c", ("a", "b")))]
    loop = Loop(name="book", work="write", judges=("read",), steps=tuple(steps))
    standing = fold(None, open_goal(Goal(goal="g1", loop="book"), loop, datetime.now(UTC)))
    assert standing is not None
    assert set(str(steps_of(standing)["steps"]).split(", ")) == {"a (attempt 1)", "b (attempt 1)"}
    assert steps_of(standing)["steps_ahead"] == "c"
    assert (row_of(standing, datetime.now(UTC))["attempts"], row_of(standing, datetime.now(UTC))["under_way"]) == (2, 2)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"phase": "held", "worker": "w2"}, "attempt 2: w2 goes on where another worker was lost"),
        ({"phase": "claimed", "name": "refund"}, "attempt 2: support calls refund"),
        ({"phase": "released", "name": "refund"}, "attempt 2: refund has not happened"),
        ({"phase": "failed", "name": "refund", "failure": "no"}, "attempt 2: refund failed: no"),
        ({"phase": "done", "name": "refund"}, "attempt 2: refund answered support"),
        ({"phase": "asked", "name": "refund", "person": "boss"}, "attempt 2: support needs the word of boss"),
        ({"phase": "approved", "name": "refund"}, "attempt 2: refund may be called"),
        ({"phase": "denied", "name": "refund", "failure": "too much"}, "attempt 2: refund is not called: too much"),
        ({"phase": "denied", "name": "refund", "person": "boss"}, "attempt 2: refund is not called: boss says no"),
        (
            {"phase": "reserved", "what": "goal", "name": "lookup", "key": "g7"},
            "attempt 2: support submits g7, of the loop lookup",
        ),
        ({"phase": "done", "what": "goal", "name": "lookup", "key": "g7"}, "attempt 2: g7 has ended"),
        (
            {"phase": "done", "name": "gpt-5", "usage": {"tokens_in": 1200, "tokens_out": 30}},
            "attempt 2: gpt-5 answered support, 1,230 tokens",
        ),
    ],
)
def test_an_entry_of_the_effect_record_says_what_became_of_a_call(told: dict[str, object], sentence: str) -> None:
    effect = Effect.model_validate(SUBJECT.told() | told)
    assert sentence_of(Entry(1, datetime.now(UTC), SUBJECT, effect)) == sentence


def test_how_a_goal_ended_is_told_with_its_curve_and_the_messages_that_show_why() -> None:
    told = {"goal": "g1", "loop": "loop", "status": "failed", "reason": "plateau", "why": "It stood still."}
    outcome = Outcome.model_validate(told | {"curve": [0.1, 0.5, 0.5, 0.9], "evidence": {"messages": [31, 47]}})
    lines = in_words(outcome).splitlines()
    assert "     curve  ▁▅▅█" in lines
    assert "       why  It stood still." in lines
    assert "  shown by  messages 31, 47 of its trajectory" in lines


def test_an_order_tells_the_hint_that_goes_with_it() -> None:
    order = StepOrder(goal="g1", loop="loop", step="work", attempt=4, role="code", hint="Do something else.")
    entry = Entry(1, datetime.now(UTC), SUBJECT, order)
    assert sentence_of(entry) == "attempt 4: code is asked to work, with a hint: Do something else."


def test_a_goal_that_had_ended_is_not_told_as_called_off_now() -> None:
    told = {"goal": "g1", "loop": "loop", "status": "completed", "reason": "accepted"}
    outcome = Outcome.model_validate(told)
    assert called_off(outcome, was_over=True) == "completed (accepted): it had ended before it was called off"
    assert called_off(None, was_over=False) == "The word is on the bus; no orchestrator has acted on it yet."


def test_a_loop_that_is_no_repair_is_not_told_of_in_the_words_of_one() -> None:
    board = Board(goal="g1", loop="roots", score=0.5, best=0.5, usage=Usage(worker_seconds=2))
    assert line(board, 1) == (
        "[   1.0 s] submitted · attempt 0 of 0 begun · score 0.50, best 0.50 · 2.0 worker seconds"
    )
    made = Result(goal="g1", step="work", attempt=2, worker="w1")
    assert sentence_of(Entry(1, datetime.now(UTC), SUBJECT, made)) == "attempt 2: w1 made a result in 0.0 s"


def test_every_limit_of_a_goal_can_be_given_at_the_command_line() -> None:
    assert {option.name for option in submit.params} >= set(Limits.model_fields)


def test_what_was_spent_says_what_nobody_has_heard_of() -> None:
    told = {"goal": "g1", "loop": "book", "status": Status.CANCELED, "reason": StopReason.CANCELLED, "steps": 2}
    usage = Usage(tokens_in=1200, tokens_out=34, cost=0.5, steps=3)
    assert spent_in_words(Outcome(**told, usage=usage)) == "1,234 tokens, $0.5000, 5 steps"
    unknown = Usage(tokens_in=10, unpriced=2)
    assert spent_in_words(Outcome(**told, usage=unknown)) == (
        "10 tokens, 2 steps, and what 2 model calls cost, which no bound holds: their price is not known"
    )
    aside = Allowance(tokens=900, cost=2.5, tool_calls=8)
    assert spent_in_words(Outcome(**told, set_aside=aside)) == (
        "2 steps; nobody has heard what was spent of another 900 tokens, $2.5000, 8 tool calls, which were set aside"
    )


def test_the_screen_leaves_out_what_there_is_nothing_of_and_says_how_to_look_at_what_a_person_is_asked() -> None:
    order = StepOrder(goal="g1", loop="shop", step="work", attempt=1, role="boss", judge="boss")
    board = Board(goal="g1", people=frozenset({"boss"}), pending={("work", 1, "boss"): order})
    shown = Console(width=100, record=True, file=StringIO())
    shown.print(drawn(board, 1, ""))
    assert [row.split()[0] for row in shown.export_text().splitlines()] == [
        "goal",
        "attempts",
        "score",
        "spend",
        "waiting",
        "asked",
    ]


def test_a_pause_and_a_reply_say_who_is_asked_what() -> None:
    place: dict[str, object] = {"goal": "g1", "step": "work", "attempt": 2}
    questions = [
        {"person": "boss", "tool": "refund", "arguments": {"to": "a\u202eb"}},
        {"person": "owner", "says": "x" * 200},
    ]
    pause = Pause.model_validate(place | {"resumed": 0, "role": "support", "questions": questions})
    reply = Reply.model_validate(place | {"digest": "0123", "approved": False, "why": "too much", "person": "ada"})
    asked = 'boss is asked to approve refund with {"to": "a\\u202eb"}; owner is asked "' + "x" * 119 + "…"
    assert sentence_of(Entry(1, NOW, SUBJECT, pause)) == f"attempt 2: {asked}; nobody has it meanwhile"
    assert sentence_of(Entry(2, NOW, SUBJECT, reply)) == "attempt 2: ada says no: too much"
