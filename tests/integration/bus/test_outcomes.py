"""Whoever waits for a goal's outcome hears of it as it is written, or finds it on record."""

import anyio
import pytest

from loopwright.bus import Bus, Outcome, Run, Status, StopReason
from loopwright.bus.client import Goals
from loopwright.bus.messages import Ended
from loopwright.bus.names import GoalId
from loopwright.bus.subjects import LOOP, Subject

PLACE = Subject.of("event", ns="default", goal="g1")


def outcome(best: str = "") -> Outcome:
    return Outcome(goal="g1", loop="loop", status=Status.COMPLETED, reason=StopReason.ACCEPTED, best=best)


async def end(bus: Bus, best: str = "") -> Outcome:
    ended = Ended(goal="g1", outcome=outcome(best))
    await bus.publish_first(PLACE, ended, id="g1-ended")
    return ended.outcome


async def test_many_wait_for_outcomes_without_a_consumer_of_their_own(bus: Bus) -> None:
    heard: list[Outcome] = []

    async def wait() -> None:
        heard.append(await Goals(bus).run("g1").outcome())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            assert await bus.js.consumers_info(LOOP) == []
            ended = await end(bus)
    assert heard == [ended] * 50


async def test_an_outcome_that_was_there_before_is_found_at_once(bus: Bus) -> None:
    ended = await end(bus)
    with anyio.fail_after(0.5):
        assert await Goals(bus).run("g1").outcome() == ended


async def test_an_end_that_was_missed_is_found_at_the_next_look(bus: Bus) -> None:
    ended = await end(bus)
    with anyio.fail_after(3):
        assert await Run(bus, GoalId("g1"), new=True).outcome() == ended


async def test_a_large_outcome_is_fetched_from_the_object_store(bus: Bus) -> None:
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:

            async def wait() -> None:
                assert len(str((await Goals(bus).run("g1").outcome()).best)) == 400_000

            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await end(bus, "x" * 400_000)


@pytest.mark.parametrize("noise", [b"\xff\x00", b'{"outcome": 7}', b"{}"])
async def test_noise_on_an_outcomes_place_is_neither_heard_nor_hides_the_outcome(bus: Bus, noise: bytes) -> None:
    await bus.ends.listen()
    run = Run(bus, GoalId("g1"), new=True)
    with anyio.move_on_after(0.5) as waiting:
        await bus.nc.publish(str(PLACE), noise)
        await run.outcome()
    assert waiting.cancelled_caught
    ended = await end(bus)
    await bus.nc.publish(str(PLACE), noise)
    await bus.nc.flush()
    with anyio.fail_after(5):
        assert await run.outcome() == ended
        assert await run.ended() == ended
