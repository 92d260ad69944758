"""A plan: the steps of a goal, each with what it needs. A loop has it, or a planner role writes it; else there is one.

What a step needs is done before it, and what needs nothing is done at once: steps that do not wait for each other are
under way together. A step that says nothing of its needs waits for the one that stands before it.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from pydantic import Field

from loopwright.actors.design import Design, Flaw, Path, meant
from loopwright.actors.race import Race
from loopwright.actors.voting import Panel, Vote
from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue

PLAN = "plan"
"""The step in which the plan itself is made."""
WORK = "work"
"""The one step of a loop without a plan."""
LONGEST = 60
"""Characters of the name of a step that is done once for each item: a number is put behind it."""


class Manner(Design):
    """How a step is done, where it is not done as the loop does it."""

    race: Race | None = None
    """Attempts at it that are made side by side: the first that is accepted wins, and the rest are called off."""
    judges: tuple[Token, ...] | None = None
    """The roles whose evaluators vote on what it makes, among those that the loop has; empty: none, only checks."""
    checks: tuple[Token, ...] | None = None
    """The roles whose evaluators run something, among those that the loop has."""
    vote: Vote | None = None
    """How many of its judges must pass a result."""
    loop: Token | None = None
    """The loop of a goal that does it, instead of a role: what that goal comes to is the step's result. Its input is
    the step's, or else that of the goal it serves, with what the step needs as `before`; on a further attempt also with
    the `best` so far, and a `hint` where there is one."""

    @property
    def own(self) -> "Manner | None":
        """What a step says of how it is done; None: nothing."""
        held = self.__dict__
        told = {name: held[name] for name in PARTS if held[name] is not None}
        return Manner.of(**told) if told else None

    def panel(self, usual: Panel) -> Panel:
        """Return who judges what the step makes; what it does not say is as usual."""
        judges = usual.judges if self.judges is None else self.judges
        vote = self.vote if self.vote is not None else usual.vote if judges else "all"
        return Panel(usual.checks if self.checks is None else self.checks, judges, vote)


PARTS = tuple(Manner.model_fields)
"""What a step may say of how it is done."""


class PlannedStep(Manner):
    """One step of a plan."""

    name: Token
    input: JsonValue = None
    """What its workers are given besides the goal's input."""
    needs: tuple[Token, ...] | None = None
    """The steps whose results it is given, and waits for. None: the one that stands before it."""
    role: Token | None = None
    """Whose workers do it, where it is not the loop's `work`; one of the loop's `makers`."""
    each: Token | None = None
    """A step whose result is a list: this one is done once for each item, side by side, which is its input. Whoever
    needs it is given the list of what they came to."""


class Plan(Design):
    """What a planner makes."""

    steps: tuple[PlannedStep, ...] = Field(min_length=1, max_length=64)

    def flaws(self) -> Iterator[Flaw]:
        """Yield what is wrong between its steps."""
        yield from flaws_between(self.steps)


def resolved(steps: Sequence[PlannedStep]) -> tuple[PlannedStep, ...]:
    """Return the steps with all that each needs."""
    pairs = zip(steps, all_needs(steps), strict=True)
    return tuple([step if needs == step.needs else step.but(needs=needs) for step, needs in pairs])


def all_needs(steps: Sequence[PlannedStep]) -> list[tuple[Token, ...]]:
    """Return what each step needs; one that is done for each item of a list needs the list, too."""
    told: list[tuple[Token, ...]] = []
    for place, step in enumerate(steps):
        needs = step.needs
        if needs is None:
            needs = () if step.each or place == 0 else (steps[place - 1].name,)
        told.append((step.each, *needs) if step.each and step.each not in needs else needs)
    return told


def flaws_between(steps: Sequence[PlannedStep]) -> Iterator[Flaw]:
    """Yield what is wrong between the steps of a plan, each at its place."""
    names = [step.name for step in steps]
    for place, step in enumerate(steps):
        yield from flaws_of_name(steps, place)
        others = [name for name in names if name != step.name]
        for number, need in enumerate(step.needs or ()):
            if need not in others:
                yield Flaw(("steps", place, "needs", number), needless(step.name, need, others))
        if step.each and step.each not in others:
            yield Flaw(("steps", place, "each"), needless(step.name, step.each, others))
        if step.each and step.input is not None:
            yield Flaw(("steps", place, "input"), f"the input of {step.name} is each item of {step.each} already.")
    circle = circle_in(steps)
    if circle:
        place = names.index(circle[0])
        why = f"{' needs '.join([*circle, circle[0]])}: none of them can begin."
        yield Flaw(("steps", place, "needs"), why)


def flaws_of_name(steps: Sequence[PlannedStep], place: int) -> Iterator[Flaw]:
    """Yield what is wrong with a step's name: each has a place of its own on record."""
    name, where = steps[place].name, ("steps", place, "name")
    if name == PLAN:
        yield Flaw(where, f"no step is called {PLAN}: that is the step in which a plan is made.")
    if name in (step.name for step in steps[:place]):
        yield Flaw(where, f"each step has a name of its own, and there is a step {name} already.")
    if steps[place].each and len(name) > LONGEST:
        yield Flaw(where, f"{name} is too long for a step that is done for each item: {LONGEST} characters at most.")
    if "-" in name and any(each.each and re.fullmatch(re.escape(each.name) + "-[0-9]+", name) for each in steps):
        yield Flaw(where, f"{name} is what a step is called that is done for an item.")


def flaws_of_panel(step: PlannedStep, usual: Panel, known: Collection[Token], where: Path) -> Iterator[Flaw]:
    """Yield what is wrong with those who judge a step, of all the roles that judge in its loop."""
    if step.judges is None and step.checks is None and step.vote is None and usual.everybody:
        return
    panel = step.panel(usual)
    twice = set(panel.checks) & set(panel.judges)
    for part, roles in (("judges", step.judges or ()), ("checks", step.checks or ())):
        for number, role in enumerate(roles):
            if role not in known:
                why = f"{role} is not among the roles that judge in this loop{meant(role, known)}"
                yield Flaw((*where, part, number), why)
            elif role in twice or role in roles[:number]:
                twice.discard(role)
                yield Flaw((*where, part, number), f"{role} judges what {step.name} makes twice.")
    if not panel.everybody:
        why = f"nobody judges what {step.name} makes: name a judge or a check, here or for the whole loop."
        named = [part for part in ("judges", "checks", "name") if getattr(step, part) is not None]
        yield Flaw((*where, named[0]), why)
    elif panel != usual:
        own = step.vote is not None
        told = (Flaw((*where, *flaw.path), flaw.said) if own else votes_amiss(flaw, where) for flaw in panel.flaws())
        yield from told


def votes_amiss(flaw: Flaw, where: Path) -> Flaw:
    """Return what is wrong with judges of a step that vote as the loop's do."""
    return Flaw((*where, "judges"), f"they vote as the judges of the loop do: {flaw.said}")


def needless(name: str, need: str, others: Collection[str]) -> str:
    """Return the sentence on a step that is needed and not there."""
    return f"{name} needs itself." if name == need else f"there is no step {need}{meant(need, others)}"


def circle_in(steps: Sequence[PlannedStep]) -> list[Token]:
    """Return steps that wait for each other in a circle, if there are any; the first is the one that stands first."""
    waiting = {step.name: set(needs) for step, needs in zip(steps, all_needs(steps), strict=True)}
    before: set[Token] = set()
    for name, needs in waiting.items():
        if not needs <= before:
            break
        before.add(name)
    else:
        return []  # each needs only what stands before it: how most plans are written
    waiting = {name: {need for need in needs if need in waiting and need != name} for name, needs in waiting.items()}
    while free := [name for name, needs in waiting.items() if not needs & waiting.keys()]:
        for name in free:
            del waiting[name]
    if not waiting:
        return []
    path = [next(iter(waiting))]
    while (after := next(need for need in waiting[path[-1]] if need in waiting)) not in path:
        path.append(after)
    circle = path[path.index(after) :]
    first = min(circle, key=[step.name for step in steps].index)
    at = circle.index(first)
    return [*circle[at:], *circle[:at]]
