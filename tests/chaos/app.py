"""A loop that takes its time, and writes on the outside ledger what it does.

A goal names its round: the first attempt of that number is good enough. Every handler pays for one call of a model,
and the worker ships what it made; both are counted outside.
"""

import hashlib
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import anyio
from pydantic import BaseModel

from loopwright.actors import Attempt, Bounds, Loop, Step, Verdict, evaluator, worker
from loopwright.tools import Done, IdempotencyKey, NotDone, tool
from loopwright.tools.model import Answer, Turn
from tests.chaos.ledger import VARIABLE, Work, has_key, note

SHORTEST, LONGEST = 0.003, 0.3
"""Seconds that a handler takes."""


class Toil(BaseModel):
    """What a goal wants."""

    rounds: int
    deadly: bool = False
    """Whether it kills every process that begins to work on it."""


class Piece(BaseModel):
    """What an attempt makes."""

    number: int


def seconds_of(work: Work) -> float:
    """Return how long a handler takes: of very different lengths, and the same each time."""
    share = int(hashlib.sha256(repr(work).encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
    return SHORTEST + (LONGEST - SHORTEST) * share**2


def work_of(step: Step[Toil]) -> Work:
    """Return which work this is."""
    return Work(step.goal, step.order.step, step.attempt, step.order.role)


class Ghost:
    """A model that is paid outside, by whoever asks it."""

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        """Take the money, and think."""
        work = Work(*json.loads(turns[-1].text))
        note("paid", work)
        await anyio.sleep(seconds_of(work))
        return Answer("done", 10, 1)


@tool(writes="external")
async def ship(work: str, *, key: IdempotencyKey) -> str:
    """Send off what was made."""
    note("shipped", Work(*json.loads(work)), key)
    await anyio.sleep(SHORTEST)
    return "sent"


@ship.reconcile
async def was_shipped(key: IdempotencyKey, work: str) -> Done | NotDone:
    """Look for the shipment on the ledger."""
    known = await anyio.to_thread.run_sync(has_key, Path(os.environ[VARIABLE]), key)
    return Done("sent") if known else NotDone()


async def think(step: Step[Toil], work: Work) -> str:
    """Pay for a call of the model, and return what stands for the work."""
    await step.say("thinking")  # so that the wire shows that the handler has begun
    text = json.dumps(tuple(work))
    await step.ask(Ghost(), [Turn("user", text)], "ghost")
    return text


@worker("refine", tools=[ship])
async def refine(step: Step[Toil]) -> Piece:
    """Make the next piece."""
    work = work_of(step)
    note("began", work)
    if step.input.deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    await step.call(ship, work=await think(step, work))
    note("completed", work)
    return Piece(number=step.attempt)


@evaluator("review")
async def review(attempt: Attempt[Toil, Piece]) -> Verdict:
    """Let pass the piece of the goal's round."""
    return await judged(attempt)


@evaluator("audit")
async def audit(attempt: Attempt[Toil, Piece]) -> Verdict:
    """Accept the piece of the goal's round."""
    return await judged(attempt)


async def judged(attempt: Attempt[Toil, Piece]) -> Verdict:
    """Return what there is to say about a piece."""
    work = work_of(attempt)
    note("began", work)
    await think(attempt, work)
    assert attempt.output is not None
    number, rounds = attempt.output.number, attempt.input.rounds
    note("completed", work)
    return Verdict(passed=number >= rounds, score=min(1.0, number / rounds))


TOIL = Loop(
    name="toil",
    work="refine",
    judges=("review",),
    acceptance="audit",
    bounds=Bounds(attempts=20, deadline=900, step_timeout=60, patience=20, failures=5),
)
