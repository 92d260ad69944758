"""A loop whose work takes a twentieth of a second of waiting and no thought, like a model that is far away."""

from typing import Any

import anyio

from loopwright.actors import Attempt, Bounds, Loop, Step, Verdict, evaluator, worker

MODEL = 0.05
"""Seconds that an answer takes."""
ATTEMPTS = 8
"""Attempts that a goal needs."""


@worker("think")
async def think(step: Step[dict[str, Any]]) -> dict[str, int]:
    """Wait for an answer."""
    await anyio.sleep(MODEL)
    return {"attempt": step.attempt}


@evaluator("nod")
async def nod(attempt: Attempt[dict[str, Any], dict[str, int]]) -> Verdict:
    """Accept the last attempt."""
    return Verdict(passed=attempt.attempt == ATTEMPTS, score=attempt.attempt / ATTEMPTS)


PACED = Loop(name="paced", work="think", judges=("nod",), bounds=Bounds(attempts=ATTEMPTS, patience=ATTEMPTS))
