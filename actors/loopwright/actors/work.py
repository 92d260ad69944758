"""What a user writes: workers and evaluators, as plain async functions with a role.

@worker("support")
async def support(step: Step[Ticket]) -> Resolution: ...

@evaluator("policy")
async def policy(attempt: Attempt[Ticket, Resolution]) -> Verdict: ...
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from loopwright.bus.connection import Bus
from loopwright.bus.errors import LoopwrightError
from loopwright.bus.messages import Failure, FailureClass, Live, Message, StepOrder, Usage, Verdict
from loopwright.bus.plain import JsonValue
from loopwright.bus.subjects import Subject
from loopwright.bus.trajectory import Trajectory


class StepFailed(LoopwrightError):
    """The attempt has nothing to show, and why; the loop decides what that means."""

    def __init__(self, kind: FailureClass, message: str, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.failure = Failure(kind=kind, message=message)
        self.usage = usage or Usage()


class Retriable(LoopwrightError):
    """The same step may well succeed later, here or elsewhere."""

    def __init__(self, reason: str, *, wait: float) -> None:
        super().__init__(reason)
        self.wait = wait
        """Seconds to wait before the next try."""


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

    @property
    def goal(self) -> str:
        """The goal it serves."""
        return self.order.goal

    @property
    def attempt(self) -> int:
        """Counts from one; 0 is the baseline."""
        return self.order.attempt

    def past(self, after: int = 0) -> Trajectory:
        """Return the record of the loop so far: results and evaluations, behind a sequence number."""
        return Trajectory(self.bus, self.goal, kinds=frozenset({"result", "eval"}), after=after)

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

    def read_input(self, order: StepOrder) -> Any:
        """Return the input as the handler wants it.

        Raises:
            StepFailed: it does not fit.
        """
        return read_as(self.input_type, order.input, "the goal's input", FailureClass.MISSING)

    def read_output(self, output: JsonValue) -> Any:
        """Return the result's output as the evaluator wants it.

        Raises:
            StepFailed: it does not fit.
        """
        return read_as(self.output_type, output, "the result's output", FailureClass.MISUSE)


def read_as(adapter: TypeAdapter[Any], value: JsonValue, what: str, kind: FailureClass) -> Any:
    """Return JSON as a type, or fail the step with one sentence."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StepFailed(kind, f"{what} does not fit: {where or 'it'}: {first['msg']}") from None


def worker(role: str, *, resources: Resources = no_resources) -> Callable[[Handler], Worker]:
    """Make an async function serve a role; what it returns is the result's output."""

    def wrap(handle: Handler) -> Worker:
        given = types_of(handle, 1)
        return Worker(role, handle, False, TypeAdapter(given[0]), TypeAdapter(Any), resources)

    return wrap


def evaluator(role: str, *, resources: Resources = no_resources) -> Callable[[Handler], Worker]:
    """Make an async function serve a role that judges; it returns a `Verdict`."""

    def wrap(handle: Handler) -> Worker:
        given = types_of(handle, 2)
        return Worker(role, handle, True, TypeAdapter(given[0]), TypeAdapter(given[1]), resources)

    return wrap


def types_of(handle: Handler, count: int) -> tuple[Any, ...]:
    """Return the types in the brackets of a handler's first parameter; `Any` where it says nothing."""
    hints = get_type_hints(handle)
    hints.pop("return", None)
    given = get_args(next(iter(hints.values()), None))
    return given if len(given) == count else (Any,) * count
