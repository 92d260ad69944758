"""An app of its own for processes under test: a worker that reads and writes memory, and then waits for a word."""

import os

import anyio
from pydantic import BaseModel

from loopwright.actors import Attempt, Bounds, Loop, Step, Verdict, evaluator, worker
from loopwright.bus import board


class Told(BaseModel):
    """What a worker saw of memory, and where it wrote."""

    plan: str
    revision: int
    found: list[str]
    noted: str
    by: int


@worker("recall")
async def recall(step: Step[object]) -> Told:
    """Read the plan, change it, note a lesson and search for it."""
    plan = await step.board.get("plan")
    assert plan is not None
    revision = await step.board.put("plan", "recalled", revision=plan.revision)
    noted = await step.lessons.note("Whoever hangs is killed")
    found = [lesson.key for lesson in await step.lessons.search("killed")]
    while await board.noted(step.bus, step.goal, "go") is None:  # noqa: ASYNC110 - off the record, as nobody should
        await anyio.sleep(0.02)
    return Told(plan=plan.value, revision=revision, found=found, noted=noted, by=os.getpid())


@evaluator("nod")
async def nod(attempt: Attempt[object, Told]) -> Verdict:
    """Pass whatever was told."""
    return Verdict(passed=True, score=1.0)


RECALLING = Loop(name="recalling", work="recall", judges=("nod",), bounds=Bounds(deadline=60))
