"""Swapping one component of a goal for another: a role's code, a tool, the model, the loop, or a limit."""

from dataclasses import dataclass, field, replace
from typing import Any, cast

from pydantic import ValidationError

from loopwright.actors import Loop, Worker
from loopwright.actors.faults import Fault, GoalRecord
from loopwright.actors.faults.confirming import raised
from loopwright.actors.holding import Holding
from loopwright.actors.work import Step
from loopwright.bus.errors import LoopwrightError
from loopwright.bus.messages import FaultClass, Limits
from loopwright.bus.misfit import misfit
from loopwright.deploy.apps import App, imported
from loopwright.tools import Tool

MODEL, LOOP = "model", "loop"


class SwapRefused(LoopwrightError):
    """Something cannot take the place of a component; the sentence says why."""


@dataclass(frozen=True)
class Swap:
    """Something else in the place of a component, as it is asked for."""

    what: str
    """A role, a tool, `model`, `loop`, or the name of a limit."""
    other: str
    """The module of another worker or tool, the name of another model or loop, or another figure."""


@dataclass(frozen=True)
class Confirm:
    """How a blame is to be confirmed."""

    swap: Swap | None
    apps: tuple[str, ...]


@dataclass(frozen=True)
class Swapped:
    """What a goal goes on with."""

    said: str
    """What stands in the place of what, for a person."""
    whose: FaultClass
    """Of which class a fault of the component is."""
    who: str
    app: App
    """Who serves the roles, and the loops of goals that an attempt submits."""
    loop: Loop | None = None
    """Another loop for the goal itself; None: as it was pinned."""
    model: str | None = None
    limits: Limits = field(default_factory=Limits)
    others: bool = True
    """Whether what was taken out is still at hand, so that the goal can go on without the swap as well."""

    def is_about(self, fault: Fault) -> bool:
        """Tell whether the component is the one that is blamed."""
        named = self.whose in {FaultClass.LOOP, FaultClass.MODEL, FaultClass.ENVIRONMENT} or fault.who == self.who
        return fault.fault is self.whose and named


def exchanged(record: GoalRecord, app: App, swap: Swap) -> Swapped:
    """Return what a goal goes on with, where a component is swapped.

    Raises:
        SwapRefused: there is no such component, or nothing that could take its place.
        AppRefused: a module cannot be imported.
    """
    what, other = swap.what, swap.other
    if what == MODEL:
        return Swapped(f"the model {other}", FaultClass.MODEL, MODEL, app, model=other)
    if what == LOOP:
        if other not in app.loops:
            raise SwapRefused(f"There is no loop {other} here; there is {', '.join(sorted(app.loops))}.")
        return Swapped(f"the loop {other}", FaultClass.LOOP, record.loop.name, app, loop=app.loops[other])
    if what in Limits.model_fields:
        return Swapped(f"{what} {other}", FaultClass.LOOP, record.loop.name, app, limits=limit(what, other))
    if what in record.loop.roles:
        worker = found_in(other, Worker, what, "serves the role")
        mine = app.workers.get(what)
        whose = FaultClass.EVALUATOR if worker.judges else FaultClass.AGENT
        if mine is not None and mine.judges != worker.judges:
            raise SwapRefused(f"{what} of {other} cannot take the place of {what}: only one of them judges.")
        others = mine is not None and mine is not worker
        there = App(app.loops, {**app.workers, what: worker})
        return Swapped(f"{what} of {other}", whose, what, there, others=others)
    if any(tool.name == what for worker in app.workers.values() for tool in worker.tools):
        tool = found_in(other, Tool, what, "is the tool")
        there = App(app.loops, {role: with_tool(each, tool) for role, each in app.workers.items()})
        return Swapped(f"{what} of {other}", FaultClass.TOOL, what, there)
    known = ", ".join([*record.loop.roles, MODEL, LOOP, *Limits.model_fields])
    raise SwapRefused(f"{what} is no component of {record.goal.goal} that can be swapped: name a tool, or {known}.")


def as_it_was(swapped: Swapped, app: App) -> Swapped | None:
    """Return what a goal goes on with without the swap; None where what was taken out is not at hand."""
    return Swapped("nothing", swapped.whose, swapped.who, app) if swapped.others else None


def usual(record: GoalRecord, app: App, fault: Fault) -> Swapped:
    """Return what can be tried without being told what takes the place of what is at fault.

    Raises:
        SwapRefused: somebody has to say what is to take its place.
    """
    match fault.fault:
        case FaultClass.ENVIRONMENT:
            return Swapped("nothing but the time", FaultClass.ENVIRONMENT, fault.who, app, others=False)
        case FaultClass.LOOP if (limits := raised(record)) is not None:
            told = ", ".join(f"{name} {figure:g}" for name, figure in limits.model_dump(exclude_none=True).items())
            return Swapped(told, FaultClass.LOOP, record.loop.name, app, limits=limits)
        case FaultClass.LOOP:
            example = "--swap loop=NAME"
        case FaultClass.MODEL:
            example = "--swap model=NAME"
        case FaultClass.UNKNOWN:
            example = "--swap ROLE=MODULE, model=NAME or loop=NAME"
        case _:
            example = f"--swap {fault.who}=MODULE"
    whose = f"the {fault.fault.value} {fault.who}".strip()
    raise SwapRefused(f"Say what is to take the place of {whose}: {example}.")


def limit(name: str, figure: str) -> Limits:
    """Return limits of which one is given."""
    try:
        return Limits.model_validate_strings({name: figure})
    except ValidationError as error:
        raise SwapRefused(f"{figure} is no limit of {name}: {misfit(error)}.") from None


def found_in[T: (Worker, Tool[Any])](module: str, kind: type[T], name: str, does: str) -> T:
    """Return the worker of a role, or the tool of a name, that a module has."""
    for value in vars(imported(module)).values():
        if isinstance(value, kind) and name == (value.role if isinstance(value, Worker) else value.name):
            return value
    raise SwapRefused(f"Nothing in the module {module} {does} {name}.")


def with_tool(worker: Worker, tool: Tool[Any]) -> Worker:
    """Return a worker whose calls of the tool of that name go to this one."""
    if all(each.name != tool.name for each in worker.tools):
        return worker

    async def handle(step: Step[Any]) -> Any:
        return await worker.handle(replace(step, holding=cast("Holding", Diverted(step.holding, tool))))

    tools = tuple(tool if each.name == tool.name else each for each in worker.tools)
    return replace(worker, handle=handle, tools=tools)


class Diverted:
    """A hold on an attempt in which calls of one tool go to another of its name."""

    def __init__(self, holding: Holding, tool: Tool[Any]) -> None:
        self._holding = holding
        self._tool = tool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._holding, name)

    async def call(self, tool: Tool[Any], arguments: dict[str, Any]) -> Any:
        """Return what the other tool answers, where it is the one that is called."""
        return await self._holding.call(self._tool if tool.name == self._tool.name else tool, arguments)
