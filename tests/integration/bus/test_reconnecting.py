"""The broker dies and comes back: whoever asked it something asks again at once, and every write is stored once."""

import os
import signal

import anyio
import anyio.lowlevel
import pytest

from loopwright.bus import Bus, Result
from loopwright.bus import inbox as inbox_module
from loopwright.bus.errors import GuardLost
from loopwright.bus.subjects import LOOP, Subject
from loopwright.deploy.embedded import Server, listens

SOON = 2.0
WRITES = 300
FILTER = ["lw.v1.result.default.>"]


def place(attempt: int) -> Subject:
    return Subject.of("result", ns="default", goal="g1", step="work", attempt=attempt)


async def put(bus: Bus, attempt: int) -> None:
    """Write a result; it does not matter whether it is the first copy or a repeated one that the server refuses."""
    try:
        await bus.publish(place(attempt), Result(goal="g1", step="work", attempt=attempt), id="any", guard=0)
    except GuardLost:
        return


async def killed(server: Server) -> float:
    """Kill the server, which is started again, and return when it was back."""
    os.kill(server.pid, signal.SIGKILL)
    dead = server.pid
    with anyio.fail_after(15):
        while server.pid == dead or not await listens(server.url):  # noqa: ASYNC110 - its process tells
            await anyio.sleep(0.01)
    return anyio.current_time()


async def test_writes_that_were_under_way_when_the_broker_died_are_stored_once_as_soon_as_it_is_back(
    bus: Bus, server: Server
) -> None:
    async with anyio.create_task_group() as tasks:
        for attempt in range(WRITES):
            tasks.start_soon(put, bus, attempt)
        await anyio.lowlevel.checkpoint()  # they are under way
        back = await killed(server)
    assert anyio.current_time() - back < SOON
    stored = await bus.record(FILTER)
    assert sorted(each.subject for each in stored) == sorted(str(place(attempt)) for attempt in range(WRITES))


async def test_questions_that_were_under_way_when_the_broker_died_are_answered_as_soon_as_it_is_back(
    bus: Bus, server: Server
) -> None:
    await put(bus, 1)
    async with anyio.create_task_group() as tasks:
        os.kill(server.pid, signal.SIGSTOP)  # it has heard them, and does not answer any more
        tasks.start_soon(bus.last, place(1))
        tasks.start_soon(bus.record, FILTER)
        await anyio.sleep(0.1)
        back = await killed(server)
    assert anyio.current_time() - back < SOON


async def test_an_inbox_asks_again_as_soon_as_the_broker_is_back(
    bus: Bus, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "SILENCE", 60.0)  # it is not to wait until it misses the server's heartbeat
    async with await bus.consumer(LOOP, "test", FILTER) as inbox, anyio.create_task_group() as tasks:
        with anyio.move_on_after(0.1):
            await inbox.receive()  # leaves a request at the server
        back = await killed(server)
        tasks.start_soon(put, bus, 1)
        with anyio.fail_after(SOON):
            await (await inbox.receive()).done()
    assert anyio.current_time() - back < SOON
