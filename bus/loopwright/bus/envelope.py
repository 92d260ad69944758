"""CloudEvents 1.0 on NATS: binary mode out; in, binary mode, structured JSON, and for goals plain JSON or text.

The body is the message, the headers say what it is: ``ce-id`` (also ``Nats-Msg-Id``), ``ce-type`` ending in ``.v1``,
``ce-source``, ``ce-time``, ``ce-correlationid`` (the goal), ``ce-causationid`` and ``traceparent``.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple, cast

from pydantic import JsonValue, ValidationError
from pydantic_core import from_json

from loopwright.bus.effects import Effect
from loopwright.bus.errors import Unreadable
from loopwright.bus.messages import (
    Cancel,
    Due,
    Ended,
    Evaluation,
    Goal,
    Live,
    Message,
    Result,
    StepOrder,
    Suspect,
    Timer,
)
from loopwright.bus.misfit import misfit
from loopwright.bus.names import is_token
from loopwright.bus.questions import Pause, Reply
from loopwright.bus.subjects import KINDS, NUMBERS, Subject, number_in

TYPE = "loopwright.{}.v1"
MODELS: dict[str, type[Message]] = {
    "goal": Goal,
    "step": StepOrder,
    "effect": Effect,
    "result": Result,
    "evaluation": Evaluation,
    "pause": Pause,
    "reply": Reply,
    "cancel": Cancel,
    "timer": Timer,
    "due": Due,
    "ended": Ended,
    "suspect": Suspect,
    "live": Live,
}
"""Each message by its kind. The orchestrator's own record, the decision, is read only by orchestrators."""
BODY = "Loopwright-Body"
"""The header with the name of a body that is kept in the object store."""
MAX_BODY = 900_000
"""Bytes of one message; with its headers it stays below the server's default limit of 1 MB."""
MAX_REFERENCED = 16_000_000
"""Bytes of a body that came by reference."""
MAX_ANSWER = 7_900_000
"""Bytes of what a worker makes, an evaluator says, or a person replies: an evaluation carries two of these."""
MAX_DEPTH = 100
"""Lists and objects inside each other; pydantic writes no more than 255, and a message travels inside others."""
COMPOSED = frozenset({"step", "ended", "pause"})
"""Kinds that we put together from two others at most. What was accepted once must stay readable, though written four
times as long (1e15 becomes 1000000000000000.0) and a few levels deeper."""
GROWTH = 2 * 4
"""How many times as long such a message may be."""
DEEPER = 20
"""How many levels deeper it may be."""
MAX_HOPS = 32
STRUCTURED = "application/cloudevents+json"


class Envelope(NamedTuple):
    """What stands on the outside of a message."""

    id: str
    source: str
    goal: str = ""
    cause: str = ""
    trace: str = ""
    time: datetime | None = None
    """When it was written; None: now."""

    def headers(self, kind: str) -> dict[str, str]:
        """Return the headers for a message of `kind`."""
        id_, source, goal, cause, trace, time = self
        headers = {
            "Nats-Msg-Id": id_,
            "ce-specversion": "1.0",
            "ce-id": id_,
            "ce-type": TYPE.format(kind),
            "ce-source": source,
            "ce-time": (time or datetime.now(UTC)).isoformat(),
            "content-type": "application/json",
        }
        if goal:
            headers["ce-correlationid"] = goal
        if cause:
            headers["ce-causationid"] = cause
        if trace:
            headers["traceparent"] = trace
        return headers


def encode(message: Message) -> bytes:
    """Return the body of a message.

    Raises:
        Unreadable: it holds what JSON cannot.
    """
    try:
        return message.in_json({"kind"})
    except ValueError as error:
        raise Unreadable(f"it cannot be written as JSON: {error}") from None


def read[M: Message](model: type[M], data: bytes, headers: Mapping[str, str]) -> M:
    """Return the message of `model` in a body, from binary or structured mode.

    Raises:
        Unreadable: with one sentence that says why.
    """
    return validate(model, body_of(model, data, headers))


def read_at[M: Message](model: type[M], subject: Subject, data: bytes, headers: Mapping[str, str]) -> M:
    """Return the message of `model` on a subject; what its body leaves out is told by the subject.

    Raises:
        Unreadable: with one sentence that says why.
    """
    body = body_of(model, data, headers)
    if not isinstance(body, dict):
        raise Unreadable("its body is not a JSON object")
    for name, place in shared(model, subject.kind):
        text = subject.values[place]
        value = number_in(text) if name in NUMBERS else text
        if body.setdefault(name, value) != value:
            raise Unreadable(f"its body speaks of the {name} {str(body[name])[:80]!r}, and its subject of {value!r}")
    return validate(model, body)


class Traits(NamedTuple):
    """What we ask of a model for every message."""

    kind: str
    type: str
    """As its messages declare it."""
    names: frozenset[str]


@cache
def traits(model: type[Message]) -> Traits:
    """Return the kind of message that a model reads, and the names of its fields."""
    kind = model.model_fields["kind"].default
    return Traits(kind, TYPE.format(kind), frozenset(model.model_fields))


@cache
def shared(model: type[Message], kind: str) -> tuple[tuple[str, int], ...]:
    """Return what a message has in common with a kind of subject: the names, with their places there."""
    names = traits(model).names
    return tuple((token, place) for place, token in enumerate(KINDS[kind].tokens) if token in names)


def body_of(model: type[Message], data: bytes, headers: Mapping[str, str]) -> JsonValue:
    """Return the JSON that should be a message of `model`, out of binary or structured mode."""
    refuse_other_types(model, headers.get("ce-type"))
    size, depth = size_allowed(headers), MAX_DEPTH
    if traits(model).kind in COMPOSED:
        size, depth = (GROWTH * size if BODY in headers else size), depth + DEEPER
    body = parse_json(data, size=size, depth=depth)
    if headers.get("content-type", "").startswith(STRUCTURED):
        body = unwrap(model, body)
    return body


def size_allowed(headers: Mapping[str, str]) -> int:
    """Return how many bytes a body may have, which depends on how it came."""
    return MAX_REFERENCED if BODY in headers else MAX_BODY


def refuse_other_types(model: type[Message], declared: object) -> None:
    """Raise unless what a message says of its type fits the model."""
    if declared is not None and declared != (wanted := traits(model).type):
        raise Unreadable(f"its type is {str(declared)[:80]!r}, and only {wanted!r} is understood here")


def parse_json(data: bytes, *, size: int = MAX_BODY, depth: int = MAX_DEPTH) -> JsonValue:
    """Return the JSON in a body; refuse what is oversized, not UTF-8, not JSON, or could not be written again."""
    refuse_longer(data, size)
    try:
        # The standard library's reader takes NaN and halves of surrogate pairs, which nobody can write again.
        body = cast(JsonValue, from_json(data, allow_inf_nan=False))
    except ValueError as error:
        raise Unreadable(f"its body is not JSON: {error}" if is_text(data) else "its body is not UTF-8") from None
    if data.count(b"[") + data.count(b"{") > depth and depth_of(body) > depth:
        raise Unreadable(f"its body is nested more than {depth} deep")
    return body


def is_text(data: bytes) -> bool:
    """Tell whether bytes are UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def refuse_longer(data: bytes, size: int) -> None:
    """Raise unless a body has at most this many bytes."""
    if len(data) > size:
        raise Unreadable(f"its body of {len(data):,} bytes is over the limit of {size:,}")


def depth_of(body: JsonValue) -> int:
    """Return how many lists and objects stand inside each other."""
    depth, level = 0, [body]
    while level := [child for each in level if isinstance(each, dict | list) for child in children(each)]:
        depth += 1
    return depth


def children(value: dict[str, JsonValue] | list[JsonValue]) -> Iterable[JsonValue]:
    """Return what stands directly inside a list or an object."""
    return value.values() if isinstance(value, dict) else value


def unwrap(model: type[Message], body: JsonValue) -> JsonValue:
    """Return the data of a structured CloudEvent."""
    if not isinstance(body, dict) or body.get("specversion") != "1.0":
        raise Unreadable("it says it is a structured CloudEvent, and is none of version 1.0")
    refuse_other_types(model, body.get("type", ""))
    return body.get("data")


def validate[M: Message](model: type[M], body: JsonValue) -> M:
    """Return the model with this content, or say in one sentence what is wrong with it."""
    try:
        made: M = model.__pydantic_validator__.validate_python(body)  # `model_validate` looks for options first
    except ValidationError as error:
        raise Unreadable(misfit(error, whole="the body")) from None
    return made


def read_goal(data: bytes, headers: Mapping[str, str], *, loop: str, fallback_id: str) -> Goal:
    """Return the goal that any service published: a goal document, any JSON as its input, or plain text.

    Its id is the message's, else the document's, else `fallback_id`.

    Raises:
        Unreadable: with one sentence that says why.
    """
    refuse_other_types(Goal, headers.get("ce-type"))
    document, event_id = goal_document(data, headers)
    given = headers.get("Nats-Msg-Id") or headers.get("ce-id") or event_id or document.get("goal") or fallback_id
    if not isinstance(given, str) or not is_token(given):
        raise Unreadable(f"{str(given)[:80]!r} cannot be a goal's id: use a-z, 0-9, _ and -, at most 63")
    return validate(Goal, {**document, "goal": given, "loop": loop})


def goal_document(data: bytes, headers: Mapping[str, str]) -> tuple[dict[str, JsonValue], JsonValue]:
    """Return the fields of a goal, however they were written, and the id of the structured event around them."""
    text = data.lstrip()
    if not text.startswith((b"{", b"[")) and "ce-type" not in headers:
        refuse_longer(data, size_allowed(headers))
        try:
            return {"input": {"text": data.decode()}}, None
        except UnicodeDecodeError:
            raise Unreadable("its body is not UTF-8") from None
    body, event_id = parse_json(data, size=size_allowed(headers)), None
    if isinstance(body, dict) and "specversion" in body:
        event_id = body.get("id")
        body = unwrap(Goal, body)
    if isinstance(body, dict) and "input" in body:
        return dict(body), event_id
    if isinstance(body, dict) and "ce-type" in headers:
        return dict(body), event_id
    return {"input": body if isinstance(body, dict) else {"data": body}}, event_id
