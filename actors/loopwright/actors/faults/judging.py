"""Faults of those who judge, and of the bounds within which a goal was to be met."""

from collections.abc import Iterator, Sequence

from loopwright.actors.faults.calls import fault_in, leaves, model_of
from loopwright.actors.faults.fault import Contract, Fault
from loopwright.actors.faults.recorded import GoalRecord, Seen, Tried, work_of
from loopwright.actors.showing import stands_in
from loopwright.bus.messages import Evaluation, FailureClass, FaultClass, StopReason

TIGHT = frozenset(
    {
        StopReason.ATTEMPTS,
        StopReason.TOKENS,
        StopReason.COST,
        StopReason.STEPS,
        StopReason.TOOL_CALLS,
        StopReason.DEADLINE,
        StopReason.STEP_TIMEOUT,
    }
)
"""Reasons that are a bound of the loop's or of the goal's."""
NOISE = 0.05
"""Difference between two scores for the same work that may be chance."""
FROZEN = 3
"""Different attempts from which on the same score for all of them is no chance."""
OFTEN = 2
"""False successes from which on the evaluator that passed them all saw nothing."""


def sick(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C5: an evaluator could not do its work."""
    for seen in tried.sick:
        failure = seen.message.failure
        assert failure is not None
        source = failure.source
        unfit = source is not None and source.fault is FaultClass.AGENT and source.kind is FailureClass.MISUSE
        if unfit:  # the work has not the form that the evaluator reads
            whose, who = (FaultClass.MODEL, model_of(tried)) if is_verbatim(tried) else (FaultClass.AGENT, tried.maker)
            sure, contract = 0.85, Contract.FITS
        elif failure.kind is FailureClass.MISSING:
            whose, sure, who, contract = FaultClass.LOOP, 0.9, record.loop.name, Contract.SERVED
        else:
            whose = source.fault if source and source.fault is not FaultClass.UNKNOWN else FaultClass.EVALUATOR
            sure, who, contract = 0.95, seen.message.judge, Contract.JUDGED
        evidence = (*([tried.result.seq] if unfit and tried.result else []), seen.seq)
        told = {"contract": contract, "who": who, "evidence": evidence, "because": failure.message}
        yield fault_in(tried, fault=whose, confidence=sure, **told)


def is_verbatim(tried: Tried) -> bool:
    """Tell whether all that an attempt came to stands in the model's last answer as it is."""
    if not tried.asks or tried.result is None:
        return False
    text = str(tried.asks[-1].message.answer)
    return all(stands_in(str(value), text) for _, value in leaves(tried.result.message.output) if value is not None)


def frozen(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C5: an evaluator refuses all work with the very same score, while another tells one from the other."""
    for seen in by_the_output(tried):
        judge = seen.message.judge
        work = record.different[tried.step]
        own, others = record.scores(tried.step, judge), record.other_scores(tried.step, judge)
        if work >= FROZEN and len(own) == 1 and len(others) > 1:
            why = f"{judge} gave {work} different attempts the very same score, {seen.message.score:.2f}"
            yield of_the_evaluator(tried, judge, Contract.JUDGED, (seen.seq,), 0.85, why)


def fickle(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C5: an evaluator judged the same work differently in another attempt."""
    if tried.result is None or tried.failure is not None:
        return
    twins = [each for each in record.works[work_of(tried)] if each is not tried]
    for seen in by_the_output(tried):
        for other in (verdict for each in twins for verdict in each.verdicts if differs(verdict, seen)):
            why = f"{seen.message.judge} gave the same work {seen.message.score:.2f} and {other.message.score:.2f}"
            evidence = tuple(sorted((seen.seq, other.seq)))
            yield of_the_evaluator(tried, seen.message.judge, Contract.JUDGED, evidence, 0.9, why)
            return


def by_the_output(tried: Tried) -> Iterator[Seen[Evaluation]]:
    """Yield the verdicts against an attempt that say what the work is worth, and nothing of the world around it."""
    return (each for each in tried.refused if not each.message.beyond)


def differs(one: Seen[Evaluation], other: Seen[Evaluation]) -> bool:
    """Tell whether an evaluator has said two things."""
    a, b = one.message, other.message
    if a.judge != b.judge or a.failure is not None or b.failure is not None:
        return False
    return a.passed != b.passed or abs(a.score - b.score) > NOISE


def blind(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C6: acceptance refused what the loop's evaluators had passed."""
    refused = [each for each in tried.refused if each.message.judge == record.loop.acceptance]
    if not refused or not tried.passed:
        return
    outputs = {work for work, same in record.works.items() if any(is_false_success(record, each) for each in same)}
    for seen in tried.passed:
        said = [verdict.message for each in record.tried for verdict in each.verdicts]
        never = all(each.passed for each in said if each.judge == seen.message.judge and each.attempt)
        sure = 0.85 if never and len(outputs) >= OFTEN else 0.6
        why = f"{seen.message.judge} passed what acceptance refused" + (
            f", and passed all {len(outputs)} different attempts" if sure > 0.6 else ""
        )
        evidence = (seen.seq, refused[0].seq)
        yield of_the_evaluator(tried, seen.message.judge, Contract.AGREED, evidence, sure, why)


def is_false_success(record: GoalRecord, tried: Tried) -> bool:
    """Tell whether an attempt passed the loop's evaluators and failed acceptance."""
    return bool(tried.passed) and any(each.message.judge == record.loop.acceptance for each in tried.refused)


def of_the_evaluator(
    tried: Tried, judge: str, contract: Contract, evidence: Sequence[int], confidence: float, why: str
) -> Fault:
    """Return a fault of an evaluator."""
    told = {"contract": contract, "who": judge, "evidence": tuple(evidence), "because": why}
    return fault_in(tried, fault=FaultClass.EVALUATOR, confidence=confidence, **told)


def of_the_goal(record: GoalRecord) -> Iterator[Fault]:
    """C5 and C9: what concerns the goal as a whole.

    Nobody served a role, it was given less than it takes though nothing went wrong, or stopped while it got better.
    """
    ended = record.ended
    if ended is None:
        return
    outcome, seq = ended.message.outcome, ended.seq
    told = {"evidence": (seq,), "because": outcome.why}
    match outcome.reason:
        case StopReason.NO_ROLE:
            told |= {"who": str(outcome.evidence.get("role", "")), "contract": Contract.SERVED}
            yield Fault(fault=FaultClass.ENVIRONMENT, confidence=1.0, **told)
        case StopReason.HOPS:
            yield Fault(fault=FaultClass.LOOP, confidence=1.0, contract=Contract.JUDGED, who=record.loop.name, **told)
        case StopReason.REJECTED if not record.tried:
            yield Fault(fault=FaultClass.LOOP, confidence=1.0, contract=Contract.FITS, who=record.loop.name, **told)
        case StopReason.ATTEMPTS | StopReason.STEPS if not any(each.went_wrong for each in record.tried):
            told |= {"because": f"{outcome.why} {outcome.unverified}".strip(), "contract": Contract.JUDGED}
            yield Fault(fault=FaultClass.LOOP, confidence=0.9, who=record.loop.name, **told)
        case reason if reason in TIGHT:
            yield from too_tight(record, seq)
        case _:
            pass


def too_tight(record: GoalRecord, ended: int) -> Iterator[Fault]:
    """C5: a bound was reached while the score still rose."""
    step = record.tried[-1].step if record.tried else ""
    scored = [(each, each.score) for each in record.tried if each.step == step and each.score is not None]
    rising = [score for _, score in scored]
    healthy = not any(each.failure or each.sick for each, _ in scored[-2:])
    if len(rising) >= 2 and healthy and rising[-1] == max(rising) > max(rising[:-1]):
        outcome = record.outcome
        assert outcome is not None
        why = (
            f"it was stopped while the score still rose, from {max(rising[:-1]):.2f} to {rising[-1]:.2f}: {outcome.why}"
        )
        evidence = (scored[-2][0].last_seq, scored[-1][0].last_seq, ended)
        told = {"who": record.loop.name, "evidence": evidence, "because": why}
        yield Fault(fault=FaultClass.LOOP, confidence=0.9, contract=Contract.JUDGED, step=step, **told)
