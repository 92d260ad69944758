"""Where a goal goes on from another: a place on the other's record, which stays there and is read there."""

from pydantic import ConfigDict, Field

from loopwright.bus.names import Token
from loopwright.bus.values import Value


class ForkPoint(Value):
    """A goal's record up to a place in it."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    goal: Token
    seq: int = Field(ge=1)
    """The last message that belongs to it."""


class Fork(ForkPoint):
    """What a goal that is to go on from another says of where."""

    today: bool = False
    """Whether its loop is taken as it is designed today; else a loop of the same name stays as it was pinned there."""
    model: str | None = None
    """The model that its workers are to ask, unless they name one themselves, or the loop climbs to another."""


type Prefix = tuple[ForkPoint, ...]
"""The records that a goal goes on from, the oldest first."""
