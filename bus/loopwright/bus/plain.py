"""JSON as it stands in messages.

pydantic's `JsonValue` looks at a value node by node, in Python, when it is read and again when it is written: for a
message that is mostly JSON, most of its cost. What came off the wire was JSON before it came here, and what a person's
function returns is made JSON once, by `plain`. So messages hold it unseen; type checkers see what it is.
"""

from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

if TYPE_CHECKING:
    from pydantic import JsonValue as JsonValue  # noqa: PLC0414 - others find it here
else:
    JsonValue = Any


def plain(value: object) -> JsonValue:
    """Return a value as JSON holds it.

    Raises:
        ValueError: JSON cannot hold it.
    """
    return held(written(value))


def written(value: object) -> bytes:
    """Return a value as it is written as JSON, with what is no number told as such.

    Raises:
        ValueError: JSON cannot hold it.
    """
    return to_json(value, inf_nan_mode="constants")


def held(text: bytes) -> JsonValue:
    """Return what was written as JSON holds it.

    Raises:
        ValueError: it is none, or tells of what is no number.
    """
    made: JsonValue = from_json(text, allow_inf_nan=False)
    return made
