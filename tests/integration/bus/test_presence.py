"""Keys of processes: there while they are renewed, gone soon after, and heard by whoever keeps a roster."""

from collections.abc import Callable

import anyio
import pytest

from loopwright.bus import Bus
from loopwright.bus.messages import Activity, Presence
from loopwright.bus.presence import LIFE, present, restore, roster, say, serves, take_back
from loopwright.bus.streams import PRESENCE_STREAM
from loopwright.bus.subjects import LOOP, orders_for
from loopwright.bus.wire import Arrival, header_block

OURS = Presence(role="tests", process="5f0a", name="me", hands=2)
KEY = "$KV.lw_presence.default.tests.5f0a"
SOON = LIFE / 2
"""Seconds in which what was said has come; a key that nobody takes back lapses later."""


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(SOON):
        while not true():  # noqa: ASYNC110 - what was said is on its way
            await anyio.sleep(0.01)


async def there_are(bus: Bus, *wanted: Presence) -> None:
    """Wait until the keys tell of these and of nobody else.

    The server stores them when it comes to that: not before it answers a ping, nor before it tells who listens.
    """
    with anyio.fail_after(SOON):
        while await present(bus) != [*wanted]:  # noqa: ASYNC110 - the keys tell
            await anyio.sleep(0.01)


async def test_a_process_that_says_it_is_there_is_there_until_it_takes_it_back(bus: Bus) -> None:
    async with roster(bus) as kept:
        say(bus, OURS)
        await there_are(bus, OURS)
        await until(lambda: kept.serves("tests"))
        take_back(bus, OURS)
        await there_are(bus)
        await until(lambda: not kept.serves("tests"))


async def test_a_process_that_says_nothing_any_more_is_gone_soon(bus: Bus) -> None:
    heard: list[Arrival] = []
    async with bus.overhear(KEY, heard.append):
        say(bus, OURS)
        await until(lambda: len(heard) == 1)
    assert heard[0].headers["Nats-TTL"] == str(LIFE)
    watched = await (await bus.js.key_value("lw_presence")).watch("default.tests.*")
    bus.nc.send(KEY, heard[0].data, headers=header_block({"Nats-TTL": "1"}))
    began = anyio.current_time()
    with anyio.fail_after(4):
        while (entry := await anext(watched)) is None or entry.value:
            pass
    assert anyio.current_time() - began > 0.9
    assert await present(bus) == []
    await watched.stop()  # type: ignore[no-untyped-call]


async def test_a_roster_knows_who_was_there_before_it(bus: Bus) -> None:
    say(bus, OURS)
    say(bus, leaving := OURS.model_copy(update={"role": "lint", "state": Activity.DRAINING}))
    await there_are(bus, OURS, leaving)
    async with roster(bus) as kept:
        assert (kept.serves("tests"), kept.serves("lint"), kept.serves("code")) == (True, False, False)


async def test_a_worker_in_another_language_says_it_with_an_empty_object(bus: Bus) -> None:
    async with roster(bus) as kept:
        await bus.nc.publish(KEY, b"{}")
        await until(lambda: kept.serves("tests"))
        await there_are(bus, Presence(role="tests", process="5f0a"))


@pytest.mark.parametrize("body", [b"\xff", b"[", b'{"state": "asleep"}'])
async def test_what_cannot_be_read_is_nobody(bus: Bus, body: bytes) -> None:
    async with roster(bus) as kept:
        await bus.nc.publish(KEY, body)
        say(bus, readable := OURS.model_copy(update={"role": "lint"}))
        await until(lambda: kept.serves("lint"))
        assert not kept.serves("tests")
        await there_are(bus, readable)


async def test_who_waits_for_steps_serves_without_a_word(bus: Bus) -> None:
    assert not await serves(bus, "tests")
    async with await bus.consumer(LOOP, "role-default-tests", orders_for("default", "tests")) as inbox:
        assert not await serves(bus, "tests")
        with anyio.move_on_after(0.2):
            await inbox.receive()
        assert await serves(bus, "tests")


async def test_where_the_bucket_went_with_its_server_nobody_is_there_and_a_roster_hears_who_comes(bus: Bus) -> None:
    await bus.js.delete_stream(PRESENCE_STREAM)
    assert await present(bus) == []
    async with roster(bus) as kept:
        assert not kept.serves("tests")
        assert await restore(bus)
        say(bus, OURS)
        await until(lambda: kept.serves("tests"))
    await there_are(bus, OURS)
