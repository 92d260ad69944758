"""Who is there is known at every moment, and a goal for somebody who is not there is told so."""

import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import anyio
import pytest
from nats.js.errors import NotFoundError

from loopwright.actors import Loop, Step, Worker, Workplace, worker
from loopwright.actors.decide import open_goal
from loopwright.actors.decisions import last_decision
from loopwright.actors.evolve import fold
from loopwright.actors.lookout import Lookout
from loopwright.bus import Bus, Goal, Status, StepOrder, StopReason
from loopwright.bus.messages import Activity, Presence
from loopwright.bus.presence import present
from loopwright.bus.streams import PRESENCE_STREAM
from loopwright.bus.subjects import LOOP, TIMERS, Subject, orders_for
from loopwright.deploy.embedded import Server, listens
from loopwright.deploy.goals import waiting_on
from tests.integration.actors.running import Fleet, end_of


@pytest.fixture
def hasty(guessing: Loop) -> Loop:
    return guessing.model_copy(update={"bounds": guessing.bounds.model_copy(update={"unserved": 2.0})})


async def found(bus: Bus, wanted: Callable[[list[Presence]], bool]) -> list[Presence]:
    with anyio.fail_after(5):
        while not wanted(there := await present(bus)):  # noqa: ASYNC110 - the keys tell
            await anyio.sleep(0.02)
    return there


async def test_every_process_of_a_fleet_is_there_and_gone_with_it(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    async with fleet(bus, guesser, judge):
        there = await found(bus, lambda there: len(there) == 3)
    by_role = {each.role: each for each in there}
    assert by_role.keys() == {"guess", "near", "orchestrator"}
    assert by_role["orchestrator"].loops == ("guessing",)
    assert (by_role["guess"].hands, by_role["guess"].busy, by_role["guess"].state) == (1, 0, Activity.SERVING)
    assert by_role["guess"].version
    await found(bus, lambda there: not there)


async def test_a_fleet_is_there_again_soon_after_its_broker_was_killed(
    bus: Bus, server: Server, fleet: Fleet, judge: Worker
) -> None:
    async with fleet(bus, judge):
        await found(bus, lambda there: len(there) == 2)
        dead = server.pid
        os.kill(dead, signal.SIGKILL)
        with anyio.fail_after(15):
            while server.pid == dead or not await listens(server.url):  # noqa: ASYNC110 - its process tells
                await anyio.sleep(0.01)
        with anyio.fail_after(5):
            while not await has_bucket(bus):  # noqa: ASYNC110 - the server tells
                await anyio.sleep(0.05)
        await found(bus, lambda there: len(there) == 2)


async def has_bucket(bus: Bus) -> bool:
    try:
        await bus.js.stream_info(PRESENCE_STREAM)
    except NotFoundError:
        return False
    return True


async def test_a_worker_that_was_told_to_stop_is_draining_until_its_last_step_is_done(bus: Bus) -> None:
    begun, finish, stopping = anyio.Event(), anyio.Event(), anyio.Event()

    @worker("slow")
    async def slow(step: Step[object]) -> None:
        begun.set()
        await finish.wait()

    order = StepOrder(goal="g1", loop="l", step="work", attempt=1, role="slow")
    place = Subject.of("step", ns="default", role="slow", goal="g1", step="work", attempt=1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Workplace(bus, slow).run, stopping)
        await bus.publish(place, order, id="g1")
        with anyio.fail_after(5):
            await begun.wait()
        stopping.set()
        (ours,) = await found(bus, lambda there: [each.state for each in there] == [Activity.DRAINING])
        assert (ours.role, ours.busy) == ("slow", 1)
        finish.set()
        await found(bus, lambda there: not there)


async def test_a_role_that_nobody_serves_is_told_to_the_goal_s_owner(
    bus: Bus, fleet: Fleet, guesser: Worker, hasty: Loop
) -> None:
    async with fleet(bus, guesser, loop=hasty) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 1}))
    assert (outcome.status, outcome.reason) == (Status.FAILED, StopReason.NO_ROLE)
    assert outcome.why == "Nobody serves the role near: start `loopwright worker near`."
    assert 2 <= outcome.seconds < 8


async def test_whoever_comes_in_time_is_waited_for(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker, hasty: Loop
) -> None:
    stopping = anyio.Event()
    async with fleet(bus, guesser, loop=hasty) as goals, anyio.create_task_group() as tasks:
        run = await goals.submit("guessing", {"target": 2})
        await anyio.sleep(0.5)
        tasks.start_soon(Workplace(bus, judge).run, stopping)
        assert (await end_of(run)).reason is StopReason.ACCEPTED
        stopping.set()


async def is_set(bus: Bus, timer: str) -> bool:
    """Tell whether the broker holds a timer."""
    state = (await bus.js.stream_info(TIMERS, subjects_filter=timer)).state
    return bool(state.subjects)


async def test_a_worker_that_says_nothing_of_itself_is_there_while_it_waits_for_steps(bus: Bus, guessing: Loop) -> None:
    standing = fold(None, open_goal(Goal(goal="g1", loop="guessing"), guessing, datetime.now(UTC)))
    assert standing is not None
    lookout, timer = Lookout(bus), "lw.v1.timer.default.g1.unserved"
    async with AsyncExitStack() as stack:
        for role in ("guess", "near"):
            inbox = await bus.consumer(LOOP, f"role-default-{role}", orders_for("default", role))
            await stack.enter_async_context(inbox)
            with anyio.move_on_after(0.2):
                await inbox.receive()  # leaves a request at the server
        assert await lookout.look_again(standing, datetime.now(UTC)) is None
        assert not await is_set(bus, timer)
    assert await Lookout(bus).look_again(standing, datetime.now(UTC)) is None
    assert await is_set(bus, timer), "nobody is there, and nobody will look again"


async def test_whoever_asks_where_a_goal_stands_is_told_at_once_that_nobody_serves_its_role(
    bus: Bus, fleet: Fleet, judge: Worker
) -> None:
    async with fleet(bus, judge) as goals:
        run = await goals.submit("guessing", {"target": 2}, goal="g1")
        with anyio.fail_after(5):
            async for entry in run:
                if isinstance(entry.message, StepOrder):
                    break
        decision = (await last_decision(bus, "g1")).decision
        assert decision is not None
        assert await waiting_on(bus, decision.standing) == {
            "waiting_on": "guess",
            "missing": "Nobody serves the role guess: start `loopwright worker guess`.",
        }
        await run.cancel()
