"""The reference job as a Loopwright app: one plan, three steps, each judged, the second one refined once.

Each call of the stub model is kept with what was made, so that whoever asked for the goal can check their order.
"""

from typing import Any

from common import model  # the bench's stub, on the path by PYTHONPATH
from pydantic import JsonValue

from loopwright.actors import Attempt, Bounds, Loop, Plan, PlannedStep, Step, Verdict, evaluator, worker

type Calls = dict[str, Any]


def kept(made: JsonValue) -> list[JsonValue]:
    """Return the calls that are on record in what was made."""
    return list(made["calls"]) if isinstance(made, dict) else []  # type: ignore[arg-type]


@worker("plan")
async def plan(step: Step[Calls]) -> Plan:
    """Plan three steps; the call goes with the first."""
    said = await model("plan", 0, 0, step.input["d"])
    first = PlannedStep(name="s0", input={"step": 0, "calls": [said]})
    return Plan(steps=(first, *(PlannedStep(name=f"s{n}", input={"step": n}) for n in range(1, said["steps"]))))


@worker("work")
async def work(step: Step[Calls]) -> Calls:
    """Work on a step."""
    order = step.order
    task: Any = order.task
    so_far = kept(order.best) or kept(order.before) or kept(task)
    return {"calls": [*so_far, await model("work", task["step"], step.attempt - 1, step.input["d"])]}


@evaluator("eval")
async def judge(attempt: Attempt[Calls, Calls]) -> Verdict:
    """Judge a step; the stub refuses the first attempt at the second."""
    assert attempt.output is not None
    task: Any = attempt.order.task
    said = await model("eval", task["step"], attempt.attempt - 1, attempt.input["d"])
    pick = {"calls": [*attempt.output["calls"], said]}
    return Verdict(passed=said["ok"], score=float(said["ok"]), pick=pick)


REFERENCE = Loop(name="reference", plan="plan", work="work", judges=("eval",), bounds=Bounds(deadline=600))
