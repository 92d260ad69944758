"""The step of a worker that was killed runs again elsewhere in time, by a clock that no load moves."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from loopwright.actors import Bounds, Loop, Orchestrator, Step, Worker, Workplace, worker
from loopwright.bus import Bus
from loopwright.bus.client import Goals
from loopwright.bus.presence import restore
from loopwright.bus.streams import STREAMS
from tests.simulation.broker import Broker
from tests.simulation.chance import CALM, Fate
from tests.simulation.clock import VirtualLoop
from tests.simulation.network import Network, SimClient
from tests.simulation.world import Shelf, bus_of

RECOVERY = 2.5
"""Seconds; a number of its own, for it is promised whatever a lease is."""
LOOP = Loop(name="plain", work="make", judges=("near",), bounds=Bounds(deadline=60, step_timeout=50))


class Fleet:
    """An orchestrator, and two workers of which one is killed."""

    def __init__(self) -> None:
        fate = Fate(0, CALM)
        self.network = Network(Broker(STREAMS, fate, epoch=datetime.now(UTC)), fate)
        self.shelf = Shelf()
        self.begun: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
        """Who has begun the step, and when."""

    def bus(self, name: str) -> Bus:
        return bus_of(SimClient(self.network, name), self.shelf)

    def worker(self, name: str) -> Worker:
        @worker("make")
        async def make(step: Step[Any]) -> Any:
            self.begun.put_nowait((name, anyio.current_time()))
            await anyio.sleep_forever()

        return make

    async def recovery(self, held: float) -> float:
        """Return how long a step that was held for some seconds waits for another worker when its own is killed."""
        never, bus = anyio.Event(), self.bus("client")
        await restore(bus)
        clients = {name: SimClient(self.network, name) for name in ("one", "two")}
        async with asyncio.TaskGroup() as tasks:
            orchestrator = tasks.create_task(Orchestrator(self.bus("orchestrator"), {"plain": LOOP}).run(never))
            workers = {name: tasks.create_task(self.work(name, client)) for name, client in clients.items()}
            await Goals(bus).submit("plain", {}, goal="g1")
            first, _ = await self.begun.get()
            await asyncio.sleep(held)
            killed = anyio.current_time()
            clients[first].cut()
            clients[first].noticed()
            workers[first].cancel()
            second, at = await self.begun.get()
            for task in (orchestrator, *workers.values()):
                task.cancel()
        assert second != first
        return at - killed

    async def work(self, name: str, client: SimClient) -> None:
        """Serve the role of makers until killed."""
        workplace = Workplace(bus_of(client, self.shelf), self.worker(name), hands=2, clock=anyio.current_time)
        await workplace.run(anyio.Event())


@pytest.mark.parametrize("held", [0.0, 0.01, 1.0, 1.3, 1.99, 20.0])
def test_the_step_of_a_worker_that_is_killed_runs_again_elsewhere_within_two_and_a_half_seconds(held: float) -> None:
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)

    async def main() -> float:
        return await Fleet().recovery(held)

    try:
        assert loop.run_until_complete(main()) <= RECOVERY
    finally:
        asyncio.set_event_loop(None)
        loop.close()
