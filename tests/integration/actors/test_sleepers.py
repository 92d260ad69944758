"""A worker that stood still for longer than its lease lasts makes sure, before the next call, that nobody has come."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from loopwright.actors.errors import LeaseLost
from loopwright.actors.holding import Holding
from loopwright.actors.leases import Leases
from loopwright.bus import Bus, connect_bus
from loopwright.bus.connection import LEASE
from loopwright.deploy.embedded import Server
from loopwright.tools import Tool
from loopwright.tools.model import Turn
from tests.integration.actors.paying import ORDER, Ledger, Script, on_record


class Clock:
    """Time that goes on while a process stands still."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


@asynccontextmanager
async def kept(clock: Clock) -> AsyncIterator[Leases]:
    """Have leases kept while the body runs."""
    leases = Leases(clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(leases.keep)
        await anyio.wait_all_tasks_blocked()
        yield leases
        tasks.cancel_scope.cancel()


async def test_a_worker_that_was_frozen_between_two_calls_pays_for_nothing_that_its_successor_has_paid(
    server: Server, bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    script, clock = Script(), Clock()
    async with kept(clock) as leases, connect_bus(server.url, name="another") as elsewhere:
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
        kept(clock) as leases,
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
    async with kept(clock) as leases:
        holding = Holding(bus, ORDER, [pay], leases=leases)
        clock.now += 2 * LEASE
        for text in ("a", "b"):
            await holding.ask(script, [Turn("user", text)], None)
        await holding.call(pay, {"amount": 5})
    phases = [phase for phase, *_ in await on_record(bus)]
    assert phases == ["held", "done", "held", "done", "held", "claimed", "done"]
    assert (script.asked, ledger.amounts) == (["a", "b"], [5])
