import base64
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from loopwright.bus.letters import Letter
from loopwright.deploy.lettering import Opened, age_in_words, body_in_words, decoded, in_words, rows
from loopwright.deploy.visible import visible

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LETTER = Letter(
    number=7,
    buried=AT,
    role="guess",
    goal="g1",
    step="work",
    reason="nobody \x1b[31msurvived",
    subject="lw.v1.step.default.guess.g1.work.3",
    sequence=42,
    stored=AT,
    deliveries=6,
    worker="host-1",
    headers={"ce-id": "g1-guess-3"},
    data=b"{}",
)
STRANGE = Letter(12, AT, "unknown", "unknown", "unknown", "", "", 0, None, 0, "", {}, b"")


def test_a_list_has_one_line_for_each_letter_whatever_is_in_it() -> None:
    assert rows([LETTER, STRANGE], AT + timedelta(minutes=3)) == [
        "letter  age  role     goal     step     taken  reason",
        "7       3m   guess    g1       work/3   6x     nobody \\u001b[31msurvived",
        "12      3m   unknown  unknown  unknown  -      no reason given",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"), [(-1, "0s"), (59, "59s"), (60, "1m"), (7_199, "1h"), (86_400, "1d"), (2_592_000, "30d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds: int, said: str) -> None:
    assert age_in_words(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("body", "said", "encoding"),
    [
        (b'{"a": [1]}', {"a": [1]}, "json"),
        (b"mend it", "mend it", "text"),
        (b'{"a": NaN}', '{"a": NaN}', "text"),
        (b"[" * 5000 + b"]" * 5000, "[" * 5000 + "]" * 5000, "text"),
        (b"\xff\x00", base64.b64encode(b"\xff\x00").decode(), "base64"),
        (b"", "", "text"),
        (None, None, "missing"),
    ],
)
def test_any_body_can_be_put_into_json(body: bytes | None, said: JsonValue, encoding: str) -> None:
    assert decoded(body) == (said, encoding)


def test_a_binary_body_is_shown_in_hexadecimal_as_far_as_a_person_looks() -> None:
    head, first, *others, last = body_in_words(b"\xffabc" * 1000)

    assert head == "Body, 4,000 bytes:"
    assert first == "00000000  ff 61 62 63 ff 61 62 63 ff 61 62 63 ff 61 62 63  .abc.abc.abc.abc"
    assert (len(others), last) == (63, "… 2,976 bytes more; --json has them all")


def test_a_terminal_shows_what_a_stranger_wrote_and_does_not_obey_it() -> None:
    assert visible("a\x1b]0;title\x07\r\n\tb\u202ec") == "a\\u001b]0;title\\u0007\\r\n\tb\\u202ec"


def test_a_letter_tells_all_that_is_known_of_it() -> None:
    assert in_words(Opened(LETTER, b'{"a": 1}', "g1", [])).splitlines() == [
        "    letter  7",
        "    reason  nobody \\u001b[31msurvived",
        "    buried  2026-01-02 03:04:05 by host-1 (guess)",
        "   subject  lw.v1.step.default.guess.g1.work.3",
        "    stored  2026-01-02 03:04:05, message 42",
        "handed out  6 times, the last time to be buried",
        "     ce-id  g1-guess-3",
        "",
        "Body, 8 bytes:",
        "{",
        '  "a": 1',
        "}",
    ]


def test_a_letter_of_which_nothing_is_known_says_so() -> None:
    said = in_words(Opened(STRANGE, None, "unknown", []))

    assert "nobody knows how often" in said
    assert said.endswith("Its body is not in the object store any more.")
