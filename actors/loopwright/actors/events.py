"""What can happen to a goal: the events that a decision puts on record, and that lead from one standing to the next.

An event tells its step where several are under way; else it is about the one that is.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from loopwright.actors.frozen import Frozen
from loopwright.actors.ladder import Rung
from loopwright.actors.loop import Loop
from loopwright.actors.plan import PlannedStep
from loopwright.actors.standing import Pending, Standing
from loopwright.bus.messages import (
    Allowance,
    Brief,
    Evaluation,
    Failure,
    Goal,
    Json,
    Outcome,
    Result,
    StopReason,
    Usage,
)
from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue


class Opened(Frozen):
    """The goal was accepted; its loop is pinned."""

    event: Literal["opened"] = "opened"
    goal: Goal
    loop: Loop
    at: datetime


class Forked(Frozen):
    """The goal was accepted, and goes on from where another stood; its loop is pinned."""

    event: Literal["forked"] = "forked"
    goal: Goal
    """With what it takes over from the other."""
    loop: Loop
    at: datetime
    was: Standing
    """Where the other stood, with all that had been said by then."""


class Began(Frozen):
    """An attempt was begun; 0 is the baseline."""

    event: Literal["began"] = "began"
    step: Token | None = None
    attempt: int
    lane: int = 0
    """Which lane of a race it is, counted from one; 0: nothing is raced."""


class Paused(Frozen):
    """A worker has laid an attempt aside: people are asked."""

    event: Literal["paused"] = "paused"
    step: Token | None = None
    attempt: int
    pending: tuple[Pending, ...]
    usage: Usage = Usage()


class Answered(Frozen):
    """A person has replied; the attempt is taken up again after the last reply."""

    event: Literal["answered"] = "answered"
    step: Token | None = None
    attempt: int
    digest: Token
    seq: int
    """Where the reply stands."""


class Produced(Frozen):
    """A worker made a result."""

    event: Literal["produced"] = "produced"
    step: Token | None = None
    attempt: int
    size: int
    made: str = ""
    """What tells the output from every other."""
    handed: bool = False
    """Whether whoever made it has handed it to its evaluator, so that nobody has to order anything."""
    usage: Usage = Usage()
    aside: Allowance | None = None
    """What may still be spent on behalf of whoever said it."""
    untrusted: bool = False
    """Whether it was made of content that nobody vouches for."""


class Planned(Frozen):
    """A planner made the plan; the steps that need nothing are next."""

    event: Literal["planned"] = "planned"
    attempt: int
    steps: tuple[PlannedStep, ...]
    usage: Usage = Usage()
    aside: Allowance | None = None
    """What may still be spent on behalf of whoever said it."""
    untrusted: bool = False
    """Whether it was made of content that nobody vouches for."""


class Judged(Frozen):
    """An evaluator spoke."""

    event: Literal["judged"] = "judged"
    step: Token | None = None
    attempt: int
    judge: Token
    passed: bool
    score: float
    pick: JsonValue = None
    rejected: int = 0
    found: str = ""
    """What tells a refusal from every other."""
    seq: int = 0
    """Where it was said: the message's place in the stream."""
    usage: Usage = Usage()
    aside: Allowance | None = None
    """What may still be spent on behalf of whoever said it."""
    untrusted: bool = False
    """Whether it was made of content that nobody vouches for."""


class Failed(Frozen):
    """A worker or an evaluator has nothing to show for an attempt."""

    event: Literal["failed"] = "failed"
    step: Token | None = None
    attempt: int
    failure: Failure
    judge: Token | None = None
    seq: int = 0
    """Where it was said: the message's place in the stream."""
    usage: Usage = Usage()
    aside: Allowance | None = None
    """What may still be spent on behalf of whoever said it."""
    untrusted: bool = False
    """Whether it was made of content that nobody vouches for."""


class CalledOff(Frozen):
    """An attempt has lost its race: whoever is at work on it is told to stop."""

    event: Literal["called_off"] = "called_off"
    step: Token
    attempt: int
    roles: tuple[Token, ...]
    """Whose workers are at work on it."""
    below: tuple[Token, ...] = ()
    """The goals that are called off with it."""


class Accounted(Frozen):
    """Somebody who was called off has said what that took."""

    event: Literal["accounted"] = "accounted"
    step: Token
    attempt: int
    judge: Token | None = None
    usage: Usage = Usage()
    aside: Allowance | None = None
    """What may still be spent on behalf of whoever said it."""


class Escalated(Frozen):
    """The loop is stuck, and does something about it: it has climbed its ladder."""

    event: Literal["escalated"] = "escalated"
    step: Token | None = None
    height: int
    """Rungs that it has climbed."""
    rung: Rung
    reason: StopReason
    """What it would have stopped for."""
    why: str
    evidence: Json = Field(default_factory=dict)


class Replanned(Frozen):
    """What is left of the goal is to be planned anew."""

    event: Literal["replanned"] = "replanned"
    step: Token | None = None
    why: str
    below: tuple[Token, ...] = ()
    """The goals that are called off with what is left."""


class Advanced(Frozen):
    """A step is met, and what needed nothing else begins."""

    event: Literal["advanced"] = "advanced"
    step: Token | None = None
    below: tuple[Token, ...] = ()
    """The goals that are called off, since they come too late."""


class Over(Frozen):
    """The goal has ended."""

    event: Literal["over"] = "over"
    outcome: Outcome
    below: tuple[Token, ...] = ()
    """The goals of its steps that are called off with it."""


def came_with(said: Result | Brief | Evaluation) -> dict[str, Any]:
    """Return what an event keeps of every answer, whatever that says."""
    return {"usage": said.usage, "aside": said.aside, "untrusted": said.untrusted}


type Event = Annotated[
    Opened
    | Forked
    | Began
    | Paused
    | Answered
    | Produced
    | Planned
    | Judged
    | Failed
    | CalledOff
    | Accounted
    | Escalated
    | Replanned
    | Advanced
    | Over,
    Field(discriminator="event"),
]
