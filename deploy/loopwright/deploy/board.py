"""What a person wants to know of a goal that runs: a plain value, moved on by every message."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Self

from loopwright.actors.plan import WORK
from loopwright.actors.voting import Ballot, Panel
from loopwright.bus import Entry, Evaluation, FailureClass, Outcome, Result, StepOrder, Usage
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import Ended, Live
from loopwright.bus.questions import Pause, Reply

type Asked = tuple[str, int, str]
"""The step and the attempt of an order, and its judge; no judge for the work itself, and what tells a question that is
asked in the middle of it."""

BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Board:
    """The state of the screen."""

    goal: str
    loop: str = ""
    status: str = "submitted"
    begun_at: dict[str, int] = field(default_factory=dict[str, int])
    """Attempts begun at each step."""
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
    pending: dict[Asked, StepOrder] = field(default_factory=dict[Asked, StepOrder])
    """Orders that are not answered."""
    panel: Panel | None = None
    """The evaluators, as the goal's loop has them; None while that is not known."""
    panels: dict[str, Panel] = field(default_factory=dict[str, Panel])
    """Those of the steps that have others."""
    people: frozenset[str] = frozenset()
    """The roles that people serve, who may take their time."""
    ballots: dict[tuple[str, int], tuple[Ballot, ...]] = field(
        default_factory=dict[tuple[str, int], tuple[Ballot, ...]]
    )
    """What evaluators said of each attempt that others have yet to speak of."""
    unserved: tuple[str, ...] = ()
    """Roles that the goal waits for and nobody serves."""
    outcome: Outcome | None = None

    def after(self, entry: Entry) -> Self:
        """Return the board after one message on record."""
        match entry.message:
            case (Result() | Evaluation()) as said if said.failure and said.failure.kind is FailureClass.CALLED_OFF:
                return replace(self, usage=self.usage + said.usage)
            case StepOrder() as order:
                return self._handed_out(order)
            case Pause() as pause:
                return self._paused(pause)
            case Reply() as reply:
                return self._replied(reply)
            case Result() as result:
                return self._made(result)
            case Evaluation() as evaluation:
                return self._judged(evaluation)
            case Effect(phase=EffectPhase.CALLED_OFF) as word:
                return self._called_off(word)
            case Ended(outcome=outcome):
                return replace(
                    self, outcome=outcome, status=outcome.status.value, usage=outcome.usage, busy={}, unserved=()
                )
            case _:
                return self

    def glimpse(self, live: Live) -> Self:
        """Return the board after a glimpse of a worker."""
        busy = {name: text for name, text in self.busy.items() if name != live.worker}
        if live.text and self.outcome is None:
            where = f"{live.attempt}" if live.step == WORK else f"{live.step} {live.attempt}"
            busy[live.worker] = f"{live.role} {where}: {live.text}"
        return replace(self, busy=busy)

    @property
    def begun(self) -> int:
        """Attempts begun."""
        return sum(self.begun_at.values())

    @property
    def waiting(self) -> dict[str, int]:
        """Steps handed out to each role and not answered."""
        return Counter(order.role for order in self.pending.values())

    def _handed_out(self, order: StepOrder) -> Self:
        pending = {**self.pending, (order.step, order.attempt, order.judge or ""): order}
        begun = {**self.begun_at, order.step: max(self.begun_at.get(order.step, 0), order.attempt)}
        return replace(self, loop=order.loop, begun_at=begun, pending=pending, status="working")

    def _paused(self, pause: Pause) -> Self:
        """Return the board after an attempt was laid aside: its order waits for people, and no more for its role."""
        place = (pause.step, pause.attempt)
        order = self.pending.get((*place, ""))
        if order is None:
            return self
        asked = {(*place, digest): order.but(role=each.person) for digest, each in pause.digests.items()}
        return replace(self, pending=self._answered(*place, "") | asked, status="input_required")

    def _replied(self, reply: Reply) -> Self:
        """Return the board after a person's word."""
        pending = self._answered(reply.step, reply.attempt, reply.digest)
        return replace(self, pending=pending, status="working")

    def _answered(self, *asked: str | int) -> dict[Asked, StepOrder]:
        return {key: order for key, order in self.pending.items() if key != asked}

    def _called_off(self, word: Effect) -> Self:
        """Return the board without an order whose attempt has lost its race; nobody waits for it any more."""
        gone = (word.step, word.attempt, word.role)
        pending = {key: order for key, order in self.pending.items() if (*key[:2], order.role) != gone}
        return replace(self, pending=pending)

    def _made(self, result: Result) -> Self:
        feedback = result.failure.message if result.failure else self.feedback
        place = (result.step, result.attempt)
        made = {asked for asked, order in self.pending.items() if asked[:2] == place and order.judge is None}
        pending = {asked: order for asked, order in self.pending.items() if asked not in made}
        return replace(self, usage=self.usage + result.usage, pending=pending, feedback=feedback)

    def _judged(self, evaluation: Evaluation) -> Self:
        attempt = (evaluation.step, evaluation.attempt)
        order = self.pending.get((*attempt, evaluation.judge))
        pending = self._answered(*attempt, evaluation.judge)
        board = replace(self, usage=self.usage + evaluation.usage, pending=pending)
        if order is not None and order.acceptance is not None:
            rejected = evaluation.rejected if evaluation.passed else max(1, evaluation.rejected)
            return replace(board, false_successes=board.false_successes + rejected)
        passed = None if evaluation.failure else evaluation.passed
        ballot = Ballot(role=evaluation.judge, passed=passed, score=evaluation.score)
        ballots = (*self.ballots.get(attempt, ()), ballot)
        board = replace(board, feedback=evaluation.feedback)
        if any(key[:2] == attempt for key in pending):  # another evaluator has yet to speak
            return replace(board, ballots={**self.ballots, attempt: ballots})
        others = {place: given for place, given in self.ballots.items() if place != attempt}
        return replace(board, ballots=others)._scored(evaluation.attempt, self._agreed(evaluation.step, ballots))

    def _agreed(self, step: str, ballots: tuple[Ballot, ...]) -> float:
        """Return the score that ballots at a step come to; the lowest, where nobody can tell how they are counted."""
        panel = self.panels.get(step) or self.panels.get(step.rpartition("-")[0]) or self.panel
        known = panel is not None and {ballot.role for ballot in ballots} == set(panel.everybody)
        return panel.score(ballots) if panel and known else min(ballot.score for ballot in ballots)

    def _scored(self, attempt: int, score: float) -> Self:
        """Return the board after every evaluator has spoken of an attempt."""
        if attempt == 0:
            return replace(self, baseline=score, best=score)
        better = self.best is None or score > self.best
        best = score if better or self.best is None else self.best
        return replace(
            self,
            judged=self.judged + 1,
            score=score,
            best=best,
            best_attempt=attempt if better else self.best_attempt,
            curve=(*self.curve, best),
        )


def sparkline(curve: tuple[float, ...], width: int = 40) -> str:
    """Return a curve of scores in 0..1 as a line of bars, newest at the right."""
    if len(curve) > width:
        step = len(curve) / width
        curve = tuple(curve[int(number * step)] for number in range(width - 1)) + curve[-1:]
    return "".join(BARS[min(len(BARS) - 1, int(score * len(BARS)))] for score in curve)
