"""What a user writes: workers and evaluators, as plain async functions with a role.

@worker("support", tools=[refund])
async def support(step: Step[Ticket]) -> Resolution: ...

@evaluator("policy")
async def policy(attempt: Attempt[Ticket, Resolution]) -> Verdict: ...
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from loopwright.actors.errors import StepFailed
from loopwright.actors.holding import Holding
from loopwright.actors.remembering import Board, Lessons
from loopwright.bus.client import Run
from loopwright.bus.connection import Bus
from loopwright.bus.messages import (
    Allowance,
    FailureClass,
    FaultClass,
    Json,
    Limits,
    Live,
    Message,
    Source,
    StepOrder,
    Usage,
    Verdict,
)
from loopwright.bus.misfit import misfit
from loopwright.bus.plain import JsonValue, plain
from loopwright.bus.subjects import Subject
from loopwright.bus.trajectory import Trajectory
from loopwright.tools.model import Answer, LanguageModel, Turn
from loopwright.tools.tool import Tool


class Made(Message):
    """What a worker made, with what it cost."""

    output: JsonValue
    size: int = 1
    """Distinct proposals in it."""
    usage: Usage = Usage()


@dataclass(frozen=True)
class Step[I]:
    """The work at hand."""

    order: StepOrder
    input: I
    bus: Bus
    resources: Any = None
    """What the worker's own `resources` yielded, one for the process."""
    holding: Holding = field(kw_only=True)
    """Through which its calls go on record."""

    @property
    def goal(self) -> str:
        """The goal it serves."""
        return self.order.goal

    @property
    def attempt(self) -> int:
        """Counts from one; 0 is the baseline."""
        return self.order.attempt

    @property
    def hint(self) -> str:
        """What a prompt should say of why the loop, or this attempt, does not get on; empty as long as it does."""
        return " ".join(said for said in (self.order.hint, self.holding.calls.nudge) if said)

    @property
    def left(self) -> Allowance | None:
        """What this step may spend; once that is spent, its calls are refused. None: nobody counts."""
        return self.order.left

    @property
    def spent(self) -> Usage:
        """What the calls of this attempt took so far, each counted once; what its goals took, their outcomes tell."""
        return self.holding.spent

    @property
    def board(self) -> Board:
        """What the steps of this goal tell each other."""
        return Board(self.bus, self.order, self.holding)

    @property
    def lessons(self) -> Lessons:
        """What goals have taught."""
        return Lessons(self.order, self.holding)

    @property
    def untrusted(self) -> bool:
        """Whether this attempt has met content that nobody vouches for: in what it was given, or has read since."""
        return self.holding.trust.untrusted

    def distrust(self) -> None:
        """Say that this attempt has met such content elsewhere than through its step, as with a client of its own."""
        self.holding.trust.meet(untrusted=True)

    async def call[T](self, tool: Tool[T], /, **arguments: Any) -> T:
        """Return what a tool answers. A call that this attempt has on record is not made again.

        Raises:
            Misuse: the arguments do not fit.
            Denied: the person who is to approve the call says no. It may take days until he does, or says yes: the
                attempt is laid aside meanwhile as by `ask_person`, and the call is made once, as it was approved.
            ToolFailed: a tool that changes something says no; what one that only reads raises comes as it is.
            StepFailed: the role may not call it; or nobody knows whether it happened, and the attempt is over; or
                call after call brings nothing new.
        """
        return await self.holding.call(tool, arguments)

    async def ask(self, model: LanguageModel, turns: Sequence[Turn], name: str | None = None) -> Answer:
        """Return a model's answer to a conversation. One that this attempt has on record is not paid again.

        Raises:
            Retriable: the model is busy, or cannot be reached.
            StepFailed: it refuses us.
        """
        return await self.holding.ask(model, turns, name or self.order.model)

    async def ask_person(self, role: str, question: BaseModel | JsonValue) -> JsonValue:
        """Return what a person of the loop answers, who may take days.

        The attempt is laid aside meanwhile, and no worker has it: this handler ends here, and is begun again, maybe
        elsewhere, when there is an answer; what it called before is on record. A question that this attempt has asked
        is not asked again.

        Raises:
            StepFailed: nobody has answered in time, and the loop has no default; or an evaluator asks.
        """
        told = question.model_dump(mode="json") if isinstance(question, BaseModel) else plain(question)
        return await self.holding.ask_person(role, told)

    async def submit(
        self, loop: str, input: BaseModel | Json, *, name: str = "", limits: Limits | Json | None = None
    ) -> Run:
        """Publish a goal of another loop on behalf of this attempt; its run tells how it ends.

        Its id follows from the attempt and `name`: whoever does the attempt again, after a crash, finds the same goal,
        and an attempt that wants several names them. It is one message further from the first cause than this step, and
        a chain that is too long ends with the reason `hops`.

        It lives on what this attempt may spend. Of tokens, cost, tool calls and steps it gets what its `limits` name,
        as far as that is left, and half of what is left where they name nothing; its time ends no later than that of
        this goal. Once its run has told how it ended, what it did not need may be spent again; of one that has not
        ended when the attempt does, all that it was given counts as spent. It is called off when this attempt is.

        Raises:
            StepFailed: nothing is left for it.
            Retriable: too many goals wait.
        """
        return await self.holding.children.submit(loop, input, name=name, limits=limits)

    def past(self, after: int = 0) -> Trajectory:
        """Return the record of the loop so far: results and evaluations, behind a sequence number.

        That of a fork begins with what was said to the goal that it goes on from.
        """
        kinds, prefix, read = frozenset({"result", "eval"}), self.order.prefix, self.holding.trust.read
        return Trajectory(self.bus, self.goal, kinds=kinds, after=after, prefix=prefix, told=read)

    async def say(self, text: str) -> None:
        """Tell whoever looks on what is being done; it may be lost."""
        glimpse(self.bus, self.order, text)


def glimpse(bus: Bus, order: StepOrder, text: str) -> None:
    """Tell whoever looks on what a worker does about an order; nothing, when it has finished."""
    live = Live(goal=order.goal, worker=bus.name, role=order.role, step=order.step, attempt=order.attempt, text=text)
    bus.shout(Subject.of("live", ns=bus.ns, goal=order.goal), live)


@dataclass(frozen=True)
class Attempt[I, O](Step[I]):
    """A result to judge."""

    output: O | None = None
    """None for the baseline: the input itself is judged."""
    earlier: tuple[Verdict, ...] = ()
    """What the loop's evaluators said, where this is the acceptance evaluator."""

    @property
    def acceptance(self) -> dict[str, JsonValue]:
        """What the goal brought for the acceptance evaluator alone."""
        return self.order.acceptance or {}


type Handler = Callable[[Any], Awaitable[Any]]
type Resources = Callable[[Bus], AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def no_resources(bus: Bus) -> AsyncIterator[None]:
    """Yield nothing: most workers need no more than their step."""
    yield None


@dataclass(frozen=True)
class Worker:
    """A handler with the role it serves."""

    role: str
    handle: Handler
    judges: bool
    input_type: TypeAdapter[Any]
    output_type: TypeAdapter[Any]
    resources: Resources = no_resources
    tools: tuple[Tool[Any], ...] = ()
    """What its handler may call."""

    def __post_init__(self) -> None:
        """Refuse two tools of one name: on record a tool is told by it."""
        names = [each.name for each in self.tools]
        if len(set(names)) < len(names):
            raise ValueError(
                f"each tool of the role {self.role} has a name of its own, and here are {', '.join(names)}"
            )

    def read_input(self, order: StepOrder) -> Any:
        """Return the input as the handler wants it.

        Raises:
            StepFailed: it does not fit.
        """
        try:
            return self.input_type.validator.validate_python(order.input)
        except ValidationError as error:
            source = Source(fault=FaultClass.LOOP, kind=FailureClass.MISSING, name=order.loop)
            raise no_fit("the goal's input", error, source) from None

    def read_output(self, output: JsonValue) -> Any:
        """Return the result's output as the evaluator wants it.

        Raises:
            StepFailed: it does not fit.
        """
        try:
            return self.output_type.validator.validate_python(output)
        except ValidationError as error:
            source = Source(fault=FaultClass.AGENT, kind=FailureClass.MISUSE)
            raise no_fit("the result's output", error, source) from None


def no_fit(what: str, error: ValidationError, source: Source) -> StepFailed:
    """Return the failure of a step that was given something else than its handler takes."""
    return StepFailed(source.kind, f"{what} does not fit: {misfit(error, whole='it')}", source=source)


def worker(
    role: str, *, resources: Resources = no_resources, tools: Sequence[Tool[Any]] = ()
) -> Callable[[Handler], Worker]:
    """Make an async function serve a role; what it returns is the result's output."""

    def wrap(handle: Handler) -> Worker:
        given = types_of(handle, 1)
        return Worker(role, handle, False, TypeAdapter(given[0]), TypeAdapter(Any), resources, tuple(tools))

    return wrap


def evaluator(
    role: str, *, resources: Resources = no_resources, tools: Sequence[Tool[Any]] = ()
) -> Callable[[Handler], Worker]:
    """Make an async function serve a role that judges; it returns a `Verdict`."""

    def wrap(handle: Handler) -> Worker:
        given = types_of(handle, 2)
        return Worker(role, handle, True, TypeAdapter(given[0]), TypeAdapter(given[1]), resources, tuple(tools))

    return wrap


def types_of(handle: Handler, count: int) -> tuple[Any, ...]:
    """Return the types in the brackets of a handler's first parameter; `Any` where it says nothing."""
    hints = get_type_hints(handle)
    hints.pop("return", None)
    given = get_args(next(iter(hints.values()), None))
    return given if len(given) == count else (Any,) * count
