"""What rules look at: what was done and stated in a trajectory, in order, each with its place on record."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from loopwright.actors.faults import GoalRecord
from loopwright.actors.faults.recorded import Seen, Tried, is_done
from loopwright.actors.plan import PLAN
from loopwright.actors.voting import Ballot, Tally
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import Json, Status
from loopwright.bus.plain import JsonValue

HAPPENED = frozenset({EffectPhase.CLAIMED, EffectPhase.DONE})
"""How far a call has come that has happened, or may have."""


@dataclass(frozen=True)
class Deed:
    """One call of a tool."""

    seq: int
    """Where it went on record: for what changes something, before it was made."""
    step: str
    attempt: int
    name: str
    changes: bool = False
    """Whether it changes something, or costs money."""
    happened: bool = True
    """Whether it has happened, or may have; what was refused has not."""
    arguments: Json | None = None
    answer: JsonValue = None


@dataclass(frozen=True)
class Claim:
    """What an attempt states: its output."""

    seq: int
    step: str
    attempt: int
    output: JsonValue


@dataclass(frozen=True)
class Child:
    """A part of the goal that was to succeed: a step of its plan, or a goal of its own."""

    seq: int
    name: str
    succeeded: bool


@dataclass(frozen=True)
class Spend:
    """What an attempt took."""

    step: str
    attempt: int
    seq: int
    calls: int
    tokens: int
    score: float | None = None


@dataclass(frozen=True)
class Trail:
    """A trajectory as rules see it."""

    deeds: tuple[Deed, ...] = ()
    claims: tuple[Claim, ...] = ()
    evidence: tuple[tuple[int, str], ...] = ()
    """What was told to the agents, and where: the goal's input, and the answers of tools."""
    children: tuple[Child, ...] = ()
    spends: tuple[Spend, ...] = ()
    cancelled: int | None = None
    """Where the word stands that called the goal off."""
    lost: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    """Where the word stands that called attempts off which have lost a race, by step and number."""
    succeeded: int | None = None
    """Where its end stands, if it was met."""

    def of_attempt(self, step: str, attempt: int) -> "Trail":
        """Return what one attempt did and stated; what was told before counts as evidence all the same."""

        def here(each: Deed | Claim | Spend) -> bool:
            return (each.step, each.attempt) == (step, attempt)

        return replace(
            self,
            deeds=tuple(filter(here, self.deeds)),
            claims=tuple(filter(here, self.claims)),
            spends=tuple(filter(here, self.spends)),
        )


def trail_of(record: GoalRecord) -> Trail:
    """Return the trail of a goal."""
    deeds = sorted((deed for tried in record.tried for deed in deeds_of(tried)), key=lambda each: each.seq)
    told = [(record.opened, json.dumps(record.goal.input, ensure_ascii=False))]
    told += [(deed.seq, json.dumps(deed.answer, ensure_ascii=False)) for deed in deeds if deed.happened]
    ended = record.ended if record.outcome and record.outcome.status is Status.COMPLETED else None
    return Trail(
        deeds=tuple(deeds),
        claims=tuple(claims_of(record)),
        evidence=tuple(told),
        children=tuple(children_of(record)),
        spends=tuple(map(spend_of, record.tried)),
        cancelled=record.called_off.seq if record.called_off else None,
        lost={(tried.step, tried.number): seq for tried in record.tried if (seq := tried.lost_at) is not None},
        succeeded=ended.seq if ended else None,
    )


def deeds_of(tried: Tried) -> Iterator[Deed]:
    """Yield the calls of tools in an attempt, each once, however often its entry was told."""
    calls: dict[tuple[str, int], list[Seen[Effect]]] = {}
    for seen in tried.effects:
        if seen.message.what == "call":
            place = (seen.message.call or str(seen.seq), seen.message.occurrence)
            calls.setdefault(place, []).append(seen)
    for entries in calls.values():
        last = entries[-1]
        claims = [each.seq for each in entries if each.message.phase is EffectPhase.CLAIMED]
        given = [each.message.arguments for each in entries if each.message.arguments is not None]
        yield Deed(
            seq=claims[-1] if claims else last.seq,
            step=tried.step,
            attempt=tried.number,
            name=last.message.name,
            changes=bool(claims),
            happened=last.message.phase in HAPPENED,
            arguments=given[0] if given else None,
            answer=last.message.answer if is_done(last.message) else None,
        )


def claims_of(record: GoalRecord) -> Iterator[Claim]:
    """Yield what each attempt came to."""
    for tried in record.tried:
        if tried.result is not None and tried.failure is None:
            yield Claim(tried.result.seq, tried.step, tried.number, tried.result.message.output)


def children_of(record: GoalRecord) -> Iterator[Child]:
    """Yield the steps of a plan: one has succeeded if its evaluators passed one of its attempts."""
    if record.loop.plan is None:
        return
    steps: dict[str, list[Tried]] = {}
    for tried in record.tried:
        if tried.step != PLAN:
            steps.setdefault(tried.step, []).append(tried)
    for name, attempts in steps.items():
        yield Child(attempts[-1].last_seq, name, any(passed(record, each) for each in attempts))


def passed(record: GoalRecord, tried: Tried) -> bool:
    """Tell whether the evaluators of a loop passed an attempt together."""
    said = {each.message.judge: each.message for each in tried.verdicts}
    panel = record.panel_of(tried.step)
    ballots = [
        Ballot(role=role, passed=None if said[role].failure else said[role].passed, score=said[role].score)
        for role in panel.everybody
        if role in said
    ]
    return panel.tally(ballots) is Tally.PASSED


def spend_of(tried: Tried) -> Spend:
    """Return what an attempt took, whoever made or judged it."""
    usages = [each.message.usage for each in tried.verdicts]
    usages += [tried.result.message.usage] if tried.result else []
    tokens = sum(each.tokens_in + each.tokens_out for each in usages)
    calls = sum(1 for _ in deeds_of(tried))
    return Spend(tried.step, tried.number, tried.last_seq, calls, tokens, tried.score)
