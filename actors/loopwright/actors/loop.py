"""A loop: who makes, who judges, and when it stops. A frozen value, pinned in each goal's first decision."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loopwright.bus.messages import Limits, Seconds
from loopwright.bus.names import Token


class Bounds(BaseModel):
    """When a loop stops; a goal's own `Limits` come before these."""

    model_config = ConfigDict(frozen=True)

    attempts: int = Field(default=30, ge=1)
    """Attempts after the baseline."""
    deadline: Seconds = 600.0
    """Seconds from acceptance to the end."""
    step_timeout: Seconds = 120.0
    """Seconds that one worker may take over one attempt."""
    unserved: Seconds = 30.0
    """Seconds that a goal waits for a role that nobody serves."""
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
    plan: Token | None = None
    """The role whose workers write the plan: steps that are done one after the other, each until it is accepted and
    with what the one before came to. None: the goal is one step."""
    work: Token
    """The role whose workers make results."""
    judges: tuple[Token, ...] = Field(min_length=1)
    """The roles whose evaluators must all pass a result."""
    acceptance: Token | None = None
    """The role of an evaluator that the generator never sees; asked where the goal brings what it needs."""
    baseline: bool = False
    """Whether the input is judged as it stands before anything is made; the goal may be met already."""
    bounds: Bounds = Bounds()

    @model_validator(mode="after")
    def _every_role_once(self) -> Self:
        """Refuse a loop in which a role has two parts: an evaluator's order would take the other's place."""
        roles = [role for role in (self.plan, self.work, *self.judges, self.acceptance) if role]
        if len(set(roles)) < len(roles):
            raise ValueError(f"a role has one part in a loop, and here are {', '.join(roles)}")
        return self

    @model_validator(mode="after")
    def _no_baseline_of_a_plan(self) -> Self:
        """Refuse a loop that would judge steps before anybody has planned them."""
        if self.plan and self.baseline:
            raise ValueError("a loop with a plan has no baseline: before it is planned there is nothing to judge")
        return self


def unknown_loop(name: Token) -> Loop:
    """Return what stands on record for a loop that nobody has; nothing is ever made or judged for it."""
    return Loop(name=name, work="nobody", judges=("none",))
