"""A fault: whose it is, how sure that is, which contract was broken, and where the record shows it."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from loopwright.bus.messages import FaultClass, Status, StopReason, Usage

SURE = 0.8
"""Confidence from which on a fault is named without a reservation."""
GUESSED = 0.6
"""Confidence below which it is only the likeliest."""


class Contract(StrEnum):
    """What holds between the messages of a healthy trajectory; a fault is the first that was broken."""

    SHOWN = "C1"  #: what a tool answered stands in the next question
    DISPATCHED = "C2"  #: each call that a model names is made once, as it was named; what it says is what is handed in
    FITS = "C3"  #: what a model says can be read, and fits what it was asked for
    ANSWERED = "C4"  #: a call that fits is answered in time, and what it tells stays true
    JUDGED = "C5"  #: the same work gets the same verdict, and a goal goes on while it gets better
    AGREED = "C6"  #: acceptance agrees with the loop's evaluators
    FOUNDED = "C7"  #: what a model states was told to it
    DECIDED = "C8"  #: nothing else is broken, and the work is not what was wanted
    SERVED = "C9"  #: whoever takes a step answers it, and what it needs is there


class Said(StrEnum):
    """What a counterfactual says of a blame."""

    CONFIRMED = "confirmed"  #: without the component the failure goes away
    REFUTED = "refuted"  #: it stays
    UNKNOWN = "unknown"  #: nobody can tell


class Fault(BaseModel):
    """What went wrong once."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    fault: FaultClass
    confidence: float = Field(ge=0.0, le=1.0)
    contract: Contract | None = None
    who: str = ""
    """The role, the tool, the model or the evaluator."""
    step: str = ""
    attempt: int | None = None
    """None for what concerns the goal as a whole."""
    evidence: tuple[int, ...] = ()
    """Sequence numbers of the messages that show it, the earliest first."""
    because: str = ""
    """One sentence for a person."""
    opinion: bool = False
    """Whether a model thinks so; everything else is worked out from the record alone."""
    replay: Said | None = None
    """What replaying the goal without it has said; None where nobody has."""


class Point(BaseModel):
    """A place in a trajectory, and who was there."""

    model_config = ConfigDict(frozen=True)

    seq: int
    who: str
    what: str


class Confirmation(BaseModel):
    """What came of replaying a goal with one component swapped."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    said: Said
    because: str
    """One sentence for a person."""
    swapped: str
    """What was put in the place of what."""
    about: bool = True
    """Whether that is what is blamed; else the blame stays as it is."""
    at: int | None = None
    """The last place on the goal's record that counted; what stands behind it was done anew."""
    goal: str = ""
    """The goal that went on from there."""
    usage: Usage = Usage()
    """What that took."""


class Blame(BaseModel):
    """Whose fault it was that a goal ended as it did, or stands as it does."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    schema_version: int = 1
    goal: str
    status: Status = Status.WORKING
    reason: StopReason | None = None
    fault: Fault | None = None
    """What decided it; None where it was met, or called off, or nothing has failed yet."""
    introduced: Point | None = None
    """Where the trajectory left the right way."""
    missed: tuple[Point, ...] = ()
    """Who looked at it, and let it pass."""
    found: Point | None = None
    """Where it came to light."""
    faults: tuple[Fault, ...] = ()
    """Every failed attempt's, in order."""
    opinion: Fault | None = None
    """What a model thinks, where one was asked; it changes nothing above."""
    confirmation: Confirmation | None = None
    """What came of replaying it with one component swapped, where that was asked for."""
