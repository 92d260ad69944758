"""Goals that wait in a full intake keep no orchestrator from what is under way."""

import asyncio
from datetime import UTC, datetime

import anyio

from loopwright.actors import Loop, Orchestrator
from loopwright.actors.orchestrator import NEWCOMERS
from loopwright.bus.client import Goals
from loopwright.bus.presence import restore
from loopwright.bus.streams import STREAMS
from loopwright.bus.subjects import INTAKE
from tests.simulation.broker import Broker
from tests.simulation.chance import CALM, Fate
from tests.simulation.clock import VirtualLoop
from tests.simulation.network import Network, SimClient
from tests.simulation.store import Kept, Stream
from tests.simulation.world import Shelf, bus_of

HANDS = 16
GOALS = 40


class Crowd:
    """So many goals that wait, and one orchestrator."""

    def __init__(self) -> None:
        fate, shelf = Fate(0, CALM), Shelf()
        self.broker = Broker(STREAMS, fate, epoch=datetime.now(UTC))
        self.broker.stored = self.look
        network = Network(self.broker, fate)
        self.client, self.bus = bus_of(SimClient(network, "client"), shelf), bus_of(SimClient(network, "us"), shelf)
        self.opened = 0
        self.all_opened = anyio.Event()
        self.in_hand: set[int] = set()
        """How many goals the orchestrator had in hand whenever something was written."""

    def look(self, _: Stream, kept: Kept) -> None:
        self.opened += kept.subject.startswith("lw.v1.decision.")
        if self.opened == GOALS:
            self.all_opened.set()
        if (newcomers := self.broker.consumers.get((INTAKE, "goals-default"))) is not None:
            self.in_hand.add(len(newcomers.held))

    async def open_all(self) -> None:
        await restore(self.bus)
        for number in range(GOALS):
            await Goals(self.client).submit("plain", {}, goal=f"g{number}")
        stopping, loop = anyio.Event(), Loop(name="plain", work="make", judges=("near",))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Orchestrator(self.bus, {"plain": loop}, hands=HANDS).run, stopping)
            with anyio.fail_after(10):
                await self.all_opened.wait()
            stopping.set()


def test_an_orchestrator_takes_up_goals_with_a_part_of_its_hands_however_many_wait() -> None:
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)

    async def main() -> Crowd:
        crowd = Crowd()
        await crowd.open_all()
        return crowd

    try:
        crowd = loop.run_until_complete(main())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    assert max(crowd.in_hand) <= 2 * HANDS // NEWCOMERS  # what it let go may still be on its way
