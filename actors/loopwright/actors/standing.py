"""Where a goal stands: the state that decisions are made on. Its size does not grow with what has happened."""

from datetime import datetime
from functools import cached_property

from loopwright.actors.frozen import Frozen
from loopwright.actors.ladder import Ladder, OtherModel, OtherRole
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.measured import NEW, Measured
from loopwright.actors.phases import Phase
from loopwright.actors.plan import PLAN, WORK, PlannedStep
from loopwright.actors.voting import Ballot
from loopwright.bus.messages import Failure, Goal, Outcome, Usage
from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue


class Best(Frozen):
    """The best attempt so far."""

    attempt: int
    score: float
    pick: JsonValue = None
    without: tuple[Token, ...] = ()
    """The evaluators that did not pass it."""


class Attempt(Frozen):
    """An attempt under way."""

    number: int
    phase: Phase
    size: int = 0
    waiting: tuple[Token, ...] = ()
    """The evaluators that have not spoken."""
    ballots: tuple[Ballot, ...] = ()
    """What the others said."""
    score: float = 0.0
    """What their ballots come to, once all have spoken."""
    pick: JsonValue = None
    made: str = ""
    """What tells its output from every other."""
    found: str = ""
    """What tells how it was refused."""
    seq: int = 0
    """Where an evaluator has spoken of it last: the message's place in the stream."""


class Standing(Frozen):
    """Where a goal stands. Its size does not grow with the number of attempts."""

    goal: Goal
    loop: Loop
    opened: datetime
    step: Token = WORK
    """The step under way."""
    task: JsonValue = None
    """What the plan gives its workers."""
    ahead: tuple[PlannedStep, ...] = ()
    """The steps of the plan that come after it."""
    before: JsonValue = None
    """What the step before it came to."""
    under_way: tuple[Attempt, ...] = ()
    begun: int = 0
    """The number of the last attempt at this step."""
    earlier: int = 0
    """Attempts at the steps before it."""
    steps: int = 0
    """Pieces of work handed out."""
    baseline: float | None = None
    best: Best | None = None
    measured: Measured = NEW
    height: int = 0
    """Rungs of the ladder that were climbed at this step."""
    hint: str = ""
    """What its workers should know of why it is stuck."""
    tried: JsonValue = None
    """Where the last plan has led, while there is to be a new one."""
    replans: int = 0
    """New plans that were asked for."""
    base: int = 0
    """What attempts at a step are numbered behind: numbers from before a new plan are taken."""
    failures: int = 0
    """Failed attempts in a row."""
    last_failure: Failure | None = None
    exhausted: bool = False
    """The generator has nothing left to try, as far as it has heard; a verdict that comes in may change that."""
    empty: int = 0
    """Attempts that were begun in vain, because there was nothing left to try."""
    false_successes: int = 0
    usage: Usage = Usage()
    accepted: bool = False
    outcome: Outcome | None = None

    @cached_property
    def bounds(self) -> Bounds:
        """When this goal stops."""
        return self.loop.bounds.under(self.goal.limits)

    @property
    def maker(self) -> Token:
        """The role whose workers make what the step asks for."""
        if self.loop.plan and self.step == PLAN:
            return self.loop.plan
        others = [rung.role for rung in self.climbed if isinstance(rung, OtherRole)]
        return others[-1] if others else self.loop.work

    @property
    def model(self) -> str | None:
        """The model that is to be asked at this step, where the loop has tried others."""
        others = [rung.model for rung in self.climbed if isinstance(rung, OtherModel)]
        return others[-1] if others else None

    @property
    def climbed(self) -> Ladder:
        """The rungs that were climbed at this step."""
        return self.loop.rungs[: self.height] if self.height else ()

    @property
    def attempts(self) -> int:
        """Attempts at all steps so far, the baseline not counted."""
        return self.earlier + self.begun - self.base

    @property
    def may_replan(self) -> bool:
        """Whether what is left of the goal can be planned anew."""
        return self.loop.plan is not None and self.step != PLAN and self.replans < self.bounds.replans

    @property
    def is_decided(self) -> bool:
        """Whether an attempt was accepted and no earlier one, which would be preferred, may still be."""
        best = self.best
        return self.accepted and best is not None and all(each.number > best.attempt for each in self.under_way)

    @property
    def over(self) -> bool:
        """Whether the goal has ended."""
        return self.outcome is not None

    def attempt(self, number: int) -> Attempt | None:
        """Return the attempt of that number, while it is under way."""
        return next((attempt for attempt in self.under_way if attempt.number == number), None)
