"""The step of a worker that was killed runs again elsewhere, in time and once, by a clock that no load moves."""

import asyncio
import json
from collections.abc import Awaitable, Callable
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
from tests.simulation.network import Network, SimClient, Way
from tests.simulation.store import DEDUPE_WINDOW
from tests.simulation.world import Shelf, bus_of

RECOVERY = 2.5
"""Seconds; a number of its own, for it is promised whatever a lease is."""
LOOP = Loop(name="plain", work="make", judges=("near",), bounds=Bounds(deadline=60, step_timeout=50))


STUCK = DEDUPE_WINDOW + 30
MADE = "lw.v1.made.default.g1.work.1.near"


class Sluggish(Fate):
    """A network on which what the first to answer says is under way for long."""

    first = ""

    def up(self, client: str, subject: str, data: bytes) -> Way:
        way = super().up(client, subject, data)
        if subject != MADE:
            return way
        self.first = self.first or client
        return Way(STUCK) if client == self.first else way


class Fleet:
    """An orchestrator, and two workers of which the first to have the step is killed."""

    def __init__(self, fate: Fate, *, answers: bool) -> None:
        self.broker = Broker(STREAMS, fate, epoch=datetime.now(UTC))
        self.network = Network(self.broker, fate)
        self.shelf = Shelf()
        self.answers = answers
        self.clients = {name: SimClient(self.network, name) for name in ("one", "two")}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.begun: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
        """Who has begun the step, and when."""

    def bus(self, name: str) -> Bus:
        return bus_of(self.clients.get(name) or SimClient(self.network, name), self.shelf)

    def worker(self, name: str) -> Worker:
        @worker("make")
        async def make(step: Step[Any]) -> Any:
            self.begun.put_nowait((name, anyio.current_time()))
            if not self.answers:
                await anyio.sleep_forever()
            return {"made by": name}

        return make

    async def run(self, story: "Story") -> None:
        """Play a story, and end."""
        never, client = anyio.Event(), self.bus("client")
        await restore(client)
        orchestrator = Orchestrator(self.bus("orchestrator"), {"plain": LOOP})
        async with asyncio.TaskGroup() as tasks:
            self.tasks["orchestrator"] = tasks.create_task(orchestrator.run(never))
            for name in self.clients:
                workplace = Workplace(self.bus(name), self.worker(name), hands=2, clock=anyio.current_time)
                self.tasks[name] = tasks.create_task(workplace.run(never))
            await Goals(client).submit("plain", {}, goal="g1")
            await story(self)
            for task in self.tasks.values():
                task.cancel()

    def kill(self, name: str) -> float:
        """Kill a worker, and return when that was."""
        self.clients[name].cut()
        self.clients[name].noticed()
        self.tasks[name].cancel()
        return anyio.current_time()


type Story = Callable[[Fleet], Awaitable[None]]


def play(story: Story, fate: Fate, *, answers: bool) -> None:
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)

    async def main() -> None:
        await Fleet(fate, answers=answers).run(story)

    try:
        loop.run_until_complete(main())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@pytest.mark.parametrize("held", [0.0, 0.01, 1.0, 1.3, 1.99, 20.0])
def test_the_step_of_a_worker_that_is_killed_runs_again_elsewhere_within_two_and_a_half_seconds(held: float) -> None:
    async def story(fleet: Fleet) -> None:
        first, _ = await fleet.begun.get()
        await anyio.sleep(held)
        killed = fleet.kill(first)
        second, at = await fleet.begun.get()
        assert second != first
        assert at - killed <= RECOVERY

    play(story, Fate(0, CALM), answers=False)


def test_an_answer_that_arrives_when_the_broker_has_forgotten_its_id_is_not_the_first_any_more() -> None:
    async def story(fleet: Fleet) -> None:
        first, _ = await fleet.begun.get()
        await anyio.sleep(0.1)  # its answer is on its way
        fleet.kill(first)
        second, _ = await fleet.begun.get()
        await anyio.sleep(STUCK)
        (stored,) = fleet.broker.streams["LOOP"].on_subject[MADE]
        assert json.loads(stored.data)["made"]["worker"] == second

    play(story, Sluggish(0, CALM), answers=True)
