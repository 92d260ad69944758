"""No call on record is made again: not by a second run, not by a successor, not by a worker back from the dead."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

from loopwright.actors.effects import Place
from loopwright.actors.errors import LeaseLost
from loopwright.actors.holding import Holding
from loopwright.actors.pen import Pen
from loopwright.bus import Bus, Trajectory, Usage, connect_bus
from loopwright.bus.connection import LEASE
from loopwright.bus.effects import EffectPhase
from loopwright.bus.subjects import LOOP
from loopwright.deploy.embedded import Server
from loopwright.tools import Done, IdempotencyKey, NotDone, Tool, tool
from loopwright.tools.model import Answer, Turn
from tests.integration.actors.paying import ORDER, SUBJECT, Ledger, Script, on_record

type LayCable = Callable[[], AbstractAsyncContextManager[Any]]


async def test_a_second_run_is_answered_from_the_record_in_memory(bus: Bus, pay: Tool[int], ledger: Ledger) -> None:
    holding, script = Holding(bus, ORDER, [pay]), Script()
    for _ in range(2):
        await holding.begin()
        answers = [await holding.ask(script, [Turn("user", text)], "m") for text in ("a", "b", "a")]
        assert [answer.text[-1] for answer in answers] == ["a", "b", "a"]
        assert [await holding.call(pay, {"amount": amount}) for amount in (5, 5, 6)] == [5, 5, 6]
    assert script.asked == ["a", "b", "a"]
    assert ledger.amounts == [5, 5, 6]
    assert len({key for key, _ in ledger.paid}) == 3
    assert holding.spent == Usage(model_calls=3, tool_calls=3, tokens_in=30, tokens_out=3, unpriced=3)


async def test_a_successor_goes_on_from_the_record_and_whoever_held_it_before_writes_no_more(
    bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    script, large = Script(), "x" * 400_000

    @tool()
    async def fetch() -> str:
        script.asked.append("fetch")
        return large

    tools: list[Tool[Any]] = [pay, fetch]
    first, second = Holding(bus, ORDER, tools), Holding(bus, ORDER, tools, delivery=2)
    await first.ask(script, [Turn("user", "a")], None)
    await first.call(pay, {"amount": 5})
    await first.call(fetch, {})
    await second.take_over()
    await second.begin()
    assert (await second.ask(script, [Turn("user", "a")], None)).tokens_in == 10
    assert await second.call(fetch, {}) == large
    assert await second.call(pay, {"amount": 5}) == 5
    for late in (first.call(pay, {"amount": 6}), first.call(pay, {"amount": 5}), first.ask(script, [], None)):
        with pytest.raises(LeaseLost):
            await late
    with pytest.raises(LeaseLost):
        await Holding(bus, ORDER, tools).call(pay, {"amount": 7})
    assert await second.call(pay, {"amount": 6}) == 6
    assert (script.asked, ledger.amounts) == (["a", "fetch"], [5, 6])
    assert second.spent == Usage(model_calls=1, tool_calls=3, tokens_in=10, tokens_out=1, unpriced=1)
    done, claimed = EffectPhase.DONE, EffectPhase.CLAIMED
    assert await on_record(bus) == [
        (done, 1),
        (claimed, 1),
        (done, 1),
        (done, 1),
        (EffectPhase.HELD, 2),
        (claimed, 2),
        (done, 2),
    ]


async def test_whoever_hears_late_that_its_claim_stands_asks_again_before_it_pays(
    bus: Bus, lay_cable: LayCable, pay: Tool[int], ledger: Ledger
) -> None:
    @pay.reconcile
    async def happened(key: IdempotencyKey, amount: int) -> Done | NotDone:
        return Done(amount) if (key, amount) in ledger.paid else NotDone()

    refused = False

    async def late() -> None:
        nonlocal refused
        try:
            await holding.call(pay, {"amount": 1})
        except LeaseLost:
            refused = True

    async with lay_cable() as cable, connect_bus(cable.url, name="lost") as lost, anyio.create_task_group() as tasks:
        holding = Holding(lost, ORDER, [pay])
        await holding.ask(Script(), [Turn("user", "a")], "m")
        cable.mute()
        cut = anyio.current_time()
        tasks.start_soon(late)
        async with Trajectory(bus, "g1").follow() as entries:
            with anyio.fail_after(5):
                for _ in range(2):
                    await anext(entries)
        successor = Holding(bus, ORDER, [pay], delivery=2)
        await successor.take_over()
        await successor.begin()
        assert await successor.call(pay, {"amount": 1}) == 1
        await anyio.sleep(cut + LEASE / 2 - anyio.current_time() + 0.1)
        cable.mend()
    assert refused
    assert ledger.amounts == [1]


async def test_whoever_is_handed_an_attempt_for_the_first_time_again_pays_nothing(
    server: Server, bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    script = Script()
    first = Holding(bus, ORDER, [pay])
    await first.ask(script, [Turn("user", "a")], None)
    await first.call(pay, {"amount": 5})
    async with connect_bus(server.url, name="another") as elsewhere:
        for _ in range(2):  # a broker that is killed forgets how often it has handed out a step
            again = Holding(elsewhere, ORDER, [pay])
            with pytest.raises(LeaseLost):
                await again.ask(script, [Turn("user", "a")], None)
            with pytest.raises(LeaseLost):
                await again.call(pay, {"amount": 5})
        successor = Holding(elsewhere, ORDER, [pay], delivery=2)
        await successor.take_over()
        rival = Holding(bus, ORDER, [pay], delivery=2)
        with pytest.raises(LeaseLost):
            await rival.take_over()
        assert await successor.call(pay, {"amount": 5}) == 5
    assert (script.asked, ledger.amounts) == (["a"], [5])


async def test_who_may_have_been_handed_an_attempt_anew_says_so_before_it_pays_and_an_answer_under_way_is_refused(
    server: Server, bus: Bus
) -> None:
    paying, both = Paying(), anyio.Event()
    async with connect_bus(server.url, name="another") as elsewhere, anyio.create_task_group() as tasks:

        async def first() -> None:
            with pytest.raises(LeaseLost):
                await Holding(bus, ORDER).ask(paying, [Turn("user", "a")], None)
            both.set()

        tasks.start_soon(first)
        await paying.begun.wait()
        anew = Holding(elsewhere, ORDER, new=False)
        tasks.start_soon(anew.ask, Script(), [Turn("user", "a")], None)
        while await bus.last(SUBJECT) is None:  # noqa: ASYNC110 - nothing is said when it is there
            await anyio.sleep(0.01)
        paying.answer.set()
        with anyio.fail_after(5):
            await both.wait()
        late = Script()
        with pytest.raises(LeaseLost):
            await Holding(bus, ORDER, new=False).ask(late, [Turn("user", "a")], None)
    assert late.asked == []


class Paying(Script):
    """A model that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.answer = anyio.Event(), anyio.Event()

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        self.begun.set()
        await self.answer.wait()
        return await super().ask(turns, model)


async def test_an_older_successor_that_is_late_gives_way(bus: Bus) -> None:
    await Holding(bus, ORDER, delivery=3).take_over()
    with pytest.raises(LeaseLost):
        await Holding(bus, ORDER, delivery=2).take_over()


async def test_calls_that_are_made_at_once_are_each_on_record(bus: Bus, pay: Tool[int], ledger: Ledger) -> None:
    holding, script = Holding(bus, ORDER, [pay]), Script()

    async def call(amount: int) -> None:
        assert await holding.call(pay, {"amount": amount % 5}) == amount % 5
        await holding.ask(script, [Turn("user", str(amount))])

    for _ in range(2):
        await holding.begin()
        async with anyio.create_task_group() as tasks:
            for amount in range(20):
                tasks.start_soon(call, amount)
    assert (len(ledger.paid), len({key for key, _ in ledger.paid})) == (20, 20)
    assert holding.spent.model_calls == len(script.asked) == 20


async def test_what_a_tool_has_done_goes_on_record_even_if_its_worker_is_told_to_go_just_then(
    bus: Bus, ledger: Ledger
) -> None:
    with anyio.CancelScope() as leaving:

        @tool(writes="external")
        async def last(amount: int, *, key: IdempotencyKey) -> int:
            ledger.paid.append((key, amount))
            leaving.cancel()
            return amount

        await Holding(bus, ORDER, [last]).call(last, {"amount": 4})
    assert leaving.cancelled_caught
    successor = Holding(bus, ORDER, [last], delivery=2)
    await successor.take_over()
    await successor.begin()
    assert await successor.call(last, {"amount": 4}) == 4
    assert ledger.amounts == [4]


async def test_an_entry_whose_receipt_was_lost_is_still_ours(bus: Bus) -> None:
    pen = Pen(bus, ORDER, delivery=1, new=True, cause="")
    entry = pen.entry(EffectPhase.DONE, "ask", "m", Place("a", 1), answer="heard")
    await bus.publish(SUBJECT, entry, id="unheard", guard=0)
    await pen.put(entry)
    assert pen.record.done == {Place("a", 1): entry}
    assert await on_record(bus) == [(EffectPhase.DONE, 1)]


async def test_what_nobody_can_read_on_an_effect_record_means_nothing(bus: Bus, pay: Tool[int], ledger: Ledger) -> None:
    holding = Holding(bus, ORDER, [pay])
    for garbage in (b"", b"\xff", b'{"phase": "held", "delivery": "many"}', b'{"phase": "held", "goal": "other"}'):
        await bus.js.publish(str(SUBJECT), garbage)
        await holding.call(pay, {"amount": 1})
    successor = Holding(bus, ORDER, [pay], delivery=2)
    await successor.take_over()
    assert [await successor.call(pay, {"amount": 1}) for _ in range(5)] == [1] * 5
    assert len(ledger.paid) == 5


async def test_whoever_finds_the_record_gone_gives_way(bus: Bus, pay: Tool[int], ledger: Ledger) -> None:
    holding = Holding(bus, ORDER, [pay])
    await holding.call(pay, {"amount": 1})
    await bus.js.purge_stream(LOOP, subject=str(SUBJECT))
    with pytest.raises(LeaseLost):
        await holding.call(pay, {"amount": 2})
    assert ledger.amounts == [1]
