"""A small loop on a real server: numbers are guessed, and judged by how near they are."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import pytest
from pydantic import BaseModel

from loopwright.actors import Attempt, Bounds, Loop, Orchestrator, Step, Verdict, Worker, Workplace, evaluator, worker
from loopwright.bus import Bus
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
    return Verdict(passed=number == target, score=max(0.0, 1 - abs(target - number) / 10))


GUESSING = Loop(name="guessing", work="guess", judges=("near",), bounds=Bounds(deadline=30))

type Fleet = Callable[..., AbstractAsyncContextManager[Goals]]
"""Run one orchestrator, and a workplace for each worker given; the usual two where none is."""


@asynccontextmanager
async def _fleet(bus: Bus, *workers: Worker, loop: Loop = GUESSING, orchestrators: int = 1) -> AsyncIterator[Goals]:
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for _ in range(orchestrators):
            tasks.start_soon(Orchestrator(bus, {loop.name: loop}).run, stopping)
        for each in workers:
            tasks.start_soon(Workplace(bus, each).run, stopping)
        yield Goals(bus)
        stopping.set()


@pytest.fixture
def guessing() -> Loop:
    return GUESSING


@pytest.fixture
def fleet() -> Fleet:
    return _fleet


@pytest.fixture
def guesser() -> Worker:
    return guess


@pytest.fixture
def judge() -> Worker:
    return near
