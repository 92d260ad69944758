"""The budget of a goal covers the goals below it, whoever dies meanwhile."""

import os
import signal
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from loopwright.actors import (
    Attempt,
    Bounds,
    Loop,
    Orchestrator,
    Step,
    Verdict,
    Worker,
    Workplace,
    evaluator,
    worker,
)
from loopwright.bus import Bus, Limits, Outcome, Run, StopReason, Trajectory
from loopwright.bus.client import Goals, wait_until_known
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import Allowance, Result
from loopwright.bus.names import GoalId
from loopwright.deploy.embedded import Server
from tests.processes.nesting import NEST, Nest, nod, spend
from tests.processes.running import running

CALLS = 40
"""What the goal may spend, all goals below it included."""


async def end_of(run: Run) -> Outcome:
    with anyio.fail_after(30):
        return await run.outcome()


async def serving(bus: Bus, workers: tuple[Worker, ...], stopping: anyio.Event, *loops: Loop) -> None:
    """Be an orchestrator of these loops, and a workplace for each worker, with hands enough for a tree of goals."""
    async with anyio.create_task_group() as tasks:
        if loops:
            tasks.start_soon(Orchestrator(bus, {each.name: each for each in loops}).run, stopping)
        for each in workers:
            tasks.start_soon(Workplace(bus, each, hands=10).run, stopping)


async def test_a_goal_and_two_levels_below_it_spend_its_budget_and_no_more_when_the_worker_is_killed(
    server: Server, bus: Bus, tmp_path: Path
) -> None:
    spent, stopping = tmp_path / "spent", anyio.Event()
    first = running(server.url, ("worker", "spend", "--app", "nesting", "--hands", "10"))
    async with anyio.create_task_group() as tasks:
        async with first as (actor,):
            tasks.start_soon(serving, bus, (), stopping, NEST)
            goal = Nest(depth=2, spent=str(spent))
            run = await Goals(bus).submit("nest", goal, goal="root", limits=Limits(tool_calls=CALLS, steps=30))
            with anyio.fail_after(20):
                while written(spent) < 11:  # noqa: ASYNC110 - two levels down; a file tells nobody
                    await anyio.sleep(0.005)
            os.kill(actor.process.pid, signal.SIGKILL)
        tasks.start_soon(serving, bus, (spend,), stopping)
        outcome = await end_of(run)
        stopping.set()
    made = written(spent)
    in_flight_when_it_was_killed = 1
    assert outcome.reason is StopReason.TOOL_CALLS
    assert CALLS <= made <= CALLS + in_flight_when_it_was_killed
    assert (outcome.usage.tool_calls, outcome.set_aside) == (CALLS, None)
    below = [each for each in await ends(bus) if each.goal != "root"]
    assert len(below) == 6, "nobody has submitted a goal twice"
    assert outcome.usage.steps == sum(each.steps for each in below)
    reserved = [effect for effect in await effects(bus, "root") if effect.phase is EffectPhase.RESERVED]
    assert [each.aside for each in reserved] == [
        Allowance(tokens=100_000, cost=1.5, tool_calls=19, steps=14),
        Allowance(tokens=100_000, cost=1.5, tool_calls=9, steps=13),
    ]


def written(spent: Path) -> int:
    """Return how often anything was spent."""
    return spent.stat().st_size if spent.exists() else 0


async def ends(bus: Bus) -> list[Outcome]:
    found = [Run(bus, GoalId(stored.subject.rpartition(".")[2])) for stored in await bus.record(["lw.v1.event.*.*"])]
    return [outcome for run in found if (outcome := await run.ended())]


async def effects(bus: Bus, goal: str) -> list[Effect]:
    entries = await Trajectory(bus, goal).so_far()
    return [entry.message for entry in entries if isinstance(entry.message, Effect)]


async def submitted(bus: Bus, goal: str) -> Effect:
    """Wait until an attempt has submitted a goal of its own, and return what is on record of it."""
    async with Trajectory(bus, GoalId(goal)).follow() as entries:
        with anyio.fail_after(10):
            async for entry in entries:
                if isinstance(entry.message, Effect) and entry.message.key:
                    return entry.message
    raise AssertionError


@worker("leave")
async def leave(step: Step[Nest]) -> None:
    """Submit a goal, and do not wait for it."""
    await step.submit("sleepy", {}, limits=Limits(tokens=50, cost=1.0))


@worker("sleep")
async def sleep(step: Step[object]) -> None:
    """Work until nobody wants it any more."""
    await anyio.sleep_forever()


LEAVING = Loop(name="leaving", work="leave", judges=("nod",), bounds=Bounds(tokens=80, deadline=20))
SLEEPY = Loop(name="sleepy", work="sleep", judges=("nod",))


async def test_what_a_goal_was_given_counts_as_set_aside_when_nobody_has_heard_its_end(bus: Bus) -> None:
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serving, bus, (leave, sleep, nod), stopping, LEAVING, SLEEPY)
        outcome = await end_of(await Goals(bus).submit("leaving", {"depth": 0, "spent": ""}, goal="g1"))
        (result,) = [
            entry.message for entry in await Trajectory(bus, "g1").so_far() if isinstance(entry.message, Result)
        ]
        stopping.set()
        tasks.cancel_scope.cancel()
    assert outcome.reason is StopReason.ACCEPTED
    assert outcome.set_aside == Allowance(tokens=50, cost=1.0)
    assert result.aside == Allowance(tokens=50, cost=1.0, tool_calls=0, steps=0, all_attempts=0)


@worker("wait")
async def wait(step: Step[Nest]) -> None:
    """Submit a goal, and wait for it."""
    await (await step.submit("sleepy", {})).outcome()


WAITING = Loop(name="waiting", work="wait", judges=("nod",), bounds=Bounds(deadline=20))


@pytest.mark.parametrize("way", ["it is called off", "its time is up"])
async def test_a_goal_below_ends_with_the_goal_that_it_serves(bus: Bus, way: str) -> None:
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serving, bus, (wait, sleep, nod), stopping, WAITING, SLEEPY)
        limits = Limits(deadline=1.0 if way == "its time is up" else None)
        run = await Goals(bus).submit("waiting", {"depth": 0, "spent": ""}, goal="g1", limits=limits)
        below = Run(bus, GoalId((await submitted(bus, "g1")).key))
        if way == "it is called off":
            await wait_until_known(below, 10)
            await run.cancel()
        reasons = [(await end_of(each)).reason for each in (run, below)]
        stopping.set()
    expected = StopReason.CANCELLED if way == "it is called off" else StopReason.DEADLINE
    assert reasons[0] is expected
    assert reasons[1] in {expected, StopReason.CANCELLED}


@worker("outline")
async def outline(step: Step[object]) -> dict[str, Any]:
    """Write a plan of which one step is a goal for each item of another's."""
    return {"steps": [{"name": "list"}, {"name": "square", "each": "list", "loop": "squares"}, {"name": "sum"}]}


@worker("compute")
async def compute(step: Step[dict[str, Any]]) -> Any:
    """Make the list, and in the end the sum."""
    return [2, 3, 4] if step.order.step == "list" else sum(cast(list[int], step.order.before))


@worker("multiply")
async def multiply(step: Step[dict[str, int]]) -> int:
    """Square a number; the first time it is wrong."""
    number = step.input["task"]
    return number * number if step.attempt > 1 else 0


@evaluator("positive")
async def positive(attempt: Attempt[Any, Any]) -> Verdict:
    """Pass what is not nothing."""
    return Verdict(passed=bool(attempt.output), score=float(bool(attempt.output)))


SUMS = Loop(name="sums", plan="outline", work="compute", judges=("positive",), bounds=Bounds(deadline=30))
SQUARES = Loop(name="squares", work="multiply", judges=("positive",))


async def test_the_steps_of_a_plan_may_be_goals_of_another_loop(bus: Bus) -> None:
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        workers = (outline, compute, multiply, positive)
        tasks.start_soon(serving, bus, workers, stopping, SUMS, SQUARES)
        outcome = await end_of(await Goals(bus).submit("sums", {}, goal="g1"))
        stopping.set()
    below = [each for each in await ends(bus) if each.goal != "g1"]
    assert (outcome.reason, outcome.best, outcome.attempts) == (StopReason.ACCEPTED, 29, 6)
    assert sorted(cast(int, each.best) for each in below) == [4, 9, 16]
    assert [each.attempts for each in below] == [2, 2, 2]
    assert outcome.usage.steps == sum(each.steps for each in below) == 12
