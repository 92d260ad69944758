"""An actor process: connect, serve until a signal says stop, finish, go."""

import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import anyio
import structlog

from loopwright.actors import Orchestrator, Worker, Workplace
from loopwright.bus import Bus, connect_bus
from loopwright.bus.durability import promise
from loopwright.deploy.apps import load
from loopwright.tools.sandbox import SANDBOX

log = structlog.get_logger()

YOUNG = 20_000
"""Objects that are made, and not gone, before Python looks for garbage among them."""

type Actor = Callable[[anyio.Event], Coroutine[Any, Any, None]]


async def run_orchestrator(modules: Sequence[str], files: Sequence[Path] = ()) -> None:
    """Run one orchestrator until SIGTERM or SIGINT."""
    app = load(modules, files)
    async with connect_bus() as bus:
        log.info("bus.promise", said=await promise(bus))
        await until_told_to_stop([Orchestrator(bus, app.loops).run])


async def run_worker(roles: Sequence[str], modules: Sequence[str], hands: int, sandbox: str) -> None:
    """Run one worker process for its roles until SIGTERM or SIGINT."""
    os.environ[SANDBOX] = sandbox
    app = load(modules)
    workers = [app.worker(role) for role in roles]
    async with connect_bus() as bus:
        log.info("bus.promise", said=await promise(bus))
        await until_told_to_stop([workplace(bus, each, hands) for each in workers])


def workplace(bus: Bus, worker: Worker, hands: int) -> Actor:
    """Return what serves one role."""
    return Workplace(bus, worker, hands=hands).run


def collect_seldom() -> None:
    """Have Python look for garbage in circles less often, and never among the modules: messages leave next to none.

    It took one part in twenty-five of the processor time of a busy fleet.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)


async def until_told_to_stop(actors: Sequence[Actor]) -> None:
    """Run actors until a signal; the first asks them to finish, the second does not."""
    collect_seldom()
    stopping = anyio.Event()
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as tasks:
            async with anyio.create_task_group() as working:
                tasks.start_soon(heed, signals, stopping, working.cancel_scope, name="signals")
                for actor in actors:
                    working.start_soon(actor, stopping)
            tasks.cancel_scope.cancel()


async def heed(signals: AsyncIterator[signal.Signals], stopping: anyio.Event, scope: anyio.CancelScope) -> None:
    """Stop politely at the first signal, and at once at the second."""
    async for number in signals:
        log.info("stopping", signal=number.name, at_once=stopping.is_set())
        if stopping.is_set():
            scope.cancel()
        stopping.set()
