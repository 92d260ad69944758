"""The bus on a simulated broker and on a real one, for the questions that both must answer alike."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
import pytest_asyncio
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from loopwright.bus import Bus, connect_bus
from loopwright.bus.answers import ANSWER
from loopwright.bus.publishing import Publisher
from loopwright.bus.streams import STREAMS
from loopwright.bus.subjects import LOOP
from loopwright.deploy.embedded import Server, embedded_server, listens
from tests.simulation.broker import Broker
from tests.simulation.chance import CALM, Fate
from tests.simulation.network import Network, SimClient
from tests.simulation.world import Shelf

DOWN = 0.1
"""Seconds that a simulated broker is gone."""

type Kill = Callable[[], Awaitable[None]]
"""Kill the broker, and return when it is back and we are connected to it again."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Run one server for all questions, in a task of its own: a task group minds who leaves it."""
    up, over = asyncio.get_running_loop().create_future(), asyncio.Event()

    async def run(folder: Path) -> None:
        async with embedded_server(folder, sync="2m") as server:
            up.set_result(server)
            await over.wait()

    task = asyncio.create_task(run(tmp_path_factory.mktemp("nats")))
    await asyncio.wait([task, up], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    yield await up
    over.set()
    await task


@pytest_asyncio.fixture(loop_scope="module", params=["simulated", "real"])
async def bus(request: pytest.FixtureRequest, real: Server) -> AsyncIterator[Bus]:
    async with AsyncExitStack() as opened:
        if request.param == "simulated":
            yield simulated_bus()
            return
        connected = await opened.enter_async_context(connect_bus(real.url, name="test"))
        yield connected
        for config in STREAMS:
            with suppress(NotFoundError):  # one in memory is gone if the server was killed
                await connected.js.delete_stream(str(config.name))


@pytest.fixture
def kill(bus: Bus, real: Server) -> Kill:
    async def kill_the_simulated() -> None:
        assert isinstance(bus.nc, SimClient)
        bus.nc.network.broker.restart(DOWN)
        bus.nc.fall(bus.nc.network.broker.up_at)
        await anyio.sleep(DOWN + 0.05)

    async def kill_the_real() -> None:
        os.kill(dead := real.pid, signal.SIGKILL)
        with anyio.fail_after(15):
            while real.pid == dead or not await listens(real.url):  # noqa: ASYNC110 - its process tells
                await anyio.sleep(0.01)
            while not await is_reached(bus):  # noqa: ASYNC110
                await anyio.sleep(0.01)

    return kill_the_simulated if isinstance(bus.nc, SimClient) else kill_the_real


async def is_reached(bus: Bus) -> bool:
    """Tell whether the broker answers us."""
    try:
        await bus.nc.request(f"$JS.API.STREAM.INFO.{LOOP}", timeout=0.5)
    except NatsError:
        return False
    return True


class Forgetful(Fate):
    """Whatever a broker that is killed may forget, it forgets."""

    def forgets(self, seq: int) -> bool:
        return True


def simulated_bus() -> Bus:
    """Return a bus on a broker in memory, on the real clock."""
    fate = Forgetful(0, CALM)
    client = SimClient(Network(Broker(STREAMS, fate, epoch=datetime.now(UTC)), fate), "test")
    return Bus(
        client, client.jetstream(timeout=ANSWER), Publisher(client, timeout=ANSWER), Shelf(), ns="default", name="test"
    )
