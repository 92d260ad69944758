"""When a goal stops, and why: each reason with its sentence and the figures behind it."""

from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from loopwright.actors.standing import Standing
from loopwright.actors.unserved import nobody_serves
from loopwright.bus.messages import TEXT, FailureClass, Outcome, Status, StopReason

FATAL = {
    FailureClass.POLICY: (StopReason.ERROR, Status.FAILED),
    FailureClass.IN_DOUBT: (StopReason.ERROR, Status.FAILED),
    FailureClass.MISSING: (StopReason.REJECTED, Status.REJECTED),
}
"""Failures that no further attempt will mend."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A reason to stop, with one sentence and its figures."""

    reason: StopReason
    why: str
    status: Status = Status.FAILED
    evidence: dict[str, JsonValue] = field(default_factory=dict)


def stop_at_once(standing: Standing) -> Stop | None:
    """Return the reason to stop without waiting for the attempts under way, if there is one."""
    failure = standing.last_failure
    if failure is None or standing.failures == 0:
        return None
    if failure.kind in FATAL:
        reason, status = FATAL[failure.kind]
        return Stop(reason, failure.message, status=status)
    if standing.loop.baseline and standing.baseline is None and standing.begun == 0:
        return Stop(StopReason.ERROR, f"The input could not be judged as it stands: {failure.message}")
    return None


def reason_to_stop(standing: Standing) -> Stop | None:
    """Return the bound that was reached, if one was; attempts under way may still succeed."""
    bounds, spent = standing.bounds, standing.usage
    tokens = spent.tokens_in + spent.tokens_out
    if standing.failures >= bounds.failures:
        return failing(standing)
    if standing.exhausted:
        why = f"There is nothing left to try: {spent.candidates} distinct proposals were evaluated."
        return Stop(StopReason.PLATEAU, why, evidence={"exhausted": True, "candidates": spent.candidates})
    if standing.since_best >= bounds.patience:
        why = f"The score did not improve over {standing.since_best} proposals; the patience was {bounds.patience}."
        figures: dict[str, JsonValue] = {"since_best": standing.since_best, "patience": bounds.patience}
        return Stop(StopReason.PLATEAU, why, evidence=figures)
    if tokens >= bounds.tokens:
        why = f"{tokens:,} tokens are spent; the budget was {bounds.tokens:,}."
        return Stop(StopReason.TOKENS, why, evidence={"tokens": tokens, "limit": bounds.tokens})
    if spent.cost >= bounds.cost:
        why = f"${spent.cost:.2f} are spent; the budget was ${bounds.cost:.2f}."
        return Stop(StopReason.COST, why, evidence={"cost": spent.cost, "limit": bounds.cost})
    begun = standing.earlier + standing.begun
    if begun >= bounds.attempts:
        why = f"All {bounds.attempts} attempts are used up."
        return Stop(StopReason.ATTEMPTS, why, evidence={"attempts": begun, "limit": bounds.attempts})
    return None


def failing(standing: Standing) -> Stop:
    """Return the stop after too many failed attempts in a row."""
    failure = standing.last_failure
    kind = failure.kind if failure else FailureClass.CRASHED
    reason = StopReason.STEP_TIMEOUT if kind is FailureClass.TIMEOUT else StopReason.ERROR
    why = f"{standing.failures} attempts in a row failed, the last one so: {failure.message if failure else ''}"
    return Stop(reason, why, evidence={"failures": standing.failures, "kind": kind.value})


def deadline_reached(standing: Standing) -> Stop:
    """Return the stop at the deadline."""
    seconds = standing.bounds.deadline
    return Stop(StopReason.DEADLINE, f"Its {seconds:g} seconds ran out.", evidence={"deadline": seconds})


def no_role(role: str, seconds: float) -> Stop:
    """Return the stop where nobody serves a role that the goal waits for."""
    return Stop(StopReason.NO_ROLE, nobody_serves(role), evidence={"role": role, "unserved": round(seconds, 1)})


def outcome_of(standing: Standing, stop: Stop, at: datetime) -> Outcome:
    """Return the outcome document of a goal that stops now."""
    best = standing.best
    baseline = standing.baseline
    return Outcome(
        goal=standing.goal.goal,
        loop=standing.loop.name,
        status=stop.status,
        reason=stop.reason,
        why=(stop.why or accepted_sentence(standing))[:TEXT],
        score=best.score if best else baseline or 0.0,
        baseline=baseline,
        best=best.pick if best else standing.before,
        best_attempt=best.attempt if best else None,
        attempts=standing.earlier + standing.begun - standing.empty,
        steps=standing.steps,
        false_successes=standing.false_successes,
        seconds=max(0.0, (at - standing.opened).total_seconds()),
        usage=standing.usage,
        fault=None if standing.accepted else standing.last_failure if standing.failures else None,
        evidence={**stop.evidence, **where(standing), "under_way": len(standing.under_way)},
        unverified=unverified(standing),
    )


def where(standing: Standing) -> dict[str, JsonValue]:
    """Return which step of a plan was under way, and how many were to come."""
    return {"step": standing.step, "steps_ahead": len(standing.ahead)} if standing.loop.plan else {}


def accepted_sentence(standing: Standing) -> str:
    """Return one sentence on why the goal is met."""
    if standing.begun == 0:
        return "It was met before anything was tried."
    attempt = standing.best.attempt if standing.best else 0
    witness = standing.loop.panel.in_words()
    if checked_by_acceptance(standing):
        witness += " and the acceptance evaluator"
    if standing.loop.plan:
        return f"Every step of its plan passed {witness}."
    return f"Attempt {attempt} passed {witness}."


def checked_by_acceptance(standing: Standing) -> bool:
    """Tell whether the goal has an acceptance evaluator that was asked."""
    return standing.goal.acceptance is not None and standing.loop.acceptance is not None


def unverified(standing: Standing) -> str:
    """Return what nobody checked about the best attempt."""
    if standing.best is None:
        return ""
    if not standing.accepted:
        return f"The best attempt did not pass {standing.loop.panel.in_words()}."
    if not checked_by_acceptance(standing):
        return "Only the evaluators whose feedback the generator saw have looked at it."
    return ""
