"""The bus on a simulated broker and on a real one, for the questions that both must answer alike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from loopwright.bus import Bus, connect_bus
from loopwright.bus.answers import ANSWER
from loopwright.bus.publishing import Publisher
from loopwright.bus.streams import STREAMS
from loopwright.deploy.embedded import embedded_server
from tests.simulation.broker import Broker
from tests.simulation.chance import CALM, Fate
from tests.simulation.network import Network, SimClient
from tests.simulation.world import Shelf


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Run one server for all questions, in a task of its own: a task group minds who leaves it."""
    up, over = asyncio.get_running_loop().create_future(), asyncio.Event()

    async def run(folder: Path) -> None:
        async with embedded_server(folder, sync="2m") as server:
            up.set_result(server.url)
            await over.wait()

    task = asyncio.create_task(run(tmp_path_factory.mktemp("nats")))
    await asyncio.wait([task, up], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    yield await up
    over.set()
    await task


@pytest_asyncio.fixture(loop_scope="module", params=["simulated", "real"])
async def bus(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Bus]:
    async with AsyncExitStack() as opened:
        if request.param == "simulated":
            yield simulated_bus()
            return
        connected = await opened.enter_async_context(connect_bus(url, name="test"))
        yield connected
        for config in STREAMS:
            await connected.js.delete_stream(str(config.name))


def simulated_bus() -> Bus:
    """Return a bus on a broker in memory, on the real clock."""
    fate = Fate(0, CALM)
    client = SimClient(Network(Broker(STREAMS, fate, epoch=datetime.now(UTC)), fate), "test")
    return Bus(
        client, client.jetstream(timeout=ANSWER), Publisher(client, timeout=ANSWER), Shelf(), ns="default", name="test"
    )
