"""An inbox goes on where it stopped: after a restart of the broker, and when its process has gone."""

import asyncio
import os
import signal
import threading
import time
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import pytest

from loopwright.bus import Bus, Result, Trajectory, connect_bus
from loopwright.bus.connection import LEASE
from loopwright.bus.errors import BusUnreachable
from loopwright.bus.subjects import LOOP, Subject
from loopwright.bus.wire import Arrival
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


async def test_what_could_not_be_sent_any_more_does_not_keep_anybody_from_leaving(tmp_path: Path) -> None:
    async with AsyncExitStack() as life:
        server = await life.enter_async_context(embedded_server(tmp_path / "nats", sync="2m"))
        async with connect_bus(server.url) as bus:
            await life.aclose()
            with anyio.fail_after(5):
                while bus.nc.is_connected:  # noqa: ASYNC110 - the client tells nobody
                    await anyio.sleep(0.01)
            await bus.nc.publish("lw.v1.live.default.g1", b"nobody hears it")


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


async def test_a_flush_that_was_given_up_does_not_silence_the_connection(bus: Bus) -> None:
    for _ in range(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bus.nc.flush)
            await anyio.lowlevel.checkpoint()  # it asks
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    with anyio.fail_after(3):
        await put(bus, 1)


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

    with pytest.raises(BusUnreachable, match="closed by the server"):
        await listen()


async def test_what_goes_wrong_beside_an_inbox_flies_on_as_it_is(bus: Bus) -> None:
    with pytest.raises(LookupError, match="ours"):
        async with await bus.consumer(LOOP, "test", FILTER):
            raise LookupError("ours")


def write_elsewhere(url: str, attempts: range) -> threading.Thread:
    """Write results from another thread, with a loop and a connection of its own."""

    async def write() -> None:
        async with connect_bus(url, name="other") as other:
            for attempt in attempts:
                await put(other, attempt)

    thread = threading.Thread(target=asyncio.run, args=[write()])
    thread.start()
    return thread


async def test_a_reader_whose_process_stalls_sees_everything_once_and_in_order(bus: Bus, server: Server) -> None:
    await put(bus, 1)
    await put(bus, 2)
    seen: list[str] = []
    async with Trajectory(bus, "g1").follow() as entries:
        with anyio.fail_after(15):
            seen.append(str((await anext(entries)).subject))
            thread = write_elsewhere(server.url, range(3, 23))
            time.sleep(3)  # noqa: ASYNC251 - the stall
            thread.join()
            while len(seen) < 22:
                seen.append(str((await anext(entries)).subject))
        with anyio.move_on_after(2):
            seen.append(str((await anext(entries)).subject))
    assert seen == [f"lw.v1.result.default.g1.work.{attempt}" for attempt in range(1, 23)]


async def test_what_lies_unread_at_a_stall_is_read_once(bus: Bus, server: Server) -> None:
    inbox, _ = await bus.reader(FILTER, after=lambda: 0)
    async with inbox:
        for attempt in range(1, 6):
            await put(bus, attempt)
        await anyio.sleep(0.5)
        thread = write_elsewhere(server.url, range(6, 11))
        time.sleep(3)  # noqa: ASYNC251 - the stall
        thread.join()
        await anyio.sleep(1)
        with anyio.fail_after(10):
            assert [(await inbox.receive()).seq for _ in range(10)] == list(range(1, 11))
        with anyio.move_on_after(1) as over:
            await inbox.receive()
    assert over.cancelled_caught


async def test_a_record_is_read_whole_while_the_process_stalls(bus: Bus) -> None:
    for attempt in range(1, 301):
        await put(bus, attempt)

    async def stall() -> None:
        await anyio.sleep(0.01)
        time.sleep(2)  # noqa: ASYNC251 - the stall

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stall)
        found = await bus.record(FILTER)
    assert [stored.seq for stored in found] == list(range(1, 301))
    assert [stored.seq for stored in await bus.record(FILTER, after=298)] == [299, 300]


async def test_what_is_asked_of_a_broker_that_is_silent_is_asked_until_it_is_back(tmp_path: Path) -> None:
    async def last_word() -> None:
        last = await bus.last("lw.v1.result.default.g1.work.1")
        assert last is not None
        assert last.seq == 1

    async def whole_record() -> None:
        assert [stored.seq for stored in await bus.record(FILTER)] == [1]

    async def read_on() -> None:
        reader, waiting = await bus.reader(FILTER, after=lambda: 0)
        assert waiting == 1
        async with reader:
            assert (await reader.receive()).seq == 1

    async def pull() -> None:
        async with await bus.consumer(LOOP, "test", FILTER) as inbox:
            assert (await inbox.receive()).seq == 1

    async with embedded_server(tmp_path / "nats", sync="2m") as server, connect_bus(server.url) as bus:
        await put(bus, 1)
        os.kill(server.pid, signal.SIGSTOP)  # as a store that recovers: it listens, and does not answer
        try:
            with anyio.fail_after(20):
                async with anyio.create_task_group() as tasks:
                    for ask in (last_word, whole_record, read_on, pull):
                        tasks.start_soon(ask)
                    await wake(server.pid, 6.0)
        finally:
            os.kill(server.pid, signal.SIGCONT)


async def wake(pid: int, seconds: float) -> None:
    await anyio.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("reply", ["$JS.ACK.x", "$JS.ACK.LOOP.test.1.x.1.1.0", "somewhere"])
async def test_what_others_say_into_an_inbox_neither_deafens_it_nor_is_taken(bus: Bus, reply: str) -> None:
    inbox, _ = await bus.reader(FILTER, after=lambda: 0)
    async with inbox:
        await bus.nc.publish(inbox._reply, b"forged", reply=reply)
        await bus.nc.publish(inbox._reply, b"", headers={"Status": "409", "Nats-Pending-Messages": "x"})
        await put(bus, 1)
        with anyio.fail_after(10):
            assert (await inbox.receive()).subject.endswith("g1.work.1")


async def test_a_listener_that_fails_does_not_deafen_its_connection(bus: Bus) -> None:
    heard: list[bytes] = []
    all_heard = anyio.Event()

    def listen(arrival: Arrival) -> None:
        heard.append(arrival.data)
        if len(heard) == 3:
            all_heard.set()
        raise LookupError("in the listener")

    async with bus.overhear("lw.v1.live.default.>", listen):
        for number in range(3):
            await bus.nc.publish("lw.v1.live.default.g1", b"%d" % number)
        with anyio.fail_after(5):
            await all_heard.wait()
    assert heard == [b"0", b"1", b"2"]
