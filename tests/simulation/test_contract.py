"""What the product relies on of the broker: a real nats-server and the simulated one give the same answers."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import anyio
import pytest
import pytest_asyncio
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import APIError

from loopwright.bus import Bus
from loopwright.bus.answers import ANSWER
from loopwright.bus.errors import GuardLost
from loopwright.bus.reading import open_reader, read_all
from loopwright.bus.stored import in_json, last_in_json, last_on
from loopwright.bus.streams import BOARD, BOARD_STREAM, HISTORY, PRESENCE, PRESENCE_STREAM, STREAMS
from loopwright.bus.subjects import INTAKE, LOOP, TIMERS

LEASE = 0.2
PLACE = "lw.v1.result.default.g1.work.1"
TEA = "lw.v1.timer.default.g1.tea"
GUARD = "Nats-Expected-Last-Subject-Sequence"

pytestmark = pytest.mark.asyncio(loop_scope="module")


type Headers = dict[str, str]


async def put(bus: Bus, subject: str = PLACE, headers: Headers | None = None, data: bytes = b"{}") -> int:
    return (await bus.js.publish(subject, data, headers=headers)).seq


async def refusal(bus: Bus, subject: str = PLACE, headers: Headers | None = None) -> tuple[int | None, int | None]:
    with pytest.raises(APIError) as refused:
        await put(bus, subject, headers)
    return refused.value.code, refused.value.err_code


def due_at(at: datetime) -> Headers:
    when = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"Nats-Schedule": f"@at {when}", "Nats-Schedule-Target": "lw.v1.due.default.g1.tea", "ce-type": "due"}


class Puller:
    """Pulls from a durable consumer by hand."""

    def __init__(self, bus: Bus, stream: str) -> None:
        self.bus, self.stream = bus, stream
        self.heard: asyncio.Queue[Msg] = asyncio.Queue()
        self.inbox = bus.nc.new_inbox()

    async def open(self, filters: list[str], lease: float = LEASE, most: int = 1000) -> "Puller":
        config = ConsumerConfig(
            durable_name="test",
            filter_subjects=filters,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=lease,
            max_ack_pending=most,
        )
        await self.bus.js.add_consumer(self.stream, config)
        await self.bus.nc.subscribe(self.inbox, cb=self.heard.put)
        return self

    async def ask(self, count: int = 1, expires: float = 5.0, heartbeat: float = 0.0) -> None:
        asked = {"batch": count, "expires": int(expires * 1e9), "idle_heartbeat": int(heartbeat * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.test"
        await self.bus.nc.publish(subject, json.dumps(asked).encode(), reply=self.inbox)

    async def hear(self) -> Msg:
        with anyio.fail_after(5):
            return await self.heard.get()

    async def next(self) -> Msg:
        await self.ask()
        return await self.hear()

    async def nothing(self, seconds: float = LEASE / 2) -> bool:
        with anyio.move_on_after(seconds):
            await self.heard.get()
            return False
        return True


@pytest_asyncio.fixture(loop_scope="module")
async def puller(bus: Bus) -> "Puller":
    return await Puller(bus, LOOP).open(["lw.v1.result.default.>"])


async def test_of_two_guarded_writes_the_first_is_stored(bus: Bus) -> None:
    assert await put(bus, PLACE, {GUARD: "0"}) == 1
    assert await refusal(bus, PLACE, {GUARD: "0"}) == (400, 10071)
    assert await put(bus, PLACE, {GUARD: "1"}) == 2
    assert await put(bus, "lw.v1.result.default.g1.work.2", {GUARD: "0"}) == 3


async def test_a_guard_may_cover_every_subject_under_a_filter(bus: Bus) -> None:
    over = {f"{GUARD}-Subject": "lw.v1.result.default.g1.>"}
    assert await put(bus, PLACE, {GUARD: "0"} | over) == 1
    assert await put(bus, "lw.v1.result.default.g2.work.1") == 2
    assert await refusal(bus, "lw.v1.result.default.g1.work.2", {GUARD: "0"} | over) == (400, 10071)
    assert await put(bus, "lw.v1.result.default.g1.work.2", {GUARD: "1"} | over) == 3
    assert await refusal(bus, PLACE, {GUARD: "2"} | over) == (400, 10071)


async def test_a_message_with_an_id_that_was_seen_is_not_stored_again(bus: Bus) -> None:
    first = await bus.js.publish(PLACE, b"1", headers={"Nats-Msg-Id": "a"})
    again = await bus.js.publish(PLACE, b"2", headers={"Nats-Msg-Id": "a"})
    assert (first.seq, first.duplicate, again.seq, again.duplicate) == (1, None, 1, True)


async def test_a_lost_guard_comes_before_a_known_id(bus: Bus) -> None:
    assert await put(bus, PLACE, {"Nats-Msg-Id": "a", GUARD: "0"}) == 1
    assert await refusal(bus, PLACE, {"Nats-Msg-Id": "a", GUARD: "0"}) == (400, 10071)
    assert await put(bus, PLACE, {"Nats-Msg-Id": "a", GUARD: "1"}) == 1


async def test_who_overhears_a_subject_hears_what_is_refused_too(bus: Bus) -> None:
    heard: asyncio.Queue[Msg] = asyncio.Queue()
    await bus.nc.subscribe("lw.v1.result.default.*.work.1", cb=heard.put)
    await put(bus, data=b"stored")
    assert await refusal(bus, PLACE, {GUARD: "0"}) == (400, 10071)
    with anyio.fail_after(5):
        assert [(await heard.get()).data for _ in range(2)] == [b"stored", b"{}"]


async def test_a_message_is_handed_out_again_when_its_lease_lapses(bus: Bus, puller: Puller) -> None:
    await put(bus)
    for count in (1, 2, 3):
        msg = await puller.next()
        assert (msg.subject, msg.metadata.num_delivered, msg.metadata.sequence.stream) == (PLACE, count, 1)
    await msg.ack()
    await puller.ask()
    assert await puller.nothing(1.5 * LEASE)


async def test_a_sign_of_life_keeps_the_lease(bus: Bus, puller: Puller) -> None:
    await put(bus)
    msg = await puller.next()
    await puller.ask()
    for _ in range(4):
        assert await puller.nothing()
        await msg.in_progress()
    assert (await puller.hear()).metadata.num_delivered == 2


async def test_a_message_that_is_given_back_is_handed_out_at_once_or_after_a_while(bus: Bus) -> None:
    puller = await Puller(bus, LOOP).open(["lw.v1.result.default.>"], lease=30)
    await put(bus)
    await (await puller.next()).nak()
    msg = await puller.next()
    await msg.nak(delay=LEASE)
    await puller.ask()
    assert await puller.nothing(LEASE / 2)
    assert (await puller.hear()).metadata.num_delivered == 3


async def test_what_a_worker_says_after_its_lease_counts_all_the_same(bus: Bus) -> None:
    puller = await Puller(bus, LOOP).open(["lw.v1.result.default.>"], lease=0.3)
    await put(bus)
    late = await puller.next()
    assert (await puller.next()).metadata.num_delivered == 2
    await late.nak()
    with anyio.fail_after(0.2):
        assert (await puller.next()).metadata.num_delivered == 3
    late._ackd = False
    await late.ack()
    await puller.ask()
    assert await puller.nothing(1.5 * LEASE)


async def test_a_message_that_is_rejected_is_never_handed_out_again(bus: Bus, puller: Puller) -> None:
    await put(bus)
    await (await puller.next()).term()
    await puller.ask()
    assert await puller.nothing(1.5 * LEASE)


async def test_messages_come_in_order_and_tell_how_many_are_left(bus: Bus, puller: Puller) -> None:
    for _ in range(3):
        await put(bus)
    await puller.ask(3)
    heard = [(await puller.hear()).metadata for _ in range(3)]
    assert [(each.sequence.stream, each.sequence.consumer, each.num_pending) for each in heard] == [
        (1, 1, 2),
        (2, 2, 1),
        (3, 3, 0),
    ]
    assert all(abs(each.timestamp - datetime.now(UTC)) < timedelta(seconds=5) for each in heard)


async def test_who_waits_for_a_message_gets_signs_of_life_and_is_told_when_the_time_is_up(puller: Puller) -> None:
    await puller.ask(2, expires=0.5, heartbeat=0.2)
    heard = [(await puller.hear()).headers or {} for _ in range(3)]
    assert [each["Status"] for each in heard] == ["100", "100", "408"]
    assert (heard[2]["Nats-Pending-Messages"], heard[2]["Nats-Pending-Bytes"]) == ("2", "0")


async def test_nobody_answers_for_a_consumer_that_is_gone(bus: Bus, puller: Puller) -> None:
    await bus.js.delete_consumer(LOOP, "test")
    await puller.ask()
    assert ((await puller.hear()).headers or {})["Status"] == "503"
    with pytest.raises(NoRespondersError):
        await bus.nc.request("$JS.API.CONSUMER.MSG.NEXT.LOOP.test", b"{}", timeout=1)


async def test_what_nobody_listens_for_any_more_goes_to_another(bus: Bus, puller: Puller) -> None:
    gone = Puller(bus, LOOP)
    listening = await bus.nc.subscribe(gone.inbox, cb=gone.heard.put)
    await gone.ask()
    await bus.nc.flush()
    await listening.unsubscribe()
    await bus.nc.flush()
    await puller.ask()
    await bus.nc.flush()
    await put(bus)
    assert (await puller.hear()).metadata.num_delivered == 1


async def test_a_goal_leaves_the_queue_when_it_is_let_go(bus: Bus) -> None:
    goals = await Puller(bus, INTAKE).open(["lw.v1.goal.default.>"])
    await put(bus, "lw.v1.goal.default.repair")
    msg = await goals.next()
    about = json.dumps({"seq": 1}).encode()
    kept = json.loads((await bus.nc.request(f"$JS.API.STREAM.MSG.GET.{INTAKE}", about, timeout=2)).data)
    assert kept["message"]["subject"] == "lw.v1.goal.default.repair"
    await msg.ack()
    await anyio.sleep(0.1)
    gone = json.loads((await bus.nc.request(f"$JS.API.STREAM.MSG.GET.{INTAKE}", about, timeout=2)).data)
    assert (gone["error"]["code"], gone["error"]["err_code"]) == (404, 10037)


async def test_a_full_intake_refuses_until_there_is_room(bus: Bus) -> None:
    (intake,) = [config for config in STREAMS if config.name == INTAKE]
    await bus.js.update_stream(intake.evolve(max_msgs=1))
    goals = await Puller(bus, INTAKE).open(["lw.v1.goal.default.>"])
    await put(bus, "lw.v1.goal.default.repair")
    assert await refusal(bus, "lw.v1.goal.default.repair") == (503, 10077)
    await (await goals.next()).ack()
    await anyio.sleep(0.1)
    assert await put(bus, "lw.v1.goal.default.repair") == 2


async def test_the_last_message_is_found_directly_and_in_json(bus: Bus) -> None:
    assert await last_on(bus.nc, PLACE, 2) is None
    assert await last_in_json(bus.nc, PLACE, 2) is None
    await put(bus, data=b"first")
    await put(bus, headers={"ce-id": "x"}, data=b"last")
    for stored in (await last_on(bus.nc, PLACE, 2), await last_in_json(bus.nc, PLACE, 2)):
        assert stored is not None
        assert (stored.seq, stored.data, stored.subject) == (2, b"last", PLACE)
        assert abs(stored.time - datetime.now(UTC)) < timedelta(seconds=5)
    direct = await last_on(bus.nc, PLACE, 2)
    assert direct is not None
    assert direct.headers["ce-id"] == "x"


async def test_a_reader_reads_from_a_place_on_or_the_last_of_every_subject(bus: Bus) -> None:
    for attempt in (1, 2, 1, 2):
        await put(bus, f"lw.v1.result.default.g1.work.{attempt}")
    for after, last_only, expected in ((0, False, [1, 2, 3, 4]), (2, False, [3, 4]), (0, True, [3, 4])):
        inbox, waiting = await bus.reader(["lw.v1.result.>"], after=lambda: after, last_only=last_only)  # noqa: B023
        async with inbox:
            with anyio.fail_after(5):
                assert [(await inbox.receive()).seq for _ in range(waiting)] == expected


async def test_the_broker_says_at_a_time_what_it_was_told_to_and_only_the_last_word(bus: Bus) -> None:
    inbox, _ = await open_reader(bus.nc, bus.js, TIMERS, ["lw.v1.due.default.>"], after=lambda: 0)
    began = datetime.now(UTC)
    for data, seconds in ((b"first", 0.1), (b"second", 0.25)):
        await put(bus, TEA, due_at(began + timedelta(seconds=seconds)), data)
    async with inbox:
        with anyio.fail_after(5):
            due = await inbox.receive()
        assert (due.subject, due.data, due.headers) == (
            "lw.v1.due.default.g1.tea",
            b"second",
            {"ce-type": "due", "Nats-Scheduler": TEA, "Nats-Schedule-Next": "purge"},
        )
        assert due.time - began >= timedelta(seconds=0.25)
        assert await in_json(bus.nc, TIMERS, {"last_by_subj": TEA}, 2) is None
        with anyio.move_on_after(0.15) as over:
            await inbox.receive()
    assert over.cancelled_caught


async def test_a_timer_that_is_taken_back_never_fires(bus: Bus) -> None:
    inbox, _ = await open_reader(bus.nc, bus.js, TIMERS, ["lw.v1.due.default.>"], after=lambda: 0)
    await put(bus, TEA, due_at(datetime.now(UTC) + timedelta(seconds=0.2)))
    bus.forget_timer("g1", "tea")
    async with inbox:
        with anyio.move_on_after(0.4) as over:
            await inbox.receive()
    assert over.cancelled_caught


async def test_the_record_lets_nobody_clear_a_subject_or_have_a_message_lapse(bus: Bus) -> None:
    assert await put(bus) == 1
    assert await refusal(bus, PLACE, {"Nats-Rollup": "sub"}) == (500, 10111)
    assert await refusal(bus, PLACE, {"Nats-TTL": "1s"}) == (400, 10166)
    assert await bus.last(PLACE) is not None


async def test_a_key_holds_its_last_word_and_lapses_in_time(bus: Bus) -> None:
    key, other = f"$KV.{PRESENCE}.default.near.p1", f"$KV.{PRESENCE}.default.near.p2"
    await put(bus, key, {"Nats-TTL": "1"}, b"first")
    await put(bus, key, {"Nats-TTL": "1"}, b"second")
    await put(bus, other, {"Nats-TTL": "9"}, b"alive")
    assert await keys(bus) == {key: b"second", other: b"alive"}
    heard: asyncio.Queue[str] = asyncio.Queue()
    inbox, _ = await open_reader(bus.nc, bus.js, PRESENCE_STREAM, [key], after=lambda: 0)
    async with inbox, bus.overhear(f"$KV.{PRESENCE}.>", lambda arrival: heard.put_nowait(arrival.subject)):
        with anyio.fail_after(5):
            assert [(await inbox.receive()).data for _ in range(2)] == [b"second", b""]
    assert await keys(bus) == {key: b"", other: b"alive"}
    assert heard.empty()


async def test_a_board_keeps_the_last_words_on_a_key_and_takes_one_at_each_revision(bus: Bus) -> None:
    key, filter_ = f"$KV.{BOARD}.default.g1.plan", f"$KV.{BOARD}.default.g1.*"
    async with anyio.create_task_group() as tasks:
        for _ in range(HISTORY):
            tasks.start_soon(put, bus, key, None, b"old")
    assert await bus.write(key, b"new", {}, guard=HISTORY) == HISTORY + 1
    with pytest.raises(GuardLost):
        await bus.write(key, b"late", {}, guard=HISTORY)
    asked: list[dict[str, str | int]] = [{"seq": 1}, {"seq": 2}, {"last_by_subj": filter_}]
    first, second, last = [await in_json(bus.nc, BOARD_STREAM, each, ANSWER) for each in asked]
    assert first is None
    assert second is not None
    assert last is not None
    assert [(each.subject, each.seq, each.data) for each in (second, last)] == [
        (key, 2, b"old"),
        (key, HISTORY + 1, b"new"),
    ]
    assert await refusal(bus, key, {"Nats-Rollup": "all"}) == (500, 10111)


async def keys(bus: Bus) -> dict[str, bytes]:
    stored = await read_all(bus.nc, bus.js, PRESENCE_STREAM, [f"$KV.{PRESENCE}.>"])
    return {each.subject: each.data for each in stored}
