"""Orchestrators with different loops share one bus: each goal is opened by one that has its loop, and run by all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from loopwright.actors import Loop, Orchestrator, PlannedStep, Worker, Workplace
from loopwright.bus import Bus, Outcome, Run, StopReason, connect_bus
from loopwright.bus.client import Goals, wait_until_known
from loopwright.bus.subjects import decisions_on
from loopwright.deploy.embedded import Server

DOZEN = 12


@asynccontextmanager
async def orchestrating(server: Server, name: str, *loops: Loop) -> AsyncIterator[anyio.CancelScope]:
    """Run an orchestrator on a connection of its own; who cancels it kills it."""
    async with connect_bus(server.url, name=name) as bus, anyio.create_task_group() as tasks:
        tasks.start_soon(Orchestrator(bus, {loop.name: loop for loop in loops}).run, anyio.Event())
        yield tasks.cancel_scope
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def working(bus: Bus, *workers: Worker) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        for each in workers:
            tasks.start_soon(Workplace(bus, each).run, anyio.Event())
        yield
        tasks.cancel_scope.cancel()


async def ends_of(runs: list[Run]) -> list[Outcome]:
    with anyio.fail_after(20):
        return [await run.outcome() for run in runs]


async def who_decided(bus: Bus, goal: str) -> list[str]:
    """Return who made each decision on a goal, in order."""
    return [each.headers["ce-source"] for each in await bus.record([decisions_on("default", goal)])]


async def test_goals_of_two_loops_complete_where_no_orchestrator_has_both(
    bus: Bus, server: Server, guesser: Worker, judge: Worker, guessing: Loop
) -> None:
    step = PlannedStep(name="one", loop="guessing")
    nested = guessing.model_copy(update={"name": "nested", "steps": (step,)})
    async with (
        orchestrating(server, "one", guessing),
        orchestrating(server, "other", nested),
        working(bus, guesser, judge),
    ):
        goals = Goals(bus)
        runs = [
            await goals.submit(("guessing", "nested")[number % 2], {"target": 1 + number % 3})
            for number in range(2 * DOZEN)
        ]
        outcomes = await ends_of(runs)
    assert {each.reason for each in outcomes} == {StopReason.ACCEPTED}
    deciders = [await who_decided(bus, run.goal) for run in runs]
    for number, by in enumerate(deciders):
        assert by[0] == ("/loopwright/one", "/loopwright/other")[number % 2], "whoever has its loop opens it"
    later = {(by[0], each) for by in deciders for each in by[1:]}
    assert len(later) == 4, "each has taken turns on goals of both loops"


async def test_goals_go_on_when_the_one_orchestrator_that_has_their_loop_is_killed(
    bus: Bus, server: Server, guesser: Worker, judge: Worker, guessing: Loop
) -> None:
    other = guessing.model_copy(update={"name": "other"})
    async with orchestrating(server, "stays", other):
        async with orchestrating(server, "goes", guessing) as kill:
            runs = [await Goals(bus).submit("guessing", {"target": 2}) for _ in range(DOZEN)]
            for run in runs:
                await wait_until_known(run, 10)
            kill.cancel()
        async with working(bus, guesser, judge):
            outcomes = await ends_of(runs)
    assert [(each.reason, each.attempts) for each in outcomes] == [(StopReason.ACCEPTED, 2)] * DOZEN
    for run in runs:
        opened, *later = await who_decided(bus, run.goal)
        assert opened == "/loopwright/goes"
        assert set(later) == {"/loopwright/stays"}
