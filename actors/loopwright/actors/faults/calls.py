"""Faults between a model and its tools: what was shown, what was named, what was called, what was answered."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from loopwright.actors.faults.fault import Contract, Fault
from loopwright.actors.faults.proposals import Proposal, proposals, same, same_arguments
from loopwright.actors.faults.recorded import GoalRecord, Seen, Tried, is_done
from loopwright.actors.showing import pieces_of, stands_in
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import FailureClass, FaultClass

WHOLE = 0.95
"""Share of an answer from which on it counts as shown."""
MANY = 4
"""Pieces that an answer has at least for a part of it to tell that it was cut."""
UNANSWERED = frozenset({EffectPhase.RAISED, EffectPhase.FAILED, EffectPhase.RELEASED, EffectPhase.DENIED})


@dataclass(frozen=True)
class Turn:
    """A model's answer, and what was called on it until it was asked again."""

    ask: Seen[Effect]
    named: Sequence[Proposal]
    made: Sequence[Seen[Effect]]


def turns_of(tried: Tried) -> list[Turn]:
    """Return the turns of an attempt."""
    bounds = [*(each.seq for each in tried.asks[1:]), float("inf")]
    found: list[Turn] = []
    for ask, end in zip(tried.asks, bounds, strict=False):
        made = [each for each in tried.calls if ask.seq < each.seq < end]
        found.append(Turn(ask, proposals(str(ask.message.answer)), made))
    return found


def fault_in(tried: Tried, **told: object) -> Fault:
    """Return a fault of an attempt."""
    return Fault.model_validate({"step": tried.step, "attempt": tried.number, **told})


def not_shown(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C1: what a tool answered was cut, or left out, before the model was asked again."""
    for ask in tried.asks:
        for call, share in ask.message.shown.items():
            told = [each for each in tried.calls if each.message.call == call and each.seq < ask.seq]
            if share >= WHOLE or not told or not is_done(told[-1].message):
                continue
            name = told[-1].message.name
            cut = share > 0 and sum(1 for _ in pieces_of(told[-1].message.answer)) >= MANY
            yield fault_in(
                tried,
                fault=FaultClass.AGENT,
                confidence=0.85 if cut else 0.6,
                contract=Contract.SHOWN,
                who=tried.maker,
                evidence=(told[-1].seq, ask.seq),
                because=f"of what {name} answered, {share:.0%} stand in the next question to the model",
            )


def not_dispatched(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C2 and C3: a call that the model named was not made, made otherwise or made twice; or there is no such tool."""
    offered = {name for ask in tried.asks for name in ask.message.offered}
    for turn in turns_of(tried):
        named = [each for each in turn.named if each.name in offered]
        unknown = [each for each in turn.named if each.certain and each.name not in offered]
        if unknown and offered:
            why = f"the model names the tool {unknown[0].name}, and there is none of that name"
            yield of_the_model(tried, turn.ask, Contract.FITS, 0.95, why)
        if named:
            yield from misdispatched(tried, turn, named)
        elif not turn.named:
            yield from unnamed(tried, turn)


def misdispatched(tried: Tried, turn: Turn, named: Sequence[Proposal]) -> Iterator[Fault]:
    """Yield what is wrong with the calls of one turn, set against those that were named."""
    done = [each for each in turn.made if each.message.phase is EffectPhase.DONE]
    cut_short = tried.failure is not None and turn.ask == tried.asks[-1]
    troubled = cut_short or any(each.message.phase in UNANSWERED for each in turn.made)
    left = list(turn.made)
    for proposal in named:
        fitting = [each for each in left if each.message.name == proposal.name]
        exact = [each for each in fitting if same_arguments(proposal.arguments, each.message.arguments or {})]
        if exact:
            left.remove(exact[0])
        elif fitting and not any(other is not proposal and other.name == proposal.name for other in named):
            why = f"the model named {proposal.name} with other arguments than it was called with"
            yield of_the_agent(tried, (turn.ask.seq, fitting[0].seq), 0.9, why)
        elif not fitting and not troubled:
            why = f"the model named a call of {proposal.name}, and it was never made"
            yield of_the_agent(tried, (turn.ask.seq,), 0.9, why)
    wanted = Counter(each.name for each in named)
    for call, count in Counter(each.message.call for each in done).items():
        twice = [each for each in done if each.message.call == call]
        if count > max(1, wanted[twice[0].message.name]):
            why = f"{twice[0].message.name} was called {count} times, and the model had named it once"
            yield of_the_agent(tried, tuple(each.seq for each in (turn.ask, *twice)), 0.9, why)


def unnamed(tried: Tried, turn: Turn) -> Iterator[Fault]:
    """Yield what is wrong with the calls of a turn whose answer names them in no form that is known here."""
    text, name = str(turn.ask.message.answer), {each.message.call: each.message.name for each in turn.made}
    written = Counter(each.message.call for each in turn.made if each.message.key and is_done(each.message))
    for call, count in written.items():
        if count > 1:
            evidence = tuple(each.seq for each in turn.made if each.message.call == call)
            why = f"{name[call]} was called {count} times on one answer of the model"
            yield of_the_agent(tried, (turn.ask.seq, *evidence), 0.75, why)
    for each in turn.made:
        made_up = [piece for piece in pieces_of(each.message.arguments or {}) if not stands_in(piece, text)]
        if each.message.key and made_up:
            why = f"{each.message.name} was called with {made_up[0]}, which the model's answer does not say"
            yield of_the_agent(tried, (turn.ask.seq, each.seq), 0.65, why)


def misused(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C3: a tool was called with arguments that do not fit, or that it is not to be called with."""
    for seen in tried.calls:
        source = seen.message.source
        unfit = source is not None and source.kind in {FailureClass.MISUSE, FailureClass.POLICY}
        if source is None or not unfit or source.fault is FaultClass.ENVIRONMENT or came_right(tried, seen):
            continue
        whose, sure = who_chose(tried, seen)
        yield fault_in(
            tried,
            fault=whose,
            confidence=sure,
            contract=Contract.FITS if whose is FaultClass.MODEL else Contract.DISPATCHED,
            who=model_of(tried) if whose is FaultClass.MODEL else tried.maker,
            evidence=tuple(each.seq for each in (*asked_before(tried, seen.seq)[-1:], seen)),
            because=seen.message.failure,
        )


def who_chose(tried: Tried, seen: Seen[Effect]) -> tuple[FaultClass, float]:
    """Return who chose the arguments of a call: the model, if it named them; else the code around it."""
    turn = next((each for each in turns_of(tried) if seen in each.made), None)
    if turn is None:
        return FaultClass.AGENT, 0.85
    arguments = seen.message.arguments or {}
    named = [each for each in turn.named if each.name == seen.message.name]
    if any(same_arguments(each.arguments, arguments) for each in named):
        return FaultClass.MODEL, 0.95
    if named:
        return FaultClass.AGENT, 0.9
    text = str(turn.ask.message.answer)
    told = all(stands_in(piece, text) for piece in pieces_of(arguments)) if arguments else False
    return (FaultClass.MODEL, 0.8) if told else (FaultClass.AGENT, 0.7)


def unanswered(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C4: a call was not answered, and nothing in the attempt has made up for it."""
    for seen in tried.effects:
        source = seen.message.source
        if source is None or seen.message.phase not in UNANSWERED or came_right(tried, seen):
            continue
        if source.kind in {FailureClass.MISUSE, FailureClass.POLICY} and source.fault is not FaultClass.ENVIRONMENT:
            continue
        fine = fine_elsewhere(record, seen)
        decided = tried.failure is not None and tried.failure.source is not None
        by_it = decided and tried.failure is not None and tried.failure.source == source
        yield fault_in(
            tried,
            fault=source.fault,
            confidence=0.95 if by_it else 0.85 if fine else 0.75,
            contract=Contract.ANSWERED if seen.message.what == "call" else Contract.SERVED,
            who=seen.message.name,
            evidence=(seen.seq, *([fine.seq] if fine else [])),
            because=f"{seen.message.name} did not answer: {seen.message.failure}"
            + (", and has answered the same call elsewhere" if fine else ""),
        )


def came_right(tried: Tried, seen: Seen[Effect]) -> bool:
    """Tell whether a later call of the same tool or model was answered in the attempt."""
    same_name = (each for each in tried.effects if each.message.name == seen.message.name and each.seq > seen.seq)
    return any(is_done(each.message) for each in same_name)


def fine_elsewhere(record: GoalRecord, seen: Seen[Effect]) -> Seen[Effect] | None:
    """Return the same call where it was answered, in another attempt."""
    return next((other for _, other in record.answers.get((seen.message.call, seen.message.name), ())), None)


def contradicted(record: GoalRecord, tried: Tried) -> Iterator[Fault]:
    """C4: a tool answered otherwise where the work was accepted; or a write is not there afterwards."""
    for seen in (each for each in tried.calls if is_done(each.message) and not each.message.key):
        same_call = record.accepted_answers.get((seen.message.call, seen.message.name), ())
        others = [each for other, each in same_call if other is not tried]
        if others and not any(same(each.message.answer, seen.message.answer) for each in others):
            why = f"{seen.message.name} answered the same call otherwise where the work was accepted"
            yield of_the_tool(tried, seen.message.name, (seen.seq, others[0].seq), 0.85, why)
        yield from not_there(tried, seen)


def not_there(tried: Tried, read: Seen[Effect]) -> Iterator[Fault]:
    """C4: a read does not show what the last write about the same thing was given."""
    written = [each for each in tried.calls if each.message.key and is_done(each.message) and each.seq < read.seq]
    answer, about = read.message.answer, read.message.arguments or {}
    once = Counter(each.message.call for each in written)
    for write in (each for each in written[-1:] if once[each.message.call] == 1):
        given = write.message.arguments or {}
        shared = [name for name in about if name in given and same(about[name], given[name])]
        if not shared or not isinstance(answer, dict):
            continue
        lost = [name for name in given if name not in shared and name in answer and not same(given[name], answer[name])]
        if lost:
            why = f"{write.message.name} said it was done, and {read.message.name} shows another {lost[0]}"
            yield of_the_tool(tried, write.message.name, (write.seq, read.seq), 0.85, why)


def asked_before(tried: Tried, seq: int) -> list[Seen[Effect]]:
    """Return the questions before a place."""
    return [each for each in tried.asks if each.seq < seq]


def model_of(tried: Tried) -> str:
    """Return the name of the model that an attempt has asked last."""
    return tried.asks[-1].message.name if tried.asks else ""


def of_the_model(tried: Tried, ask: Seen[Effect], contract: Contract, confidence: float, why: str) -> Fault:
    """Return a fault in a model's answer."""
    told = {"contract": contract, "who": ask.message.name, "evidence": (ask.seq,), "because": why}
    return fault_in(tried, fault=FaultClass.MODEL, confidence=confidence, **told)


def of_the_agent(tried: Tried, evidence: tuple[int, ...], confidence: float, why: str) -> Fault:
    """Return a fault in what a worker's code made of a model's answer."""
    told = {"contract": Contract.DISPATCHED, "who": tried.maker, "evidence": evidence, "because": why}
    return fault_in(tried, fault=FaultClass.AGENT, confidence=confidence, **told)


def of_the_tool(tried: Tried, name: str, evidence: tuple[int, ...], confidence: float, why: str) -> Fault:
    """Return a fault in what a tool answered."""
    told = {"contract": Contract.ANSWERED, "who": name, "evidence": tuple(sorted(evidence)), "because": why}
    return fault_in(tried, fault=FaultClass.TOOL, confidence=confidence, **told)


def leaves(value: JsonValue, name: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Yield the values at the ends of a value, each with the name that stands nearest to it."""
    match value:
        case dict():
            for key, each in value.items():
                yield from leaves(each, key)
        case list():
            for each in value:
                yield from leaves(each, name)
        case _:
            yield name, value
