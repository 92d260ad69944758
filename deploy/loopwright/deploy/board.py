"""What a person wants to know of a goal that runs: a plain value, moved on by every message."""

from dataclasses import dataclass, field, replace
from typing import Self

from loopwright.bus import Entry, Evaluation, Outcome, Result, StepOrder, Usage
from loopwright.bus.messages import Ended, Live

BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Board:
    """The state of the screen."""

    goal: str
    loop: str = ""
    status: str = "submitted"
    begun: int = 0
    """Attempts begun."""
    judged: int = 0
    """Attempts judged."""
    baseline: float | None = None
    score: float | None = None
    """Of the attempt that was judged last."""
    best: float | None = None
    best_attempt: int | None = None
    curve: tuple[float, ...] = ()
    """Best score after each judged attempt."""
    usage: Usage = field(default_factory=Usage)
    false_successes: int = 0
    feedback: str = ""
    busy: dict[str, str] = field(default_factory=dict[str, str])
    """What each worker does now."""
    waiting: dict[str, int] = field(default_factory=dict[str, int])
    """Steps handed out to each role and not answered."""
    outcome: Outcome | None = None

    def after(self, entry: Entry) -> Self:
        """Return the board after one message on record."""
        match entry.message:
            case StepOrder() as order:
                return self._handed_out(order)
            case Result() as result:
                return self._made(result)
            case Evaluation() as evaluation:
                return self._judged(evaluation)
            case Ended(outcome=outcome):
                return replace(self, outcome=outcome, status=outcome.status.value, usage=outcome.usage, busy={})
            case _:
                return self

    def glimpse(self, live: Live) -> Self:
        """Return the board after a glimpse of a worker."""
        busy = {name: text for name, text in self.busy.items() if name != live.worker}
        if live.text and self.outcome is None:
            busy[live.worker] = f"{live.role} {live.attempt}: {live.text}"
        return replace(self, busy=busy)

    def _handed_out(self, order: StepOrder) -> Self:
        waiting = {**self.waiting, order.role: self.waiting.get(order.role, 0) + 1}
        begun = max(self.begun, order.attempt)
        return replace(self, loop=order.loop, begun=begun, waiting=waiting, status="working")

    def _answered(self, role: str) -> dict[str, int]:
        left = {**self.waiting, role: self.waiting.get(role, 1) - 1}
        return {name: count for name, count in left.items() if count > 0}

    def _made(self, result: Result) -> Self:
        made_by = next((role for role in self.waiting if role in ("search", "code")), "")
        feedback = result.failure.message if result.failure else self.feedback
        waiting = self._answered(made_by) if made_by else self.waiting
        return replace(self, usage=self.usage + result.usage, waiting=waiting, feedback=feedback)

    def _judged(self, evaluation: Evaluation) -> Self:
        board = replace(self, usage=self.usage + evaluation.usage, waiting=self._answered(evaluation.judge))
        if evaluation.judge == "accept":
            return replace(board, false_successes=board.false_successes + evaluation.rejected)
        if evaluation.attempt == 0:
            return replace(board, baseline=evaluation.score, best=evaluation.score, feedback=evaluation.feedback)
        better = board.best is None or evaluation.score > board.best
        best = evaluation.score if better else board.best
        return replace(
            board,
            judged=board.judged + 1,
            score=evaluation.score,
            best=best,
            best_attempt=evaluation.attempt if better else board.best_attempt,
            curve=(*board.curve, best or 0.0),
            feedback=evaluation.feedback,
        )


def sparkline(curve: tuple[float, ...], width: int = 40) -> str:
    """Return a curve of scores in 0..1 as a line of bars, newest at the right."""
    if len(curve) > width:
        step = len(curve) / width
        curve = tuple(curve[int(number * step)] for number in range(width - 1)) + curve[-1:]
    return "".join(BARS[min(len(BARS) - 1, int(score * len(BARS)))] for score in curve)
