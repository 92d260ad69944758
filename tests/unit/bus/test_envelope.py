"""What may be said, and how: each reader understands a message or refuses it with one sentence."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from loopwright.bus.envelope import (
    BODY,
    MAX_BODY,
    MAX_DEPTH,
    MAX_REFERENCED,
    Envelope,
    encode,
    parse_json,
    read,
    read_at,
    read_goal,
)
from loopwright.bus.errors import SENTENCE, Unreadable
from loopwright.bus.messages import (
    TEXT,
    Cancel,
    Due,
    Ended,
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
)
from loopwright.bus.subjects import Subject

STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
PLACE = Subject.of("result", ns="default", goal="g1", step="work", attempt=1)

json_values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=12,
)


def goal_in(data: bytes, headers: Mapping[str, str] | None = None) -> Goal:
    return read_goal(data, headers or {}, loop="repair", fallback_id="fallback")


def refused(data: bytes, headers: Mapping[str, str] | None = None) -> str:
    with pytest.raises(Unreadable) as error:
        read(Result, data, headers or {})
    return str(error.value)


# What goes out


def test_a_message_goes_out_as_a_cloud_event_in_binary_mode() -> None:
    envelope = Envelope("id-1", "/loopwright/me", "g1", "cause-1", "00-aa-bb-01", datetime(2026, 1, 1, tzinfo=UTC))
    assert envelope.headers("result") == {
        "Nats-Msg-Id": "id-1",
        "ce-specversion": "1.0",
        "ce-id": "id-1",
        "ce-type": "loopwright.result.v1",
        "ce-source": "/loopwright/me",
        "ce-time": "2026-01-01T00:00:00+00:00",
        "content-type": "application/json",
        "ce-correlationid": "g1",
        "ce-causationid": "cause-1",
        "traceparent": "00-aa-bb-01",
    }


def test_what_is_not_known_is_left_out_of_the_headers() -> None:
    assert {"ce-correlationid", "ce-causationid", "traceparent"}.isdisjoint(Envelope("i", "/me").headers("due"))


def test_what_goes_out_comes_in_again() -> None:
    message = Result(goal="g1", step="work", attempt=1, output={"patch": [1, None, "é"]})
    assert read(Result, encode(message), Envelope("i", "/me").headers("result")) == message


def test_a_structured_cloud_event_is_unwrapped() -> None:
    data = {"goal": "g1", "step": "work", "attempt": 1, "output": 7}
    event = {"specversion": "1.0", "type": "loopwright.result.v1", "id": "i", "source": "/x", "data": data}
    assert read(Result, json.dumps(event).encode(), STRUCTURED).output == 7
    assert read_at(Result, PLACE, json.dumps(event).encode(), STRUCTURED).output == 7


# What is refused, and how it is said


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "its body is not JSON"),
        (b"\xff\xfe", "its body is not UTF-8"),
        (b"{", "its body is not JSON"),
        (b'{"goal": "g1"', "its body is not JSON"),
        (b"{} {}", "its body is not JSON"),
        (b"NaN", "its body is not JSON"),
        (b'{"score": Infinity}', "its body is not JSON"),
        (b'"\\ud800"', "its body is not JSON"),
        (b"9" * 5000, "its body is not JSON"),
        (b"[" * 100_000, "its body is not JSON"),
        (b"[" * 101 + b"1" + b"]" * 101, f"its body is nested more than {MAX_DEPTH} deep"),
        (b'{"a":' * 150 + b"1" + b"}" * 150, f"its body is nested more than {MAX_DEPTH} deep"),
        (b" " * (MAX_BODY + 1), "its body of 900,001 bytes is over the limit of 900,000"),
        (b"[]", "the body: Input should be a valid dictionary"),
        (b"7", "the body: Input should be a valid dictionary"),
        (b"null", "the body: Input should be a valid dictionary"),
        (b"{}", "goal: Field required"),
        (b'{"goal": "G 1", "step": "work", "attempt": 1}', "goal: String should match pattern"),
        (b'{"goal": "g1", "step": "work", "attempt": -1}', "attempt: Input should be greater than or equal to 0"),
        (b'{"goal": "g1", "step": "work", "attempt": "one"}', "attempt: Input should be a valid integer"),
        (b'{"goal": "g1", "step": "work", "attempt": 1, "kind": "goal"}', "kind: Input should be 'result'"),
        (b'{"goal": "g1", "step": "work", "attempt": 1, "seconds": 1e999}', "seconds: Input should be"),
        (b'{"goal": "g1", "step": "work", "attempt": 1, "usage": {"cost": 1e300}}', "usage.cost: Input should be"),
        (b'{"goal": "g1", "step": "work", "attempt": 1, "failure": {"kind": "odd"}}', "failure.kind: Input should"),
    ],
)
def test_an_unreadable_message_is_refused_with_a_sentence(data: bytes, why: str) -> None:
    assert refused(data).startswith(why)


@pytest.mark.parametrize("declared", ["loopwright.result.v2", "loopwright.goal.v1", "", "x" * 5000])
def test_a_message_of_another_type_or_version_is_refused(declared: str) -> None:
    assert "only 'loopwright.result.v1' is understood here" in refused(b"{}", {"ce-type": declared})


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"specversion": "0.3", "type": "loopwright.result.v1", "data": {}}, "is none of version 1.0"),
        ([], "is none of version 1.0"),
        ({"specversion": "1.0", "data": {}}, "its type is ''"),
        ({"specversion": "1.0", "type": 7, "data": {}}, "its type is '7'"),
        ({"specversion": "1.0", "type": "loopwright.result.v9", "data": {}}, "its type is 'loopwright.result.v9'"),
        ({"specversion": "1.0", "type": "loopwright.result.v1"}, "the body: Input should be a valid dictionary"),
    ],
)
def test_a_broken_structured_event_is_refused(event: JsonValue, why: str) -> None:
    assert why in refused(json.dumps(event).encode(), STRUCTURED)


def test_a_reason_is_one_short_sentence_however_long_what_it_quotes() -> None:
    assert len(refused(json.dumps({"goal": "g", "step": "w", "attempt": 1, "usage": {"x" * 90_000: 1}, "failure": "y" * 90_000}).encode())) <= SENTENCE + 1  # fmt: skip # noqa: E501
    assert len(str(Unreadable("x" * 100_000))) == SENTENCE + 1


# What a subject tells


def test_a_body_may_leave_out_what_its_subject_tells() -> None:
    assert read_at(Result, PLACE, b'{"output": 3}', {}) == Result(goal="g1", step="work", attempt=1, output=3)


@pytest.mark.parametrize(
    "lie", [{"goal": "g2"}, {"step": "plan"}, {"attempt": 2}, {"attempt": "1"}, {"goal": "x" * 90_000}]
)
def test_a_body_must_not_contradict_its_subject(lie: dict[str, JsonValue]) -> None:
    with pytest.raises(Unreadable, match="its body speaks of the") as error:
        read_at(Result, PLACE, json.dumps(lie).encode(), {})
    assert len(str(error.value)) < 300


def test_every_kind_is_told_by_its_own_tokens() -> None:
    order = Subject.of("step", ns="default", role="code", goal="g1", step="work", attempt=2)
    verdict = Subject.of("eval", ns="default", goal="g1", step="work", attempt=2, judge="tests")
    assert read_at(StepOrder, order, b'{"loop": "repair"}', {}).role == "code"
    assert read_at(Evaluation, verdict, b'{"passed": true, "score": 1}', {}).judge == "tests"
    assert read_at(Cancel, Subject.of("ctl", ns="default", goal="g1"), b"{}", {}) == Cancel(goal="g1")
    assert read_at(Due, Subject.of("due", ns="default", goal="g1", id="deadline"), b"{}", {}).id == "deadline"


# How much


REFERRED = {BODY: "sha256-0"}


@pytest.mark.parametrize(("headers", "limit"), [({}, MAX_BODY), (REFERRED, MAX_REFERENCED)])
def test_a_body_that_came_by_reference_may_be_longer(headers: dict[str, str], limit: int) -> None:
    def of_size(size: int) -> bytes:
        body = b'{"output": "%s"}'
        return body % (b"x" * (size - len(body) + 2))

    assert read_at(Result, PLACE, of_size(limit), headers).attempt == 1
    with pytest.raises(Unreadable, match=f"is over the limit of {limit:,}"):
        read_at(Result, PLACE, of_size(limit + 1), headers)
    assert goal_in(b"x" * limit, headers).input
    with pytest.raises(Unreadable, match=f"is over the limit of {limit:,}"):
        goal_in(b"x" * (limit + 1), headers)


def deepest(room: int) -> str:
    return "[" * room + "]" * room


@pytest.mark.parametrize("pick", [deepest(MAX_DEPTH - 1), f"[{'1e15,' * 100_000}0]", f'"{"x" * (MAX_BODY - 60)}"'])
def test_the_end_of_a_goal_is_readable_whatever_was_accepted(pick: str) -> None:
    place = Subject.of("eval", ns="default", goal="g1", step="work", attempt=1, judge="tests")
    headers = REFERRED if len(pick) > MAX_BODY else {}
    verdict = read_at(Evaluation, place, f'{{"passed": true, "score": 1, "pick": {pick}}}'.encode(), headers)
    fault = Failure(kind=FailureClass.CRASHED, message="\x00" * TEXT)
    outcome = Outcome(
        goal="g1",
        loop="l",
        status=Status.FAILED,
        reason=StopReason.ERROR,
        why="\x00" * TEXT,
        best=verdict.pick,
        fault=fault,
    )
    ended = Ended(goal="g1", outcome=outcome)
    data = encode(ended)
    found = read_at(Ended, Subject.of("event", ns="default", goal="g1"), data, REFERRED if len(data) > 262_144 else {})
    assert found == ended


def test_the_work_of_a_goal_as_deep_as_it_may_be_is_readable() -> None:
    goal = goal_in(deepest(MAX_DEPTH + 1).encode())
    order = StepOrder(goal="g1", loop="l", step="work", attempt=1, role="code", input=goal.input)
    assert read(StepOrder, encode(order), {}) == order


# Goals, from anywhere


def test_a_goal_may_be_plain_text() -> None:
    assert goal_in("räume auf".encode()) == Goal(goal="fallback", loop="repair", input={"text": "räume auf"})


def test_a_goal_may_be_plain_json_which_is_its_input() -> None:
    assert goal_in(b'{"ticket": 7}').input == {"ticket": 7}
    assert goal_in(b"[1, 2]").input == {"data": [1, 2]}


def test_a_goal_may_be_a_goal_document() -> None:
    document = {"goal": "mine", "input": {"ticket": 7}, "limits": {"attempts": 3}, "acceptance": {"key": 1}}
    assert goal_in(json.dumps(document).encode()) == Goal(
        goal="mine", loop="repair", input={"ticket": 7}, limits=Limits(attempts=3), acceptance={"key": 1}
    )


def test_a_goal_that_says_it_is_one_need_not_have_an_input() -> None:
    assert goal_in(b'{"limits": {"attempts": 3}}', {"ce-type": "loopwright.goal.v1"}).limits.attempts == 3


def test_a_goal_may_be_a_structured_event_whose_id_it_takes() -> None:
    event = {"specversion": "1.0", "type": "loopwright.goal.v1", "id": "ev-1", "data": {"input": {"a": 1}}}
    assert goal_in(json.dumps(event).encode()).goal == "ev-1"


@pytest.mark.parametrize(
    ("headers", "document", "id_"),
    [
        ({"Nats-Msg-Id": "a", "ce-id": "b"}, {"goal": "c", "input": {}}, "a"),
        ({"ce-id": "b"}, {"goal": "c", "input": {}}, "b"),
        ({}, {"goal": "c", "input": {}}, "c"),
        ({}, {"input": {}}, "fallback"),
    ],
)
def test_the_message_names_the_goal_before_the_document_does(
    headers: dict[str, str], document: dict[str, JsonValue], id_: str
) -> None:
    assert goal_in(json.dumps(document).encode(), headers).goal == id_


@pytest.mark.parametrize("id_", ["No Spaces", "UPPER", "a.b", "*", "x" * 64, "é"])
def test_a_goal_whose_id_cannot_stand_in_a_subject_is_refused(id_: str) -> None:
    with pytest.raises(Unreadable, match="cannot be a goal's id"):
        goal_in(b"hello", {"Nats-Msg-Id": id_})


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe",
        b"x" * (MAX_BODY + 1),
        b"{" * 500,
        b'{"input": 7}',
        b'{"input": {}, "goal": 7}',
        b'{"input": {}, "limits": {"deadline": -1}}',
        b'{"input": {}, "limits": {"deadline": 1e300}}',
        b'{"input": {}, "limits": {"deadline": 1e999}}',
        b'{"input": {}, "limits": {"width": 65}}',
        b'{"input": {}, "limits": {"attempts": 0}}',
        b'{"input": {}, "hops": -1}',
        b'{"specversion": "1.0", "type": "loopwright.goal.v2", "data": {"input": {}}}',
        b'{"specversion": "9"}',
    ],
)
def test_an_unreadable_goal_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        goal_in(data)


# Nothing but Unreadable


FIELDS = sorted({*Result.model_fields, *Goal.model_fields, *Evaluation.model_fields, "specversion", "type", "data"})
almost_json = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode()),
    json_values.map(lambda value: json.dumps(value).encode()),
    json_values.map(lambda value: json.dumps(value).encode()[:-1]),
    st.dictionaries(st.sampled_from(FIELDS), json_values).map(lambda value: json.dumps(value).encode()),
)
odd_headers = st.dictionaries(
    st.sampled_from(["ce-type", "ce-id", "content-type", "Nats-Msg-Id", "Status"]),
    st.one_of(st.text(), st.sampled_from(["loopwright.result.v1", "loopwright.goal.v1", *STRUCTURED.values()])),
)


@given(almost_json, odd_headers)
def test_readers_understand_a_message_or_refuse_it_and_never_fail_otherwise(
    data: bytes, headers: dict[str, str]
) -> None:
    readers = (
        lambda: read(Result, data, headers),
        lambda: read_at(Result, PLACE, data, headers),
        lambda: goal_in(data, headers),
    )
    for reader in readers:
        with suppress(Unreadable):
            assert parse_json(encode(reader())) is not None, "what was understood can be passed on"
