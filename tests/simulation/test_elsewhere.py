"""A goal reaches an orchestrator that has its loop, however few have it; it is refused once nobody can come who has."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import anyio
import anyio.abc
import pytest

from loopwright.actors import Loop, Orchestrator, PlannedStep
from loopwright.actors.orchestrator import NEWCOMERS
from loopwright.bus import Bus
from loopwright.bus.client import Goals
from loopwright.bus.messages import Outcome, Status, StopReason
from loopwright.bus.presence import LIFE, MISSED, RENEWAL, restore
from loopwright.bus.streams import STREAMS
from loopwright.bus.subjects import INTAKE, decisions_on
from tests.simulation.broker import Broker
from tests.simulation.chance import CALM, Fate
from tests.simulation.clock import VirtualLoop
from tests.simulation.network import Network, SimClient
from tests.simulation.world import Shelf, bus_of

ROOTS, SUMS = (Loop(name=name, work="make", judges=("near",)) for name in ("roots", "sums"))

SOON = timedelta(hours=1)
"""From now on until goals are submitted, by the broker's clock: after whoever is started has begun to listen."""


class Fleet:
    """Orchestrators with loops of their own, each of which opens one goal at a time, and a client."""

    def __init__(self, tasks: anyio.abc.TaskGroup) -> None:
        fate = Fate(0, CALM)
        self.broker = Broker(STREAMS, fate, epoch=datetime.now(UTC) + SOON)
        self._network, self._shelf, self._tasks = Network(self.broker, fate), Shelf(), tasks
        self.goals = Goals(self._bus("client"))

    def _bus(self, name: str) -> Bus:
        return bus_of(SimClient(self._network, name), self._shelf)

    async def start(self, name: str, *loops: Loop) -> Callable[[], None]:
        """Start an orchestrator; return what kills it."""
        bus, scope = self._bus(name), anyio.CancelScope()
        await restore(bus)

        async def live() -> None:
            with scope:
                await Orchestrator(bus, {loop.name: loop for loop in loops}, hands=NEWCOMERS).run(anyio.Event())

        def kill() -> None:
            assert isinstance(bus.nc, SimClient)
            bus.nc.cut()
            bus.nc.noticed()
            scope.cancel()

        self._tasks.start_soon(live)
        return kill

    async def submit(self, loop: str, goal: str) -> None:
        await self.goals.submit(loop, {}, goal=goal)

    async def opened(self, goal: str) -> float:
        """Return when a goal was opened."""
        with anyio.fail_after(60):
            while await self.goals.bus.last(decisions_on("default", goal), sure=True) is None:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        return anyio.current_time()

    async def ended(self, goal: str) -> tuple[Outcome, float]:
        """Return how and when a goal has ended that was never worked on."""
        at = await self.opened(goal)
        with anyio.fail_after(1):
            while (outcome := await self.goals.run(goal).ended()) is None:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        return outcome, at

    @property
    def most(self) -> int:
        """How often a goal was handed out at most."""
        return max(self.broker.consumers[INTAKE, "goals-default"].counts.values())


type Story = Callable[[Fleet], Awaitable[None]]


def live_through(story: Story) -> None:
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            await story(Fleet(tasks))
            tasks.cancel_scope.cancel()

    try:
        loop.run_until_complete(main())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@pytest.mark.parametrize("only", [0, 4, 9])
def test_a_goal_reaches_the_one_of_ten_that_has_its_loop(only: int) -> None:
    async def story(fleet: Fleet) -> None:
        for number in range(10):
            await fleet.start(f"o{number}", SUMS, *([ROOTS] if number == only else []))
        await anyio.sleep(LIFE + RENEWAL)
        at = anyio.current_time()
        await fleet.submit("roots", "g1")
        assert await fleet.opened("g1") - at < 0.5
        assert fleet.most <= 10

    live_through(story)


def test_goals_of_both_loops_are_opened_however_many_wait_for_the_one_that_has_theirs() -> None:
    async def story(fleet: Fleet) -> None:
        for number in range(100):
            await fleet.submit(("roots", "sums")[number % 2], f"g{number}")
        for number in range(5):
            await fleet.start(f"o{number}", SUMS, *([ROOTS] if number == 3 else []))
        at = anyio.current_time()
        last = max([await fleet.opened(f"g{number}") for number in range(100)])
        assert last - at < 4
        assert not fleet.broker.streams[INTAKE].messages

    live_through(story)


def test_a_goal_that_nobody_can_open_is_refused_as_soon_as_that_is_known() -> None:
    async def story(fleet: Fleet) -> None:
        await fleet.submit("cook", "g1")
        begun = anyio.current_time()
        await fleet.start("one", SUMS)
        await fleet.start("other", ROOTS)
        outcome, at = await fleet.ended("g1")
        assert (outcome.status, outcome.why) == (
            Status.REJECTED,
            "There is no loop named cook here; there is roots, sums.",
        )
        assert LIFE <= at - begun < LIFE + RENEWAL + 1
        await anyio.sleep(RENEWAL)
        at = anyio.current_time()
        await fleet.submit("cook", "g2")
        assert await fleet.opened("g2") - at < 0.1
        await fleet.goals.bus.js.publish("lw.v1.goal.default.cook", b"\xff", headers={"Nats-Msg-Id": "g3"})
        outcome, _ = await fleet.ended("g3")
        assert outcome.why == "The goal cannot be read: its body is not UTF-8."

    live_through(story)


def test_a_step_has_failed_whose_loop_nobody_has() -> None:
    async def story(fleet: Fleet) -> None:
        await fleet.start("one", SUMS.model_copy(update={"steps": (PlannedStep(name="a", loop="nowhere"),)}))
        await fleet.submit("sums", "g1")
        await anyio.sleep(LIFE + RENEWAL)
        outcome, _ = await fleet.ended("g1")
        assert outcome.reason is StopReason.REJECTED
        assert "a goal of the loop nowhere, ended with the reason rejected: There is no loop named" in outcome.why

    live_through(story)


def test_a_goal_waits_for_the_one_that_had_its_loop_to_be_started_anew_and_keeps_no_other_from_being_opened() -> None:
    async def story(fleet: Fleet) -> None:
        await fleet.start("stays", SUMS)
        kill = await fleet.start("goes", ROOTS)
        await anyio.sleep(LIFE)
        kill()
        for number in range(30):
            await fleet.submit("roots", f"g{number}")
        await anyio.sleep(MISSED - LIFE)
        at = anyio.current_time()
        await fleet.submit("sums", "s1")
        assert await fleet.opened("s1") - at < 0.1
        at = anyio.current_time()
        await fleet.start("comes", ROOTS)
        assert max([await fleet.opened(f"g{number}") for number in range(30)]) - at < 2
        assert [await fleet.goals.run(f"g{number}").ended() for number in range(30)] == [None] * 30
        assert fleet.most < 5 * MISSED, "it turns in no circle"

    live_through(story)


def test_a_goal_is_refused_when_the_one_that_had_its_loop_does_not_come_back() -> None:
    async def story(fleet: Fleet) -> None:
        await fleet.start("stays", SUMS)
        kill = await fleet.start("goes", ROOTS)
        await anyio.sleep(LIFE)
        kill()
        killed = anyio.current_time()
        await fleet.submit("roots", "g1")
        outcome, at = await fleet.ended("g1")
        assert outcome.why == "There is no loop named roots here; there is sums."
        assert MISSED - RENEWAL <= at - killed < MISSED + RENEWAL

    live_through(story)
