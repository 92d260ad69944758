"""What can happen to a goal: the events that a decision puts on record, and that lead from one standing to the next."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from loopwright.actors.loop import Loop
from loopwright.actors.plan import PlannedStep
from loopwright.bus.messages import Failure, Goal, Outcome, Usage
from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue


class Frozen(BaseModel):
    """A frozen value of the orchestrator's own record."""

    model_config = ConfigDict(frozen=True)

    def but(self, **changes: object) -> Self:
        """Return this value with some fields changed. They are not validated: we decide on them ourselves.

        `model_copy` does the same and takes five times as long, which a turn would spend ten times.
        """
        made = type(self).__new__(type(self))
        object.__setattr__(made, "__dict__", {**self.__dict__, **changes})
        object.__setattr__(made, "__pydantic_fields_set__", self.__pydantic_fields_set__)
        object.__setattr__(made, "__pydantic_extra__", None)
        object.__setattr__(made, "__pydantic_private__", None)
        return made


class Opened(Frozen):
    """The goal was accepted; its loop is pinned."""

    event: Literal["opened"] = "opened"
    goal: Goal
    loop: Loop
    at: datetime


class Began(Frozen):
    """An attempt was begun; 0 is the baseline."""

    event: Literal["began"] = "began"
    attempt: int


class Produced(Frozen):
    """A worker made a result."""

    event: Literal["produced"] = "produced"
    attempt: int
    size: int
    usage: Usage = Usage()


class Planned(Frozen):
    """A planner made the plan; its first step is next."""

    event: Literal["planned"] = "planned"
    attempt: int
    steps: tuple[PlannedStep, ...]
    usage: Usage = Usage()


class Judged(Frozen):
    """An evaluator spoke."""

    event: Literal["judged"] = "judged"
    attempt: int
    judge: Token
    passed: bool
    score: float
    pick: JsonValue = None
    rejected: int = 0
    usage: Usage = Usage()


class Failed(Frozen):
    """A worker or an evaluator has nothing to show for an attempt."""

    event: Literal["failed"] = "failed"
    attempt: int
    failure: Failure
    judge: Token | None = None
    usage: Usage = Usage()


class Advanced(Frozen):
    """The step is met, and the next one of the plan begins."""

    event: Literal["advanced"] = "advanced"


class Over(Frozen):
    """The goal has ended."""

    event: Literal["over"] = "over"
    outcome: Outcome


type Event = Annotated[
    Opened | Began | Produced | Planned | Judged | Failed | Advanced | Over, Field(discriminator="event")
]
