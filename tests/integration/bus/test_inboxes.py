"""An inbox goes on where it stopped: after a restart of the broker, and when its process has gone."""

from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from loopwright.bus import Bus, Result, connect_bus
from loopwright.bus.connection import LEASE
from loopwright.bus.errors import BusUnreachable
from loopwright.bus.subjects import LOOP, Subject
from loopwright.deploy.embedded import Server, embedded_server

FILTER = ["lw.v1.result.default.>"]


async def put(bus: Bus, attempt: int) -> None:
    subject = Subject.of("result", ns="default", goal="g1", step="work", attempt=attempt)
    await bus.publish(subject, Result(goal="g1", step="work", attempt=attempt), id=str(subject), guard=0)


async def test_an_inbox_survives_a_restart_of_the_broker(tmp_path: Path) -> None:
    stop, stopped = anyio.Event(), anyio.Event()
    urls: list[str] = []

    async def first() -> None:
        async with embedded_server(tmp_path / "nats", sync="2m") as server:
            urls.append(server.url)
            up.set()
            await stop.wait()
        stopped.set()

    up = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first)
        with anyio.fail_after(15):
            await up.wait()
        async with connect_bus(urls[0]) as bus, await bus.consumer(LOOP, "test", FILTER) as inbox:
            await put(bus, 1)
            with anyio.fail_after(5):
                await (await inbox.receive()).done()
            with anyio.move_on_after(0.2):
                await inbox.receive()  # a pull request stands at the server that goes
            stop.set()
            with anyio.fail_after(15):
                await stopped.wait()
            async with embedded_server(tmp_path / "nats", port=urlsplit(urls[0]).port or 0, sync="2m"):
                async with anyio.create_task_group() as waiting:
                    waiting.start_soon(put, bus, 2)
                    with anyio.fail_after(4):
                        delivery = await inbox.receive()
                assert delivery.subject.endswith("g1.work.2")
                await delivery.done()


async def test_a_consumer_that_was_deleted_is_made_again(bus: Bus) -> None:
    async with await bus.consumer(LOOP, "test", FILTER) as inbox:
        with anyio.move_on_after(0.2):
            await inbox.receive()
        await bus.js.delete_consumer(LOOP, "test")
        await put(bus, 1)
        with anyio.fail_after(5):
            assert (await inbox.receive()).subject.endswith("g1.work.1")


async def test_what_nobody_took_is_handed_back_when_an_inbox_closes(bus: Bus) -> None:
    async with await bus.consumer(LOOP, "test", FILTER) as inbox:
        with anyio.move_on_after(0.2):
            await inbox.receive()  # leaves a pull request behind, and nobody waits
        await put(bus, 1)
        with anyio.fail_after(5):
            while (await bus.js.consumer_info(LOOP, "test")).num_ack_pending == 0:  # noqa: ASYNC110 - the server knows
                await anyio.sleep(0.01)
        await bus.nc.flush()
    async with await bus.consumer(LOOP, "test", FILTER) as other:
        with anyio.fail_after(LEASE / 2):
            delivery = await other.receive()
    assert delivery.deliveries == 2


async def test_messages_go_to_free_hands_only(bus: Bus, server: Server) -> None:
    async with (
        connect_bus(server.url) as rival,
        await bus.consumer(LOOP, "test", FILTER) as ours,
        await rival.consumer(LOOP, "test", FILTER) as theirs,
    ):
        for attempt in (1, 2):
            await put(bus, attempt)
        with anyio.fail_after(5):
            first = await ours.receive()
            second = await theirs.receive()
    assert {first.seq, second.seq} == {1, 2}
    assert (first.deliveries, second.deliveries) == (1, 1)


async def test_a_connection_that_is_closed_for_good_ends_its_inbox_instead_of_leaving_it_deaf(bus: Bus) -> None:
    async def listen() -> None:
        async with await bus.consumer(LOOP, "test", FILTER) as inbox:
            await bus.nc.close()
            with anyio.fail_after(5):
                await inbox.receive()

    with pytest.RaisesGroup(pytest.RaisesExc(BusUnreachable, match="closed by the server"), allow_unwrapped=True):
        await listen()
