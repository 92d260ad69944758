"""What rules and evaluators say of a goal that has ended, from its record: the same rules, the same evaluators."""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from loopwright.actors import Worker
from loopwright.actors.faults import GoalRecord
from loopwright.actors.faults.recorded import Tried
from loopwright.actors.regrading import judged
from loopwright.actors.rules import Breach, WrittenRule, rules_of, trail_of
from loopwright.bus import Bus, Evaluation, StepOrder
from loopwright.bus.plain import JsonValue
from loopwright.deploy.apps import App, AppRefused
from loopwright.deploy.evals.trials import Apart, Trial

DIGITS = 16
"""Hexadecimal digits of what tells one way of grading from another."""


@dataclass(frozen=True)
class Judge:
    """An evaluator, with what it holds for the process."""

    worker: Worker
    resources: object


@asynccontextmanager
async def judges_of(bus: Bus, app: App, roles: Sequence[str]) -> AsyncIterator[dict[str, Judge]]:
    """Hold the evaluators of some roles.

    Raises:
        AppRefused: nobody here serves a role, or who does it does not judge.
    """
    async with AsyncExitStack() as stack:
        held: dict[str, Judge] = {}
        for role in roles:
            worker = app.worker(role)
            if not worker.judges:
                raise AppRefused(f"The role {role} does not judge: name an evaluator.")
            held[role] = Judge(worker, await stack.enter_async_context(worker.resources(bus)))
        yield held


def way_of(rules: Sequence[WrittenRule], judges: Sequence[str]) -> str:
    """Return what tells a way of grading from every other; empty for none."""
    if not rules and not judges:
        return ""
    written = [each.model_dump(mode="json", exclude_none=True) for each in rules]
    return hashlib.sha256(json.dumps([written, sorted(judges)]).encode()).hexdigest()[:DIGITS]


def final(record: GoalRecord) -> Tried | None:
    """Return the attempt that a goal ended with: the best at its last step, or the last that came to anything."""
    if not record.tried:
        return None
    step = record.tried[-1].step
    best = record.outcome.best_attempt if record.outcome else None
    here = [each for each in record.tried if each.step == step and (each.result or each.number == 0)]
    return next((each for each in here if each.number == best), here[-1] if here else None)


async def verdicts(bus: Bus, record: GoalRecord, judges: Sequence[Judge]) -> dict[str, Evaluation]:
    """Return what evaluators say of the attempt that a goal ended with; nothing, where it came to nothing."""
    tried = final(record)
    if tried is None:
        return {}
    order = tried.order.message if tried.order else baseline(record)
    output: JsonValue = tried.result.message.output if tried.result else None
    return {each.worker.role: await judged(bus, each.worker, order, output, each.resources) for each in judges}


def baseline(record: GoalRecord) -> StepOrder:
    """Return the order of the input as it stood, which nobody was asked to make."""
    goal = record.goal
    return StepOrder(goal=goal.goal, loop=goal.loop, step="work", attempt=0, role=record.loop.work, input=goal.input)


def breaches_of(record: GoalRecord, rules: Sequence[WrittenRule]) -> tuple[Breach, ...]:
    """Return what breaks rules in a goal's whole record."""
    return rules_of(rules)(trail_of(record))


def graded(trial: Trial, way: str, breaches: Sequence[Breach], said: dict[str, Evaluation]) -> Trial:
    """Return a trial with what rules and evaluators say of it: only what keeps all rules, and passes all, has passed.

    What the loop had accepted and an evaluator refuses is a false success. An evaluator that fails decides nothing.
    """
    found: dict[str, object] = {
        "graded": way,
        "breaches": tuple(dict.fromkeys(breach.rule for breach in breaches)),
        "judged": {role: each.score for role, each in said.items() if each.failure is None},
    }
    failed = next((each for each in said.values() if each.failure is not None), None)
    refused = [each for each in said.values() if not each.passed]
    if not trial.passed:
        return trial.model_copy(update=found)
    if breaches:
        found |= {"passed": False, "reason": "rules", "why": breaches[0].why}
    elif failed is not None and failed.failure is not None:
        found |= {"passed": False, "apart": Apart.EVALUATOR, "reason": "evaluator", "why": failed.failure.message}
    elif refused:
        why = f"{refused[0].judge} refuses what the loop accepted: {refused[0].feedback}".strip(": ")
        found |= {"passed": False, "reason": "refused", "why": why, "false_successes": trial.false_successes + 1}
    return trial.model_copy(update=found)
