"""A step that is handed out anew: to whoever has had it before, and to one who has hardly any time for it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import anyio
import pytest

from loopwright.actors import Step, Workplace, worker
from loopwright.actors.answering import answer
from loopwright.actors.effects import Place, digest_of, key_of
from loopwright.actors.errors import LeaseLost
from loopwright.actors.holding import Holding
from loopwright.actors.lanes import until_called_off
from loopwright.actors.pen import Pen
from loopwright.bus import Bus, FailureClass, Outcome, Status, StopReason, connect_bus
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import Ended, Result
from loopwright.bus.subjects import LOOP, Subject, orders_for
from loopwright.tools import Tool
from loopwright.tools.model import Answer, Turn
from tests.integration.actors.paying import ORDER, SUBJECT, Ledger, Script

type LayCable = Callable[[], AbstractAsyncContextManager[Any]]

PAYMENT = Place(digest_of("call", "pay", {"amount": 5}), 1)


async def die_paying(bus: Bus, ledger: Ledger) -> None:
    """Pay, and be heard of no more before that is on record."""
    pen, key = Pen(bus, ORDER, delivery=1, new=True, cause=""), key_of("default", ORDER, PAYMENT)
    await pen.put(pen.entry(EffectPhase.CLAIMED, "call", "pay", PAYMENT, key=key, arguments={"amount": 5}))
    ledger.paid.append((key, 5))


@dataclass
class Slow:
    """A model that another holder asks, too, and hears the same of, before it has answered."""

    other: Holding
    script: Script

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        await self.other.ask(self.script, turns)
        return await self.script.ask(turns, model)


@worker("support")
async def support(step: Step[Any]) -> None:
    """Do nothing that anybody would hear of."""


@pytest.mark.parametrize("new", [True, False])
async def test_who_is_handed_a_step_anew_that_it_has_asked_a_model_for_does_not_pay_again(
    bus: Bus, *, new: bool
) -> None:
    script, question = Script(), [Turn("user", "a")]
    await Holding(bus, ORDER).ask(script, question)
    again, successor = Holding(bus, ORDER, new=new), Holding(bus, ORDER, delivery=2)
    with pytest.raises(LeaseLost):
        await again.ask(script, question)
    await successor.take_over()
    await successor.ask(script, question)
    assert script.asked == ["a"]


async def test_who_is_handed_a_step_anew_in_which_it_has_claimed_a_call_does_not_make_that_again(
    bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    await die_paying(bus, ledger)
    again = Holding(bus, ORDER, [pay], new=False)
    await again.begin()
    with pytest.raises(LeaseLost):
        await again.call(pay, {"amount": 5})
    assert ledger.amounts == [5]


async def test_of_two_who_were_handed_a_step_at_once_and_have_one_name_one_makes_the_call(
    bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    script, question = Script(), [Turn("user", "a")]
    one, other = (Holding(bus, ORDER, [pay]) for _ in range(2))

    with pytest.raises(LeaseLost):
        await other.ask(Slow(one, script), question)
    await one.call(pay, {"amount": 5})
    with pytest.raises(LeaseLost):
        await other.call(pay, {"amount": 5})
    assert ledger.amounts == [5]


async def test_a_look_at_the_record_that_was_broken_off_is_made_before_the_next_call(bus: Bus) -> None:
    script, question = Script(), [Turn("user", "a")]
    await Holding(bus, ORDER).ask(script, question)
    again = Holding(bus, ORDER)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await again.ask(script, question)
    with pytest.raises(LeaseLost):
        await again.ask(script, question)
    assert script.asked == ["a"]


async def test_who_has_no_time_left_to_read_the_record_tells_of_the_call_in_doubt_all_the_same(
    bus: Bus, pay: Tool[int], ledger: Ledger, lay_cable: LayCable
) -> None:
    await die_paying(bus, ledger)
    async with lay_cable() as cable, connect_bus(cable.url, name="slow") as there, anyio.create_task_group() as tasks:
        cable.cut()

        async def mend() -> None:
            await anyio.sleep(0.2)
            cable.mend()

        tasks.start_soon(mend)
        order = ORDER.but(timeout=0.1)
        said = await answer(there, support, order, None, Holding(there, order, [pay], delivery=2))
    assert isinstance(said, Result)
    assert said.failure is not None
    assert (said.failure.kind, said.usage.tool_calls) == (FailureClass.IN_DOUBT, 0)


async def test_who_takes_over_a_lane_that_was_called_off_tells_what_the_dead_took(bus: Bus, pay: Tool[int]) -> None:
    script, order = Script(), ORDER.but(lane=1)
    await Holding(bus, order).ask(script, [Turn("user", "a")])
    told = {"goal": order.goal, "step": order.step, "attempt": order.attempt, "role": order.role, "delivery": 0}
    await bus.publish(SUBJECT, Effect(**told, phase=EffectPhase.CALLED_OFF), id="off")

    async def make() -> None:
        raise AssertionError

    said = await until_called_off(bus, order, Holding(bus, order, delivery=2), make)
    assert isinstance(said, Result)
    assert (said.usage.model_calls, said.usage.tokens_in) == (1, 10)


async def test_the_goals_of_an_attempt_whose_worker_died_are_called_off_when_its_goal_has_ended(bus: Bus) -> None:
    child = await Holding(bus, ORDER).children.submit("other", {})
    order = Subject.of("step", ns="default", role="support", goal="g1", step="work", attempt=1)
    await bus.publish(order, ORDER, id="order")
    async with await bus.consumer(LOOP, "role-default-support", orders_for("default", "support")) as dying:
        await (await dying.receive()).later()
    outcome = Outcome(goal="g1", loop="shop", status=Status.CANCELED, reason=StopReason.CANCELLED, why="it was")
    await bus.publish(Subject.of("event", ns="default", goal="g1"), Ended(goal="g1", outcome=outcome), id="end")
    called_off, stopping = anyio.Event(), anyio.Event()
    async with (
        bus.overhear(f"lw.v1.ctl.default.{child.goal}", lambda _: called_off.set()),
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(Workplace(bus, support).run, stopping)
        with anyio.fail_after(5):
            await called_off.wait()
        stopping.set()
