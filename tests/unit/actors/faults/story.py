"""A goal's record written down by hand: what was ordered, called, made and judged, each a second after the other."""

from datetime import UTC, datetime, timedelta
from typing import Any

from loopwright.actors import Loop
from loopwright.actors.faults import GoalRecord
from loopwright.actors.faults.recorded import Seen, attempts
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import (
    Ended,
    Evaluation,
    Failure,
    FailureClass,
    FaultClass,
    Goal,
    Message,
    Outcome,
    Result,
    Source,
    Status,
    StepOrder,
    StopReason,
)
from loopwright.bus.subjects import Subject
from loopwright.bus.trajectory import Entry

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SHOP = Loop(name="shop", work="clerk", judges=("books", "style"), acceptance="auditor")
ANYWHERE = Subject.of("event", ns="default", goal="g1")


class Story:
    """What happened to one goal, told message by message."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.at = NOON
        self.attempt = 0

    def tell(self, message: Message, after: float = 1.0) -> int:
        self.at += timedelta(seconds=after)
        self.entries.append(Entry(len(self.entries) + 2, self.at, ANYWHERE, message))
        return self.entries[-1].seq

    def begin(self) -> int:
        self.attempt += 1
        return self.tell(StepOrder(goal="g1", loop="shop", step="work", attempt=self.attempt, role="clerk", timeout=60))

    def effect(self, phase: EffectPhase, what: str, name: str, after: float = 1.0, **told: Any) -> int:
        place = {"goal": "g1", "step": "work", "attempt": self.attempt, "role": "clerk"}
        call = told.pop("call", name)
        return self.tell(
            Effect.model_validate({**place, "phase": phase, "what": what, "name": name, "call": call, **told}), after
        )

    def ask(self, answer: str, **told: Any) -> int:
        told = {"offered": ("stock", "order", "ordered"), **told}
        return self.effect(EffectPhase.DONE, "ask", "m", answer=answer, **told)

    def call(self, name: str, answer: Any, **arguments: Any) -> int:
        return self.effect(EffectPhase.DONE, "call", name, answer=answer, arguments=arguments)

    def write(self, name: str, answer: Any, **arguments: Any) -> int:
        self.effect(EffectPhase.CLAIMED, "call", name, key="k", arguments=arguments)
        return self.effect(EffectPhase.DONE, "call", name, answer=answer)

    def made(self, output: Any) -> int:
        return self.tell(Result(goal="g1", step="work", attempt=self.attempt, worker="w", output=output))

    def failed(self, kind: FailureClass, source: Source | None = None, after: float = 1.0) -> int:
        failure = Failure(kind=kind, message="it did not work", source=source)
        return self.tell(Result(goal="g1", step="work", attempt=self.attempt, worker="w", failure=failure), after)

    def judged(self, judge: str, score: float, **told: Any) -> int:
        place = {"goal": "g1", "step": "work", "attempt": self.attempt, "judge": judge}
        return self.tell(Evaluation.model_validate({**place, "passed": score == 1, "score": score, **told}))

    def ended(self, reason: StopReason, status: Status = Status.FAILED, **told: Any) -> GoalRecord:
        outcome = Outcome(goal="g1", loop="shop", status=status, reason=reason, why="It is over.", **told)
        seq = self.tell(Ended(goal="g1", outcome=outcome))
        ended = Seen(seq, self.at, Ended(goal="g1", outcome=outcome))
        return GoalRecord(Goal(goal="g1", loop="shop"), SHOP, 1, attempts(self.entries), ended)

    def so_far(self) -> GoalRecord:
        return GoalRecord(Goal(goal="g1", loop="shop"), SHOP, 1, attempts(self.entries))


def of_a_call(fault: FaultClass, kind: FailureClass, name: str = "stock") -> Source:
    """Return where a failure comes from that a call has met."""
    return Source(fault=fault, kind=kind, name=name, call=name)
