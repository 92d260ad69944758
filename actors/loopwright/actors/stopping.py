"""When a goal stops, and why: each reason with its sentence and the figures behind it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue

from loopwright.actors.oscillation import circle_of
from loopwright.actors.plateau import is_flat
from loopwright.actors.recovery import Recovery, reason_of
from loopwright.actors.repetition import SAME_ATTEMPTS
from loopwright.actors.standing import Standing
from loopwright.actors.unserved import nobody_serves
from loopwright.bus.messages import Cancel, Failure, FailureClass, Status, StopReason

MADE_TWICE = 2
"""A circle of outputs is one when it was run through twice: what was made before was made again, step for step."""
FAILED_THRICE = 3
"""A circle of failures with outputs that differ may be chance, where there are few ways to fail."""
OF_THE_GOAL = frozenset(StopReason(each) for each in ("tokens", "cost", "tool_calls", "steps", "attempts"))
"""Reasons that a goal has as a whole; the others are one step's."""
ADVICE = {
    StopReason.PLATEAU: "Do something other than what was tried.",
    StopReason.OSCILLATION: "What mends one thing breaks the other: look for a change that does both.",
    StopReason.REPETITION: "Do not do the same again: the same will come of it.",
}


@dataclass(frozen=True, slots=True)
class Stop:
    """A reason to stop, with one sentence and its figures."""

    reason: StopReason
    why: str
    status: Status = Status.FAILED
    evidence: dict[str, JsonValue] = field(default_factory=dict)
    seq: int = 0
    """Where the message stands that has brought it, where one has."""
    is_measured: bool = False
    """Whether the loop is only stuck, and may do something about it."""

    @property
    def hint(self) -> str:
        """What a worker should know of it."""
        return f"{self.why} {ADVICE.get(self.reason, '')}".strip()


def stop_at_once(standing: Standing) -> Stop | None:
    """Return the reason to stop without waiting for the attempts under way, if there is one."""
    failure = standing.last_failure
    if failure is None or standing.failures == 0 or awaits_others(standing, failure):
        return None
    if is_rejected(standing, failure.kind):
        return Stop(StopReason.REJECTED, failure.message, status=Status.REJECTED)
    if standing.loop.after(failure.kind) is Recovery.STOP:
        return Stop(reason_of(failure.kind), failure.message)
    if standing.loop.baseline and standing.baseline is None and standing.begun == 0:
        return Stop(StopReason.ERROR, f"The input could not be judged as it stands: {failure.message}")
    return None


def awaits_others(standing: Standing, failure: Failure) -> bool:
    """Tell whether a failure is one lane's of a race, and others may still win; a call in doubt waits for nobody."""
    return standing.races and failure.kind is not FailureClass.IN_DOUBT


def is_rejected(standing: Standing, kind: FailureClass) -> bool:
    """Tell whether a failure of a class means that the goal cannot be worked on as it was given."""
    match standing.loop.after(kind):
        case Recovery.REJECT:
            return True
        case Recovery.REPLAN:
            return kind is FailureClass.MISSING and not may_replan(standing)
        case _:
            return False


def may_replan(standing: Standing) -> bool:
    """Tell whether what is left of the goal can be planned anew."""
    return standing.may_replan and spent_up(standing) is None


def reason_to_replan(standing: Standing) -> str:
    """Return why what is left of the goal is to be planned anew; empty if it is not."""
    failure = standing.last_failure
    if failure is None or standing.failures == 0 or standing.loop.after(failure.kind) is not Recovery.REPLAN:
        return ""
    if awaits_others(standing, failure):
        return ""
    return failure.message or failure.kind.value if may_replan(standing) else ""


def reason_to_stop(standing: Standing) -> Stop | None:
    """Return the first reason to begin no attempt any more; attempts under way may still succeed."""
    if standing.failures >= standing.bounds.failures:
        return failing(standing)
    return stuck(standing) or spent_up(standing)


def is_waited_for(standing: Standing, stop: Stop) -> bool:
    """Tell whether attempts are under way that may yet succeed: in the step that is stuck, or else in any."""
    if stop.reason in OF_THE_GOAL:
        return any(doing.under_way for doing in standing.doing)
    return len(standing.under_way) > 0


def stuck(standing: Standing) -> Stop | None:
    """Return how the loop is stuck, if it is."""
    failure = standing.last_failure
    if failure and standing.failures and standing.loop.after(failure.kind) is Recovery.ESCALATE:
        figures: dict[str, JsonValue] = {"failures": standing.failures, "kind": failure.kind.value}
        return Stop(reason_of(failure.kind), failure.message, evidence=figures, is_measured=True)
    if standing.exhausted:
        candidates = standing.usage.candidates
        evaluated = f": {candidates} distinct proposals were evaluated" if candidates else ""
        why = f"There is nothing left to try{evaluated}."
        figures = {"exhausted": True, "candidates": candidates}
        return Stop(StopReason.PLATEAU, why, evidence=figures, is_measured=True)
    return repeating(standing) or circling(standing) or flat(standing)


def repeating(standing: Standing) -> Stop | None:
    """Return the stop where the same is made again and again, and found as wanting as before."""
    times = standing.measured.same.times
    if times < SAME_ATTEMPTS:
        return None
    why = f"The same was made {times} times in a row, and was refused for the same reason each time."
    return Stop(StopReason.REPETITION, why, evidence={"times": times}, is_measured=True)


def circling(standing: Standing) -> Stop | None:
    """Return the stop where attempts go round in a circle."""
    measured = standing.measured
    figures: dict[str, JsonValue]
    if period := circle_of(measured.made, MADE_TWICE):
        why = f"The same {period} results were made over and over, one after the other."
        figures = {"period": period, "times": MADE_TWICE, "by": "output"}
    elif period := circle_of(measured.failed, FAILED_THRICE):
        why = f"The same {period} failures came over and over, one after the other."
        figures = {"period": period, "times": FAILED_THRICE, "by": "failure"}
    else:
        return None
    return Stop(StopReason.OSCILLATION, why, evidence=figures, is_measured=True)


def flat(standing: Standing) -> Stop | None:
    """Return the stop where the score gets no better."""
    climb, bounds = standing.measured.climb, standing.bounds
    if not is_flat(climb, bounds.patience):
        return None
    above = f" by more than {bounds.tolerance:g}" if bounds.tolerance else ""
    why = f"The score did not improve{above} over {climb.since} proposals; the patience was {bounds.patience}."
    figures: dict[str, JsonValue] = {"since_best": climb.since, "patience": bounds.patience}
    if bounds.tolerance:
        figures["tolerance"] = bounds.tolerance
    return Stop(StopReason.PLATEAU, why, evidence=figures, is_measured=True)


def spent_up(standing: Standing) -> Stop | None:
    """Return the budget that is spent, if one is."""
    return next(budgets_spent(standing), None)


def budgets_spent(standing: Standing) -> Iterator[Stop]:
    """Yield a stop for each budget that is spent."""
    bounds, spent, aside = standing.bounds, standing.usage, standing.aside
    tokens, cost, calls = spent.tokens_in + spent.tokens_out, spent.cost, spent.tool_calls
    if tokens + aside.tokens >= bounds.tokens:
        why = f"{tokens:,} tokens are spent; the budget was {bounds.tokens:,}."
        yield Stop(StopReason.TOKENS, why, evidence=figures_of("tokens", tokens, bounds.tokens, aside.tokens))
    if cost + aside.cost >= bounds.cost:
        why = f"${cost:.2f} are spent; the budget was ${bounds.cost:.2f}."
        yield Stop(StopReason.COST, why, evidence=figures_of("cost", cost, bounds.cost, aside.cost))
    if bounds.tool_calls is not None and calls + aside.tool_calls >= bounds.tool_calls:
        why = f"{calls:,} tools were called; the budget was {bounds.tool_calls:,}."
        yield Stop(
            StopReason.TOOL_CALLS, why, evidence=figures_of("tool_calls", calls, bounds.tool_calls, aside.tool_calls)
        )
    if bounds.steps is not None and standing.room.steps < standing.takes:
        steps = standing.steps + standing.owed + spent.steps
        more = f"another attempt takes {standing.takes} more"
        why = f"{steps:,} steps are taken, the budget was {bounds.steps:,}, and {more}."
        yield Stop(StopReason.STEPS, why, evidence=figures_of("steps", steps, bounds.steps, aside.steps))
    if bounds.all_attempts is not None and standing.room.all_attempts < 1:
        made = standing.attempts + spent.all_attempts
        why = f"{made:,} attempts are made, those of goals below included; the budget was {bounds.all_attempts:,}."
        figures = figures_of("all_attempts", made, bounds.all_attempts, aside.all_attempts)
        yield Stop(StopReason.ATTEMPTS, why, evidence=figures)
    if standing.attempts >= bounds.attempts or (standing.attempts == 0 and bounds.attempts < standing.loop.least):
        yield out_of_attempts(standing)


def out_of_attempts(standing: Standing) -> Stop:
    """Return the stop where all attempts are used up, or where there never were enough: a plan is an attempt, too."""
    made, limit, least = standing.attempts, standing.bounds.attempts, standing.loop.least
    figures: dict[str, JsonValue] = {"attempts": made, "limit": limit}
    if made:
        return Stop(StopReason.ATTEMPTS, f"All {limit} attempts are used up.", evidence=figures)
    parts = "one at its plan, and one at each step of it" if standing.loop.plan else "one at each of its steps"
    why = f"It takes {least} attempts at least, {parts}; the budget was {limit}."
    return Stop(StopReason.ATTEMPTS, why, evidence={**figures, "least": least})


def figures_of(name: str, spent: float, limit: float, aside: float) -> dict[str, JsonValue]:
    """Return the figures of a budget; attempts that were left behind may have spent what is set aside for them."""
    told: dict[str, JsonValue] = {name: spent, "limit": limit}
    return told | ({"set_aside": aside} if aside else {})


def failing(standing: Standing) -> Stop:
    """Return the stop after too many failed attempts in a row."""
    failure = standing.last_failure
    kind = failure.kind if failure else FailureClass.CRASHED
    why = f"{standing.failures} attempts in a row failed, the last one so: {failure.message if failure else ''}"
    return Stop(reason_of(kind), why, evidence={"failures": standing.failures, "kind": kind.value})


def called_off(cancel: Cancel, seq: int) -> Stop:
    """Return the stop of a goal that somebody has called off."""
    why = cancel.why or "It was called off."
    return Stop(StopReason.CANCELLED, why, status=Status.CANCELED, seq=seq)


def deadline_reached(standing: Standing) -> Stop:
    """Return the stop at the deadline."""
    seconds = standing.bounds.deadline
    if standing.goal.parent is not None:
        seconds = max(0.0, min(seconds, (standing.ends - standing.opened).total_seconds()))
    return Stop(StopReason.DEADLINE, f"Its {seconds:g} seconds ran out.", evidence={"deadline": seconds})


def no_role(role: str, seconds: float) -> Stop:
    """Return the stop where nobody serves a role that the goal waits for."""
    return Stop(StopReason.NO_ROLE, nobody_serves(role), evidence={"role": role, "unserved": round(seconds, 1)})
