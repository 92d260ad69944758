from datetime import UTC, datetime

import pytest

from loopwright.bus.errors import Unreadable
from loopwright.bus.inbox import Delivery
from loopwright.bus.letters import Letter, filter_of, letter_headers, letter_of, letter_subject
from loopwright.bus.stored import Stored
from loopwright.bus.wire import Arrival, WireClient, header_block

ORDER = "lw.v1.step.default.guess.g1.work.3"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def delivery(subject: str = ORDER, headers: dict[str, str] | None = None) -> Delivery:
    """A message that is handed out for the sixth time, from place 42 of LOOP."""
    reply = f"$JS.ACK.LOOP.role-default-guess.6.42.50.{int(AT.timestamp())}000000000.0"
    return Delivery(Arrival(subject, reply, b"{}", header_block(headers or {})), WireClient())


def buried(headers: dict[str, str], subject: str = "lw.v1.dead.default.guess.g1.work") -> Letter:
    """The letter that a message with these headers on DEAD is."""
    return letter_of(Stored(subject, 7, b"{}", headers, AT))


def test_what_is_known_at_the_burial_is_what_the_operator_reads() -> None:
    own = {"ce-id": "g1-guess-3", "X-Whose": "theirs"}
    headers = letter_headers(delivery(headers=own | {"Nats-Msg-Id": "g1-guess-3"}), "nobody\n survived", "host-1")

    assert buried(headers) == Letter(
        number=7,
        buried=AT,
        role="guess",
        goal="g1",
        step="work",
        reason="nobody survived",
        subject=ORDER,
        sequence=42,
        stored=AT,
        deliveries=6,
        worker="host-1",
        headers=own | {"Nats-Msg-Id": "g1-guess-3"},
        data=b"{}",
    )
    assert buried(headers).attempt == "3"


@pytest.mark.parametrize(
    "name", ["Nats-Expected-Last-Sequence", "NATS-TTL", "loopwright-reason", "Status", "description", "a b", "ü"]
)
def test_no_header_of_a_message_can_be_taken_for_the_servers_word_or_ours(name: str) -> None:
    headers = letter_headers(delivery(headers={name: "forged"}), "why", "host-1")

    assert "forged" not in headers.values()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Loopwright-Subject": "lw.v1.step.default.guess", "Loopwright-Sequence": "-1", "Loopwright-Stored": "soon"},
        {"Loopwright-Sequence": "9" * 5000, "Loopwright-Deliveries": "\u0661"},
    ],
)
def test_what_a_stranger_left_among_the_letters_is_a_letter_of_which_little_is_known(headers: dict[str, str]) -> None:
    letter = buried(headers, "lw.v1.dead.default.\ufffd")

    assert (letter.role, letter.goal, letter.reason, letter.attempt) == ("unknown", "unknown", "", "")
    assert (letter.sequence, letter.deliveries, letter.stored) == (0, 0, None)


@pytest.mark.parametrize(
    ("subject", "place"),
    [
        (ORDER, "lw.v1.dead.default.guess.g1.work"),
        ("lw.v1.eval.default.g1.work.1.near", "lw.v1.dead.default.orchestrator.g1.work"),
        ("lw.v1.goal.default.repair", "lw.v1.dead.default.orchestrator.unknown.unknown"),
        ("lw.v1.step.default.NO.g1", "lw.v1.dead.default.orchestrator.g1.unknown"),
        ("anything", "lw.v1.dead.default.orchestrator.unknown.unknown"),
    ],
)
def test_a_letter_lies_where_its_message_belonged(subject: str, place: str) -> None:
    assert str(letter_subject("default", subject, "orchestrator")) == place


def test_a_filter_matches_what_was_named_and_no_more() -> None:
    assert filter_of("default", None, None) == "lw.v1.dead.default.>"
    assert filter_of("default", "test", None) == "lw.v1.dead.default.test.*.*"
    assert filter_of("default", None, "g1") == "lw.v1.dead.default.*.g1.*"
    for wildcard in ("*", ">", "a.b"):
        with pytest.raises(Unreadable):
            filter_of("default", wildcard, None)
