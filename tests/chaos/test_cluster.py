"""Three servers that keep three copies: one of them may die, whichever it is, and nobody notices for long."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import anyio
import pytest

from loopwright.actors import Step
from loopwright.actors.holding import Holding
from loopwright.bus import Bus, board, connect, connect_bus, lessons
from loopwright.bus.client import Goals
from loopwright.bus.errors import BusError
from loopwright.bus.messages import StepOrder
from loopwright.bus.searching import Index
from loopwright.bus.streams import (
    BLOBS_STREAM,
    BOARD_STREAM,
    HISTORY,
    LESSONS_STREAM,
    STREAMS,
    replicas_wanted,
)
from loopwright.bus.subjects import INTAKE, LOOP
from tests.chaos.account import audit, read_record
from tests.chaos.cluster import cluster, on_loopback
from tests.chaos.ledger import read
from tests.chaos.network import Network, NoNetwork, network
from tests.chaos.nursery import nursery
from tests.chaos.station import PATIENCE, Station, station
from tests.system_parts import lacking

ROUNDS = 2
CUT_OFF = 8.0
"""Seconds of a partition: the others elect a leader, and leases run out."""


async def man(fleet: Station) -> None:
    """Bring up two of everybody, each ready."""
    for number in (1, 2):
        await fleet.start(f"orchestrator-{number}", "orchestrator")
        await fleet.start(f"worker-{number}", "worker", "refine", "review", "audit", "--hands", "8")
    for actor in fleet.actors:
        await actor.ready()


async def submit(goals: Goals, names: list[str]) -> None:
    """Submit goals."""
    for name in names:
        await goals.submit("toil", {"rounds": ROUNDS}, goal=name, acceptance={"wanted": True})


async def all_well(bus: Bus, fleet: Station, names: list[str]) -> None:
    """Wait for these goals, and see that each has ended once, and nothing has happened twice."""
    with anyio.fail_after(3 * PATIENCE):
        for name in names:
            await Goals(bus).run(name).outcome()
    await fleet.drain()
    account = audit(dict.fromkeys(names, ROUNDS), await read_record(bus), read(fleet.ledger))
    assert {name: found for name, found in account.bad.items() if found} == {}


@pytest.mark.chaos
async def test_the_server_that_leads_every_goal_is_killed_and_all_goals_end_once(tmp_path: Path) -> None:
    async with cluster(on_loopback(), tmp_path / "cluster") as three, nursery() as nurse:
        await three.ready()
        async with station(nurse, tmp_path, three.url) as fleet, connect(three.url, name="test") as goals:
            for stream in [*(str(config.name) for config in STREAMS), BLOBS_STREAM]:
                assert (await goals.bus.js.stream_info(stream)).config.num_replicas == 3
            await man(fleet)
            names = [f"g{number}" for number in range(20)]
            await submit(goals, names[:10])
            await (await three.leader(goals.bus, LOOP)).kill()
            await submit(goals, names[10:])
            await all_well(goals.bus, fleet, names)


@pytest.mark.chaos
async def test_the_servers_are_killed_one_after_the_other_and_all_goals_end_once(tmp_path: Path) -> None:
    async with cluster(on_loopback(), tmp_path / "cluster") as three, nursery() as nurse:
        await three.ready()
        async with station(nurse, tmp_path, three.url) as fleet, connect(three.url, name="test") as goals:
            await man(fleet)
            names: list[str] = []
            for turn in range(4):
                for stream in (LOOP, INTAKE):
                    victim = await three.leader(goals.bus, stream)
                    names += [f"g{turn}-{stream.lower()}-{number}" for number in range(20)]
                    await submit(goals, names[-20:-10])
                    await victim.kill()
                    fleet.actors[turn % len(fleet.actors)].tell(signal.SIGKILL)
                    await submit(goals, names[-10:])
                    await victim.start()
            await all_well(goals.bus, fleet, names)


@pytest.mark.chaos
async def test_what_steps_remember_outlives_the_server_that_leads_and_no_write_is_lost_or_made_twice(
    tmp_path: Path,
) -> None:
    times = 40

    async def work(step: Step[None], other: Index) -> None:
        for number in range(times):
            await step.board.update("total", lambda total: (total or 0) + 1)
            key = await step.lessons.note(f"the {step.order.step} knows the word w{number}", labels=[step.order.step])
            assert key in [each.key for each in await other.search(f"w{number}", [step.order.step])]

    async with cluster(on_loopback(), tmp_path / "cluster") as three:
        await three.ready()
        async with connect_bus(three.url, name="one") as one, connect_bus(three.url, name="two") as two:
            with closing(Index(one)) as ones, closing(Index(two)) as twos:
                with anyio.fail_after(3 * PATIENCE):
                    async with anyio.create_task_group() as tasks:
                        for bus, name, index in ((one, "first", twos), (two, "second", ones)):
                            order = StepOrder(goal="g1", loop="shop", step=name, attempt=1, role="support")
                            tasks.start_soon(work, Step(order, None, bus, holding=Holding(bus, order)), index)
                        for stream in (BOARD_STREAM, LESSONS_STREAM):
                            victim = await three.leader(one, stream)
                            await victim.kill()
                            await victim.start()
                said = [each.value for each in await board.history(one, "g1", "total")]
                assert said == list(range(2 * times + 1 - HISTORY, 2 * times + 1))
                assert len(await lessons.all_lessons(two)) == 2 * times


@pytest.mark.parametrize(
    ("told", "clustered", "wanted"), [("", False, 1), ("", True, 3), ("1", True, 1), ("5", True, 5)]
)
def test_a_cluster_keeps_three_copies_unless_it_is_told_otherwise(told: str, clustered: bool, wanted: int) -> None:
    assert replicas_wanted(told, clustered=clustered) == wanted


@pytest.mark.parametrize("told", ["0", "six", "-1", "3.0"])
def test_a_number_of_copies_that_no_server_knows_is_refused(told: str) -> None:
    with pytest.raises(BusError, match="set it to a number from 1 to 5"):
        replicas_wanted(told, clustered=True)


@pytest.fixture
def cables() -> Iterator[Network]:
    with ExitStack() as stack:
        try:
            made = stack.enter_context(network())
        except NoNetwork as why:
            lacking(str(why))
        yield made


@pytest.mark.chaos
async def test_the_server_that_leads_is_cut_off_with_its_clients_and_all_goals_end_once(
    tmp_path: Path, cables: Network
) -> None:
    async with cluster(cables.places, tmp_path / "cluster") as three, nursery() as nurse:
        await three.ready()
        async with station(nurse, tmp_path, three.url) as fleet, connect(three.url, name="test") as goals:
            await man(fleet)
            names: list[str] = []
            for turn in range(3):
                victim = await three.leader(goals.bus, LOOP)
                names += [f"g{turn}-{number}" for number in range(20)]
                await submit(goals, names[-20:-10])
                cables.cut(victim.place)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(submit, goals, names[-10:])
                    await anyio.sleep(CUT_OFF)
                    cables.heal(victim.place)
            await all_well(goals.bus, fleet, names)
