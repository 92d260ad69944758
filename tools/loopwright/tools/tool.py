"""A tool: a typed async function that an agent may call, and what the runtime must know of it.

@tool()
async def stock(article: str) -> int: ...

@tool(writes="external")
async def refund(order: str, amount: Decimal, *, key: IdempotencyKey) -> Receipt: ...

@refund.reconcile
async def refunded(key: IdempotencyKey, order: str, amount: Decimal) -> Done | NotDone: ...

@tool(writes="external", approve="boss")
async def close(account: str) -> None: ...

A tool that writes or spends changes the world, so what is known of each call matters. A `ToolError` says that nothing
has happened. Being cancelled, `TimeoutError` and a broken connection say nothing: it may have happened, and `reconcile`
is asked. Any other exception is worth asking about, too; where there is nobody to ask, it counts as a no. A call that
failed may be made again, and then has the same key. A call that a person is to approve is made after that, with exactly
the arguments that the person was shown.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, NewType, NotRequired, TypedDict, cast, get_type_hints

from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError
from pydantic_core import to_json

from loopwright.bus.envelope import MAX_DEPTH, MAX_REFERENCED, parse_json
from loopwright.bus.errors import BusUnreachable, Unreadable
from loopwright.bus.messages import Json
from loopwright.bus.names import is_token
from loopwright.tools.errors import Misuse, Problem, ToolError

IdempotencyKey = NewType("IdempotencyKey", str)
"""Tells one call from every other, and stays the same however often it is made: 64 hexadecimal digits."""
KEY = "key"
"""The parameter by which a tool is told its key."""
ROOM = 100_000
"""Bytes that are left for what else stands in a message."""
UNTOLD = (TimeoutError, ConnectionError, BusUnreachable)
"""What is raised when nobody has heard how it ended."""


@dataclass(frozen=True, slots=True)
class Done:
    """The call has happened, and this is what the tool would have answered."""

    answer: Any = None


@dataclass(frozen=True, slots=True)
class NotDone:
    """The call has not happened, and will not any more."""


type Reconcile = Callable[..., Awaitable[Done | NotDone]]


class Tool[T]:
    """A function with its name, its class, and the types of what goes in and comes out."""

    def __init__(
        self,
        function: Callable[..., Awaitable[T]],
        *,
        writes: Literal["local", "external"] | None,
        spends: bool,
        polls: bool = False,
        reads: Literal["local", "external"] | None = None,
        approve: str = "",
    ) -> None:
        self.name = str(getattr(function, "__name__", "tool"))
        self.writes = writes
        self.spends = spends
        self.polls = polls
        self.is_trusted = (reads or ("local" if writes == "local" and not spends else "external")) == "local"
        """Whether its maker vouches for what it answers; else that may hold what others have written."""
        self.approve = approve
        self._function = function
        self._reconcile: Reconcile | None = None
        hints = get_type_hints(function, include_extras=True)
        self._answer: TypeAdapter[T] = TypeAdapter(hints.pop("return", Any))
        parameters = dict(inspect.signature(function).parameters)
        self._wants_key = hints.get(KEY) is IdempotencyKey
        if self._wants_key:
            parameters.pop(KEY)
        refuse_untyped(self.name, parameters, hints)
        if approve and not is_token(approve):
            raise TypeError(f"{self.name} is to be approved by a role, and {approve!r} cannot be one")
        if self._wants_key and not self.changes:
            raise TypeError(f"{self.name} has a key, and only a tool that writes or spends is given one")
        empty = inspect.Parameter.empty
        self._defaults = {name: each.default for name, each in parameters.items() if each.default is not empty}
        self._arguments = adapter_of(
            self.name,
            {name: NotRequired[hints[name]] if name in self._defaults else hints[name] for name in parameters},
        )

    @property
    def changes(self) -> bool:
        """Whether a call changes something, or costs money: then it is claimed before it is made."""
        return self.writes is not None or self.spends

    @property
    def can_tell(self) -> bool:
        """Whether somebody can be asked what became of a call."""
        return self._reconcile is not None

    async def __call__(self, *words: Any, **named: Any) -> T:
        """Call the plain function; nothing goes on record."""
        return await self._function(*words, **named)

    def reconcile(self, ask: Reconcile) -> Reconcile:
        """Have `ask` tell whether a call happened whose end nobody saw; it is given the key and the arguments."""
        self._reconcile = ask
        return ask

    def read(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return arguments as the function wants them, those included that were left out.

        Raises:
            Misuse: they do not fit.
        """
        try:
            return self._defaults | self._arguments.validate_python(arguments)
        except ValidationError as error:
            raise Misuse(self.name, problems_of(error)) from None

    def read_again(self, written: Json) -> dict[str, Any]:
        """Return arguments that were written as the function wants them.

        Raises:
            Misuse: they do not fit, for the tool takes others now.
        """
        try:
            return self._defaults | self._arguments.validate_json(to_json(written))
        except ValidationError as error:
            raise Misuse(self.name, problems_of(error)) from None

    def written(self, arguments: dict[str, Any]) -> Json:
        """Return arguments that were read as JSON.

        Raises:
            Misuse: they hold what JSON cannot.
        """
        try:
            return cast("Json", as_json(self._arguments, arguments))
        except Unreadable as error:
            raise Misuse(self.name, (Problem("the arguments", str(error)),)) from None

    async def make(self, arguments: dict[str, Any], key: str) -> T:
        """Call the function with arguments that were read."""
        return await self._function(**arguments | ({KEY: IdempotencyKey(key)} if self._wants_key else {}))

    def kept(self, answer: T) -> JsonValue:
        """Return an answer as JSON.

        Raises:
            ToolError: it cannot be written as JSON, or is too large.
        """
        try:
            return as_json(self._answer, answer)
        except Unreadable as error:
            raise ToolError(f"{self.name} was called, but its answer cannot be kept: {error}") from None

    def answered(self, answer: JsonValue) -> T:
        """Return an answer that was kept as what the function returns.

        Raises:
            Unreadable: the function returns something else now.
        """
        try:
            return self._answer.validate_json(to_json(answer))
        except ValidationError as error:
            raise Unreadable(f"what {self.name} has answered does not fit: {problems_of(error)[0].why}") from None

    async def what_happened(self, key: str, arguments: Json) -> Done | NotDone:
        """Ask whether a call has happened.

        Raises:
            Misuse: the tool takes other arguments now.
        """
        assert self._reconcile is not None, "ask `can_tell` first"
        told = await self._reconcile(IdempotencyKey(key), **self.read_again(arguments))
        return Done(self.kept(told.answer)) if isinstance(told, Done) else told

    def leaves_in_doubt(self, error: Exception) -> bool:
        """Tell whether a call that raised may have happened all the same."""
        if isinstance(error, ToolError):
            return False
        if self.can_tell:
            return True
        if isinstance(error, ExceptionGroup):
            return any(self.leaves_in_doubt(each) for each in error.exceptions)
        return isinstance(error, UNTOLD) and not isinstance(error, ConnectionRefusedError)


def tool[T](
    *,
    writes: Literal["local", "external"] | None = None,
    spends: bool = False,
    polls: bool = False,
    reads: Literal["local", "external"] | None = None,
    approve: str = "",
) -> Callable[[Callable[..., Awaitable[T]]], Tool[T]]:
    """Make an async function a tool: one that reads, unless it `writes` here or elsewhere, or `spends` money.

    One that `polls` is asked again and again until it answers something else; of others that is a repetition. What is
    to be approved by a person of the loop names the person's role with `approve`.

    What a tool answers counts as written by others, and whoever calls it has met untrusted content: a web page, an
    issue, a row that a customer filled in. One that `reads="local"` answers nothing but what its maker vouches for, as
    a calculation does, or one's own configuration; so does one that only writes here.
    """

    def wrap(function: Callable[..., Awaitable[T]]) -> Tool[T]:
        return Tool(function, writes=writes, spends=spends, polls=polls, reads=reads, approve=approve)

    return wrap


def refuse_untyped(name: str, parameters: dict[str, inspect.Parameter], hints: dict[str, Any]) -> None:
    """Raise unless every parameter has a name to call it by, and a type."""
    for each in parameters.values():
        if each.kind not in {each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY}:
            raise TypeError(f"{name} takes {each}, and a tool is called by the names of its parameters")
        if each.name not in hints:
            raise TypeError(f"the parameter {each.name} of the tool {name} needs a type")


def adapter_of(name: str, fields: dict[str, Any]) -> TypeAdapter[dict[str, Any]]:
    """Return what reads the arguments of a tool: these, and no others."""
    shape = TypedDict(name, fields)  # type: ignore[misc]  # made of what a function says
    shape.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    return TypeAdapter(cast("type[dict[str, Any]]", shape))


def as_json(adapter: TypeAdapter[Any], value: Any) -> JsonValue:
    """Return a value as JSON that can be written, and read again.

    Raises:
        Unreadable: it cannot.
    """
    try:
        data = adapter.dump_json(value, warnings=False)
    except ValueError as error:
        raise Unreadable(f"it cannot be written as JSON: {error}") from None
    return parse_json(data, size=MAX_REFERENCED - ROOM, depth=MAX_DEPTH - 1)


def problems_of(error: ValidationError) -> tuple[Problem, ...]:
    """Return what is wrong, argument by argument."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return tuple(Problem(".".join(map(str, each["loc"])) or "it", each["msg"]) for each in found)
