"""Many writes are under way at once, and each is answered for itself."""

import anyio
import pytest
from nats.errors import NoRespondersError
from nats.js.errors import APIError

from loopwright.bus import Bus
from loopwright.bus.publishing import NoAnswer, Publisher
from loopwright.bus.wire import header_block

SUBJECT = "lw.v1.result.default.g1.work.{}"


async def test_each_of_many_writes_hears_its_own_answer(bus: Bus) -> None:
    publisher = Publisher(bus.nc, timeout=5.0)
    stored: dict[int, int] = {}

    async def store(number: int) -> None:
        guard = header_block({"Nats-Expected-Last-Subject-Sequence": "0"})
        stored[number] = await publisher.store(SUBJECT.format(number), b"{}", guard)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for number in range(500):
                tasks.start_soon(store, number)
        with pytest.raises(APIError, match="wrong last sequence"):
            await store(7)
    found = await bus.record(["lw.v1.result.default.>"])
    assert {each.subject: each.seq for each in found} == {SUBJECT.format(n): seq for n, seq in stored.items()}
    publisher.close()


async def test_a_write_to_no_stream_is_told_so(bus: Bus) -> None:
    with anyio.fail_after(2), pytest.raises(NoRespondersError):
        await Publisher(bus.nc, timeout=5.0).store("nobody.keeps.this", b"", b"")


async def test_a_write_that_nobody_answers_ends_in_time(bus: Bus) -> None:
    async with bus.overhear("heard.and.not.answered", lambda _: None):
        with anyio.fail_after(3), pytest.raises(NoAnswer):
            await Publisher(bus.nc, timeout=0.1).store("heard.and.not.answered", b"", b"")


async def test_writes_under_way_end_when_the_connection_is_lost(bus: Bus) -> None:
    publisher = Publisher(bus.nc, timeout=60.0)
    async with bus.overhear("heard.and.not.answered", lambda _: publisher.lost()):
        with anyio.fail_after(3), pytest.raises(NoAnswer):
            await publisher.store("heard.and.not.answered", b"", b"")


@pytest.mark.parametrize("answer", [b"[]", b"nonsense", b'{"seq": 1}', b'{"error": 7}'])
async def test_an_answer_that_cannot_be_read_is_none(bus: Bus, answer: bytes) -> None:
    def reply(arrival: object) -> None:
        bus.nc.send(arrival.reply, answer)  # type: ignore[attr-defined]

    async with bus.overhear("answered.badly", reply):
        with anyio.fail_after(3), pytest.raises(NoAnswer):
            await Publisher(bus.nc, timeout=5.0).store("answered.badly", b"", b"")
