"""A plan whose steps do not all wait for each other, on a real server: what can be done at once is."""

from typing import Any

import anyio
from pydantic import JsonValue

from loopwright.actors import Attempt, Bounds, Loop, PlannedStep, Step, Verdict, evaluator, worker
from loopwright.bus import Bus, StepOrder, StopReason, Trajectory
from tests.integration.actors.running import Fleet

BOOK = Loop(
    name="book",
    work="write",
    makers=("draw",),
    judges=("read",),
    bounds=Bounds(deadline=30),
    steps=(
        PlannedStep(name="outline"),
        PlannedStep(name="chapter", each="outline"),
        PlannedStep(name="cover", role="draw", needs=("outline",)),
        PlannedStep(name="book", needs=("chapter", "cover")),
    ),
)


@evaluator("read")
async def read(attempt: Attempt[Any, JsonValue]) -> Verdict:
    """Refuses the first try at the second chapter."""
    passed = (attempt.order.step, attempt.attempt) != ("chapter-2", 1)
    return Verdict(passed=passed, score=float(passed))


async def test_steps_that_wait_for_no_other_are_done_side_by_side_and_meet(bus: Bus, fleet: Fleet) -> None:
    together = anyio.Event()
    at_once: set[str] = set()

    async def met(step: str) -> None:
        """Wait until both chapters and the cover are under way at the same time."""
        at_once.add(step)
        if len(at_once) == 3:
            together.set()
        await together.wait()

    @worker("write")
    async def write(step: Step[Any]) -> JsonValue:
        if step.order.step == "outline":
            return ["sea", "sky"]
        if step.order.step == "book":
            return step.order.before
        await met(step.order.step)
        return f"{step.order.task} {step.attempt}"

    @worker("draw")
    async def draw(step: Step[Any]) -> str:
        await met(step.order.step)
        return "a wave"

    async with fleet(bus, write, write, draw, read, loop=BOOK) as goals:
        with anyio.fail_after(15):
            outcome = await (await goals.submit("book", {}, goal="g1")).outcome()
        record = [entry.message for entry in await Trajectory(bus, "g1").so_far()]

    assert outcome.reason is StopReason.ACCEPTED
    assert outcome.best == {"chapter": ["sea 1", "sky 2"], "cover": "a wave"}
    assert (outcome.attempts, outcome.steps) == (6, 12)
    made = [order.step for order in record if isinstance(order, StepOrder) and order.judge is None]
    assert sorted(made) == ["book", "chapter-1", "chapter-2", "chapter-2", "cover", "outline"]
