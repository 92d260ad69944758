from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.bus.errors import Unreadable
from loopwright.bus.names import is_token, new_goal_id
from loopwright.bus.subjects import (
    DEAD,
    INTAKE,
    KINDS,
    LOOP,
    TIMERS,
    Subject,
    number_in,
    of_goal,
    stream_subjects,
    table,
)

tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=63)


@st.composite
def subjects(draw: st.DrawFn) -> Subject:
    kind = draw(st.sampled_from(sorted(KINDS)))
    return Subject(kind, tuple(draw(tokens) for _ in KINDS[kind].tokens))


@given(subjects())
def test_a_subject_is_parsed_as_it_was_built(subject: Subject) -> None:
    assert Subject.parse(str(subject)) == subject
    named = dict(zip(KINDS[subject.kind].tokens, subject.values, strict=True))
    assert Subject.of(subject.kind, **named) == subject
    assert all(subject[token] == value for token, value in named.items())


@given(st.one_of(st.text(), st.text(".lwv1goalresutdc*>9 é", max_size=40), st.from_regex(r"lw\.v1\.[a-z]+(\..*)?")))
def test_garbage_is_refused_as_unreadable_and_as_nothing_else(text: str) -> None:
    with suppress(Unreadable):
        assert str(Subject.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "lw",
        "lw.v1",
        "lw.v1.",
        "lw.v2.goal.default.repair",
        "lw.v1.goal",
        "lw.v1.goal.default",
        "lw.v1.goal.default.repair.more",
        "lw.v1.goal.default.",
        "lw.v1.goal.default.Repair",
        "lw.v1.goal.default.re pair",
        "lw.v1.goal.default.*",
        "lw.v1.goal.>.>",
        "lw.v1.goal.default.réparer",
        "lw.v1.goal.default." + "x" * 64,
        "lw.v1.nothing.default.g",
        "lw.v1.goal.default.repair\n",
    ],
)
def test_what_is_none_of_ours_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        Subject.parse(text)


@pytest.mark.parametrize("text", ["01", "00", "-1", "+1", "1.0", "x", "", "1_0", "²", "٣"])
def test_an_attempt_has_one_place_because_its_number_is_written_in_one_way(text: str) -> None:
    with pytest.raises(Unreadable, match="is not the number of an attempt"):
        number_in(text)


@given(st.integers(0, 10**62))
def test_the_number_of_an_attempt_is_read_as_it_was_written(number: int) -> None:
    assert number_in(str(number)) == number


def test_a_subject_tells_its_message_what_its_body_may_leave_out() -> None:
    subject = Subject.of("eval", ns="default", goal="g1", step="work", attempt=3, judge="tests")
    assert subject.told() == {"ns": "default", "goal": "g1", "step": "work", "attempt": 3, "judge": "tests"}


@given(st.text())
def test_a_token_is_what_can_stand_in_a_subject(text: str) -> None:
    assert is_token(text) == (0 < len(text) <= 63 and set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-"))


def test_goal_ids_are_tokens_and_never_the_same() -> None:
    ids = {new_goal_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_token(id_) for id_ in ids)


def test_every_kind_has_a_stream_or_may_be_lost() -> None:
    kept = {subject for stream in (INTAKE, LOOP, TIMERS, DEAD) for subject in stream_subjects(stream)}
    assert kept == {f"lw.v1.{kind}.>" for kind in KINDS} - {"lw.v1.live.>"}


def test_the_record_of_a_goal_is_everything_but_its_timers_and_its_intake() -> None:
    kinds = {text.split(".")[2] for text in of_goal("default", "g1")}
    assert kinds == {"decision", "step", "effect", "result", "made", "eval", "pause", "reply", "event", "ctl"}
    assert all("g1" in text.split(".") for text in of_goal("default", "g1"))


def test_the_table_for_people_has_a_row_for_every_kind() -> None:
    assert table().count("\n") == len(KINDS) + 1
    assert "| `lw.v1.goal.{ns}.{loop}` | INTAKE |" in table()


def test_a_kind_matches_all_its_subjects() -> None:
    assert KINDS["event"].wildcard == "lw.v1.event.*.*"
