"""What stands under a key, and what a search asks for, whatever anybody has written or asks."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from loopwright.bus.board import read_noted
from loopwright.bus.buckets import entry_of, standing
from loopwright.bus.memories import Lesson
from loopwright.bus.searching import MOST_WORDS, TABLE, question
from loopwright.bus.stored import Stored

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SAID, TAKEN_BACK = b'{"value": 1}', b""


def stored(bodies: Sequence[bytes], subject: str = "$KV.lw_board.default.g1.plan") -> list[Stored]:
    return [Stored(subject, seq, body, {}, NOW) for seq, body in enumerate(bodies, 1)]


@given(st.lists(st.sampled_from([SAID, TAKEN_BACK, b"garbage", b'{"value": 1, "revision": 99}'])))
def test_the_last_word_that_means_something_stands_at_its_place_in_the_bucket(bodies: list[bytes]) -> None:
    found = standing(stored(bodies), read_noted)
    meant = [(seq, body) for seq, body in enumerate(bodies, 1) if body != b"garbage"]
    expected = meant[-1][0] if meant and meant[-1][1] != TAKEN_BACK else None
    assert (found and found.revision) == expected


@given(st.binary())
def test_whatever_lies_in_a_bucket_is_an_entry_of_its_place_or_none(body: bytes) -> None:
    (word,) = stored([body], "$KV.lw_lessons.default.tax")
    found = entry_of(Lesson, word)
    assert found is None or (found.key, found.revision, found.time) == ("tax", 1, NOW)


@given(st.text())
def test_whatever_is_asked_can_be_looked_for(text: str) -> None:
    asked = question(text)
    assert asked.count(" OR ") < MOST_WORDS
    database = sqlite3.connect(":memory:")
    try:
        database.execute(TABLE)
        if asked:
            database.execute("SELECT key FROM lessons WHERE lessons MATCH ?", (asked,)).fetchall()
    finally:
        database.close()
