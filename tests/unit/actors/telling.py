"""A goal that is told one thing after another, without a bus."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from loopwright.actors.decide import decide, open_goal, sends
from loopwright.actors.events import Event
from loopwright.actors.evolve import fold
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.standing import Standing
from loopwright.bus.messages import (
    Evaluation,
    Failure,
    FailureClass,
    Goal,
    Message,
    Outcome,
    Result,
    Status,
    StepOrder,
    StopReason,
    Usage,
)
from loopwright.bus.plain import JsonValue

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOOP = Loop(name="repair", work="code", judges=("tests",))


class Told:
    """A goal that is told one message after another, and what it sent."""

    def __init__(self, loop: Loop = LOOP, **goal: Any) -> None:
        self.loop = loop
        events = open_goal(Goal(**{"goal": "g1", "loop": loop.name, **goal}), loop, NOON)
        self.events: list[Event] = []
        self.sent: list[Message] = []
        self.standing = self.follow(None, events)

    def follow(self, standing: Standing | None, events: Iterable[Event]) -> Standing:
        events = tuple(events)
        after = fold(standing, events)
        assert after is not None
        self.events += events
        self.sent += sends(after, events)
        return after

    def hears(self, message: Message, seconds: float = 1.0, seq: int = 0) -> tuple[Event, ...]:
        events = decide(self.standing, message, NOON + timedelta(seconds=seconds), seq)
        if events:
            self.standing = self.follow(self.standing, events)
        return events

    def makes(
        self, attempt: int, output: JsonValue = None, *, size: int = 1, usage: Usage | None = None, seq: int = 0
    ) -> tuple[Event, ...]:
        made = {"output": output or f"patch {attempt}", "size": size, "usage": usage or Usage()}
        return self.hears(Result(goal="g1", step="work", attempt=attempt, **made), seq=seq)

    def fails(self, attempt: int, kind: FailureClass = FailureClass.CRASHED) -> tuple[Event, ...]:
        failure = Failure(kind=kind, message=f"it {kind}")
        return self.hears(Result(goal="g1", step="work", attempt=attempt, failure=failure))

    def judges(
        self, attempt: int, score: float, judge: str = "tests", *, seq: int = 0, **more: Any
    ) -> tuple[Event, ...]:
        said = {"passed": score == 1.0, "score": score, "pick": f"patch {attempt}"} | more
        return self.hears(Evaluation(goal="g1", step="work", attempt=attempt, judge=judge, **said), seq=seq)

    def tries(self, attempt: int, score: float, output: JsonValue = None, feedback: str = "") -> tuple[Event, ...]:
        """Make an attempt and have it judged, each at a place of its own in the stream."""
        self.makes(attempt, output, seq=10 * attempt)
        return self.judges(attempt, score, feedback=feedback, seq=10 * attempt + 1)

    def cannot_judge(self, attempt: int, kind: FailureClass, judge: str = "tests") -> tuple[Event, ...]:
        failure = Failure(kind=kind, message="the tests do not start")
        return self.judges(attempt, 0.0, judge, failure=failure)

    @property
    def orders(self) -> list[tuple[str, int]]:
        return [(order.role, order.attempt) for order in self.sent if isinstance(order, StepOrder)]

    @property
    def outcome(self) -> Outcome:
        assert self.standing.outcome is not None, "it goes on"
        return self.standing.outcome

    @property
    def end(self) -> tuple[Status, StopReason]:
        return self.outcome.status, self.outcome.reason


def bounded(loop: Loop = LOOP, **bounds: Any) -> Loop:
    return loop.model_copy(update={"bounds": Bounds(**bounds)})


def at(step: str, attempt: int) -> dict[str, Any]:
    """Return what a message about one attempt of a step says of it."""
    return {"goal": "g1", "step": step, "attempt": attempt}
