"""Through a whole fleet: whoever dies, or returns from the dead, what was paid is paid once; doubt ends the goal."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from loopwright.actors import Attempt, Loop, Retriable, Step, StepFailed, Verdict, Worker, evaluator, worker
from loopwright.actors.holding import Holding
from loopwright.bus import Bus, FailureClass, StopReason, Trajectory, connect_bus
from loopwright.bus.effects import Effect
from loopwright.bus.errors import LoopwrightError
from loopwright.bus.messages import Allowance
from loopwright.bus.subjects import Subject
from loopwright.tools import Done, IdempotencyKey, NotDone, Tool, tool
from loopwright.tools.model import Turn
from tests.integration.actors.dying import take_orders_in_vain
from tests.integration.actors.paying import ORDER, Ledger, Script
from tests.integration.actors.running import Fleet, end_of

type LayCable = Callable[[], AbstractAsyncContextManager[Any]]


async def test_a_worker_that_returns_from_the_dead_pays_nothing_and_its_answer_is_dropped(
    bus: Bus, fleet: Fleet, lay_cable: LayCable, judge: Worker, pay: Tool[int], ledger: Ledger
) -> None:
    paid, returned, dropped, taken_over, may_end = (anyio.Event() for _ in range(5))
    refused: list[str] = []

    @worker("guess", tools=[pay])
    async def frozen(step: Step[Any]) -> dict[str, int]:
        await step.call(pay, amount=1)
        paid.set()
        await returned.wait()
        try:
            await step.call(pay, amount=99)
        except LoopwrightError as error:
            refused.append(str(error))
        dropped.set()
        return {"number": 99}

    @worker("guess", tools=[pay])
    async def successor(step: Step[Any]) -> dict[str, int]:
        number = await step.call(pay, amount=1) + await step.call(pay, amount=2)
        taken_over.set()
        await may_end.wait()
        return {"number": number}

    with capture_logs() as logs:
        async with (
            lay_cable() as cable,
            connect_bus(cable.url, name="lost") as lost,
            fleet(bus, judge) as goals,
            fleet(lost, frozen, orchestrators=0),
        ):
            run = await goals.submit("guessing", {"target": 3}, goal="g1")
            with anyio.fail_after(15):
                await paid.wait()
                cable.cut()
                async with fleet(bus, successor, orchestrators=0):
                    await taken_over.wait()
                    cable.mend()
                    returned.set()
                    await dropped.wait()
                    may_end.set()
                    outcome = await run.outcome()
    assert (outcome.reason, outcome.best, outcome.attempts) == (StopReason.ACCEPTED, {"number": 3}, 1)
    assert ledger.amounts == [1, 2]
    assert refused == ["another worker holds this attempt now"]
    assert [log["event"] for log in logs].count("lease.lost") == 1
    entries = [entry.message for entry in await Trajectory(bus, "g1").so_far() if isinstance(entry.message, Effect)]
    assert [entry.phase for entry in entries] == ["claimed", "done", "held", "claimed", "done"]


async def test_a_payment_in_doubt_is_reconciled_by_whoever_takes_over(
    bus: Bus, fleet: Fleet, lay_cable: LayCable, judge: Worker, ledger: Ledger
) -> None:
    called = anyio.Event()

    @tool(writes="external")
    async def pay(amount: int, *, key: IdempotencyKey) -> int:
        ledger.paid.append((key, amount))
        called.set()
        await anyio.sleep_forever()
        return amount

    @pay.reconcile
    async def happened(key: IdempotencyKey, amount: int) -> Done | NotDone:
        return Done(amount) if (key, amount) in ledger.paid else NotDone()

    @worker("guess", tools=[pay])
    async def payer(step: Step[Any]) -> dict[str, int]:
        return {"number": await step.call(pay, amount=2)}

    async with (
        lay_cable() as cable,
        fleet(bus, judge) as goals,
        anyio.create_task_group() as tasks,
        connect_bus(cable.url, name="lost") as lost,
    ):
        tasks.start_soon(serve, fleet, lost, payer)
        run = await goals.submit("guessing", {"target": 2})
        with anyio.fail_after(5):
            await called.wait()
        cable.cut()
        async with fleet(bus, payer, orchestrators=0):
            outcome = await end_of(run)
        cable.mend()
        tasks.cancel_scope.cancel()
    assert (outcome.reason, outcome.attempts) == (StopReason.ACCEPTED, 1)
    assert ledger.amounts == [2]


async def serve(fleet: Fleet, bus: Bus, each: Worker) -> None:
    """Have one worker serve until it is cancelled."""
    async with fleet(bus, each, orchestrators=0):
        await anyio.sleep_forever()


async def test_a_payment_that_nobody_can_tell_of_ends_the_goal_at_once_and_is_not_made_again(
    bus: Bus, fleet: Fleet, judge: Worker, guessing: Loop, ledger: Ledger
) -> None:
    @tool(writes="external")
    async def pay(amount: int, *, key: IdempotencyKey) -> int:
        ledger.paid.append((key, amount))
        await anyio.sleep_forever()
        return amount

    @worker("guess", tools=[pay])
    async def payer(step: Step[Any]) -> dict[str, int]:
        return {"number": await step.call(pay, amount=2)}

    hasty = guessing.model_copy(update={"bounds": guessing.bounds.model_copy(update={"step_timeout": 0.2})})
    async with fleet(bus, payer, judge, loop=hasty) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 2}))
    assert (outcome.reason, outcome.attempts) == (StopReason.ERROR, 1)
    assert outcome.fault is not None
    assert outcome.fault.kind is FailureClass.IN_DOUBT
    assert f"Look for the key {ledger.paid[0][0]}" in outcome.why
    assert ledger.amounts == [2]


async def test_a_step_that_kills_whoever_takes_it_is_in_doubt_if_it_was_paying(
    bus: Bus, fleet: Fleet, judge: Worker, guesser: Worker
) -> None:
    async with fleet(bus, judge) as goals:
        run = await goals.submit("guessing", {"target": 1}, goal="g1")
        await take_orders_in_vain(bus, "guess")
        subject = Subject.of("effect", ns="default", goal="g1", step="work", attempt=1, role="guess")
        told = subject.told() | {"phase": "claimed", "name": "pay", "call": "c", "occurrence": 1, "key": "k1"}
        await bus.publish(subject, Effect.model_validate(told), id="c1", guard=0)
        async with fleet(bus, guesser, orchestrators=0):
            outcome = await end_of(run)
    assert outcome.reason is StopReason.ERROR
    assert "one after the other (test). pay with null may or may not have happened" in outcome.why


async def test_trouble_in_hand_asks_the_model_again_and_nothing_that_it_has_answered(
    bus: Bus, fleet: Fleet, judge: Worker
) -> None:
    script, runs = Script(busy=2), 0

    @worker("guess")
    async def asking(step: Step[Any]) -> dict[str, int]:
        nonlocal runs
        runs += 1
        await step.ask(script, [Turn("user", "a")])
        await step.ask(script, [Turn("user", "b")])
        if runs <= 3:
            raise Retriable("later", wait=0.01)
        return {"number": step.spent.model_calls}

    async with fleet(bus, asking, judge) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 2}))
    assert (outcome.reason, outcome.attempts, script.asked) == (StopReason.ACCEPTED, 1, ["a", "a", "a", "b"])


async def test_an_evaluator_has_calls_of_its_own_and_one_that_makes_none_leaves_no_trace(
    bus: Bus, fleet: Fleet, guesser: Worker
) -> None:
    script = Script()

    @evaluator("near")
    async def near(attempt: Attempt[Any, Any]) -> Verdict:
        said = await attempt.ask(script, [Turn("user", "is it right?")], "m")
        return Verdict(passed=True, score=1.0, feedback=said.text, usage=attempt.spent)

    async with fleet(bus, guesser, near) as goals:
        run = await goals.submit("guessing", {"target": 1}, goal="g1")
        outcome = await end_of(run)
    assert (outcome.usage.model_calls, outcome.usage.tokens_in) == (1, 10)
    subjects = [str(each.subject) for each in await Trajectory(bus, "g1").so_far() if each.subject.kind == "effect"]
    assert subjects == ["lw.v1.effect.default.g1.work.1.near"]


async def test_what_a_task_group_gathers_still_means_what_it_meant(
    bus: Bus, fleet: Fleet, judge: Worker, pay: Tool[int]
) -> None:
    @worker("guess", tools=[pay])
    async def several(step: Step[Any]) -> dict[str, int]:
        async with anyio.create_task_group() as tasks:
            for amount in ("much", "more"):
                tasks.start_soon(misuse, step, pay, amount)
        return {"number": 1}

    async with fleet(bus, several, judge) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 1}))
    assert outcome.fault is not None
    assert outcome.fault.kind is FailureClass.MISUSE
    assert "pay cannot be called so: amount" in outcome.fault.message


async def misuse(step: Step[Any], pay: Tool[int], amount: str) -> None:
    await step.call(pay, amount=amount)


async def test_what_an_attempt_may_spend_is_counted_across_the_workers_that_were_lost(
    bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    order = ORDER.model_copy(update={"left": Allowance(tokens=100, cost=1.0, tool_calls=3)})
    first = Holding(bus, order, [pay])
    for amount in (1, 2):
        await first.call(pay, {"amount": amount})
    successor = Holding(bus, order, [pay], delivery=2)
    await successor.take_over()
    await successor.begin()
    for amount in (1, 2, 3):
        await successor.call(pay, {"amount": amount})
    with pytest.raises(StepFailed, match="the 3 tool calls that it may make are made") as refused:
        await successor.call(pay, {"amount": 4})
    assert refused.value.failure.kind is FailureClass.SPENT
    assert (len(ledger.paid), successor.spent.tool_calls) == (3, 3)


async def test_an_attempt_whose_calls_bring_nothing_new_is_told_and_then_ended(bus: Bus) -> None:
    answers = iter("111111")

    @tool()
    async def look(where: str) -> str:
        return next(answers)

    holding = Holding(bus, ORDER, [look])

    async def again(times: int) -> None:
        for _ in range(times):
            await holding.call(look, {"where": "here"})

    await again(3)
    assert holding.calls.nudge.startswith("The last 2 calls brought nothing new.")
    with pytest.raises(StepFailed, match="5 calls in a row, the last one of look, brought nothing new") as refused:
        await again(3)
    assert refused.value.failure.kind is FailureClass.STUCK


async def test_a_tool_that_polls_is_asked_as_often_as_it_takes(bus: Bus) -> None:
    answers = iter("0000000001")

    @tool(polls=True)
    async def status() -> str:
        return next(answers)

    holding = Holding(bus, ORDER, [status])
    while await holding.call(status, {}) == "0":
        pass
    assert holding.calls.nudge == ""
