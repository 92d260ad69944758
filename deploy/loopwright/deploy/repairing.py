"""The main job, from a folder to a repair: bring up what is missing, submit, follow, report, take down."""

import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import click
import structlog
from anyio.abc import TaskStatus
from pydantic import BaseModel, ConfigDict

from loopwright.actors.repair import REPAIR, REPAIR_WITH_MODEL, Acceptance, Program
from loopwright.bus import Bus, Limits, Outcome, Run, connect_bus
from loopwright.bus.client import Goals
from loopwright.bus.errors import BusUnreachable
from loopwright.deploy.embedded import embedded_server
from loopwright.deploy.exits import Exit, of_outcome
from loopwright.deploy.fleet import fleet, repair_fleet
from loopwright.deploy.report import Change, change_of, document, report
from loopwright.deploy.screen import Screen, screen
from loopwright.deploy.watching import follow
from loopwright.tools.errors import WorkspaceRefused
from loopwright.tools.interpreter import VENVS, find_interpreter
from loopwright.tools.sandbox import Policy, choose_level
from loopwright.tools.workspace import apply_to_folder, pack, sources

log = structlog.get_logger()

PORT = 4222
"""Where a bus is looked for; ours takes it if it is free, so that other terminals find us."""
WORKERS = 2
PARTING = 5.0
"""Seconds to wait for a cancelled goal to end."""


class Repair(BaseModel):
    """What the person at the command line wants."""

    model_config = ConfigDict(frozen=True)

    path: Path
    apply: bool = False
    json_: bool = False
    accept: Path | None = None
    workers: int | None = None
    python: Path | None = None
    test_timeout: float | None = None
    deadline: float | None = None
    attempts: int | None = None
    generator: str = "auto"
    model: str | None = None
    base_url: str | None = None
    sandbox: Policy = "auto"

    def asks_model(self, key: str | None) -> bool:
        """Tell whether a model proposes."""
        if self.generator != "auto":
            return self.generator == "model"
        return bool(key or self.model or self.base_url)


class Interruption:
    """What a signal does: while there is no goal yet we just leave; after that the goal is called off first."""

    def __init__(self) -> None:
        self.heard = False
        self.run: Run | None = None

    async def heed(self, scope: anyio.CancelScope, *, task_status: TaskStatus[None]) -> None:
        """Wait for signals; the second one is not asked why."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                if self.heard or self.run is None:
                    scope.cancel()
                    continue
                self.heard = True
                scope.deadline = anyio.current_time() + PARTING
                await self.run.cancel("It was interrupted from the terminal.")


async def repair_program(wanted: Repair, url: str | None, key: str | None) -> int:
    """Run the job, and return the exit code."""
    model = wanted.asks_model(key)
    files = await anyio.to_thread.run_sync(readable, sources, wanted.path)
    interruption = Interruption()
    outcome: Outcome | None = None
    with screen() as shown:
        async with anyio.create_task_group() as tasks:
            await tasks.start(interruption.heed, tasks.cancel_scope)
            async with bus_and_fleet(wanted, url, model=model, shown=shown) as bus:
                interruption.run = await submit(bus, wanted, model=model)
                outcome = await follow(bus, interruption.run, shown)
            tasks.cancel_scope.cancel()
    if outcome is None:
        raise click.Abort
    change = change_of(files, outcome)
    refusal = await written(wanted, change) if outcome.status == "completed" and wanted.apply else None
    applied = outcome.status == "completed" and wanted.apply and refusal is None
    if wanted.json_:
        click.echo(document(outcome, change, applied=applied))
    else:
        report(outcome, change, applied=applied)
    if refusal is not None:
        raise refusal
    return Exit.INTERRUPTED if interruption.heard else of_outcome(outcome)


async def written(wanted: Repair, change: Change) -> WorkspaceRefused | None:
    """Write the change into the folder; return why not, if the folder has changed meanwhile."""
    try:
        await anyio.to_thread.run_sync(apply_to_folder, wanted.path, change.before, change.after)
    except WorkspaceRefused as error:
        return error
    return None


@asynccontextmanager
async def bus_and_fleet(wanted: Repair, url: str | None, *, model: bool, shown: Screen) -> AsyncIterator[Bus]:
    """Hold a connection to the bus that was named, or to one of our own; with a fleet, unless one is there."""
    if url is not None and wanted.workers is None:
        if wanted.sandbox != "auto" or wanted.base_url:
            raise click.UsageError("--sandbox and --base-url are for workers that are started here: add --workers.")
        async with connect_bus(url) as bus:
            shown.where(bus.address)
            yield bus
        return
    level = await choose_level(wanted.sandbox)
    told = {"OPENAI_BASE_URL": wanted.base_url, "LOOPWRIGHT_MODEL": wanted.model}
    members = repair_fleet(
        workers=wanted.workers or WORKERS,
        model=model,
        sandbox=level.level.value,
        environment={name: value for name, value in told.items() if value},
    )
    async with bus_at(url) as address, connect_bus(address) as bus:
        shown.where(f"{bus.address}, sandbox {level.level.value}: {level.reason}")
        async with fleet(members, address, show_logs=False):
            yield bus


@asynccontextmanager
async def bus_at(url: str | None) -> AsyncIterator[str]:
    """Hold the bus that was named, or one that is gone afterwards with all that it stored."""
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="loopwright-run-") as store:
        async with AsyncExitStack() as stack:
            try:
                server = await stack.enter_async_context(embedded_server(Path(store), port=free_port()))
            except BusUnreachable as why:  # another run, begun at the same time, has the usual port by now
                log.info("bus.elsewhere", reason=str(why))
                server = await stack.enter_async_context(embedded_server(Path(store)))
            yield server.url


def free_port() -> int:
    """Return the usual port if it is free, else -1 for any."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", PORT))
        except OSError:
            return -1
    return PORT


async def submit(bus: Bus, wanted: Repair, *, model: bool) -> Run:
    """Pack the program and publish the goal."""
    hidden = hidden_in(wanted.path, wanted.accept)
    program = Program(
        workspace=await bus.blobs.put(await anyio.to_thread.run_sync(readable, pack, wanted.path, hidden)),
        python=interpreter_of(wanted),
        test_timeout=wanted.test_timeout,
        model=wanted.model,
    )
    acceptance = None
    if wanted.accept is not None:
        acceptance = Acceptance(
            workspace=await bus.blobs.put(await anyio.to_thread.run_sync(readable, pack, wanted.accept))
        )
    limits = Limits(deadline=wanted.deadline, attempts=wanted.attempts)
    loop = REPAIR_WITH_MODEL if model else REPAIR
    return await Goals(bus).submit(loop.name, program, acceptance=acceptance, limits=limits)


def readable[**P, T](read: Callable[P, T], *words: P.args, **named: P.kwargs) -> T:
    """Return what was read of a folder.

    Raises:
        WorkspaceRefused: something in it cannot be read.
    """
    try:
        return read(*words, **named)
    except OSError as error:
        raise WorkspaceRefused(f"{error.filename or words[0]} cannot be read: {error.strerror}") from error


def interpreter_of(wanted: Repair) -> Path | None:
    """Return the program's own interpreter, or the one that was named; None leaves it to the worker."""
    own = any((wanted.path / name / "bin" / "python").exists() for name in VENVS)
    return find_interpreter(wanted.path, wanted.python).executable if own or wanted.python else None


def hidden_in(path: Path, accept: Path | None) -> tuple[str, ...]:
    """Return the acceptance tests' folder, if it lies in the program: the generator must not see it."""
    if accept is None or not accept.resolve().is_relative_to(path.resolve()):
        return ()
    return (accept.resolve().relative_to(path.resolve()).as_posix(),)
