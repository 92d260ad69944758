"""A loop with a planner, on a real server: its steps are done in their order, each knowing what it should."""

import anyio
import pytest
from pydantic import JsonValue

from loopwright.actors import Attempt, Bounds, Loop, Plan, PlannedStep, Step, Verdict, evaluator, worker
from loopwright.actors.orchestrator import INLINE
from loopwright.bus import Bus, Outcome, Result, StepOrder, StopReason, Trajectory
from loopwright.bus.client import Goals
from tests.integration.actors.running import Fleet

SPELLING = Loop(name="spelling", plan="outline", work="write", judges=("read",), bounds=Bounds(deadline=30))


@worker("outline")
async def outline(step: Step[dict[str, str]]) -> Plan:
    return Plan(
        steps=tuple(PlannedStep(name=f"letter-{n}", input=letter) for n, letter in enumerate(step.input["word"]))
    )


@worker("write")
async def write(step: Step[dict[str, str]]) -> JsonValue:
    """Writes the letter in small at first, and in capitals when told that this was not enough."""
    order = step.order
    letter = str(order.task).lower() if order.best is None else str(order.task).upper()
    return f"{order.before or ''}{letter}"


@evaluator("read")
async def read(attempt: Attempt[dict[str, str], str]) -> Verdict:
    assert attempt.output is not None
    return Verdict(passed=attempt.output.isupper(), score=0.5)


async def spelled(goals: Goals, word: str) -> Outcome:
    with anyio.fail_after(15):
        return await (await goals.submit("spelling", {"word": word}, goal="g1")).outcome()


async def test_steps_are_refined_one_after_the_other_and_hand_on_what_they_came_to(bus: Bus, fleet: Fleet) -> None:
    async with fleet(bus, outline, write, read, loop=SPELLING) as goals:
        outcome = await spelled(goals, "abc")
        orders = [entry.message for entry in await Trajectory(bus, "g1").so_far()]
    assert (outcome.reason, outcome.best) == (StopReason.ACCEPTED, "ABC")
    assert (outcome.attempts, outcome.steps) == (7, 13)
    assert outcome.why == "Every step of its plan passed every evaluator."
    made = [(o.step, o.attempt, o.before) for o in orders if isinstance(o, StepOrder) and o.role == "write"]
    assert made == [
        ("letter-0", 1, None),
        ("letter-0", 2, None),
        ("letter-1", 1, "A"),
        ("letter-1", 2, "A"),
        ("letter-2", 1, "AB"),
        ("letter-2", 2, "AB"),
    ]


async def test_what_a_planner_makes_that_is_no_plan_is_tried_again_and_then_told(bus: Bus, fleet: Fleet) -> None:
    async with fleet(bus, outline, write, read, loop=SPELLING) as goals:
        outcome = await spelled(goals, "")  # an outline of nothing cannot be made
    assert (outcome.reason, outcome.attempts) == (StopReason.ERROR, 3)
    assert "steps" in outcome.why


@pytest.mark.parametrize("judges", [("measure",), ("measure", "nod")])
@pytest.mark.parametrize("size", [10, INLINE + 1])
async def test_a_result_is_judged_whole_whether_it_travels_in_its_order_or_not(
    bus: Bus, fleet: Fleet, size: int, judges: tuple[str, ...]
) -> None:
    judged: list[int] = []

    @worker("make")
    async def make(step: Step[dict[str, str]]) -> str:
        return "x" * size

    @evaluator("measure")
    async def measure(attempt: Attempt[dict[str, str], str]) -> Verdict:
        judged.append(len(attempt.output or ""))
        return Verdict(passed=True, score=1.0, pick="measured")

    @evaluator("nod")
    async def nod(attempt: Attempt[dict[str, str], str]) -> Verdict:
        return Verdict(passed=True, score=1.0, pick="measured")

    loop = Loop(name="measuring", work="make", judges=judges)
    async with fleet(bus, make, measure, nod, loop=loop) as goals:
        with anyio.fail_after(15):
            await (await goals.submit("measuring", {}, goal="g1")).outcome()
        entries = await Trajectory(bus, "g1").so_far()
    orders = [each.message for each in entries if isinstance(each.message, StepOrder) and each.message.judge]
    (result,) = [each.message for each in entries if isinstance(each.message, Result)]
    assert judged == [size]
    handed = judges == ("measure",)
    assert [each.output is not None for each in orders] == [handed or size <= INLINE] * len(judges)
    assert result.output == "x" * size
