"""A worker that stood still for longer than its lease lasts makes sure, before the next call, that nobody has come."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import pytest

from loopwright.actors.errors import LeaseLost, RaceLost
from loopwright.actors.holding import Holding
from loopwright.actors.leases import Leases, passed
from loopwright.actors.pen import ROUNDS, SUCCESSION
from loopwright.bus import Bus, connect_bus
from loopwright.bus.connection import LEASE
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.inbox import Delivery
from loopwright.bus.wire import Arrival, WireClient
from loopwright.deploy.embedded import Server
from loopwright.tools import Tool
from loopwright.tools.model import Turn
from tests.integration.actors.paying import ORDER, SUBJECT, Ledger, Script, on_record

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
