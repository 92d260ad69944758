"""What actors say: one frozen model a kind of message."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from loopwright.bus.failing import FailureClass as FailureClass  # noqa: PLC0414 - others find it here
from loopwright.bus.failing import FaultClass as FaultClass  # noqa: PLC0414 - and this
from loopwright.bus.forks import Fork, Prefix
from loopwright.bus.message import FIGURE as FIGURE  # noqa: PLC0414 - others find it here
from loopwright.bus.message import KEPT as KEPT  # noqa: PLC0414 - and this
from loopwright.bus.message import TEXT as TEXT  # noqa: PLC0414 - and this
from loopwright.bus.message import Amount as Amount  # noqa: PLC0414 - and this
from loopwright.bus.message import Count as Count  # noqa: PLC0414 - and this
from loopwright.bus.message import Json as Json  # noqa: PLC0414 - and this
from loopwright.bus.message import Message as Message  # noqa: PLC0414 - and this
from loopwright.bus.message import Seconds as Seconds  # noqa: PLC0414 - and this
from loopwright.bus.message import Text as Text  # noqa: PLC0414 - and this
from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue
from loopwright.bus.spending import Allowance as Allowance  # noqa: PLC0414 - others find it here
from loopwright.bus.spending import Limits as Limits  # noqa: PLC0414 - and this
from loopwright.bus.spending import Parent as Parent  # noqa: PLC0414 - and this
from loopwright.bus.spending import Usage as Usage  # noqa: PLC0414 - and this
from loopwright.bus.stops import Status as Status  # noqa: PLC0414 - others find it here
from loopwright.bus.stops import StopReason as StopReason  # noqa: PLC0414 - and this


class Source(Message):
    """Where something went wrong, as far as whoever met it could tell."""

    fault: FaultClass
    kind: FailureClass
    name: str = ""
    """The tool, the model or the role."""
    call: str = ""
    """Digest of the call, where it was one."""
    status: int | None = None
    """The HTTP status, or the exit code of a process."""


class Failure(Message):
    """A classified failure, with one sentence for a person."""

    kind: FailureClass
    message: Text = ""
    source: Source | None = None
    """Where it came from; None where nobody could tell at once."""


class Goal(Message):
    """What somebody wants done."""

    kind: Literal["goal"] = "goal"
    goal: Token
    """Chosen by the publisher; accepted once, for ever."""
    loop: Token
    input: Json = Field(default_factory=dict)
    """What the workers are given."""
    acceptance: Json | None = None
    """What only the acceptance evaluator is given; the generator never sees it."""
    limits: Limits = Limits()
    hops: Count = 0
    """Messages between this goal and the first cause."""
    fork: Fork | None = None
    """Where it goes on from another goal; what it does not bring itself is as it was there."""
    parent: Parent | None = None
    """The attempt on whose behalf it was submitted, if one was."""
    untrusted: bool = False
    """Whether its input holds text that its sender does not vouch for; all that is made of it is labelled so."""


class Output(Message):
    """What a result holds; any JSON, null included."""

    value: JsonValue = None


class Brief(Message):
    """What a result says besides its output."""

    worker: str = ""
    size: Count = 1
    """Distinct proposals in the output."""
    made: str = ""
    """What tells the output from every other."""
    usage: Usage = Usage()
    aside: Allowance | None = None
    """As in a result."""
    seconds: Amount = 0.0
    untrusted: bool = False
    """As in a result."""


class StepOrder(Message):
    """One attempt at one unit of work, for one role; an evaluator's work is to judge the attempt's result."""

    kind: Literal["step"] = "step"
    goal: Token
    loop: Token
    step: Token
    attempt: int = Field(ge=0)
    """Counts from one; 0 is the baseline, the input as it stands."""
    role: Token
    judge: Token | None = None
    """Set when the work is to judge."""
    input: Json = Field(default_factory=dict)
    task: JsonValue = None
    """What the goal's plan gives this step."""
    before: JsonValue = None
    """What the steps came to that this one needs, as evaluators picked it: of one as it is, of several by name."""
    best: JsonValue = None
    """What the best attempt at this step came to so far; what is made now should be better."""
    hint: Text = ""
    """Why what was tried so far leads nowhere; empty as long as it leads somewhere."""
    model: str | None = None
    """The model to ask, where a fork names one or the loop has tried others; a worker may have its own."""
    tried: JsonValue = None
    """For a planner that is asked again: where its last plan has led, and why not further."""
    output: Output | None = None
    """What is to be judged, where it is small, or comes straight from who made it; else it is read from its place."""
    to: Token | None = None
    """The evaluator that the result goes to straight away, where there is only one; None: to the orchestrators."""
    made: Brief | None = None
    """What its result says besides the output, where that came straight from who made it."""
    acceptance: Json | None = None
    left: Allowance | None = None
    """What this may spend; whoever has spent it makes no call any more. None: nobody counts."""
    timeout: Seconds = 600.0
    """Seconds the worker may take."""
    lane: Count = 0
    """Which lane of a race it is, counted from one: it is called off when another wins. 0: nothing is raced."""
    hops: Count = 0
    prefix: Prefix = ()
    """The records that its goal goes on from, where it is a fork."""
    untrusted: bool = False
    """Whether nobody vouches for all that it brings: its goal, or what was made for it so far, holds text of others."""
    resumed: Count = 0
    """How often the attempt was taken up again after people had answered what it asked them."""
    replies: dict[str, int] | None = None
    """Where the replies stand that it was taken up again for, by the digests of what was asked."""


class Result(Message):
    """What an attempt produced, or why it did not."""

    kind: Literal["result"] = "result"
    goal: Token
    step: Token
    attempt: int = Field(ge=0)
    worker: str = ""
    output: JsonValue = None
    size: Count = 1
    """Distinct proposals in the output."""
    failure: Failure | None = None
    usage: Usage = Usage()
    """What it took, goals of its own included that have ended."""
    aside: Allowance | None = None
    """What may still be spent on its behalf, by goals of its own of which it has heard no more."""
    seconds: Amount = 0.0
    untrusted: bool = False
    """Whether nobody vouches for all that it was made of: its worker has met content of others, such as a web page."""


class Verdict(Message):
    """What an evaluator thinks of a result."""

    passed: bool
    score: float = Field(ge=0.0, le=1.0)
    feedback: Text = ""
    """What the generator should know; one that judges acceptance says nothing here."""
    pick: JsonValue = None
    """Which part of the output the verdict speaks of, where the output offers several."""
    rejected: Count = 0
    """How many parts of the output an acceptance evaluator found to be false successes."""
    beyond: Text = ""
    """What it looked at besides the output, such as a database: the same output may be judged otherwise next time."""
    evidence: Json = Field(default_factory=dict)
    usage: Usage = Usage()


class Evaluation(Verdict):
    """An evaluator's verdict on one attempt, or why it could not reach one."""

    kind: Literal["evaluation"] = "evaluation"
    goal: Token
    step: Token
    attempt: int = Field(ge=0)
    judge: Token
    worker: str = ""
    made: Brief | None = None
    """What the result says besides its output, where that went straight to the evaluator: nobody else has heard it."""
    failure: Failure | None = None
    """Set when the evaluator itself could not do its work."""
    aside: Allowance | None = None
    """As in a result."""
    seconds: Amount = 0.0
    untrusted: bool = False
    """Whether nobody vouches for all that it was made of: its worker has met content of others, such as a web page."""


class Cancel(Message):
    """A client wants the goal to end now."""

    kind: Literal["cancel"] = "cancel"
    goal: Token
    why: Text = ""
    serves: str = ""
    """The goal on whose behalf this one was worked on, where that is what ends it; it may never have been submitted."""


class Timer(Message):
    """The broker is to say, later, that a time has come."""

    kind: Literal["timer"] = "timer"
    goal: Token
    id: Token
    at: datetime
    """When."""


class Due(Message):
    """A time has come."""

    kind: Literal["due"] = "due"
    goal: Token
    id: Token


class Outcome(Message):
    """How a goal ended."""

    schema_version: Literal[1] = 1
    goal: Token
    loop: Token
    status: Status
    reason: StopReason
    why: Text = ""
    """One sentence for a person."""
    score: float = 0.0
    """Of the best attempt, 0..1."""
    baseline: float | None = None
    """Score of the input as it stood; None where the loop does not judge it."""
    best: JsonValue = None
    """What the best attempt produced."""
    best_attempt: int | None = None
    curve: tuple[float, ...] = ()
    """Scores of the attempts at the last step, in order; where there were many, the best of each few."""
    attempts: int = 0
    """Attempts begun after the baseline."""
    steps: int = 0
    """Pieces of work handed out, evaluations included."""
    false_successes: int = 0
    """Results that passed the loop's evaluators and failed acceptance."""
    seconds: float = 0.0
    """From acceptance to the end, by the broker's clock."""
    usage: Usage = Usage()
    set_aside: Allowance | None = None
    """What may have been spent besides, at most, by attempts that were left behind and by goals of theirs."""
    fault: Failure | None = None
    """What kept it from succeeding, where one failure did."""
    evidence: Json = Field(default_factory=dict)
    """Figures behind the reason, and `messages`: places in the stream of the messages that show it."""
    unverified: str = ""
    """What nobody checked about the best attempt."""
    untrusted: bool = False
    """Whether nobody vouches for all that it was made of: text of others, such as a web page, went into it."""


class Ended(Message):
    """The goal has ended; the last message of its trajectory that matters."""

    kind: Literal["ended"] = "ended"
    goal: Token
    outcome: Outcome


class Taker(Message):
    """A process that took a message which was handed out before."""

    process: Token
    """Tells it from every other process, as its presence does."""
    name: str = ""


class Suspect(Message):
    """Who took a message another time, and has not said since that it came away alive."""

    kind: Literal["suspect"] = "suspect"
    message: Token
    """Its stream, and its place there."""
    takers: tuple[Taker, ...] = ()
    """The latest last."""


class Live(Message):
    """A glimpse of a worker at work; may be lost."""

    kind: Literal["live"] = "live"
    goal: Token
    worker: str
    role: Token
    step: Token
    attempt: int
    text: Text = ""
    """What it does now; empty when it has finished."""


class Activity(StrEnum):
    """What a process does about new work."""

    SERVING = "serving"  #: takes it
    DRAINING = "draining"  #: finishes what it has, and goes


class Presence(Message):
    """A process says that it is there, and for which role; it says so again and again, for as long as that is true."""

    kind: Literal["presence"] = "presence"
    role: Token
    """What it serves; `orchestrator` for one of those."""
    process: Token
    """Tells it from every other process, for as long as anybody remembers."""
    name: str = ""
    host: str = ""
    pid: Count = 0
    version: str = ""
    """Of Loopwright; empty for a worker of another make."""
    state: Activity = Activity.SERVING
    hands: Count = 0
    """Steps that it does at once; none for an orchestrator."""
    busy: Count = 0
    """Steps that it does now."""
    loops: tuple[Token, ...] = ()
    """What an orchestrator can run."""
    started: datetime | None = None
