"""A process that is known to be there: who it is, what it serves, and that it goes."""

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version

import anyio

from loopwright.bus.connection import Bus
from loopwright.bus.messages import Activity, Presence
from loopwright.bus.presence import RENEWAL, restore, say, take_back

VERSION = version("loopwright")


@asynccontextmanager
async def announced(
    bus: Bus,
    role: str,
    stopping: anyio.Event,
    *,
    process: str,
    hands: int = 0,
    busy: Callable[[], int] = lambda: 0,
    loops: tuple[str, ...] = (),
) -> AsyncIterator[None]:
    """Have it known that this process serves a role while the body runs, and from `stopping` on that it will go.

    `process` tells it from every other: a process id is no name, for every container has its first.
    """
    ours = this_process(process, bus.name, role, hands, loops)

    async def renew() -> None:
        losses = bus.nc.losses
        while True:
            with anyio.move_on_after(RENEWAL):
                await (anyio.sleep_forever() if stopping.is_set() else stopping.wait())
            now = bus.nc.losses
            if losses != now and await restore(bus):
                losses = now
            say(bus, as_it_is())

    def as_it_is() -> Presence:
        state = Activity.DRAINING if stopping.is_set() else Activity.SERVING
        return ours.model_copy(update={"busy": busy(), "state": state})

    say(bus, as_it_is())
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(renew, name=f"presence {role}")
            yield
            tasks.cancel_scope.cancel()
    finally:
        take_back(bus, ours)


def this_process(process: str, name: str, role: str, hands: int, loops: tuple[str, ...]) -> Presence:
    """Return what this process says of itself as it starts to serve a role."""
    return Presence(
        role=role,
        process=process,
        name=name,
        host=socket.gethostname(),
        pid=os.getpid(),
        version=VERSION,
        hands=hands,
        loops=loops,
        started=datetime.now(UTC),
    )
