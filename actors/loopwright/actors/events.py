"""What can happen to a goal: the events that a decision puts on record, and that lead from one standing to the next."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from loopwright.actors.frozen import Frozen
from loopwright.actors.loop import Loop
from loopwright.actors.plan import PlannedStep
from loopwright.bus.messages import Failure, Goal, Outcome, Usage
from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue


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
