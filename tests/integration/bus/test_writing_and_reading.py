"""The bus keeps its promises on a real server: guards, references, records, timers."""

import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from nats.js.errors import APIError

from loopwright.bus import Bus, Goals, Result, Trajectory, connect_bus
from loopwright.bus.connection import BODY, BY_REFERENCE
from loopwright.bus.envelope import MAX_BODY
from loopwright.bus.errors import GuardLost, IntakeFull, Refused, Unreadable
from loopwright.bus.messages import Cancel, Due, Ended, Outcome, Status, StopReason, Timer
from loopwright.bus.publishing import Publisher
from loopwright.bus.stored import Stored
from loopwright.bus.streams import STREAMS
from loopwright.bus.subjects import INTAKE, LOOP, TIMERS, Subject
from loopwright.deploy.embedded import Server

type Speak = Callable[[bytes, bytes | None, bytes], Awaitable[None]]

PLACE = Subject.of("result", ns="default", goal="g1", step="work", attempt=1)
LINE = b"NATS/1.0\r\n"
ODD_HEADERS = [
    b"NATS/1.0 \xff\xfe\xfd\r\n\r\n",
    b"NATS/1.0\r\n\xff: \xfe\r\n\r\n",
    b"NATS/1.0\r\nce-a b: x\r\n\r\n",
    b"NATS/1.0\r\nce-: x\r\n\r\n",
    b"NATS/1.0\r\nce-a\x00b: x\x00y\r\n\r\n",
    b"NATS/1.0\r\nce-(a): x\ry\r\n\r\n",
    b"NATS/1.0\r\nno colon\r\n\r\n",
    b"NATS/1.0\r\n\r\n",
    b"NATS/1.0 503\r\n\r\n",
    b"NATS/1.0 404\r\n\r\n",
    b"NATS/1.0 503 a\xff\r\nce-x: 1\r\n\r\n",
    b"NATS/1.0\r\nStatus: 404\r\n\r\n",
    b"NATS/1.0\r\nStatus: 503\r\nNats-Sequence: x\r\nNats-Subject: y\r\nNats-Time-Stamp: z\r\n\r\n",
    b"NATS/1.0\r\nLoopwright-Body: sha256-0\r\n\r\n",
    b"NATS/1.0\r\nLoopwright-Body: ../../etc\r\n\r\n",
    b"NATS/1.0\r\nLoopwright-Body: sha256-" + b"0" * 64 + b"\r\n\r\n",
    b"NATS/1.0\r\nce-type: \xc3\xa9\r\n\r\n",
    b"NATS/1.0\r\nce-type: loopwright.result.v9\r\n\r\n",
]


def result(attempt: int = 1, output: str = "patch") -> Result:
    return Result(goal="g1", step="work", attempt=attempt, output=output)


async def test_of_two_guarded_writes_the_first_wins(bus: Bus) -> None:
    await bus.publish(PLACE, result(output="first"), id="a", guard=0)
    with pytest.raises(GuardLost):
        await bus.publish(PLACE, result(output="second"), id="b", guard=0)
    stored = await bus.last(PLACE)
    assert stored is not None
    assert await bus.message(Result, stored) == result(output="first")


async def test_a_guard_tells_rivals_apart_that_use_the_same_id(bus: Bus) -> None:
    await bus.publish(PLACE, result(), id="same", guard=0)
    with pytest.raises(GuardLost):
        await bus.publish(PLACE, result(), id="same", guard=0)


async def test_of_many_who_write_at_once_exactly_one_wins(bus: Bus) -> None:
    won: list[int] = []

    async def write(number: int) -> None:
        try:
            await bus.publish_first(PLACE, result(output=str(number)), id=str(number))
        except GuardLost:
            return
        won.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(write, number)
    stored = await bus.last(PLACE)
    assert stored is not None
    found = await bus.message(Result, stored)
    assert found is not None
    assert [found.output] == [str(number) for number in won]


@pytest.mark.parametrize("garbage", [b"", b"\xff", b"{}x", b'{"attempt": 2}', b'{"size": -1}'])
async def test_what_cannot_be_read_does_not_take_a_place(bus: Bus, garbage: bytes) -> None:
    await bus.js.publish(str(PLACE), garbage)
    await bus.publish_first(PLACE, result(), id="a")
    with pytest.raises(GuardLost):
        await bus.publish_first(PLACE, result(output="later"), id="b")


class Behind(Bus):
    """Reads from a replica that has heard of nothing yet, unless the leader is asked."""

    async def last(self, subject: Subject | str, *, sure: bool = False) -> Stored | None:
        return await super().last(subject, sure=sure) if sure else None


async def test_what_cannot_be_read_takes_no_place_where_a_replica_lags_behind_either(server: Server) -> None:
    async with connect_bus(server.url) as bus:
        behind = Behind(bus.nc, bus.js, Publisher(bus.nc, timeout=5), bus.blobs, ns=bus.ns, name=bus.name)
        await bus.js.publish(str(PLACE), b"garbage")
        await behind.publish_first(PLACE, result(output="first"), id="a")
        stored = await bus.last(PLACE)
        assert stored is not None
        assert await bus.message(Result, stored) == result(output="first")


async def test_a_large_body_goes_by_reference_and_comes_back_whole(bus: Bus) -> None:
    large = result(output="x" * (2 * BY_REFERENCE))
    await bus.publish(PLACE, large, id="a", guard=0)
    stored = await bus.last(PLACE)
    assert stored is not None
    assert stored.data == b""
    assert stored.headers[BODY].startswith("sha256-")
    assert await bus.message(Result, stored) == large
    (entry,) = await Trajectory(bus, "g1").so_far()
    assert entry.message == large


async def test_a_body_up_to_the_limit_travels_in_the_message(bus: Bus) -> None:
    await bus.write(str(PLACE), b"x" * BY_REFERENCE, {})
    stored = await bus.last(PLACE)
    assert stored is not None
    assert BODY not in stored.headers


@pytest.mark.parametrize("name", ["sha256-" + "0" * 64, "", "../x", "sha256-0", "x" * 900])
async def test_a_reference_to_nothing_is_unreadable(bus: Bus, name: str) -> None:
    with pytest.raises(Unreadable):
        await bus.blobs.get(name)


async def test_the_same_bytes_are_stored_once(bus: Bus) -> None:
    first, second = [await bus.blobs.put(b"x" * 9) for _ in range(2)]
    assert first == second
    assert await bus.blobs.get(first) == b"x" * 9


async def test_a_message_that_the_stream_does_not_take_is_an_error_to_its_sender(bus: Bus) -> None:
    (loop,) = [config for config in STREAMS if config.name == LOOP]
    await bus.js.update_stream(loop.evolve(max_msg_size=500))
    with pytest.raises(Refused, match=r"The NATS server refuses a message on .* size exceeds maximum allowed"):
        await bus.publish(PLACE, result(output="x" * 600), id="a", guard=0)
    assert await bus.last(PLACE) is None


async def test_a_full_intake_is_an_error_to_the_sender_until_there_is_room(bus: Bus) -> None:
    (intake,) = [config for config in STREAMS if config.name == INTAKE]
    await bus.js.update_stream(intake.evolve(max_msgs=2))
    goals = Goals(bus)
    for goal in ("g1", "g2"):
        await goals.submit("repair", {}, goal=goal)
    with pytest.raises(IntakeFull, match="Try again later"):
        await goals.submit("repair", {}, goal="g3")
    await bus.js.purge_stream(INTAKE)
    assert (await goals.submit("repair", {}, goal="g3")).goal == "g3"


async def test_the_same_goal_twice_is_one_goal(bus: Bus) -> None:
    for _ in range(2):
        await Goals(bus).submit("repair", {}, goal="g1")
    assert (await bus.js.stream_info(INTAKE)).state.messages == 1


async def test_the_broker_says_when_a_time_has_come(bus: Bus) -> None:
    async with await bus.consumer(TIMERS, "test", ["lw.v1.due.default.g1.*"]) as inbox:
        await bus.set_timer(Timer(goal="g1", id="tea", at=datetime.now(UTC) + timedelta(seconds=0.5)))
        with anyio.fail_after(5):
            delivery = await inbox.receive()
    assert delivery.subject == "lw.v1.due.default.g1.tea"
    assert Due.model_validate_json(delivery.data) == Due(goal="g1", id="tea")


async def test_a_timer_that_was_forgotten_leaves_nothing_behind(bus: Bus) -> None:
    for goal in ("g1", "g2"):
        await bus.set_timer(Timer(goal=goal, id="tea", at=datetime.now(UTC) + timedelta(seconds=1.5)))
    bus.forget_timer("g1", "tea")
    async with await bus.consumer(TIMERS, "test", ["lw.v1.due.default.>"]) as inbox:
        with anyio.fail_after(5):
            assert (await inbox.receive()).subject == "lw.v1.due.default.g2.tea"
    state = (await bus.js.stream_info(TIMERS, subjects_filter=">")).state
    assert state.subjects == {"lw.v1.due.default.g2.tea": 1}


@pytest.mark.parametrize("header", [{"Nats-Rollup": "all"}, {"Nats-Rollup": "sub"}, {"Nats-TTL": "1s"}])
async def test_nobody_who_may_publish_can_erase_the_record(bus: Bus, header: dict[str, str]) -> None:
    await bus.publish(PLACE, result(), id="a", guard=0)
    with pytest.raises(APIError):
        await bus.js.publish(str(PLACE), b"", headers=header)
    assert (await bus.js.stream_info(LOOP)).state.messages == 1


async def test_the_last_message_on_a_subject_is_found_whatever_its_writer_put_around_it(bus: Bus, speak: Speak) -> None:
    for headers, body in itertools.product([None, *ODD_HEADERS], [b"", b"\xff\x00", b"x" * 900_000]):
        before = await bus.write(str(PLACE), b"{}", {})
        await speak(str(PLACE).encode(), headers, body)
        with anyio.fail_after(5):
            stored = await bus.last(PLACE)
            while stored is None or stored.seq == before:
                stored = await bus.last(PLACE)
        assert (stored.seq, stored.data) == (before + 1, body)
        assert await bus.message(Result, stored) is None


async def test_what_others_put_on_the_wire_does_not_silence_a_reader(bus: Bus, speak: Speak) -> None:
    inbox, _ = await bus.reader(["lw.v1.result.default.>"], after=lambda: 0)
    await speak(b"lw.v1.result.default.\xff\xfe.work.1", None, b"x")
    await speak(b"lw.v1.result.default.\xc3\xa9.work.1", None, b"x")
    for headers in ODD_HEADERS:
        await speak(str(PLACE).encode(), headers, b"x")
    async with inbox:
        for _ in range(2 + len(ODD_HEADERS)):
            with anyio.fail_after(5):
                await inbox.receive()


async def test_a_trajectory_passes_over_what_is_none_of_ours_and_keeps_what_cannot_be_read(
    bus: Bus, speak: Speak
) -> None:
    await bus.publish(PLACE, result(), id="a", guard=0)
    await speak(b"lw.v1.result.default.g1.WORK.1", None, b"x")
    await speak(b"lw.v1.result.default.g1.\xff.1", None, b"x")
    await speak(b"lw.v1.result.default.g1.work.2", None, b"x")
    outcome = Outcome(goal="g1", loop="repair", status=Status.FAILED, reason=StopReason.ERROR)
    await bus.js.publish("lw.v1.event.default.g1", b"nonsense")
    await bus.publish_first(Subject.of("event", ns="default", goal="g1"), Ended(goal="g1", outcome=outcome), id="e")

    run = Goals(bus).run("g1")
    with anyio.fail_after(5):
        followed = [entry async for entry in run]
        assert await run.outcome() == outcome
    assert [entry.message for entry in followed] == [result(), None, None, Ended(goal="g1", outcome=outcome)]
    assert await Trajectory(bus, "g1").so_far() == followed
    assert await run.ended() == outcome


async def test_garbage_where_a_goals_end_belongs_is_not_its_end(bus: Bus) -> None:
    await bus.js.publish("lw.v1.event.default.g1", b"nonsense")
    assert await Goals(bus).run("g1").ended() is None


async def test_a_goal_can_be_called_off_again_at_once(bus: Bus) -> None:
    run = Goals(bus).run("g1")
    for why in ("first", "second"):
        await run.cancel(why)
    assert [entry.message for entry in await Trajectory(bus, "g1").so_far()] == [
        Cancel(goal="g1", why="first"),
        Cancel(goal="g1", why="second"),
    ]


async def test_a_body_beyond_what_a_message_holds_is_read_by_reference(bus: Bus) -> None:
    large = result(output="x" * (2 * MAX_BODY))
    await bus.publish_first(PLACE, large, id="a")
    with pytest.raises(GuardLost):
        await bus.publish_first(PLACE, result(), id="b")
    (entry,) = await Trajectory(bus, "g1").so_far()
    assert entry.message == large


async def test_whoever_has_read_a_record_leaves_nothing_behind(bus: Bus) -> None:
    await bus.publish(PLACE, result(), id="a", guard=0)
    for _ in range(20):
        assert len(await bus.record([str(PLACE)])) == 1
    await bus.nc.flush()
    with anyio.fail_after(5):
        while (await bus.js.stream_info(LOOP)).state.consumer_count:  # noqa: ASYNC110 - the server knows
            await anyio.sleep(0.02)
