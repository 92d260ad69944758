"""Confirming a blame: what follows from a goal that went on from before its fault, with one component taken out.

Where the goal is met then, and is not when it goes on from there just as it was, the component was the cause. Where it
is met either way, or fails for another reason, nothing is known that was not known before.
"""

from collections.abc import Mapping, Sequence

from loopwright.actors.faults.fault import Blame, Confirmation, Fault, Said
from loopwright.actors.faults.recorded import GoalRecord, Tried
from loopwright.bus.messages import (
    FIGURE,
    KEPT,
    Evaluation,
    FailureClass,
    FaultClass,
    Limits,
    Outcome,
    Status,
    StopReason,
    Usage,
)

CONFIRMED = 0.95
"""Confidence of a fault that was confirmed, at least."""
REFUTED = 0.3
"""Confidence of one that was refuted, at most."""
MORE = 4
"""How many times as much a goal is given of what it ran out of."""
ELSEWHERE = frozenset({StopReason.NO_ROLE, StopReason.REJECTED, StopReason.CANCELLED, StopReason.HOPS})
"""Reasons to end that say nothing of the component."""
CHANCE = frozenset({FaultClass.ENVIRONMENT, FaultClass.LOOP})
"""Faults in what was not there, or not enough: that it is not yet says little."""
NAMED = frozenset({FaultClass.AGENT, FaultClass.TOOL, FaultClass.EVALUATOR})
"""Faults of which there may be several of a class in a goal, told apart by their names."""
RAISED: dict[StopReason, str] = {
    StopReason.ATTEMPTS: "attempts",
    StopReason.DEADLINE: "deadline",
    StopReason.STEP_TIMEOUT: "step_timeout",
    StopReason.TOKENS: "tokens",
    StopReason.COST: "cost",
    StopReason.TOOL_CALLS: "tool_calls",
    StopReason.STEPS: "steps",
    StopReason.PLATEAU: "patience",
}
"""The bound that a goal ran into, by the reason for which it ended."""


def place_before(record: GoalRecord, fault: Fault) -> int | None:
    """Return the place from which a goal goes on so that what is at fault has its turn again; None: there is none."""
    found = decisive(record, fault)
    if found is None:
        return None
    if fault.fault is FaultClass.EVALUATOR and found.result is not None:
        return found.result.seq
    return found.order.seq if found.order else None


def decisive(record: GoalRecord, fault: Fault) -> Tried | None:
    """Return the attempt that a fault lies in; of one that concerns the whole goal the last."""
    if fault.attempt is None:
        return record.tried[-1] if record.tried else None
    return next((each for each in record.tried if (each.step, each.number) == (fault.step, fault.attempt)), None)


def raised(record: GoalRecord) -> Limits | None:
    """Return limits with more of what a goal ran out of; None where that was no bound."""
    reason = record.outcome.reason if record.outcome else None
    slow = [each.failure for each in record.tried[-1:] if each.failure and each.failure.kind is FailureClass.TIMEOUT]
    name = RAISED.get(StopReason.STEP_TIMEOUT if slow else reason) if reason else None
    figure = getattr(record.bounds, name, None) if name else None
    if not name or not figure:
        return None
    most = KEPT if name in {"deadline", "step_timeout"} else FIGURE
    return Limits.model_validate({name: min(figure * MORE, most)})


def said_of(fault: Fault, whose: FaultClass, swapped: Blame, unswapped: Blame | None) -> tuple[Said, str]:
    """Return what goals say of a fault that went on with a component swapped, and without; and why.

    `whose` is the class of a fault in that component. None in place of the last: it cannot be had, and the goal's own
    record stands for it.
    """
    if swapped.status is Status.COMPLETED:
        if unswapped is not None and unswapped.status is Status.COMPLETED:
            return Said.UNKNOWN, "the goal is met with it, and just so without: what went wrong then did not come again"
        return Said.CONFIRMED, "the goal is met then" + ("" if unswapped is None else ", and without it is not")
    ended = f"it ends as {swapped.status.value} ({swapped.reason.value if swapped.reason else '-'})"
    if swapped.reason in ELSEWHERE or swapped.fault is None:
        return Said.UNKNOWN, f"{ended}, which says nothing of it"
    if not is_same(fault, swapped.fault):
        return Said.UNKNOWN, f"{ended} for another reason: {swapped.fault.because}"
    if whose in CHANCE:
        return Said.UNKNOWN, f"{ended}, as before, and more of the same might do: {swapped.fault.because}"
    return Said.REFUTED, f"the failure stays: {ended}"


def is_same(one: Fault, other: Fault) -> bool:
    """Tell whether two faults are of the same component."""
    return one.fault is other.fault and (one.fault not in NAMED or one.who == other.who)


def held_up(record: GoalRecord, judge: str) -> list[Tried]:
    """Return the attempts with something to show that an evaluator has refused, or could not judge."""
    shown = [each for each in record.tried if each.result is not None and each.failure is None]
    return [each for each in shown if any(seen.message.judge == judge for seen in (*each.refused, *each.sick))]


def said_by_acceptance(
    fault: Fault, role: str, tried: Sequence[Tried], verdicts: Mapping[int, Evaluation]
) -> Confirmation:
    """Return what an acceptance evaluator's verdicts on attempts say of the evaluator that has held them up."""
    swapped = f"{role} in the place of {fault.who}"
    passed = [each.number for each in tried if verdicts[each.number].passed]
    failed = next((each.failure for each in verdicts.values() if each.failure is not None), None)
    if passed:
        why = f"{role} passes attempt {passed[0]}, which {fault.who} held up"
        return Confirmation(said=Said.CONFIRMED, because=why, swapped=swapped)
    if failed is not None:
        why = f"{role} could not judge either: {failed.message}"
    elif any(seen.message.judge == fault.who for each in tried for seen in each.sick):
        why = f"{role} refuses what {fault.who} could not judge; where a judge that works leads nobody knows"
    else:
        why = f"{role} refuses every attempt that {fault.who} has refused"
        return Confirmation(said=Said.REFUTED, because=why, swapped=swapped)
    return Confirmation(said=Said.UNKNOWN, because=why, swapped=swapped)


def with_confirmation(blame: Blame, found: Confirmation) -> Blame:
    """Return a blame with what a counterfactual says of it."""
    fault = blame.fault
    if fault is None or not found.about:
        return blame.model_copy(update={"confirmation": found})
    sure = {Said.CONFIRMED: max(fault.confidence, CONFIRMED), Said.REFUTED: min(fault.confidence, REFUTED)}
    told = fault.model_copy(update={"confidence": sure.get(found.said, fault.confidence), "replay": found.said})
    return blame.model_copy(update={"fault": told, "confirmation": found})


def spent_on(outcome: Outcome, before: Usage) -> Usage:
    """Return what a goal took behind a place at which that much had been spent."""
    return Usage.of(**{name: max(0, value - getattr(before, name)) for name, value in outcome.usage.__dict__.items()})
