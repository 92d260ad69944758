"""The main job, from a folder to a repair: bring up what is missing, submit, follow, report, take down."""

import signal
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import click
from pydantic import BaseModel, ConfigDict

from loopwright.actors.repair import REPAIR, REPAIR_WITH_MODEL, Acceptance, Program
from loopwright.bus import Bus, Limits, Outcome, Run, connect_bus
from loopwright.bus.client import Goals
from loopwright.deploy.embedded import embedded_server
from loopwright.deploy.exits import Exit, of_outcome
from loopwright.deploy.fleet import fleet, repair_fleet
from loopwright.deploy.report import document, repaired_files, report
from loopwright.deploy.screen import Screen, screen
from loopwright.deploy.watching import follow
from loopwright.tools.interpreter import VENVS, find_interpreter
from loopwright.tools.sandbox import Policy, choose_level
from loopwright.tools.workspace import apply_to_folder, pack

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


async def repair_program(wanted: Repair, url: str | None, key: str | None) -> int:
    """Run the job, and return the exit code."""
    model = wanted.asks_model(key)
    with screen() as shown:
        async with bus_and_fleet(wanted, url, model=model, shown=shown) as bus:
            run = await submit(bus, wanted, model=model)
            outcome, interrupted = await ended(bus, run, shown)
    applied = outcome.status == "completed" and wanted.apply
    if applied:
        before, after = repaired_files(wanted.path, outcome)
        await anyio.to_thread.run_sync(apply_to_folder, wanted.path, before, after)
    if wanted.json_:
        click.echo(document(wanted.path, outcome, applied=applied))
    else:
        report(wanted.path, outcome, applied=applied)
    return Exit.INTERRUPTED if interrupted else of_outcome(outcome)


@asynccontextmanager
async def bus_and_fleet(wanted: Repair, url: str | None, *, model: bool, shown: Screen) -> AsyncIterator[Bus]:
    """Hold a connection to the bus that was named, or to one of our own with a fleet."""
    environment = {"OPENAI_BASE_URL": wanted.base_url} if wanted.base_url else {}
    if wanted.model:
        environment["LOOPWRIGHT_MODEL"] = wanted.model
    if url is not None:
        members = repair_fleet(
            workers=wanted.workers or 0, model=model, sandbox=wanted.sandbox, environment=environment
        )
        async with connect_bus(url) as bus, fleet(members if wanted.workers else [], url, show_logs=False):
            shown.where(bus.address)
            yield bus
        return
    level = await choose_level(wanted.sandbox)
    members = repair_fleet(
        workers=wanted.workers or WORKERS, model=model, sandbox=level.level.value, environment=environment
    )
    with tempfile.TemporaryDirectory(prefix="loopwright-run-") as store:
        async with embedded_server(Path(store), port=free_port()) as server:
            shown.where(f"{server.url}, sandbox {level.level.value}: {level.reason}")
            async with connect_bus(server.url) as bus, fleet(members, server.url, show_logs=False):
                yield bus


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
    packed = await anyio.to_thread.run_sync(pack, wanted.path, hidden)
    program = Program(
        workspace=await bus.blobs.put(packed),
        python=interpreter_of(wanted),
        test_timeout=wanted.test_timeout,
        model=wanted.model,
    )
    acceptance = None
    if wanted.accept is not None:
        tests = await anyio.to_thread.run_sync(pack, wanted.accept)
        acceptance = Acceptance(workspace=await bus.blobs.put(tests))
    limits = Limits(deadline=wanted.deadline, attempts=wanted.attempts)
    loop = REPAIR_WITH_MODEL if model else REPAIR
    return await Goals(bus).submit(loop.name, program, acceptance=acceptance, limits=limits)


def interpreter_of(wanted: Repair) -> Path | None:
    """Return the program's own interpreter, or the one that was named; None leaves it to the worker."""
    own = any((wanted.path / name / "bin" / "python").exists() for name in VENVS)
    return find_interpreter(wanted.path, wanted.python).executable if own or wanted.python else None


def hidden_in(path: Path, accept: Path | None) -> tuple[str, ...]:
    """Return the acceptance tests' folder, if it lies in the program: the generator must not see it."""
    if accept is None or not accept.resolve().is_relative_to(path.resolve()):
        return ()
    return (accept.resolve().relative_to(path.resolve()).as_posix(),)


async def ended(bus: Bus, run: Run, shown: Screen) -> tuple[Outcome, bool]:
    """Follow the goal to its end; a signal calls it off. Return how it ended, and whether by a signal."""
    interrupted = False

    async def call_off() -> None:
        nonlocal interrupted
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                if interrupted:
                    tasks.cancel_scope.cancel()
                interrupted = True
                await run.cancel("It was interrupted from the terminal.")
                tasks.cancel_scope.deadline = anyio.current_time() + PARTING

    outcome: Outcome | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call_off)
        outcome = await follow(bus, run, shown)
        tasks.cancel_scope.cancel()
    if outcome is None:
        raise click.Abort
    return outcome, interrupted
