"""An attempt's effect record: what became of each call that is not to be made twice."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from loopwright.bus.messages import Allowance, Count, Json, Message, Source, Text, Usage
from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue

type What = Literal["ask", "call", "person", "goal"]


class EffectPhase(StrEnum):
    """How far a call inside an attempt has come."""

    HELD = "held"  #: no call: a worker took the attempt over, and whoever held it before can write no more
    CALLED_OFF = "called_off"  #: no call: another attempt has won, and whoever holds this one begins no call any more
    CLAIMED = "claimed"  #: it is about to be made, and may change the world
    RESERVED = "reserved"  #: a goal is about to be submitted, and what it may spend is set aside
    DONE = "done"  #: it was made, and answered
    FAILED = "failed"  #: it was made, and refused: nothing has happened
    RELEASED = "released"  #: it was claimed, and has not happened
    RAISED = "raised"  #: it has changed nothing and was not answered; it is made again when it is asked for again
    ASKED = "asked"  #: a person is to say whether it may be made, or to answer it; nothing is done before
    APPROVED = "approved"  #: the person says that it may be made
    DENIED = "denied"  #: the person says that it may not, or has not answered: it is never made


class Effect(Message):
    """One entry of an attempt's effect record: what became of a call that is not to be made twice."""

    kind: Literal["effect"] = "effect"
    goal: Token
    step: Token
    attempt: int = Field(ge=0)
    role: Token
    phase: EffectPhase
    worker: str = ""
    hold: str = ""
    """Which hold on the attempt has written it: several workers may have one name, and one worker several holds."""
    delivery: Count = 1
    """The how manieth to hold the attempt its worker is."""
    resumed: Count = 0
    """How often the attempt had been taken up again; whoever holds it then comes behind everybody before."""
    what: What | None = None
    """A model is asked, a tool is called, a person is asked, or a goal is submitted."""
    name: str = ""
    """The model's name, the tool's, the person's role, or that of the goal's loop."""
    person: str = ""
    """The role of the person who is to approve the call, or to answer."""
    call: str = ""
    """Digest of what is asked for; the same call has the same."""
    occurrence: Count = 0
    """Counts the same call in one attempt, from one."""
    key: str = ""
    """What the tool can tell the call by, however often it hears of it; or the goal."""
    arguments: Json | None = None
    """What a tool is called with, for whoever has to find out what happened."""
    offered: tuple[str, ...] = ()
    """The tools that the role may call; stands where a model is asked first."""
    shown: dict[str, float] = Field(default_factory=dict[str, float])
    """How much of each tool's answer since the last question stands in this one word by word, by the call's digest."""
    answer: JsonValue = None
    failure: Text = ""
    source: Source | None = None
    """Where a call that failed or raised went wrong."""
    usage: Usage = Usage()
    aside: Allowance | None = None
    """What is set aside for a goal; once it has ended, what may still be spent of that unheard."""
    untrusted: bool = False
    """Whether the attempt had met content that nobody vouches for when it asked a model, or a person, for that may hold
    it."""


PENDING = frozenset(EffectPhase(each) for each in ("held", "called_off", "claimed", "reserved", "asked", "approved"))
"""How far a call has come of which nobody can say yet what becomes of it."""
