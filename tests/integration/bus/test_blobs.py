"""Large bytes come back whole, or are missed at once; what is used again does not expire."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, ConsumerInfo

from loopwright.bus import Bus, Trajectory
from loopwright.bus.blobs import Blobs
from loopwright.bus.connection import BODY
from loopwright.bus.errors import Unreadable
from loopwright.bus.streams import BLOBS, BLOBS_STREAM
from loopwright.bus.subjects import LOOP

DATA = b"x" * 300_000


async def store(bus: Bus, *, kept: float = 100.0) -> Blobs:
    return Blobs(bus.nc, bus.js, await bus.js.object_store(BLOBS), kept=kept)


async def lose_chunks(bus: Bus, name: str, *, keep: int = 0) -> None:
    info = await (await bus.js.object_store(BLOBS)).get_info(name)
    await bus.js.purge_stream(BLOBS_STREAM, subject=f"$O.{BLOBS}.C.{info.nuid}", keep=keep or None)


class Lagging(JetStreamContext):
    """Has the first few who read read from a replica that has heard of nothing yet."""

    behind = 2

    async def add_consumer(
        self, stream: str, config: ConsumerConfig | None = None, timeout: float | None = None, **params: Any
    ) -> ConsumerInfo:
        if self.behind and config is not None:
            self.behind -= 1
            config = config.evolve(opt_start_seq=1_000_000)
        return await super().add_consumer(stream, config, timeout, **params)


async def test_an_object_is_not_taken_for_lost_where_a_replica_lags_behind(bus: Bus) -> None:
    name = await bus.blobs.put(DATA)
    behind = Blobs(bus.nc, Lagging(bus.nc), await bus.js.object_store(BLOBS))
    with anyio.fail_after(5):
        assert await behind.get(name) == DATA


@pytest.mark.parametrize("keep", [0, 1])
async def test_an_object_without_its_chunks_is_unreadable_at_once(bus: Bus, keep: int) -> None:
    name = await bus.blobs.put(DATA)
    await lose_chunks(bus, name, keep=keep)
    with anyio.fail_after(3), pytest.raises(Unreadable, match="is incomplete"):
        await bus.blobs.get(name)


async def test_a_message_whose_body_is_lost_is_on_record_and_says_nothing(bus: Bus) -> None:
    name = await bus.blobs.put(DATA)
    await bus.js.publish("lw.v1.result.default.g1.work.1", b"", headers={BODY: name})
    await lose_chunks(bus, name)
    with anyio.fail_after(3):
        assert [entry.message for entry in await Trajectory(bus, "g1").so_far()] == [None]


async def test_an_object_that_lost_its_chunks_is_stored_again(bus: Bus) -> None:
    name = await bus.blobs.put(DATA)
    await lose_chunks(bus, name)
    with anyio.fail_after(3):
        assert await bus.blobs.put(DATA) == name
        assert await bus.blobs.get(name) == DATA


async def test_nothing_at_all_can_be_stored(bus: Bus) -> None:
    assert await bus.blobs.get(await bus.blobs.put(b"")) == b""


async def test_an_object_is_kept_twice_as_long_as_the_records_that_name_it(bus: Bus) -> None:
    record = (await bus.js.stream_info(LOOP)).config.max_age
    assert (await bus.js.stream_info(BLOBS_STREAM)).config.max_age == 2 * (record or 0)


async def test_an_object_is_renewed_when_half_its_time_is_over_and_not_before(bus: Bus) -> None:
    objects = await bus.js.object_store(BLOBS)
    blobs = await store(bus, kept=2.0)
    name = await blobs.put(DATA)
    first = await objects.get_info(name)
    await blobs.put(DATA)
    assert (await objects.get_info(name)).nuid == first.nuid
    await anyio.sleep(1.1)
    await blobs.put(DATA)
    second = await objects.get_info(name)
    assert second.nuid != first.nuid
    assert datetime.now(UTC) - datetime.fromisoformat(str(second.mtime)) < timedelta(seconds=1)
    assert await blobs.get(name) == DATA


async def test_who_reads_while_others_renew_gets_it_whole(bus: Bus) -> None:
    blobs = await store(bus, kept=0.0)
    name = await blobs.put(DATA)

    async def renew() -> None:
        for _ in range(5):
            await blobs.put(DATA)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(renew)
        for _ in range(20):
            with anyio.fail_after(10):
                assert await blobs.get(name) == DATA
