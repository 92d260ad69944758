"""A trial: one goal of a case, and what it came to, as its record tells."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from loopwright.actors.faults.fault import SURE, Fault
from loopwright.actors.standing import Standing
from loopwright.bus import Entry, Evaluation, FailureClass, Outcome, Result, Status, StepOrder, StopReason, Usage
from loopwright.bus.messages import FaultClass
from loopwright.deploy.evals.health import Judging

CURVE = 200
"""Points of a score curve that are kept."""


class Apart(StrEnum):
    """Why a trial says nothing of the loop, and counts for no rate."""

    INFRASTRUCTURE = "infrastructure"  #: nobody served a role, or what the workers need was out of order
    EVALUATOR = "evaluator"  #: an evaluator could not do its work
    CANCELLED = "cancelled"  #: somebody called it off
    REJECTED = "rejected"  #: it cannot be worked on as it was given


class Trial(BaseModel):
    """One goal of a case, and what it came to."""

    model_config = ConfigDict(frozen=True)

    case: str
    repetition: int
    """Counts from one."""
    goal: str = ""
    """Its id on the bus; empty for a run that was recorded elsewhere."""
    passed: bool
    apart: Apart | None = None
    reason: str = ""
    """The stop reason."""
    why: str = ""
    score: float = 0.0
    curve: tuple[tuple[int, float], ...] = ()
    """The best score so far, where it changed: after how many attempts, and to what."""
    attempts: int = 0
    accepted_at: int | None = None
    """The attempt that was accepted; 0 is the input as it stood."""
    false_successes: int = 0
    seconds: float = 0.0
    usage: Usage = Usage()
    graded: str = ""
    """What tells by which rules and evaluators it was judged once it had ended; empty for none."""
    breaches: tuple[str, ...] = ()
    """The rules that it broke."""
    judged: dict[str, float] = Field(default_factory=dict[str, float])
    """The scores that evaluators gave once it had ended."""
    evaluators: dict[str, Judging] = Field(default_factory=dict[str, Judging])
    """What the loop's own evaluators did."""
    fault: str = ""
    """Whose fault it was that it was not accepted: model, agent, loop, tool, environment, evaluator or unknown."""


def trial_of(
    case: str,
    repetition: int,
    outcome: Outcome,
    entries: Sequence[Entry],
    standings: Iterable[Standing],
    fault: Fault | None = None,
) -> Trial:
    """Return what a goal came to: `entries` is its record, `standings` where each decision on it has left it.

    `fault` is what is blamed for it.
    """
    passed = outcome.status is Status.COMPLETED
    return Trial(
        case=case,
        repetition=repetition,
        goal=outcome.goal,
        passed=passed,
        apart=None if passed else apart(outcome, entries, fault),
        reason=outcome.reason.value,
        why=outcome.why,
        score=outcome.score,
        curve=curve_of(standings),
        attempts=outcome.attempts,
        accepted_at=accepted_at(outcome) if passed else None,
        false_successes=outcome.false_successes,
        seconds=outcome.seconds,
        usage=outcome.usage,
        fault=fault.fault.value if fault and not passed else "",
    )


def accepted_at(outcome: Outcome) -> int:
    """Return how many attempts it took; of a plan, those at all its steps."""
    planned = "step" in outcome.evidence
    return outcome.attempts if planned or outcome.best_attempt is None else outcome.best_attempt


def apart(outcome: Outcome, entries: Sequence[Entry], fault: Fault | None) -> Apart | None:
    """Return why a goal that was not accepted says nothing of its loop; None: it says that the loop failed."""
    match outcome.reason:
        case StopReason.NO_ROLE:
            return Apart.INFRASTRUCTURE
        case StopReason.CANCELLED:
            return Apart.CANCELLED
        case StopReason.REJECTED:
            return Apart.REJECTED
        case StopReason.DEADLINE if waited_in_vain(entries):
            return Apart.INFRASTRUCTURE
        case StopReason.ERROR | StopReason.STEP_TIMEOUT:
            return apart_by_failure(entries) or apart_by_fault(fault)
        case _:
            return None


OUT_OF_ORDER = frozenset({FailureClass.CRASHED, FailureClass.UNREADABLE})
"""Failures that an evaluator has itself to answer for."""


def apart_by_failure(entries: Sequence[Entry]) -> Apart | None:
    """Return what the last failed answer on record blames, if it is not the loop."""
    answers = [each.message for each in entries if isinstance(each.message, Result | Evaluation)]
    failed = [each for each in answers if each.failure and each.failure.kind is not FailureClass.CALLED_OFF]
    if not failed or failed[-1].failure is None:
        return None
    if failed[-1].failure.kind is FailureClass.TRANSIENT:
        return Apart.INFRASTRUCTURE
    is_evaluator = isinstance(failed[-1], Evaluation)
    return Apart.EVALUATOR if is_evaluator and failed[-1].failure.kind in OUT_OF_ORDER else None


def apart_by_fault(fault: Fault | None) -> Apart | None:
    """Return what is blamed for certain, if it is not the loop."""
    if fault is None or fault.confidence < SURE:
        return None
    blamed = {FaultClass.ENVIRONMENT: Apart.INFRASTRUCTURE, FaultClass.EVALUATOR: Apart.EVALUATOR}
    return blamed.get(fault.fault)


def waited_in_vain(entries: Sequence[Entry]) -> bool:
    """Tell whether some step was left undone for longer than it may take to do it: nobody was free to take it."""
    asked: dict[tuple[str, int, str], tuple[datetime, float]] = {}
    for entry in entries:
        match entry.message:
            case StepOrder() as order:
                asked[order.step, order.attempt, order.judge or ""] = (entry.time, order.timeout)
            case Result() as result:
                asked.pop((result.step, result.attempt, ""), None)
            case Evaluation() as verdict:
                asked.pop((verdict.step, verdict.attempt, verdict.judge), None)
            case _:
                pass
    end = entries[-1].time if entries else None
    return end is not None and any((end - at).total_seconds() > timeout for at, timeout in asked.values())


def curve_of(standings: Iterable[Standing]) -> tuple[tuple[int, float], ...]:
    """Return the best score after so many attempts, wherever it changed; of a plan, at each of its steps."""
    points: dict[int, float] = {}
    for standing in standings:
        under_way = sum(attempt.number > 0 for doing in standing.doing for attempt in doing.under_way)
        score = standing.best.score if standing.best else standing.baseline
        if score is not None:
            points[standing.earlier + standing.begun - under_way] = score
    curve: list[tuple[int, float]] = []
    for attempt, score in sorted(points.items()):
        if not curve or curve[-1][1] != score:
            curve.append((attempt, round(score, 6)))
    return tuple(curve[:CURVE])


def score_after(curve: Sequence[tuple[int, float]], attempts: int) -> float:
    """Return the best score after so many attempts; 0 before the first."""
    return next((score for at, score in reversed(curve) if at <= attempts), 0.0)
