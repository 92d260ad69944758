"""Where a goal stands: the state that decisions are made on. Its size does not grow with what has happened.

Several steps may be under way. One of them is at hand: its fields are those of the standing itself, and the others
stand `beside` it, each as it was left. An event tells its step, which is brought to hand first; so what happens in a
step is written as if there were no other, and a goal with one step after the other pays nothing for what it lacks.
"""

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from pydantic import model_validator

from loopwright.actors.course import Course
from loopwright.actors.frozen import Frozen
from loopwright.actors.ladder import Ladder, OtherModel, OtherRole
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.measured import NEW, Measured
from loopwright.actors.phases import MAKING, Phase
from loopwright.actors.plan import PLAN, WORK, Manner, PlannedStep
from loopwright.actors.purse import EMPTY, Purse, unspent
from loopwright.actors.race import Lane, lanes_of
from loopwright.actors.voting import Ballot, Panel
from loopwright.bus.forks import Prefix
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


class Pending(Frozen):
    """What a person is asked in the middle of an attempt."""

    digest: Token
    person: Token
    asked: int = 0
    """Where it was asked: the message's place in the stream. No earlier reply counts."""
    replied: int = 0
    """Where the reply stands; 0 as long as there is none."""


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
    broken: Failure | None = None
    """Why it has nothing to show whatever the evaluators say that have not spoken."""
    purse: Purse | None = None
    """What it may still spend; None: all that the goal may, for it is alone."""
    seq: int = 0
    """Where an evaluator has spoken of it last: the message's place in the stream."""
    resumed: int = 0
    """How often it was taken up again after people had replied."""
    pending: tuple[Pending, ...] = ()
    """What people were asked when it was laid aside last."""
    lane: int = 0
    """Which lane of a race it is, counted from one; 0: nothing is raced."""


class Loser(Frozen):
    """An attempt that was called off, as long as it is not known what it took."""

    step: Token
    attempt: int
    waiting: tuple[Token, ...]
    """The roles that were at work on it, and have not said what they took."""
    is_made: bool = False
    """Whether its evaluators were at work, and not its maker."""
    purse: Purse = EMPTY
    """What they may have spent."""


class Doing(Frozen):
    """A step under way."""

    step: Token = WORK
    role: Token | None = None
    """Whose workers do it, where the plan says so."""
    one_of: Token | None = None
    """The step of the plan that it is done for, item by item."""
    manner: Manner | None = None
    """How it is done, where the plan says so."""
    task: JsonValue = None
    """What the plan gives its workers."""
    before: JsonValue = None
    """What the steps came to that it needs."""
    under_way: tuple[Attempt, ...] = ()
    begun: int = 0
    """The number of the last attempt at this step."""
    best: Best | None = None
    measured: Measured = NEW
    height: int = 0
    """Rungs of the ladder that were climbed at this step."""
    hint: str = ""
    """What its workers should know of why it is stuck."""
    tried: JsonValue = None
    """Where the last plan has led, while there is to be a new one."""
    failures: int = 0
    """Failed attempts in a row."""
    last_failure: Failure | None = None
    exhausted: bool = False
    """The generator has nothing left to try, as far as it has heard; a verdict that comes in may change that."""
    accepted: bool = False

    @property
    def subloop(self) -> Token | None:
        """The loop of the goals that do it, where no role does."""
        return None if self.manner is None else self.manner.loop


FRESH = Doing()
PARTS = tuple(Doing.model_fields)
"""What is one step's own."""


class Standing(Doing):
    """Where a goal stands: the step at hand, and all that is not one step's."""

    goal: Goal
    loop: Loop
    opened: datetime
    prefix: Prefix = ()
    """The records that it goes on from, where it is a fork."""
    beside: tuple[Doing, ...] = ()
    """The other steps under way."""
    course: Course | None = None
    """How far the plan has come; None where there is none."""
    earlier: int = 0
    """Attempts at all other steps, those that are done and those beside."""
    steps: int = 0
    """Pieces of work handed out."""
    baseline: float | None = None
    replans: int = 0
    """New plans that were asked for."""
    base: int = 0
    """What attempts at a step are numbered behind: numbers from before a new plan are taken."""
    empty: int = 0
    """Attempts that were begun in vain, because there was nothing left to try."""
    false_successes: int = 0
    usage: Usage = Usage()
    set_aside: Purse = EMPTY
    """What attempts may still spend that were left behind."""
    losers: tuple[Loser, ...] = ()
    """Attempts that lost their race, of which it is not known yet what they took."""
    called_off: int = 0
    """Attempts that lost their race."""
    untrusted: bool = False
    """Whether any of what was said so far was made of content that nobody vouches for; it stays so."""
    outcome: Outcome | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_in_sequence(cls, told: Any) -> Any:
        """Read what the first versions wrote, which knew plans in sequence only: the steps `ahead`."""
        if isinstance(told, dict) and "ahead" in told and "course" not in told:
            steps = [{"name": told["step"]}, *told["ahead"]]
            ahead = [step | {"needs": [steps[number]["name"]]} for number, step in enumerate(told["ahead"])]
            return told | {"course": {"ahead": ahead, "ends": [steps[-1]["name"]]}}
        return told

    @cached_property
    def bounds(self) -> Bounds:
        """When this goal stops; no later than whoever set something aside for it allows."""
        bounds, parent = self.loop.bounds.under(self.goal.limits), self.goal.parent
        return bounds if parent is None or parent.left is None else bounds.within(parent.left)

    @property
    def ends(self) -> datetime:
        """When its time is up."""
        at = self.opened + timedelta(seconds=self.bounds.deadline)
        until = self.goal.parent.until if self.goal.parent else None
        return at if until is None else min(at, until)

    @property
    def doing(self) -> tuple[Doing, ...]:
        """Every step under way, the one at hand first."""
        return (self, *self.beside)

    @property
    def ahead(self) -> tuple[PlannedStep, ...]:
        """The steps of the plan that wait for others."""
        return self.course.ahead if self.course else ()

    def lanes_of(self, doing: Doing) -> tuple[Lane, ...]:
        """Return the lanes of the race that a step is; none where it is none."""
        race = doing.manner.race if doing.manner and doing.manner.race else self.loop.race
        return lanes_of(race) if race is not None and doing.step != PLAN else ()

    def lane_of(self, doing: Doing, number: int) -> Lane | None:
        """Return the lane of that number, as long as the step is a race."""
        lanes = self.lanes_of(doing) if number else ()
        return lanes[number - 1] if number <= len(lanes) and lanes else None

    def ways(self, doing: Doing) -> int:
        """Return how many attempts at a step may be under way at once."""
        return len(self.lanes_of(doing)) or self.bounds.width

    @property
    def races(self) -> bool:
        """Whether lanes of a race are under way at the step at hand."""
        return any(attempt.lane for attempt in self.under_way)

    @property
    def panel(self) -> Panel:
        """Who judges what is made at the step at hand."""
        return self.panel_of(self)

    def panel_of(self, doing: Doing) -> Panel:
        """Return who judges what is made at a step."""
        return self.usual_panel if doing.manner is None else doing.manner.panel(self.usual_panel)

    @cached_property
    def usual_panel(self) -> Panel:
        """Who judges what is made at a step that does not name its own."""
        return self.loop.panel

    @property
    def takes(self) -> int:
        """The pieces of work that one attempt at the step at hand takes."""
        return self.loop.takes(self.panel)

    def maker_of(self, doing: Doing, lane: int = 0) -> Token:
        """Return the role whose workers make what a step asks for, in a lane of its race where it is one."""
        if self.loop.plan and doing.step == PLAN:
            return self.loop.plan
        others = [rung.role for rung in self.climbed(doing) if isinstance(rung, OtherRole)]
        own = self.lane_of(doing, lane)
        return others[-1] if others else own.role if own and own.role else doing.role or self.loop.work

    def model_of(self, lane: int = 0) -> str | None:
        """Return the model to ask at this step: the last that the ladder names, or else a fork, or else the lane."""
        others = [rung.model for rung in self.climbed(self) if isinstance(rung, OtherModel)]
        named = self.goal.fork.model or None if self.goal.fork else None
        own = self.lane_of(self, lane)
        return others[-1] if others else named or (own.model if own else None)

    def judge_of(self, doing: Doing) -> Token | None:
        """Return the evaluator that results at a step go to straight away; None where orchestrators hear them first.

        They do where several evaluators look at one, where people make or judge it, where a goal makes it, and where
        several attempts are made at once.
        """
        if doing.subloop is not None:
            return None
        evaluators, people = self.panel_of(doing).everybody, self.loop.people
        if len(evaluators) != 1 or self.ways(doing) > 1 or (self.loop.plan and doing.step == PLAN):
            return None
        return None if people and (evaluators[0] in people or self.maker_of(doing) in people) else evaluators[0]

    def climbed(self, doing: Doing) -> Ladder:
        """Return the rungs that were climbed at a step."""
        return self.loop.rungs[: doing.height] if doing.height else ()

    @property
    def attempts(self) -> int:
        """Attempts at all steps so far, the baseline not counted."""
        return self.earlier + self.begun - self.base

    @property
    def may_replan(self) -> bool:
        """Whether what is left of the goal can be planned anew."""
        return self.loop.plan is not None and self.step != PLAN and self.replans < self.bounds.replans

    @property
    def room(self) -> Purse:
        """What is neither spent nor in anybody's purse."""
        steps = 0 if self.bounds.steps is None else self.steps + self.owed
        room = unspent(self.bounds, self.usage, self.aside, steps, self.attempts)
        for attempt in self.everywhere:
            room = room.without(attempt.purse) if attempt.purse else room
        return room

    @property
    def aside(self) -> Purse:
        """What may still be spent by attempts of which the goal waits for nothing more."""
        aside = self.set_aside
        for loser in self.losers:
            aside = aside.plus(loser.purse)
        return aside

    @property
    def everywhere(self) -> tuple[Attempt, ...]:
        """The attempts under way, at the steps beside this one as well."""
        return sum([doing.under_way for doing in self.beside], self.under_way)

    @property
    def owed(self) -> int:
        """Steps that attempts under way may still take."""
        owed, accepted = 0, int(self.loop.acceptance is not None)
        for doing in self.doing:
            if doing.under_way:
                judged = len(self.panel_of(doing).everybody)
                ahead = dict.fromkeys(MAKING, judged + accepted) | {Phase.JUDGING: accepted}
                owed += sum(ahead.get(attempt.phase, 0) for attempt in doing.under_way)
        return owed

    @property
    def is_decided(self) -> bool:
        """Whether an attempt was accepted and no earlier one, which would be preferred, may still be."""
        best = self.best
        return self.accepted and best is not None and all(each.number > best.attempt for each in self.under_way)

    @property
    def is_met(self) -> bool:
        """Whether every step has been accepted; an earlier attempt, which would be preferred, may still be."""
        return self.accepted and not self.ahead and all(each.accepted for each in self.beside)

    @property
    def over(self) -> bool:
        """Whether the goal has ended."""
        return self.outcome is not None

    @property
    def place(self) -> Token | None:
        """What an event has to tell of its step: nothing, where it is the only one."""
        return self.step if self.beside else None

    def at(self, step: str | None) -> "Standing | None":
        """Return the same with a step at hand, which None is already; None if it is not under way."""
        if step is None or step == self.step:
            return self
        for place, doing in enumerate(self.beside):
            if doing.step == step:
                left = FRESH.but(**part_of(self))
                beside = (*self.beside[:place], left, *self.beside[place + 1 :])
                earlier = self.earlier + self.begun - doing.begun
                return self.but(**part_of(doing), beside=beside, earlier=earlier)
        return None

    def attempt(self, number: int) -> Attempt | None:
        """Return the attempt of that number, while it is under way."""
        for attempt in self.under_way:
            if attempt.number == number:
                return attempt
        return None


def part_of(doing: Doing) -> dict[str, Any]:
    """Return what is one step's own, of a step under way."""
    held = doing.__dict__
    return {name: held[name] for name in PARTS}
