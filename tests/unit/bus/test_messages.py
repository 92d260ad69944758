"""Each message as a document: it travels unharmed, its schema is on file, and examples keep it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, JsonValue, ValidationError

from loopwright.bus.envelope import MODELS, encode, read
from loopwright.bus.messages import FIGURE, Goal, Message, Outcome, Result, Status, StopReason, Usage
from loopwright.bus.schemas import DOCUMENTS, FOLDER, files, schema_of

EXAMPLES: dict[str, dict[str, JsonValue]] = {
    "goal": {"goal": "fix-7", "loop": "repair", "input": {"ticket": 7}, "limits": {"attempts": 5, "deadline": 90.5}},
    "step": {"goal": "fix-7", "loop": "repair", "step": "work", "attempt": 1, "role": "code", "timeout": 30},
    "effect": {
        "goal": "fix-7",
        "step": "work",
        "attempt": 1,
        "role": "code",
        "phase": "done",
        "what": "ask",
        "name": "gpt-5",
        "call": "0123",
        "occurrence": 1,
        "answer": "Swap them.",
        "usage": {"tokens_in": 12},
    },
    "result": {"goal": "fix-7", "step": "work", "attempt": 1, "output": ["patch"], "usage": {"tokens_in": 12}},
    "evaluation": {"goal": "fix-7", "step": "work", "attempt": 1, "judge": "tests", "passed": False, "score": 0.5},
    "pause": {
        "goal": "fix-7",
        "step": "work",
        "attempt": 1,
        "resumed": 0,
        "role": "code",
        "questions": [{"person": "boss", "tool": "refund", "arguments": {"order": "a7"}}],
    },
    "reply": {"goal": "fix-7", "step": "work", "attempt": 1, "digest": "0123", "approved": True, "why": "as discussed"},
    "cancel": {"goal": "fix-7", "why": "nobody needs it"},
    "timer": {"goal": "fix-7", "id": "deadline", "at": "2026-01-01T12:00:00Z"},
    "due": {"goal": "fix-7", "id": "deadline"},
    "ended": {
        "goal": "fix-7",
        "outcome": {"goal": "fix-7", "loop": "repair", "status": "completed", "reason": "accepted", "best": {"a": 1}},
    },
    "suspect": {"message": "loop-7", "takers": [{"process": "5f0a", "name": "here-1"}]},
    "live": {"goal": "fix-7", "worker": "me", "role": "code", "step": "work", "attempt": 1, "text": "tests run"},
    "outcome": {"goal": "fix-7", "loop": "repair", "status": "failed", "reason": "plateau", "score": 0.75},
    "noted": {"goal": "fix-7", "key": "plan", "value": ["read", "write"], "id": "0123"},
    "lesson": {
        "key": "cents",
        "text": "Rounding comes last",
        "worked": True,
        "labels": ["money"],
        "by": {"goal": "fix-7", "loop": "repair", "step": "work", "attempt": 1, "role": "code", "worker": "me"},
    },
    "presence": {"role": "tests", "process": "5f0a", "host": "here", "state": "draining", "hands": 4, "busy": 1},
}

tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=63)
words = st.text(max_size=30)
numbers = st.floats(0, 1e15, allow_nan=False)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(-1e9, 1e9) | words,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(words, inside, max_size=3),
    max_leaves=6,
)
times = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any valid message, made from its own schema."""
    kind = draw(st.sampled_from(sorted(MODELS)))
    schema = MODELS[kind].model_json_schema()
    return MODELS[kind].model_validate(draw(of_schema(schema, schema.get("$defs", {}))))


def of_schema(schema: dict[str, Any], defs: dict[str, Any]) -> st.SearchStrategy[Any]:  # noqa: PLR0912 - a table
    """Return values that keep a schema of ours; it says what can be said, and no more is needed here."""
    match schema:
        case {"const": value}:
            return st.just(value)
        case {"enum": values}:
            return st.sampled_from(values)
        case {"$ref": "#/$defs/Json"}:
            return st.dictionaries(words, json_values, max_size=3)
        case {"$ref": name}:
            return of_schema(defs[name.rpartition("/")[2]], defs)
        case {"anyOf": options}:
            return st.one_of([of_schema(option, defs) for option in options])
        case {"type": "string", "format": "date-time"}:
            return times.map(lambda time: time.isoformat())
        case {"type": "string", "pattern": _}:
            return tokens
        case {"type": "string"}:
            return words
        case {"type": "integer"}:
            return st.integers(schema.get("minimum", 0), schema.get("maximum", FIGURE))
        case {"type": "number"}:
            low, high = schema.get("minimum", schema.get("exclusiveMinimum", 0)), schema.get("maximum", 1e15)
            return st.floats(low, high, exclude_min="exclusiveMinimum" in schema)
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "null"}:
            return st.none()
        case {"type": "array", "items": dict(items)}:
            return st.lists(of_schema(items, defs), max_size=3)
        case {"type": "object", "additionalProperties": dict(values)} if "properties" not in schema:
            return st.dictionaries(words, of_schema(values, defs), max_size=3)
        case {"type": "object", "properties": properties}:
            needed = set(schema.get("required", ()))
            parts = {name: of_schema(part, defs) for name, part in properties.items()}
            return st.fixed_dictionaries(
                {name: part for name, part in parts.items() if name in needed},
                optional={name: part for name, part in parts.items() if name not in needed},
            )
    return json_values


@given(messages())
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_message_comes_out_as_it_went_in(message: Message) -> None:
    assert read(type(message), encode(message), {}) == message


@given(messages(), st.dictionaries(words.map(lambda name: f"new-{name}"), json_values, min_size=1, max_size=3))
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_fields_of_a_newer_version_travel_through_unharmed(message: Message, more: dict[str, JsonValue]) -> None:
    newer = json.dumps(json.loads(encode(message)) | more).encode()
    passed_on = json.loads(encode(read(type(message), newer, {})))
    assert {name: passed_on[name] for name in more} == more


@given(messages())
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_what_is_written_keeps_its_schema(message: Message) -> None:
    kind = str(type(message).model_fields["kind"].default)
    Draft202012Validator(schema_of(kind)).validate(json.loads(encode(message)))


def test_the_schemas_on_file_are_current() -> None:
    on_file = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    assert on_file == files(), "run `python -m loopwright.bus.schemas`"


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_schema_says_what_it_is(kind: str) -> None:
    schema = schema_of(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:loopwright:schema:{kind}:v1"
    assert schema["title"] == DOCUMENTS[kind].__name__
    assert schema["description"] == (DOCUMENTS[kind].__doc__ or "").strip()


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_an_example_keeps_its_schema_and_its_model(kind: str) -> None:
    Draft202012Validator(schema_of(kind)).validate(EXAMPLES[kind])
    model: type[BaseModel] = DOCUMENTS[kind]
    assert model.model_validate(EXAMPLES[kind])


@pytest.mark.parametrize("kind", [kind for kind in DOCUMENTS if "goal" in DOCUMENTS[kind].model_fields])
def test_schema_and_model_refuse_the_same_goal_id(kind: str) -> None:
    wrong = EXAMPLES[kind] | {"goal": "Not A Token"}
    assert not Draft202012Validator(schema_of(kind)).is_valid(wrong)
    with pytest.raises(ValidationError):
        DOCUMENTS[kind].model_validate(wrong)


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Goal(goal="g", loop="l").goal = "other"  # type: ignore[misc]


def test_usage_adds_up_and_stays_where_a_number_can_still_be_written() -> None:
    assert Usage(tokens_in=1, cost=0.5) + Usage(tokens_in=2, tokens_out=3, cost=0.25) == Usage(
        tokens_in=3, tokens_out=3, cost=0.75
    )
    most = Usage(tokens_in=FIGURE, cost=FIGURE, worker_seconds=FIGURE)
    assert most + most == most


def test_nothing_can_be_reported_that_cannot_be_written() -> None:
    for figure in (float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            Result(goal="g", step="s", attempt=1, seconds=figure)
        with pytest.raises(ValidationError):
            Outcome(goal="g", loop="l", status=Status.FAILED, reason=StopReason.ERROR, score=figure)
