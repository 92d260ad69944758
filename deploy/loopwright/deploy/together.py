"""Everything in one terminal: the bus if none is named, orchestrators, and workers for every role."""

import fcntl
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import click

from loopwright.bus import connect_bus
from loopwright.bus.errors import LoopwrightError
from loopwright.deploy.apps import App, load
from loopwright.deploy.embedded import embedded_server, listens
from loopwright.deploy.fleet import Member, fleet
from loopwright.tools.sandbox import Policy, choose_level

CODE = "code"
"""The role that asks a model; it is brought up where there is a key or an endpoint."""

RUN_PROGRAMS = frozenset({"test", "accept"})
"""The roles that run other people's programs."""


class StoreTaken(LoopwrightError):
    """The place for the bundled bus is taken."""


async def bring_up(
    apps: Sequence[str],
    files: Sequence[Path],
    url: str | None,
    workers: int,
    orchestrators: int,
    port: int,
    store: Path,
    sandbox: Policy,
) -> None:
    """Run the whole until a signal says stop.

    Raises:
        AppRefused, LoopRefused: a loop or a worker of ours cannot be used.
        StoreTaken: something else listens on the port, or uses the store.
        SandboxUnavailable: bubblewrap is asked for and does not work.
    """
    app = load(apps, files)
    report = await choose_level(sandbox)
    members = members_of(app, apps, files, workers, orchestrators, report.level.value)
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with (
            bus_at(url, port, store) as address,
            connect_bus(address),
            fleet(members, address, show_logs=True),
        ):
            click.echo(f"bus {address} · sandbox {report.level.value}: {report.reason}", err=True)
            click.echo(f"loops {', '.join(sorted(app.loops))} · Ctrl-C stops", err=True)
            for each in unserved(app):
                click.echo(each, err=True)
            async for _ in signals:
                break


def unserved(app: App) -> Iterator[str]:
    """Yield what a person should know of loops whose roles nobody here serves; somebody elsewhere may."""
    for loop in app.loops.values():
        for flaw in app.flaws(loop):
            yield f"loop {loop.name}: {flaw.said}"


def members_of(
    app: App, apps: Sequence[str], files: Sequence[Path], workers: int, orchestrators: int, sandbox: str
) -> list[Member]:
    """Return the processes: orchestrators, and for every role as many workers."""
    named = [word for module in apps for word in ("--app", module)]
    with_model = "OPENAI_API_KEY" in os.environ or "OPENAI_BASE_URL" in os.environ
    roles = [role for role in sorted(app.workers) if role != CODE or with_model]
    numbers = range(1, orchestrators + 1)
    designs = [word for file in files for word in ("--loop", str(file))]
    members = [Member(f"orchestrator-{number}", ("orchestrator", *named, *designs)) for number in numbers]
    return members + [
        Member(f"{role}-{number}", ("worker", role, "--sandbox", sandbox, *named), knows_keys=role not in RUN_PROGRAMS)
        for role in roles
        for number in range(1, workers + 1)
    ]


@asynccontextmanager
async def bus_at(url: str | None, port: int, store: Path) -> AsyncIterator[str]:
    """Hold the bus that was named, or the bundled one."""
    if url is not None:
        yield url
        return
    if await listens(f"nats://127.0.0.1:{port}"):
        raise StoreTaken(
            f"Something listens on port {port} already. Set LOOPWRIGHT_NATS_URL=nats://127.0.0.1:{port} to use it,"
            " or choose another --port."
        )
    with locked(store):
        async with embedded_server(store, port=port) as server:
            yield server.url


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Hold the store for ourselves: two servers on one store would ruin it."""
    store.mkdir(parents=True, exist_ok=True)
    with (store / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreTaken(f"Another process uses the store {store}; choose another --store.") from None
        yield
