"""A loop: who makes, who judges, and when it stops. A frozen value, pinned in each goal's first decision."""

from pydantic import BaseModel, ConfigDict, Field

from loopwright.bus.messages import Limits
from loopwright.bus.names import Token


class Bounds(BaseModel):
    """When a loop stops; a goal's own `Limits` come before these."""

    model_config = ConfigDict(frozen=True)

    attempts: int = Field(default=30, ge=1)
    """Attempts after the baseline."""
    deadline: float = Field(default=600.0, gt=0)
    """Seconds from acceptance to the end."""
    step_timeout: float = Field(default=120.0, gt=0)
    """Seconds that one worker may take over one attempt."""
    patience: int = Field(default=3, ge=1)
    """Distinct proposals without a better score before the loop counts as stuck."""
    width: int = Field(default=1, ge=1, le=64)
    """Attempts that may be under way at once: one is made while the others are judged."""
    failures: int = Field(default=3, ge=1)
    """Failed attempts in a row that end the goal."""
    tokens: int = Field(default=200_000, ge=1)
    """Tokens in and out, all attempts together."""
    cost: float = Field(default=3.0, gt=0)
    """US dollars, all attempts together."""

    def under(self, limits: Limits) -> "Bounds":
        """Return these bounds with what a goal has set for itself."""
        given = limits.model_dump(include=set(Limits.model_fields), exclude_none=True)
        return Bounds(**(self.model_dump() | given))


class Loop(BaseModel):
    """A named design: work is made, judged, and made better until it is accepted or a bound is reached."""

    model_config = ConfigDict(frozen=True)

    name: Token
    version: int = Field(default=1, ge=1)
    work: Token
    """The role whose workers make results."""
    judges: tuple[Token, ...] = Field(min_length=1)
    """The roles whose evaluators must all pass a result."""
    acceptance: Token | None = None
    """The role of an evaluator that the generator never sees; asked where the goal brings what it needs."""
    baseline: bool = False
    """Whether the input is judged as it stands before anything is made; the goal may be met already."""
    bounds: Bounds = Bounds()
