"""A loop of what makes it hard to bring a goal to its end: a race, a call that a person approves, goals of a goal."""

from typing import Any

from loopwright.actors import Attempt, Bounds, Loop, Person, PlannedStep, Step, Verdict, evaluator, worker
from loopwright.bus import Status
from loopwright.tools import Denied, Done, IdempotencyKey, NotDone, tool
from tests.chaos.app import Piece, Toil, ship, think, was_shipped, work_of
from tests.chaos.ledger import note

ERRAND = {"rounds": 2}
"""What the goal of a goal wants."""


@tool(writes="external", approve="boss")
async def sale(work: str, *, key: IdempotencyKey) -> str:
    """Send off what a person has approved."""
    return await ship(work=work, key=key)


@sale.reconcile
async def was_sold(key: IdempotencyKey, work: str) -> Done | NotDone:
    """Look for the sale on the ledger."""
    return await was_shipped(key, work)


@worker("scout")
async def scout(step: Step[Toil]) -> Piece:
    """Be one of those who try the same, of whom the first wins; each has a goal of its own help it."""
    work = work_of(step)
    note("began", work)
    await think(step, work)
    help_ = await step.submit("toil", {"rounds": 1})
    outcome = await help_.outcome()
    assert outcome.status is Status.COMPLETED, outcome.why
    note("completed", work)
    return Piece(number=step.attempt)


@worker("sell", tools=[sale])
async def sell(step: Step[Toil]) -> Piece:
    """Sell what a person lets pass; what he does not is no failure."""
    work = work_of(step)
    note("began", work)
    thought = await think(step, work)
    try:
        await step.call(sale, work=thought)
    except Denied:
        return Piece(number=0)
    note("completed", work)
    return Piece(number=step.attempt)


@evaluator("nod")
async def nod(attempt: Attempt[Toil, Any]) -> Verdict:
    """Let everything pass."""
    work = work_of(attempt)
    note("began", work)
    await think(attempt, work)
    note("completed", work)
    return Verdict(passed=True, score=1.0)


VENTURE = Loop(
    name="venture",
    work="sell",
    makers=("scout",),
    judges=("nod",),
    steps=(
        PlannedStep(name="scouting", role="scout", race=2),
        PlannedStep(name="sale"),
        PlannedStep(name="errand", needs=("scouting",), loop="toil", input=ERRAND),
    ),
    people={"boss": Person(within=60)},
    approvers=("boss",),
    bounds=Bounds(attempts=20, deadline=900, step_timeout=60, patience=20, failures=5),
)
