"""A goal's trajectory as one frozen value: what was tried, and who made and judged each attempt."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from pydantic import ValidationError

from loopwright.actors.decision import Decision
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.plan import PLAN, Plan, PlannedStep
from loopwright.actors.voting import Panel
from loopwright.bus.effects import PENDING, Effect, EffectPhase
from loopwright.bus.messages import Cancel, Ended, Evaluation, Failure, Goal, Outcome, Result, StepOrder
from loopwright.bus.plain import JsonValue
from loopwright.bus.trajectory import Entry


class Seen[M](NamedTuple):
    """A message, and where and when it went on record."""

    seq: int
    time: datetime
    message: M


@dataclass(frozen=True)
class Tried:
    """One attempt at one step."""

    step: str
    number: int
    order: Seen[StepOrder] | None = None
    effects: tuple[Seen[Effect], ...] = ()
    """The calls of whoever made it, in order."""
    result: Seen[Result] | None = None
    verdicts: tuple[Seen[Evaluation], ...] = ()
    is_called_off: bool = False
    """Whether it was stopped because another attempt had won: then nothing that it came to counts."""

    @cached_property
    def asks(self) -> tuple[Seen[Effect], ...]:
        """The questions that a model answered."""
        return tuple(each for each in self.effects if each.message.what == "ask" and is_done(each.message))

    @cached_property
    def calls(self) -> tuple[Seen[Effect], ...]:
        """What became of each call of a tool; what its claim tells stands in it, too."""
        claims = {(claim.call, claim.occurrence): claim for claim in self._messages(EffectPhase.CLAIMED)}
        found: list[Seen[Effect]] = []
        for seen in self.effects:
            effect = seen.message
            if effect.what != "call" or effect.phase in PENDING:
                continue
            claim = claims.get((effect.call, effect.occurrence))
            told = {"key": claim.key, "arguments": claim.arguments} if claim else {}
            found.append(seen._replace(message=effect.model_copy(update=told)))
        return tuple(found)

    def _messages(self, phase: EffectPhase) -> Iterable[Effect]:
        return (each.message for each in self.effects if each.message.phase is phase)

    @property
    def failure(self) -> Failure | None:
        """Why it has nothing to show."""
        return self.result.message.failure if self.result else None

    @cached_property
    def refused(self) -> tuple[Seen[Evaluation], ...]:
        """The verdicts against it."""
        return tuple(each for each in self.verdicts if not each.message.passed and each.message.failure is None)

    @cached_property
    def passed(self) -> tuple[Seen[Evaluation], ...]:
        """The verdicts for it."""
        return tuple(each for each in self.verdicts if each.message.passed and each.message.failure is None)

    @cached_property
    def sick(self) -> tuple[Seen[Evaluation], ...]:
        """The evaluators that could not do their work."""
        return tuple(each for each in self.verdicts if each.message.failure is not None)

    @property
    def went_wrong(self) -> bool:
        """Whether it failed, was refused or could not be judged; neither the baseline nor what lost a race did."""
        if self.is_called_off:
            return False
        return self.failure is not None or bool(self.sick) or (self.number > 0 and bool(self.refused))

    @property
    def lost_at(self) -> int | None:
        """Where whoever made it was told that another had won; None if nobody was."""
        words = [each.seq for each in self.effects if each.message.phase is EffectPhase.CALLED_OFF]
        return words[0] if words else None

    @property
    def went_well(self) -> bool:
        """Whether every evaluator passed it."""
        return bool(self.passed) and not self.went_wrong

    @property
    def score(self) -> float | None:
        """The lowest that an evaluator gave; None if it was not judged."""
        given = [each.message.score for each in self.verdicts if each.message.failure is None]
        return min(given) if given else None

    @property
    def maker(self) -> str:
        """The role that made it."""
        return self.order.message.role if self.order else ""

    @property
    def last_seq(self) -> int:
        """Where the last that is known of it stands."""
        parts = (*(each.seq for each in self.effects), *(each.seq for each in self.verdicts))
        return max(self.order.seq if self.order else 0, self.result.seq if self.result else 0, *parts)


@dataclass(frozen=True)
class GoalRecord:
    """All that is on record of a goal."""

    goal: Goal
    loop: Loop
    opened: int
    """Where its first decision stands."""
    tried: tuple[Tried, ...] = ()
    ended: Seen[Ended] | None = None
    called_off: Seen[Cancel] | None = None

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while it goes on."""
        return self.ended.message.outcome if self.ended else None

    @property
    def bounds(self) -> Bounds:
        """When it was to stop."""
        return self.loop.bounds.under(self.goal.limits)

    @cached_property
    def planned(self) -> dict[str, PlannedStep]:
        """The steps of its plan by their names, whoever has written it; of several plans the last that has a step."""
        plans = (each.result.message.output for each in self.tried if each.step == PLAN and each.result is not None)
        return {step.name: step for steps in (self.loop.steps, *map(steps_in, plans)) for step in steps}

    def panel_of(self, step: str) -> Panel:
        """Return who judges what is made at a step."""
        planned = self.planned.get(step) or self.planned.get(step.rpartition("-")[0])
        return planned.panel(self.loop.panel) if planned else self.loop.panel

    @cached_property
    def answers(self) -> dict[tuple[str, str], list[tuple[Tried, Seen[Effect]]]]:
        """The calls that were answered, by what tells a call from every other, wherever they were made."""
        found: dict[tuple[str, str], list[tuple[Tried, Seen[Effect]]]] = {}
        for tried in self.tried:
            for seen in tried.calls:
                if is_done(seen.message):
                    found.setdefault((seen.message.call, seen.message.name), []).append((tried, seen))
        return found

    @cached_property
    def _scores(self) -> dict[str, dict[str, set[float]]]:
        found: dict[str, dict[str, set[float]]] = {}
        for tried in self.tried:
            for each in (*tried.refused, *tried.passed):
                found.setdefault(tried.step, {}).setdefault(each.message.judge, set()).add(each.message.score)
        return found

    @cached_property
    def accepted_answers(self) -> dict[tuple[str, str], list[tuple[Tried, Seen[Effect]]]]:
        """The same, of the attempts that every evaluator passed."""
        kept = {call: [each for each in found if each[0].went_well] for call, found in self.answers.items()}
        return {call: found for call, found in kept.items() if found}

    @cached_property
    def different(self) -> Counter[str]:
        """How many different works there are, step by step."""
        return Counter(same[0].step for same in self.works.values())

    def scores(self, step: str, judge: str) -> set[float]:
        """Return the scores that an evaluator has given to attempts at a step."""
        return self._scores.get(step, {}).get(judge, set())

    def other_scores(self, step: str, judge: str) -> set[float]:
        """Return the scores of the evaluator that tells most attempts at a step apart, but for one."""
        given = (scores for other, scores in self._scores.get(step, {}).items() if other != judge)
        return max(given, key=len, default=set())

    @cached_property
    def works(self) -> dict[str, list[Tried]]:
        """The attempts by what they came to, the same together."""
        found: dict[str, list[Tried]] = {}
        for each in self.tried:
            if each.result is not None and each.failure is None:
                found.setdefault(work_of(each), []).append(each)
        return found


def steps_in(output: JsonValue) -> tuple[PlannedStep, ...]:
    """Return the steps of a plan; none if it is no plan."""
    try:
        return Plan.model_validate_json(json.dumps(output)).steps
    except ValidationError:
        return ()


def record_of(opening: Decision, seq: int, entries: Iterable[Entry]) -> GoalRecord:
    """Return a goal's record: its first decision, at `seq`, tells what was wanted, the entries what became of it."""
    standing = opening.standing
    seen = list(entries)
    ended = next((each for each in messages(seen, Ended)), None)
    called_off = next((each for each in messages(seen, Cancel)), None)
    tried = attempts(seen)
    return GoalRecord(standing.goal, standing.loop, seq, tried, ended, called_off)


def work_of(tried: Tried) -> str:
    """Return what tells the work of an attempt from every other; empty where there is none."""
    if tried.result is None:
        return ""
    output = json.dumps(tried.result.message.output, sort_keys=True)
    return hashlib.sha256(f"{tried.step}\n{output}".encode()).hexdigest()


def messages[M](entries: Iterable[Entry], kind: type[M]) -> Iterable[Seen[M]]:
    """Yield the messages of one kind."""
    for each in entries:
        if isinstance(each.message, kind):
            yield Seen(each.seq, each.time, each.message)


def attempts(entries: Sequence[Entry]) -> tuple[Tried, ...]:
    """Return every attempt, in the order in which they were ordered. Of two answers in one place the first counts."""
    orders, effects = by_place(messages(entries, StepOrder)), by_place(messages(entries, Effect))
    results, verdicts = by_place(messages(entries, Result)), by_place(messages(entries, Evaluation))
    found: list[Tried] = []
    for place, asked in orders.items():
        order = next((each for each in asked if each.message.judge is None), None)
        every = effects.get(place, ())
        made = [each for each in every if order and each.message.role == order.message.role]
        called_off = any(each.message.phase is EffectPhase.CALLED_OFF for each in every)
        result = next(iter(results.get(place, ())), None)
        said = tuple(first_of_each(verdicts.get(place, ())))
        found.append(Tried(*place, order, tuple(made), result, said, called_off))
    return tuple(found)


type Place = tuple[str, int]
"""A step, and the number of an attempt at it."""


def by_place[M: (StepOrder, Effect, Result, Evaluation)](seen: Iterable[Seen[M]]) -> dict[Place, list[Seen[M]]]:
    """Return messages by the attempt that they belong to, in their order."""
    found: dict[Place, list[Seen[M]]] = {}
    for each in seen:
        found.setdefault((each.message.step, each.message.attempt), []).append(each)
    return found


def first_of_each(verdicts: Sequence[Seen[Evaluation]]) -> Iterable[Seen[Evaluation]]:
    """Yield each evaluator's first word."""
    known: set[str] = set()
    for each in verdicts:
        if each.message.judge not in known:
            known.add(each.message.judge)
            yield each


def is_done(effect: Effect) -> bool:
    """Tell whether a call was answered."""
    return effect.phase is EffectPhase.DONE and not effect.failure
