"""Who is told to stop takes no more, and holds nothing that others could do."""

from collections import Counter

import anyio

from loopwright.actors.serving import serve
from loopwright.bus import Bus, Result, connect_bus
from loopwright.bus.connection import LEASE
from loopwright.bus.inbox import Delivery
from loopwright.bus.subjects import LOOP, Subject
from loopwright.deploy.embedded import Server

FILTER = ["lw.v1.result.default.>"]
ROUNDS = 15
EACH = 40


async def put(bus: Bus, attempts: range) -> None:
    for attempt in attempts:
        subject = Subject.of("result", ns="default", goal="g1", step="work", attempt=attempt)
        await bus.publish(subject, Result(goal="g1", step="work", attempt=attempt), id=str(subject), guard=0)


async def test_nothing_waits_for_the_lease_of_one_that_was_told_to_stop(bus: Bus, server: Server) -> None:
    taken: Counter[int] = Counter()

    async def take(delivery: Delivery) -> None:
        taken[delivery.seq] += 1
        await delivery.done()

    async def come_and_go() -> None:
        async with connect_bus(server.url, name="rival") as rival, anyio.create_task_group() as tasks:
            for number in range(ROUNDS):
                stopping = anyio.Event()
                async with await rival.consumer(LOOP, "test", FILTER) as inbox, anyio.create_task_group() as working:
                    working.start_soon(lambda: serve(inbox, take, hands=8, stopping=stopping))  # noqa: B023
                    tasks.start_soon(put, bus, range(number * EACH, (number + 1) * EACH))
                    await anyio.sleep(0.01)  # it is in the middle of it
                    stopping.set()

    with anyio.fail_after(30):
        await come_and_go()
        stopped = anyio.current_time()
        done = anyio.Event()
        async with await bus.consumer(LOOP, "test", FILTER) as inbox, anyio.create_task_group() as working:
            working.start_soon(lambda: serve(inbox, take, hands=8, stopping=done))
            while len(taken) < ROUNDS * EACH:  # noqa: ASYNC110 - the count tells
                await anyio.sleep(0.01)
            seconds = anyio.current_time() - stopped
            done.set()
    assert set(taken.values()) == {1}
    assert seconds < LEASE / 2


async def test_what_lies_unread_is_handed_back_while_the_last_step_is_still_under_way(bus: Bus) -> None:
    stopping, begun, finish = anyio.Event(), anyio.Event(), anyio.Event()

    async def take(delivery: Delivery) -> None:
        begun.set()
        await finish.wait()
        await delivery.done()

    async with await bus.consumer(LOOP, "test", FILTER) as inbox, anyio.create_task_group() as working:
        working.start_soon(lambda: serve(inbox, take, hands=2, stopping=stopping))
        await put(bus, range(1))
        with anyio.fail_after(5):
            await begun.wait()
        stopping.set()
        async with await bus.consumer(LOOP, "test", FILTER) as other:
            await put(bus, range(1, 2))
            with anyio.fail_after(LEASE / 2):
                delivery = await other.receive()
            assert delivery.subject.endswith("g1.work.1")
            await delivery.done()
        finish.set()
