from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from pydantic import BaseModel

from loopwright.actors import Attempt, Loop, Orchestrator, Step, Verdict, Worker, Workplace, evaluator, worker
from loopwright.bus import Bus, Outcome, Run, Status, StopReason
from loopwright.bus.client import Goals


class Target(BaseModel):
    target: int


class Guess(BaseModel):
    number: int


@worker("guess")
async def guess(step: Step[Target]) -> Guess:
    return Guess(number=step.attempt)


@evaluator("near")
async def near(attempt: Attempt[Target, Guess]) -> Verdict:
    assert attempt.output is not None
    number, target = attempt.output.number, attempt.input.target
    return Verdict(passed=number == target, score=1 - abs(target - number) / 10, feedback="go on")


GUESSING = Loop(name="guessing", work="guess", judges=("near",))


@asynccontextmanager
async def fleet(bus: Bus, loop: Loop, *workers: Worker) -> AsyncIterator[Goals]:
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Orchestrator(bus, {loop.name: loop}).run, stopping)
        for each in workers:
            tasks.start_soon(Workplace(bus, each).run, stopping)
        yield Goals(bus)
        stopping.set()


async def end_of(run: Run) -> Outcome:
    with anyio.fail_after(10):
        return await run.outcome()


async def test_a_loop_makes_judges_and_refines_until_it_is_accepted(bus: Bus) -> None:
    async with fleet(bus, GUESSING, guess, near) as goals:
        run = await goals.submit("guessing", Target(target=3))
        outcome = await end_of(run)

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.COMPLETED, StopReason.ACCEPTED, 3)
    assert outcome.best == {"number": 3}
    assert outcome.steps == 6


@pytest.mark.parametrize("patience", [2])
async def test_a_loop_that_does_not_improve_stops_and_returns_the_best(bus: Bus, patience: int) -> None:
    loop = GUESSING.model_copy(update={"bounds": GUESSING.bounds.model_copy(update={"patience": patience})})
    async with fleet(bus, loop, guess, near) as goals:
        outcome = await end_of(await goals.submit("guessing", Target(target=-1)))

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.FAILED, StopReason.PLATEAU, 3)
    assert outcome.best == {"number": 1}
