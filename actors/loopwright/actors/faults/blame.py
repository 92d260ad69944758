"""Who is to blame: every failed attempt gets a fault, and a failed goal the one that decided it.

The rules look for broken contracts, each for one, in the record and nowhere else. What they find in an attempt is
weighed: the surest counts, the earlier of two. A guess, as that the work was simply not what was wanted, counts only
where nothing better is known; and an attempt that failed does not, where others had something to show. For a goal the
faults of its attempts are weighed together by the cube of their confidence, so that one sure fault outweighs several
guesses, and three sure ones one that was got over.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from loopwright.actors.faults.answers import altered, decided, failed, unfounded, unsaid
from loopwright.actors.faults.calls import contradicted, misused, not_dispatched, not_shown, unanswered
from loopwright.actors.faults.fault import GUESSED, SURE, Blame, Fault, Point
from loopwright.actors.faults.judging import blind, fickle, frozen, of_the_goal, sick
from loopwright.actors.faults.recorded import GoalRecord, Tried
from loopwright.actors.recovery import AT_ONCE
from loopwright.bus.messages import FaultClass, Status, StopReason

FAILED = frozenset({StopReason.ERROR, StopReason.REJECTED, StopReason.STEP_TIMEOUT})
"""Reasons that are failures in a row, or one that nothing will mend."""

type Rule = Callable[[GoalRecord, Tried], Iterator[Fault]]

RULES: tuple[Rule, ...] = (
    failed,
    misused,
    unanswered,
    not_dispatched,
    altered,
    not_shown,
    contradicted,
    unfounded,
    unsaid,
    sick,
    fickle,
    frozen,
    blind,
    decided,
)


def blame_of(record: GoalRecord) -> Blame:
    """Return whose fault it was."""
    outcome = record.outcome
    found = {(tried.step, tried.number): surest(faults_of(record, tried)) for tried in wrong(record)}
    faults = tuple(found.values())
    told = Blame(goal=record.goal.goal, faults=faults)
    if outcome is not None:
        told = told.model_copy(update={"status": outcome.status, "reason": outcome.reason})
    if outcome is not None and outcome.status in {Status.COMPLETED, Status.CANCELED}:
        return told
    counted = tuple(found[tried.step, tried.number] for tried in deciding(record))
    whole = () if any(is_sick(each) for each in counted) else tuple(of_the_goal(record))
    fault = weighed((*whole, *upstream(record), *counted), each=max(1, len(counted)))
    return told if fault is None else told.model_copy(update={"fault": fault, **chain(record, fault)})


def wrong(record: GoalRecord) -> list[Tried]:
    """Return the attempts that went wrong."""
    return [tried for tried in record.tried if tried.went_wrong]


def deciding(record: GoalRecord) -> list[Tried]:
    """Return the attempts that decided how a goal ended: the failures in a row at its end, or the refused ones."""
    outcome, every = record.outcome, wrong(record)
    if outcome is None or outcome.reason not in FAILED:
        return without_got_over(every)
    last = every[-1:]
    if last and last[0].failure is not None and record.loop.after(last[0].failure.kind) in AT_ONCE:
        return last
    failing = list(takewhile(lambda each: each.failure is not None or each.sick, reversed(every)))
    return failing[::-1] or every


def without_got_over(tried: list[Tried]) -> list[Tried]:
    """Return attempts without the failed ones, where at least as many had something to show."""
    shown = [each for each in tried if each.failure is None and not each.sick]
    return shown if len(shown) * 2 >= len(tried) else tried


def is_sick(fault: Fault) -> bool:
    """Tell whether an evaluator is surely at fault: then the scores of the whole goal tell nothing."""
    return fault.fault is FaultClass.EVALUATOR and fault.confidence >= SURE


def faults_of(record: GoalRecord, tried: Tried) -> tuple[Fault, ...]:
    """Return everything that is wrong with an attempt; that nobody can tell is an answer."""
    found = tuple(fault for rule in RULES for fault in rule(record, tried))
    return found or (unknown(tried),)


def unknown(tried: Tried) -> Fault:
    """Return the fault of which nothing is known."""
    seen = (tried.result, *tried.refused, *tried.sick)
    return Fault(
        fault=FaultClass.UNKNOWN,
        confidence=0.3,
        who=tried.maker,
        step=tried.step,
        attempt=tried.number,
        evidence=tuple(each.seq for each in seen if each is not None)[:1],
        because=tried.failure.message if tried.failure else "",
    )


def surest(faults: Sequence[Fault]) -> Fault:
    """Return the fault that counts: the surest, of two as sure the one that shows first."""
    return min(faults, key=lambda each: (-each.confidence, min(each.evidence, default=0)))


def upstream(record: GoalRecord) -> Iterator[Fault]:
    """Yield what is wrong with accepted steps of a plan, where a later one failed: it was built on them."""
    failing = [tried.step for tried in wrong(record)]
    for tried in record.tried:
        if failing and tried.step != failing[-1] and not tried.went_wrong and tried.result is not None:
            found = [each for rule in RULES if rule is not decided for each in rule(record, tried)]
            yield from (each for each in found if each.confidence >= 0.85)


def weighed(faults: Sequence[Fault], *, each: int) -> Fault | None:
    """Return the fault that decided a goal; one that concerns the whole goal counts as often as `each` attempt."""
    known = [fault for fault in faults if fault.confidence >= GUESSED] or list(faults)
    if not known:
        return None
    weights: dict[FaultClass, float] = defaultdict(float)
    for fault in known:
        weights[fault.fault] += fault.confidence**3 * (each if fault.attempt is None else 1)
    whose = max(weights, key=lambda one: weights[one])
    best = surest([fault for fault in known if fault.fault is whose])
    share = weights[whose] / sum(weights.values()) if sum(weights.values()) else 1.0
    return best.model_copy(update={"confidence": round(best.confidence * share, 2)})


def chain(record: GoalRecord, fault: Fault) -> dict[str, Point | tuple[Point, ...] | None]:
    """Return where a fault was introduced, who missed it, and where it was found."""
    begun = min(fault.evidence, default=0)
    introduced = Point(seq=begun, who=fault.who, what=fault.because) if begun else None
    tried = next((each for each in record.tried if (each.step, each.number) == (fault.step, fault.attempt)), None)
    if tried is None:
        return {"introduced": introduced, "found": ending(record)}
    missed = tuple(
        Point(seq=each.seq, who=each.message.judge, what=f"passed it with {each.message.score:.2f}")
        for each in tried.passed
        if each.seq > begun and (tried.refused or not tried.went_wrong)
    )
    return {"introduced": introduced, "missed": missed, "found": finding(record, tried, begun)}


def finding(record: GoalRecord, tried: Tried, begun: int) -> Point | None:
    """Return where something wrong with an attempt came to light."""
    for seen in sorted((*tried.sick, *tried.refused), key=lambda each: each.seq):
        if seen.seq >= begun:
            verdict = seen.message
            said = verdict.failure.message if verdict.failure else f"refused it with {verdict.score:.2f}"
            return Point(seq=seen.seq, who=verdict.judge, what=said)
    if tried.failure is not None and tried.result is not None:
        return Point(seq=tried.result.seq, who=tried.result.message.worker or tried.maker, what="reported the failure")
    later = [each for each in wrong(record) if each.last_seq > begun]
    return finding(record, later[0], begun) if later else ending(record)


def ending(record: GoalRecord) -> Point | None:
    """Return where the goal ended."""
    if record.ended is None:
        return None
    return Point(seq=record.ended.seq, who="orchestrator", what=record.ended.message.outcome.why)
