"""An app of its own for processes under test: a goal that has goals, which have goals, and all of them spend."""

from pathlib import Path

from pydantic import BaseModel

from loopwright.actors import Attempt, Bounds, Loop, Step, Verdict, evaluator, worker
from loopwright.tools import tool

DRAWS = 3
"""Draws before the first goal of one's own is submitted."""


class Nest(BaseModel):
    """How many goals are below this one, and where it is noted what all of them spend."""

    depth: int
    spent: str


def note(spent: Path) -> None:
    """Write one character more."""
    with spent.open("a") as file:
        file.write(".")


@tool()
async def draw(spent: str, number: int) -> int:
    """Note, where no goal counts, that one more call was made."""
    note(Path(spent))
    return number


@worker("spend", tools=[draw])
async def spend(step: Step[Nest]) -> None:
    """Spend a little, have two goals below spend what they may, and spend all the rest."""
    told = step.input
    for number in range(DRAWS):
        await step.call(draw, spent=told.spent, number=number)
    for name in ("a", "b") if told.depth else ():
        run = await step.submit("nest", Nest(depth=told.depth - 1, spent=told.spent), name=name)
        await run.outcome()
    for number in range(DRAWS, 1000):
        await step.call(draw, spent=told.spent, number=number)


@evaluator("nod")
async def nod(attempt: Attempt[Nest, None]) -> Verdict:
    """Pass whatever is there."""
    return Verdict(passed=True, score=1.0)


NEST = Loop(name="nest", work="spend", judges=("nod",), bounds=Bounds(deadline=60))
