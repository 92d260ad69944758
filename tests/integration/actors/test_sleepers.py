"""A worker that stood still for longer than its lease lasts makes sure, before the next call, that nobody has come."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import pytest

from loopwright.actors import Bounds, Loop, Step, Worker, worker
from loopwright.actors.errors import LeaseLost, RaceLost
from loopwright.actors.holding import Holding
from loopwright.actors.leases import SILENCE, Leases, passed
from loopwright.actors.pen import PROMPT, ROUNDS, SUCCESSION
from loopwright.bus import Bus, Outcome, Status, StopReason, connect_bus
from loopwright.bus.connection import LEASE
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.inbox import Delivery
from loopwright.bus.messages import Ended
from loopwright.bus.subjects import Subject
from loopwright.bus.wire import Arrival, WireClient
from loopwright.deploy.embedded import Server
from loopwright.tools import Tool
from loopwright.tools.model import Turn
from tests.integration.actors.paying import ORDER, SUBJECT, Ledger, Script, on_record
from tests.integration.actors.running import Fleet, end_of

type LayCable = Callable[[], AbstractAsyncContextManager[Any]]


class Clock:
    """Time that goes on while a process stands still."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


def delivery(nc: WireClient) -> Delivery:
    """Return something to hold: where it is acknowledged nobody listens."""
    return Delivery(Arrival("any", "$JS.ACK.LOOP.nobody.1.1.1.1.0", b"", b""), nc)


@asynccontextmanager
async def kept(bus: Bus, clock: Callable[[], float]) -> AsyncIterator[Leases]:
    """Have leases kept while the body runs."""
    leases = Leases(bus.nc, clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(leases.keep)
        await anyio.wait_all_tasks_blocked()
        yield leases
        tasks.cancel_scope.cancel()


async def test_a_worker_that_was_frozen_between_two_calls_pays_for_nothing_that_its_successor_has_paid(
    server: Server, bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    script, clock = Script(), Clock()
    async with kept(bus, clock) as leases, connect_bus(server.url, name="another") as elsewhere:
        frozen = Holding(bus, ORDER, [pay], leases=leases)
        await frozen.ask(script, [Turn("user", "a")], None)
        clock.now += LEASE
        successor = Holding(elsewhere, ORDER, [pay], delivery=2)
        await successor.take_over()
        for text in ("a", "b"):
            await successor.ask(script, [Turn("user", text)], None)
        with pytest.raises(LeaseLost):
            await frozen.ask(script, [Turn("user", "b")], None)
        with pytest.raises(LeaseLost):
            await frozen.call(pay, {"amount": 5})
    assert (script.asked, ledger.amounts) == (["a", "b"], [])


async def test_a_successor_that_is_about_to_take_over_from_one_that_was_frozen_is_waited_for(
    server: Server, bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    refused, clock = anyio.Event(), Clock()

    async def late() -> None:
        with pytest.raises(LeaseLost):
            await frozen.call(pay, {"amount": 5})
        refused.set()

    async with (
        kept(bus, clock) as leases,
        connect_bus(server.url, name="another") as elsewhere,
        anyio.create_task_group() as tasks,
    ):
        frozen = Holding(bus, ORDER, [pay], leases=leases)
        clock.now += LEASE
        tasks.start_soon(late)
        await anyio.wait_all_tasks_blocked()
        successor = Holding(elsewhere, ORDER, [pay], delivery=2)
        await successor.take_over()
        assert await successor.call(pay, {"amount": 5}) == 5
        with anyio.fail_after(5):
            await refused.wait()
    assert ledger.amounts == [5]


async def test_a_worker_that_was_frozen_goes_on_where_nobody_has_come_and_says_before_each_call_that_it_is_there(
    bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    script, clock = Script(), Clock()
    async with kept(bus, clock) as leases:
        holding = Holding(bus, ORDER, [pay], leases=leases)
        clock.now += 2 * LEASE
        for text in ("a", "b"):
            await holding.ask(script, [Turn("user", text)], None)
        await holding.call(pay, {"amount": 5})
    phases = [phase for phase, *_ in await on_record(bus)]
    assert phases == ["held", "done", "held", "done", "held", "claimed", "done"]
    assert (script.asked, ledger.amounts) == (["a", "b"], [5])


async def test_a_worker_that_was_frozen_while_its_goal_ended_begins_no_call_any_more(
    bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    outcome = Outcome(goal="g1", loop="shop", status=Status.CANCELED, reason=StopReason.CANCELLED)
    script, clock = Script(), Clock()
    async with kept(bus, clock) as leases:
        holding = Holding(bus, ORDER, [pay], leases=leases)
        clock.now += LEASE
        await bus.publish(Subject.of("event", ns="default", goal="g1"), Ended(goal="g1", outcome=outcome), id="end")
        with pytest.raises(LeaseLost):
            await holding.ask(script, [Turn("user", "a")], None)
        with pytest.raises(LeaseLost):
            await holding.call(pay, {"amount": 5})
    assert (script.asked, ledger.amounts) == ([], [])


async def test_a_worker_whose_words_do_not_reach_the_server_is_as_silent_as_one_that_was_frozen(
    server: Server, bus: Bus, lay_cable: LayCable
) -> None:
    script = Script()
    async with lay_cable() as cable, connect_bus(cable.url, name="cut off") as there, kept(there, passed) as leases:
        with leases.kept(delivery(there.nc)):
            cut_off = Holding(there, ORDER, leases=leases)
            await cut_off.ask(script, [Turn("user", "a")], None)
            cable.cut()
            await anyio.sleep(LEASE)
            successor = Holding(bus, ORDER, delivery=2)
            await successor.take_over()
            for text in ("a", "b"):
                await successor.ask(script, [Turn("user", text)], None)
            cable.mend()
            with anyio.fail_after(10), pytest.raises(LeaseLost):
                await cut_off.ask(script, [Turn("user", "b")], None)
    assert script.asked == ["a", "b"]


async def test_a_worker_that_is_always_too_busy_to_say_that_it_is_there_goes_on_in_the_end(bus: Bus) -> None:
    script, clock = Script(), Clock()
    async with kept(bus, clock) as leases, anyio.create_task_group() as tasks:

        async def stand_still_again_and_again() -> None:
            while True:
                await anyio.sleep(SUCCESSION / 2)
                clock.now += LEASE

        tasks.start_soon(stand_still_again_and_again)
        clock.now += LEASE
        with anyio.fail_after(ROUNDS * SUCCESSION + 5):
            await Holding(bus, ORDER, leases=leases).ask(script, [Turn("user", "a")], None)
        tasks.cancel_scope.cancel()
    assert script.asked == ["a"]


async def test_a_worker_that_was_cut_off_asks_nothing_for_an_attempt_that_was_called_off_meanwhile(bus: Bus) -> None:
    script, clock = Script(), Clock()
    async with kept(bus, clock) as leases:
        holding = Holding(bus, ORDER, leases=leases)
        await holding.ask(script, [Turn("user", "a")], None)
        told = {"goal": ORDER.goal, "step": ORDER.step, "attempt": ORDER.attempt, "role": ORDER.role}
        word = Effect.of(phase=EffectPhase.CALLED_OFF, delivery=0, **told)
        await bus.publish(SUBJECT, word, id="called-off")
        clock.now += LEASE
        with pytest.raises(RaceLost):
            await holding.ask(script, [Turn("user", "b")], None)
    assert script.asked == ["a"]


async def test_a_worker_whose_time_runs_out_while_it_is_in_doubt_says_nothing_in_the_place_of_its_successor(
    server: Server, bus: Bus
) -> None:
    clock = Clock()
    async with kept(bus, clock) as leases, connect_bus(server.url, name="another") as elsewhere:
        frozen = Holding(bus, ORDER, leases=leases)
        await frozen.ask(Script(), [Turn("user", "a")], None)
        clock.now += LEASE
        await Holding(elsewhere, ORDER, delivery=2).take_over()
        with pytest.raises(LeaseLost):
            await frozen.refuse_if_taken()


async def test_what_lay_there_while_a_worker_was_frozen_has_a_sign_of_life_as_soon_as_it_is_taken(bus: Bus) -> None:
    clock, order = Clock(), delivery(bus.nc)
    said = await bus.nc.subscribe("$JS.ACK.LOOP.nobody.>")
    async with kept(bus, clock) as leases:
        with leases.kept(order):
            await bus.nc.flush()
        assert said.pending_msgs == 0
        clock.now += LEASE
        with leases.kept(order):
            assert (await said.next_msg(timeout=SILENCE / 4)).data == b"+WPI", "the next beat comes later"


async def test_a_holder_in_doubt_that_hears_late_that_it_is_the_holder_says_so_again(bus: Bus) -> None:
    class Slow(Clock):
        def __call__(self) -> float:
            self.now += 1.1 * PROMPT
            return self.now

    script, clock = Script(), Slow()
    async with kept(bus, clock) as leases:
        holding = Holding(bus, ORDER, leases=leases)
        clock.now += LEASE
        await holding.ask(script, [Turn("user", "a")], None)
    assert [phase for phase, *_ in await on_record(bus)] == [*["held"] * ROUNDS, "done"]


BLOCKED = Loop(name="blocked", work="support", judges=("near",), bounds=Bounds(deadline=30, attempts=1, failures=1))


def blocking(script: Script, *, then: str) -> Worker:
    """Return a worker that has nobody say for a while that it is there, between a first call and perhaps another."""

    @worker("support")
    async def support(step: Step[Any]) -> dict[str, int]:
        await step.ask(script, [Turn("user", "a")])
        time.sleep(SILENCE + 0.2)  # noqa: ASYNC251 - that is what it is about
        if not then:
            await anyio.sleep_forever()
        await step.ask(script, [Turn("user", then)])
        return {"number": 1}

    return support


async def test_a_handler_that_blocks_its_process_makes_sure_before_its_next_call_that_nobody_has_come(
    bus: Bus, fleet: Fleet, judge: Worker
) -> None:
    script = Script()
    async with fleet(bus, blocking(script, then="b"), judge, loop=BLOCKED) as goals:
        outcome = await end_of(await goals.submit("blocked", {"target": 1}, goal="g1"))
    assert (outcome.reason, script.asked) == (StopReason.ACCEPTED, ["a", "b"])
    assert [phase for phase, *_ in await on_record(bus)] == ["done", "held", "done"]


async def test_a_time_out_of_a_handler_that_has_blocked_its_process_is_said_behind_the_record_only(
    bus: Bus, fleet: Fleet, judge: Worker
) -> None:
    short = BLOCKED.bounds.model_copy(update={"step_timeout": SILENCE + 0.4})
    async with fleet(bus, blocking(Script(), then=""), judge, loop=BLOCKED.but(bounds=short)) as goals:
        outcome = await end_of(await goals.submit("blocked", {"target": 1}, goal="g1"))
    assert outcome.reason is not StopReason.ACCEPTED
    assert [phase for phase, *_ in await on_record(bus)] == ["done", "held"]
