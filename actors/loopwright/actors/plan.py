"""A plan: the steps of a goal, done one after the other. A planner role writes it; without one there is one step."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue

PLAN = "plan"
"""The step in which the plan itself is made."""
WORK = "work"
"""The one step of a loop without a plan."""


class PlannedStep(BaseModel):
    """One step of a plan."""

    model_config = ConfigDict(frozen=True)

    name: Token
    input: JsonValue = None
    """What its workers are given besides the goal's input."""


class Plan(BaseModel):
    """What a planner makes."""

    model_config = ConfigDict(frozen=True)

    steps: tuple[PlannedStep, ...] = Field(min_length=1, max_length=64)

    @model_validator(mode="after")
    def _every_name_once(self) -> Self:
        """Refuse a name that stands twice, or for the plan itself: each step has a place of its own on record."""
        names = [PLAN, *(step.name for step in self.steps)]
        if len(set(names)) < len(names):
            raise ValueError(f"each step has a name of its own, and none is {PLAN!r}; here are {', '.join(names[1:])}")
        return self
