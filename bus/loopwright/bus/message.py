"""What every message is made of.

Unknown fields are kept, so that a message of a newer minor version travels through older processes unharmed.
"""

from typing import Annotated

from pydantic import ConfigDict, Field

from loopwright.bus.plain import JsonValue
from loopwright.bus.values import Value

type Json = dict[str, JsonValue]
TEXT = 65_536
"""Characters of a text for people."""
FIGURE = 10**15
"""The largest number that anybody may report; sums stay there."""
KEPT = 30 * 24 * 3600.0
"""Seconds that anything may take at most: a record is kept a little longer."""
Text = Annotated[str, Field(max_length=TEXT)]
Count = Annotated[int, Field(ge=0, le=FIGURE)]
Amount = Annotated[float, Field(ge=0.0, le=FIGURE)]
Seconds = Annotated[float, Field(gt=0, le=KEPT)]


class Message(Value):
    """A frozen value that travels between actors."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False, use_attribute_docstrings=True)
