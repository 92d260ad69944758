"""A goal's record as a file: what is written is read again, and what is not whole is refused with its line."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.bus.blobs import digest
from loopwright.bus.errors import Unreadable
from loopwright.bus.portable import Portable, lines_of, moved, read_portable
from loopwright.bus.stored import Stored

SUBJECT = "lw.v1.result.default.g1.work.1"
times = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
stored = st.builds(
    Stored,
    st.just(SUBJECT),
    st.integers(1, 10**9),
    st.binary(max_size=40) | st.text(max_size=40).map(str.encode),
    st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3),
    times,
)


@given(st.lists(stored, max_size=4), st.lists(st.binary(max_size=40), max_size=3))
def test_what_is_written_is_read_again(messages: list[Stored], blobs: list[bytes]) -> None:
    portable = Portable("g1", tuple(messages), {digest(data): data for data in blobs}, ("sha256-gone",))
    assert read_portable(list(lines_of(portable))) == portable


def lines(*messages: str) -> list[str]:
    return [f'{{"loopwright":"goal","schema_version":1,"goal":"g1","messages":{len(messages)}}}', *messages]


MESSAGE = f'{{"seq":1,"time":"2026-01-01T12:00:00Z","subject":"{SUBJECT}","text":"{{}}"}}'


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ([], "it is empty"),
        (['{"loopwright":"suite","goal":"g1","messages":0}'], "line 1: it is no record of a goal"),
        (["hello"], "line 1: Invalid JSON"),
        (lines(MESSAGE, "[]"), "line 3: Input should be an object"),
        (lines(MESSAGE, MESSAGE)[:-1], "it has 1 messages of 2: it was cut off"),
        (lines(MESSAGE.replace("g1", "g2")), "line 2: it is no message about the goal g1"),
        (lines(MESSAGE.replace("result", "tea")), "line 2: 'tea' is not a kind of message"),
        (lines(MESSAGE.replace('"text":"{}"', '"base64":"?"')), "line 2: its bytes cannot be read"),
        ([*lines(), '{"blob":"sha256-0","text":"x"}'], "what it holds under sha256-0 is something else"),
    ],
)
def test_what_is_no_whole_record_is_refused_with_the_place(file: list[str], why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_portable(file)


def test_only_the_namespace_of_a_subject_changes() -> None:
    assert moved("lw.v1.decision.default.g1.clerk.work.1", "elsewhere") == "lw.v1.decision.elsewhere.g1.clerk.work.1"
