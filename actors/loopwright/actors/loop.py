"""A loop: who makes, who judges, and when it stops. A frozen value, pinned in each goal's first decision."""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from loopwright.actors.design import Design, Flaw, Path, meant
from loopwright.actors.ladder import HINT, HINT_AND_REPLAN, Ladder, OtherRole
from loopwright.actors.person import Person
from loopwright.actors.plan import PlannedStep, flaws_between, flaws_of_panel
from loopwright.actors.race import Race, flaws_of_race
from loopwright.actors.recovery import FIXED, RECOVERIES, Recovery
from loopwright.actors.voting import Panel, Vote
from loopwright.bus.messages import Allowance, FailureClass, Limits, Seconds
from loopwright.bus.names import Token


class Bounds(Design):
    """When a loop stops; a goal's own `Limits` come before these."""

    attempts: int = Field(default=30, ge=1)
    """Attempts after the baseline, at all steps together; one at a plan is one of them."""
    deadline: Seconds = 600.0
    """Seconds from acceptance to the end."""
    step_timeout: Seconds = 120.0
    """Seconds that one worker may take over one attempt."""
    unserved: Seconds = 30.0
    """Seconds that a goal waits for a role that nobody serves."""
    patience: int = Field(default=3, ge=1)
    """Distinct proposals without a better score before the loop counts as stuck."""
    tolerance: float = Field(default=0.0, ge=0, lt=1)
    """By how much a score must rise to be better: what the evaluators' scores of one and the same output differ by."""
    width: int = Field(default=1, ge=1, le=64)
    """Attempts that may be under way at once: one is made while the others are judged."""
    failures: int = Field(default=3, ge=1)
    """Failed attempts in a row that end the goal."""
    replans: int = Field(default=2, ge=0)
    """How often a goal is planned anew, whatever for."""
    tokens: int = Field(default=200_000, ge=1)
    """Tokens in and out, all attempts together."""
    cost: float = Field(default=3.0, gt=0)
    """US dollars, all attempts together."""
    fan_out: int = Field(default=8, ge=1, le=64)
    """Items of a list for which a step may be done, side by side."""
    tool_calls: int | None = Field(default=None, ge=1)
    """Tool calls, all attempts together. None: as many as it takes."""
    steps: int | None = Field(default=None, ge=1)
    """Pieces of work handed out, evaluations included. None: as many as it takes."""
    all_attempts: int | None = Field(default=None, ge=1)
    """Attempts of a goal and of all goals below it. None: as many as each of them may make."""

    def under(self, limits: Limits) -> "Bounds":
        """Return these bounds with what a goal has set for itself."""
        held = limits.__dict__
        given = {name: held[name] for name in Limits.model_fields if held[name] is not None}
        return Bounds(**(self.model_dump() | given)) if given else self

    def within(self, left: Allowance) -> "Bounds":
        """Return these bounds where no more is left for the goal, which may be nothing."""
        pairs = ((name, getattr(self, name), value) for name, value in left if name in Bounds.model_fields)
        lower = {name: value for name, own, value in pairs if value is not None and (own is None or value < own)}
        return self.model_copy(update=lower)


type Moment = Literal["opened", "stuck", "ended"]
"""What may happen to a goal, and another be told of."""
JUDGING = frozenset({"checks", "judges", "evaluators", "acceptance"})
"""The parts of a loop whose roles judge."""


class Loop(Design):
    """A named design: work is made, judged, and made better until it is accepted or a bound is reached."""

    name: Token
    version: int = Field(default=1, ge=1)
    plan: Token | None = None
    """The role whose workers write the plan."""
    steps: tuple[PlannedStep, ...] = Field(default=(), max_length=64)
    """The plan, where it is always the same. Without steps and without a role that writes them the goal is one step."""
    work: Token
    """The role whose workers make results."""
    makers: tuple[Token, ...] = ()
    """Further roles that make results, for the steps that name them."""
    judges: tuple[Token, ...] = ()
    """The roles whose evaluators vote on a result."""
    vote: Vote = "all"
    """How many of the judges must pass a result: `all`, `any`, a quorum, or judges that weigh enough."""
    checks: tuple[Token, ...] = ()
    """The roles whose evaluators run something: tests, a linter, a schema. Each must pass, however the judges vote."""
    evaluators: tuple[Token, ...] = ()
    """Further roles that judge, for the steps that name them."""
    acceptance: Token | None = None
    """The role of an evaluator that the generator never sees; asked where the goal brings what it needs."""
    people: dict[Token, Person] = Field(default_factory=dict[Token, Person])
    """The roles among these that people serve, and the approvers."""
    approvers: tuple[Token, ...] = ()
    """Further people: asked in the middle of an attempt, by a tool that one of them is to approve, or by its worker."""
    race: Race | None = None
    """Attempts at each step that are made side by side: the first that is accepted wins, and the rest are called off.
    So many lanes, or for each the `role` or the `model` that makes it. A step may have a race of its own; a plan has
    none."""
    baseline: bool = False
    """Whether the input is judged as it stands before anything is made; the goal may be met already."""
    ladder: Ladder | None = None
    """What is done when the loop is stuck, one after the other, before it stops: `hint`, another `role`, another
    `model`, `replan`. None: a hint, and then a new plan where there is a planner."""
    recovery: dict[FailureClass, Recovery] = Field(default_factory=dict[FailureClass, Recovery])
    """What a failed attempt leads to, by the class of its failure, where that is not the usual."""
    hooks: dict[Moment, Token] = Field(default_factory=dict[Moment, Token])
    """Other loops, of which a goal is submitted when a goal of this one is `opened`, is `stuck` and climbs its ladder,
    or has `ended`. It is told what has happened as its input, and nobody waits for it."""
    bounds: Bounds = Bounds()

    @property
    def rungs(self) -> Ladder:
        """What is done when the loop is stuck."""
        return self.ladder if self.ladder is not None else HINT_AND_REPLAN if self.plan else HINT

    def after(self, kind: FailureClass) -> Recovery:
        """Return what a failure of a class leads to."""
        return self.recovery.get(kind) or RECOVERIES[kind]

    @property
    def panel(self) -> Panel:
        """Who judges what is made."""
        return Panel(self.checks, self.judges, self.vote)

    def takes(self, panel: Panel) -> int:
        """Return the pieces of work that one attempt takes: it is made, and every evaluator is asked."""
        return 1 + len(panel.checks) + len(panel.judges) + (self.acceptance is not None)

    @property
    def least(self) -> int:
        """The attempts that a goal takes at least: one at its plan, where somebody writes it, and one at each step."""
        return (self.plan is not None) + max(1, sum(step.each is None for step in self.steps))

    @property
    def roles(self) -> tuple[Token, ...]:
        """Every role that some process has to serve."""
        return tuple(role for _, role in self.parts() if role not in self.people)

    def parts(self) -> Iterator[tuple[Path, Token]]:
        """Yield every role, and where the design names it."""
        if not self.steps or any(step.loop is None for step in self.steps):
            yield ("work",), self.work
        if self.plan:
            yield ("plan",), self.plan
        yield from ((("makers", place), role) for place, role in enumerate(self.makers))
        yield from ((("checks", place), role) for place, role in enumerate(self.checks))
        yield from ((("judges", place), role) for place, role in enumerate(self.judges))
        yield from ((("evaluators", place), role) for place, role in enumerate(self.evaluators))
        if self.acceptance:
            yield ("acceptance",), self.acceptance
        others = ((place, rung) for place, rung in enumerate(self.rungs) if isinstance(rung, OtherRole))
        yield from ((("ladder", place, "role"), rung.role) for place, rung in others)

    def flaws(self) -> Iterator[Flaw]:
        """Yield what is wrong between its parts."""
        yield from self._roles_with_two_parts()
        panels = [step.panel(self.panel) for step in self.steps] or [self.panel]
        if self.panel.everybody or not self.steps:
            yield from self.panel.flaws()
        yield from self._flaws_of_people()
        yield from self._flaws_of_ladder()
        yield from self._flaws_of_race()
        if self.bounds.steps is not None and self.bounds.steps < (takes := max(map(self.takes, panels))):
            why = f"an attempt takes {takes} steps, and it may take {self.bounds.steps}: nothing can be accepted."
            yield Flaw(("bounds", "steps"), why)
        if self.bounds.attempts < self.least:
            why = f"a goal takes {self.least} attempts at least, and it may take {self.bounds.attempts}."
            yield Flaw(("bounds", "attempts"), why)
        yield from flaws_between(self.steps)
        yield from self.flaws_of_steps(self.steps)
        for place, step in enumerate(self.steps):
            if step.loop == self.name:
                why = f"{step.name} is done by a goal of {self.name}, and that by another, without end."
                yield Flaw(("steps", place, "loop"), why)
        for moment, loop in self.hooks.items():
            if loop == self.name:
                why = f"a goal of {self.name} that is {moment} would submit another, and that another, without end."
                yield Flaw(("hooks", moment), why)
        if self.steps and self.plan:
            yield Flaw(("steps",), f"the plan is either here or made by {self.plan}.")
        if (self.plan or self.steps) and self.baseline:
            why = "a loop with a plan has no baseline: before it is planned there is nothing to judge."
            yield Flaw(("baseline",), why)

    def flaws_of_steps(self, steps: Sequence[PlannedStep]) -> Iterator[Flaw]:
        """Yield what is wrong with steps in this loop: roles that it does not have, races and panels that cannot be."""
        makers, judging = (self.work, *self.makers), (*self.checks, *self.judges, *self.evaluators)
        usual = self.panel
        for place, step in enumerate(steps):
            where = ("steps", place)
            if step.role is not None and step.role not in makers:
                why = f"{step.role} is not among the roles that make results{meant(step.role, makers)}"
                yield Flaw((*where, "role"), why)
            if step.loop is not None and (step.role is not None or isinstance(step.race, tuple)):
                why = f"{step.name} is done by a goal of the loop {step.loop}, so no role and no model is named here."
                yield Flaw((*where, "loop"), why)
            yield from self._flaws_in(step.race, (*where, "race"), step.role or self.work)
            yield from flaws_of_panel(step, usual, judging, where)

    def _flaws_in(self, race: Race | None, where: Path, role: Token) -> Iterator[Flaw]:
        """Yield what is wrong with a race in which the role makes what no other is named for."""
        makers, most = (self.work, *self.makers), self.bounds.attempts
        yield from flaws_of_race(race, where, role=role, makers=makers, people=self.people, most=most)

    def _flaws_of_race(self) -> Iterator[Flaw]:
        """Yield what is wrong with the race that every step is."""
        yield from self._flaws_in(self.race, ("race",), self.work)
        if self.race is not None and self.bounds.width > 1:
            why = "the lanes of a race are under way together, and no other attempts: leave the width out."
            yield Flaw(("bounds", "width"), why)

    def _flaws_of_people(self) -> Iterator[Flaw]:
        """Yield what is wrong with who is asked."""
        parts = {role: place[0] for place, role in self.parts()} | dict.fromkeys(self.approvers, "approvers")
        for place, role in enumerate(self.approvers):
            if role not in self.people:
                yield Flaw(("approvers", place), f"{role} is nobody among the people{meant(role, self.people)}")
        for role, person in self.people.items():
            if role not in parts:
                yield Flaw(("people", role), f"{role} is no role of this loop{meant(role, parts)}")
            elif parts[role] in JUDGING and not isinstance(person.default, bool | None):
                why = f"{role} judges, so the default is true or false: whether what is asked about passes."
                yield Flaw(("people", role, "default"), why)
            if person.within >= self.bounds.deadline:
                why = f"the goal ends after {self.bounds.deadline:g} seconds, before {role} has had {person.within:g}."
                yield Flaw(("people", role, "within"), why)

    def _flaws_of_ladder(self) -> Iterator[Flaw]:
        """Yield the rungs and recoveries that could never be."""
        if self.plan is None:
            why = "nobody can plan anew: the loop has no planner."
            yield from (Flaw(("ladder", place), why) for place, rung in enumerate(self.rungs) if rung == "replan")
            anew = (kind for kind, recovery in self.recovery.items() if recovery is Recovery.REPLAN)
            yield from (Flaw(("recovery", kind.value), why) for kind in anew)
        for kind, recovery in self.recovery.items():
            if kind in FIXED and recovery is not RECOVERIES[kind]:
                yield Flaw(("recovery", kind.value), FIXED[kind])

    def _roles_with_two_parts(self) -> Iterator[Flaw]:
        """Yield the roles that stand twice: an evaluator's order would take the other's place."""
        first: dict[Token, str] = {}
        for place, role in self.parts():
            part = str(place[0])
            if role in first:
                yield Flaw(place, f"a role has one part in a loop, and {role} is {first[role]} already.")
            first.setdefault(role, f"one of its {part}" if len(place) > 1 else f"its {part}")


def unknown_loop(name: Token) -> Loop:
    """Return what stands on record for a loop that nobody has; nothing is ever made or judged for it."""
    return Loop(name=name, work="nobody", judges=("none",))
