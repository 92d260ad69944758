"""What a broker that was killed still knows: a real nats-server and the simulated one give the same answers."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest
from nats.js.errors import NoStreamResponseError

from loopwright.bus import Bus
from loopwright.bus.reading import open_reader
from loopwright.bus.streams import PRESENCE
from loopwright.bus.subjects import LOOP, TIMERS
from tests.simulation.conftest import Kill
from tests.simulation.test_contract import GUARD, PLACE, TEA, Puller, due_at, put, refusal

WRITTEN = 0.6
"""Seconds after which a broker has surely written down what it has handed out, and what was settled."""
LEASE = 1.0
TRIES = 5

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_was_stored_is_there_under_the_same_guards_and_ids(bus: Bus, kill: Kill) -> None:
    assert await put(bus, PLACE, {GUARD: "0", "Nats-Msg-Id": "a"}) == 1
    await kill()
    stored = await bus.last(PLACE)
    assert stored is not None
    assert (stored.seq, stored.data) == (1, b"{}")
    assert await refusal(bus, PLACE, {GUARD: "0"}) == (400, 10071)
    assert (await bus.js.publish(PLACE, b"2", headers={"Nats-Msg-Id": "a"})).duplicate
    assert await put(bus, PLACE, {GUARD: "1"}) == 2


async def test_what_was_held_for_a_while_is_handed_out_again_and_what_was_settled_is_not(bus: Bus, kill: Kill) -> None:
    puller = await Puller(bus, LOOP).open(["lw.v1.result.default.>"], lease=0.7)
    for attempt in (1, 2):
        await put(bus, f"lw.v1.result.default.g1.work.{attempt}")
    await (await puller.next()).ack()
    await puller.next()
    await anyio.sleep(WRITTEN)
    await kill()
    await puller.ask(2)
    msg = await puller.hear()
    assert (msg.metadata.sequence.stream, msg.metadata.num_delivered) == (2, 2)
    assert await puller.nothing(0.2)


async def test_what_was_handed_out_or_settled_just_now_may_be_forgotten(bus: Bus, kill: Kill) -> None:
    puller = await Puller(bus, LOOP).open(["lw.v1.result.default.>"], lease=LEASE)
    for _ in range(TRIES):  # a busy machine is slow to kill, and the server has written all of it down by then
        places = [await put(bus) for _ in range(3)]
        settled = await puller.next()
        await anyio.sleep(WRITTEN)
        await puller.next()  # it is written down at once, and what comes next a tenth of a second later
        await settled.ack()
        await puller.next()
        await kill()
        await puller.ask(3, expires=3.0)
        heard = [msg for msg in [await puller.hear() for _ in range(3)] if msg.reply]
        counts = {msg.metadata.sequence.stream: msg.metadata.num_delivered for msg in heard}
        if (counts.get(places[0]), counts.get(places[2])) == (2, 1):
            return
        for msg in heard:
            await msg.ack()
    pytest.fail("it never forgets")


async def test_whoever_has_asked_has_to_ask_again(bus: Bus, kill: Kill) -> None:
    puller = await Puller(bus, LOOP).open(["lw.v1.result.default.>"])
    await puller.ask(expires=30)
    assert await puller.nothing(0.1)  # it has arrived
    await kill()
    await put(bus)
    assert await puller.nothing(0.2)
    assert (await puller.next()).metadata.num_delivered == 1


async def test_a_timer_that_came_due_meanwhile_fires_and_nobody_knows_who_was_there(bus: Bus, kill: Kill) -> None:
    key = f"$KV.{PRESENCE}.default.near.p1"
    await put(bus, key)
    await put(bus, TEA, due_at(datetime.now(UTC) + timedelta(seconds=0.1)))
    await kill()
    inbox, _ = await open_reader(bus.nc, bus.js, TIMERS, ["lw.v1.due.default.>"], after=lambda: 0)
    async with inbox:
        with anyio.fail_after(5):
            assert (await inbox.receive()).subject == "lw.v1.due.default.g1.tea"
    with pytest.raises(NoStreamResponseError):
        await put(bus, key)


async def test_no_more_is_handed_out_than_may_be_held_at_once(bus: Bus) -> None:
    puller = await Puller(bus, LOOP).open(["lw.v1.result.default.>"], lease=30, most=2)
    for _ in range(3):
        await put(bus)
    await puller.ask(4)
    first, second = await puller.hear(), await puller.hear()
    assert await puller.nothing(0.2)
    await second.nak()
    assert (await puller.hear()).metadata.num_delivered == 2
    await first.ack()
    assert (await puller.hear()).metadata.sequence.stream == 3
