"""What must not follow from a replica that lags behind: a real server, read as if by way of one."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, ConsumerInfo

from loopwright.actors import Bounds, Loop
from loopwright.actors.decide import open_goal, sends
from loopwright.actors.decisions import NOTHING
from loopwright.actors.errors import LeaseLost
from loopwright.actors.evolve import fold
from loopwright.actors.forking import stood_at
from loopwright.actors.holding import Holding
from loopwright.actors.ledger import Ledger
from loopwright.actors.phases import Phase
from loopwright.actors.standing import Standing
from loopwright.bus import Bus, Result, StepOrder, connect_bus
from loopwright.bus.forks import ForkPoint
from loopwright.bus.messages import Goal
from loopwright.bus.publishing import Publisher
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import INTAKE, Subject
from loopwright.deploy.embedded import Server
from loopwright.tools.model import Turn
from tests.integration.actors.paying import ORDER, Script

SHOP = Loop(name="shop", work="support", judges=("fine", "finer"), bounds=Bounds(deadline=30))


class Late(JetStreamContext):
    """Has every other reader read from a replica that has heard of nothing yet."""

    turn = 0

    async def add_consumer(
        self, stream: str, config: ConsumerConfig | None = None, timeout: float | None = None, **params: Any
    ) -> ConsumerInfo:
        self.turn += 1
        if self.turn % 2 and config is not None:
            config = config.evolve(opt_start_seq=1_000_000)
        return await super().add_consumer(stream, config, timeout, **params)


class Behind(Bus):
    """Is answered by such a replica, unless it asks the leader."""

    async def last(self, subject: Subject | str, *, sure: bool = False) -> Stored | None:
        return await super().last(subject, sure=sure) if sure else None

    async def first(self, subject: Subject | str, *, after: int = 0) -> Stored | None:
        return None


@pytest.fixture
async def behind(server: Server) -> AsyncIterator[Bus]:
    async with connect_bus(server.url) as there:
        there.nc._server_info["cluster"] = "three"
        publisher = Publisher(there.nc, timeout=5)
        yield Behind(there.nc, Late(there.nc), publisher, there.blobs, ns="default", name="behind")
        publisher.close()


async def opened(bus: Bus) -> Standing:
    """Put on record that a goal was opened, and return where it stands."""
    events = open_goal(Goal(goal="g1", loop="shop"), SHOP, datetime.now(UTC))
    standing = fold(None, events)
    assert standing is not None
    orders = tuple(each for each in sends(standing, events) if isinstance(each, StepOrder))
    await Ledger(bus).write("g1", NOTHING, "INTAKE-1", events, standing, orders)
    return standing


async def test_no_model_is_paid_again_for_what_a_replica_does_not_know_yet(bus: Bus, behind: Bus) -> None:
    script, question = Script(), [Turn("user", "a")]
    await Holding(bus, ORDER).ask(script, question)
    with pytest.raises(LeaseLost):
        await Holding(behind, ORDER).ask(script, question)
    assert script.asked == ["a"]


async def test_a_goal_of_a_goal_ends_with_it_where_a_replica_does_not_know_yet_when_that_is(
    bus: Bus, behind: Bus
) -> None:
    standing = await opened(bus)
    await Holding(behind, ORDER).children.submit("other", {})
    submitted = await bus.js.get_msg(INTAKE, 1)
    child = Goal.model_validate_json(submitted.data or b"")
    assert child.parent is not None
    assert child.parent.until == standing.ends


async def test_a_fork_hears_what_was_said_where_a_replica_does_not_know_it_yet(bus: Bus, behind: Bus) -> None:
    await opened(bus)
    place = Subject.of("result", ns="default", goal="g1", step="work", attempt=1)
    seq = await bus.publish_first(place, Result(goal="g1", step="work", attempt=1, output=5), id="said")
    standing = await stood_at(behind, ForkPoint(goal="g1", seq=seq))
    assert [attempt.phase for attempt in standing.under_way] == [Phase.JUDGING]
