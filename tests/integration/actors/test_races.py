"""A race on a real server: whoever is at work on a lane that has lost stops, and says what that took."""

from typing import Any

import anyio
import pytest
from pydantic import JsonValue

from loopwright.actors import Attempt, Bounds, Loop, PlannedStep, Step, Verdict, Workplace, evaluator, worker
from loopwright.actors.effects import record_place
from loopwright.actors.errors import RaceLost
from loopwright.actors.holding import Holding
from loopwright.actors.race import Lane
from loopwright.bus import Bus, FailureClass, StopReason, Trajectory
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import Result, StepOrder
from loopwright.bus.names import GoalId
from loopwright.tools import IdempotencyKey, tool
from tests.integration.actors.running import Fleet

RACE = Loop(
    name="race",
    work="quick",
    makers=("slow",),
    judges=("read",),
    steps=(PlannedStep(name="one", race=(Lane(role="slow"), Lane(model="m"))), PlannedStep(name="two")),
    bounds=Bounds(deadline=30, tool_calls=20),
)
ORDER = StepOrder(goal="g1", loop="race", step="one", attempt=1, role="slow", lane=1)


@evaluator("read")
async def read(attempt: Attempt[Any, JsonValue]) -> Verdict:
    return Verdict(passed=True, score=1.0)


async def last_words(bus: Bus, goal: str) -> Result:
    """Wait for what the loser of the race says of itself, and return it."""
    async with Trajectory(bus, GoalId(goal), kinds=frozenset({"result"})).follow() as entries:
        with anyio.fail_after(10):
            async for entry in entries:
                said = entry.message
                if isinstance(said, Result) and (said.step, said.attempt) == ("one", 1):
                    return said
    raise AssertionError


async def test_who_is_at_work_on_a_lane_that_has_lost_stops_at_once_and_makes_no_call_any_more(
    bus: Bus, fleet: Fleet
) -> None:
    started, stopped, heard = anyio.Event(), anyio.Event(), anyio.Event()
    paid: list[int] = []
    models: list[str | None] = []

    @tool(writes="external")
    async def pay(amount: int, *, key: IdempotencyKey) -> int:
        paid.append(amount)
        return amount

    @worker("slow", tools=[pay])
    async def slow(step: Step[Any]) -> str:
        try:
            await step.call(pay, amount=1)
            started.set()
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True), pytest.raises(RaceLost):
                await step.call(pay, amount=2)
            stopped.set()
        raise AssertionError

    @worker("quick")
    async def quick(step: Step[Any]) -> str:
        await (started if step.order.step == "one" else heard).wait()
        models.append(step.order.model)
        return "done"

    async with fleet(bus, slow, quick, read, loop=RACE) as goals:
        run = await goals.submit("race", {}, goal="g1")
        said = await last_words(bus, "g1")
        with anyio.fail_after(10):
            await stopped.wait()
        heard.set()
        with anyio.fail_after(10):
            outcome = await run.outcome()
    assert (paid, models) == ([1], ["m", None])
    assert said.failure is not None
    assert (said.failure.kind, said.usage.tool_calls) == (FailureClass.CALLED_OFF, 1)
    assert (outcome.reason, outcome.evidence["called_off"]) == (StopReason.ACCEPTED, 1)
    assert (outcome.usage.tool_calls, outcome.set_aside) == (1, None), "what the loser took counts, and no more"


async def test_a_lane_that_nobody_has_taken_when_another_wins_is_never_begun(bus: Bus, fleet: Fleet) -> None:
    heard, begun, stopping = anyio.Event(), list[str](), anyio.Event()

    @worker("slow")
    async def slow(step: Step[Any]) -> str:
        begun.append(step.order.step)
        return "late"

    @worker("quick")
    async def quick(step: Step[Any]) -> str:
        if step.order.step == "two":
            await heard.wait()
        return "done"

    async with fleet(bus, quick, read, loop=RACE) as goals, anyio.create_task_group() as tasks:
        run = await goals.submit("race", {}, goal="g1")
        async with Trajectory(bus, GoalId("g1"), kinds=frozenset({"effect"})).follow() as entries:
            with anyio.fail_after(10):
                called = await anext(entries)
        tasks.start_soon(Workplace(bus, slow).run, stopping)
        said = await last_words(bus, "g1")
        heard.set()
        with anyio.fail_after(10):
            outcome = await run.outcome()
        stopping.set()
    assert isinstance(called.message, Effect)
    assert (called.message.phase, called.message.role) == (EffectPhase.CALLED_OFF, "slow")
    assert said.failure is not None
    assert (begun, said.failure.kind) == ([], FailureClass.CALLED_OFF)
    assert (outcome.reason, outcome.set_aside) == (StopReason.ACCEPTED, None)


async def test_who_has_not_heard_that_the_race_is_lost_ends_the_call_that_it_makes_and_begins_no_other(
    bus: Bus,
) -> None:
    paid: list[int] = []

    @tool(writes="external")
    async def pay(amount: int, *, key: IdempotencyKey) -> int:
        word = Effect(**ORDER.model_dump(include={"goal", "step", "attempt", "role"}), phase=EffectPhase.CALLED_OFF)
        await bus.publish(record_place(bus.ns, ORDER), word.but(delivery=0), id="word")
        paid.append(amount)
        return amount

    holding = Holding(bus, ORDER, [pay])
    assert await holding.call(pay, {"amount": 1}) == 1
    with pytest.raises(RaceLost):
        await holding.call(pay, {"amount": 2})
    assert (paid, holding.spent.tool_calls, await holding.doubt()) == ([1], 1, None)
    successor = Holding(bus, ORDER, [pay], delivery=2)
    await successor.take_over()
    await successor.begin()
    with pytest.raises(RaceLost):
        await successor.call(pay, {"amount": 2})
    assert paid == [1]
