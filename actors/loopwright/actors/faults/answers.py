"""Faults in what an attempt came to: it failed with a reason, or states what nobody told it."""

import json
import re
from collections.abc import Iterator

from pydantic import JsonValue

from loopwright.actors.faults.calls import asked_before, fault_in, leaves, model_of, of_the_agent
from loopwright.actors.faults.fault import Contract, Fault
from loopwright.actors.faults.proposals import plainly, same, values_in
from loopwright.actors.faults.recorded import GoalRecord, Tried, is_done
from loopwright.actors.showing import stands_in
from loopwright.bus.effects import EffectPhase
from loopwright.bus.messages import Failure, FailureClass, FaultClass

AT_FIRST_SIGHT: dict[FailureClass, tuple[FaultClass, float]] = {
    FailureClass.TRANSIENT: (FaultClass.ENVIRONMENT, 0.6),
    FailureClass.MISSING: (FaultClass.LOOP, 0.75),
    FailureClass.POLICY: (FaultClass.ENVIRONMENT, 0.5),
    FailureClass.TIMEOUT: (FaultClass.UNKNOWN, 0.3),
    FailureClass.EXHAUSTED: (FaultClass.AGENT, 0.5),
    FailureClass.CALLED_OFF: (FaultClass.UNKNOWN, 0.3),
    FailureClass.SPENT: (FaultClass.LOOP, 0.6),
    FailureClass.STUCK: (FaultClass.AGENT, 0.6),
    FailureClass.CRASHED: (FaultClass.UNKNOWN, 0.3),
    FailureClass.UNREADABLE: (FaultClass.AGENT, 0.6),
    FailureClass.IN_DOUBT: (FaultClass.TOOL, 0.6),
    FailureClass.SICK: (FaultClass.EVALUATOR, 0.9),
}
"""Whose a failure is where nothing but its kind is on record."""
RECENT = 50
"""Attempts whose feedback a model may have been told of."""
INVENTED = re.compile(r"[\w-]*[0-9][\w.-]+")
"""A number of two figures or more, or an identifier with one: what nobody would say by chance."""


def failed(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C3, C4 and C9: the attempt has nothing to show, and says why."""
    failure = tried.failure
    if failure is None or tried.result is None:
        return
    if failure.source is None:
        yield unsourced(tried, failure)
        return
    source = failure.source
    if source.fault is FaultClass.UNKNOWN or (source.call and source.kind is FailureClass.MISUSE):
        return  # the call itself tells more
    call = [each.seq for each in tried.effects if source.call and each.message.call == source.call]
    late = source.kind is FailureClass.TIMEOUT and failure.kind in {FailureClass.TIMEOUT, FailureClass.TRANSIENT}
    yield from (
        cut_off(record, tried, failure)
        if late
        else [
            fault_in(
                tried,
                fault=source.fault,
                confidence=0.95,
                contract=Contract.ANSWERED if source.fault is FaultClass.TOOL else Contract.SERVED,
                who=source.name,
                evidence=(*call[-1:], tried.result.seq),
                because=failure.message,
            )
        ]
    )


def unsourced(tried: Tried, failure: Failure) -> Fault:
    """Return the fault of a failure of which only the kind is known."""
    assert tried.result is not None
    contract, who = Contract.SERVED, tried.maker
    if failure.kind is FailureClass.MISUSE:
        whose, sure = (FaultClass.MODEL, 0.85) if tried.asks else (FaultClass.AGENT, 0.7)
        contract, who = Contract.FITS, model_of(tried) or who
    else:
        whose, sure = AT_FIRST_SIGHT[failure.kind]
    if failure.kind is FailureClass.TIMEOUT and tried.order is not None:
        whose, sure = (FaultClass.AGENT, 0.85) if not steady(tried) else (FaultClass.LOOP, 0.7)
    evidence = (*(each.seq for each in asked_before(tried, tried.result.seq)[-1:]), tried.result.seq)
    told = {"contract": contract, "who": who, "evidence": evidence, "because": failure.message}
    return fault_in(tried, fault=whose, confidence=sure, **told)


def cut_off(record: GoalRecord, tried: Tried, failure: Failure) -> Iterator[Fault]:
    """C4 or C5: a call was under way when the time was up: it hung, or there was too little time for all of them."""
    assert tried.result is not None
    assert failure.source is not None
    source = failure.source
    began = max([each.seq for each in tried.effects], default=tried.order.seq if tried.order else 0)
    if steady(tried):
        why = f"{len(tried.asks) + len(tried.calls)} calls were answered in time, and then the step's own time was up"
        told = {"who": record.loop.name, "evidence": (began, tried.result.seq), "because": why}
        yield fault_in(tried, fault=FaultClass.LOOP, confidence=0.85, contract=Contract.JUDGED, **told)
        return
    why = f"{source.name} did not answer before the step's time was up"
    contract = Contract.ANSWERED if source.fault is FaultClass.TOOL else Contract.SERVED
    told = {"who": source.name, "evidence": (began, tried.result.seq), "because": why}
    yield fault_in(tried, fault=source.fault, confidence=0.9, contract=contract, **told)


def steady(tried: Tried) -> bool:
    """Tell whether calls were answered until an attempt's time was up: the last wait was not half of what it had."""
    if tried.order is None or tried.result is None:
        return False
    ends = [each.time for each in tried.effects if each.message.phase is not EffectPhase.CLAIMED]
    return len(ends) >= 2 and (tried.result.time - ends[-1]).total_seconds() < tried.order.message.timeout / 2


def altered(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C2: the result says otherwise than the model did."""
    if tried.result is None or tried.failure is not None or not tried.asks:
        return
    said = tried.asks[-1]
    meant = {name: value for found in values_in(str(said.message.answer)) for name, value in leaves(found) if name}
    for name, value in leaves(tried.result.message.output):
        if name in meant and not same(meant[name], value):
            why = f"the model said that {name} is {meant[name]!r}, and the result says {value!r}"
            yield of_the_agent(tried, (said.seq, tried.result.seq), 0.9, why)


def unfounded(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C7: the model states what a tool had told it otherwise, or what nobody had told it."""
    if tried.result is None or tried.failure is not None or not tried.asks:
        return
    said, told, everything = tried.asks[-1], told_to(tried), everything_told(record, tried)
    for name, value in leaves(tried.result.message.output):
        if value is None or isinstance(value, bool) or not stands_in(str(value), str(said.message.answer)):
            continue
        heard = told.get(name, [])
        if len({repr(plainly(each)) for _, each in heard}) == 1 and not same(heard[0][1], value):
            why = f"a tool had answered that {name} is {heard[0][1]!r}, and the model says {value!r}"
            yield invented(tried, (heard[0][0], said.seq), 0.85, why)
        elif INVENTED.fullmatch(str(value)) and not stands_in(str(value), everything):
            why = f"the model says {value!r}, which stands in nothing that it was told"
            yield invented(tried, (said.seq,), 0.57, why)


def unsaid(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C2: the result states what neither the model nor a tool has said, so that the code around them made it."""
    if not tried.refused or tried.result is None or tried.failure is not None or not tried.asks:
        return
    said = json.dumps([seen.message.answer for seen in (*tried.asks, *tried.calls)], ensure_ascii=False)
    for name, value in leaves(tried.result.message.output):
        if INVENTED.fullmatch(str(value)) and not stands_in(str(value), said):
            why = f"the result says that {name} is {value!r}, and neither the model nor a tool has said so"
            yield of_the_agent(tried, (tried.asks[-1].seq, tried.result.seq), 0.58, why)


def told_to(tried: Tried) -> dict[str, list[tuple[int, JsonValue]]]:
    """Return what the tools have answered, by the names of the values; a plain answer has its tool's."""
    found: dict[str, list[tuple[int, JsonValue]]] = {}
    for seen in (each for each in tried.calls if is_done(each.message)):
        for name, value in leaves(seen.message.answer, seen.message.name):
            found.setdefault(name, []).append((seen.seq, value))
    return found


def everything_told(record: GoalRecord, tried: Tried) -> str:
    """Return all that the model of an attempt can have learnt, in one text."""
    given = tried.order.message if tried.order else None
    order = [given.task, given.before, given.best] if given else []
    feedback = [verdict.message.feedback for each in record.tried[-RECENT:] for verdict in each.verdicts]
    answers = [seen.message.answer for seen in tried.calls]
    return json.dumps([record.goal.input, order, feedback, answers], ensure_ascii=False, default=str)


def invented(tried: Tried, evidence: tuple[int, ...], confidence: float, why: str) -> Fault:
    """Return the fault of a model that states what it was not told."""
    told = {"contract": Contract.FOUNDED, "who": model_of(tried), "evidence": evidence, "because": why}
    return fault_in(tried, fault=FaultClass.MODEL, confidence=confidence, **told)


def decided(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C8: the work was not what was wanted, and nothing else is known to be wrong with it."""
    if not tried.refused or tried.result is None:
        return
    first, told = tried.refused[0], tried.refused[0].message
    said = told.feedback.strip().splitlines()[:1] or [f"a score of {told.score:.2f}"]
    source = tried.asks[-1:] or (tried.result,)
    yield fault_in(
        tried,
        fault=FaultClass.MODEL if tried.asks else FaultClass.AGENT,
        confidence=0.55,
        contract=Contract.DECIDED,
        who=model_of(tried) or tried.maker,
        evidence=(source[0].seq, first.seq),
        because=f"{told.judge} refused it: {said[0][:300]}",
    )
