"""How far a plan has come: what is done, what can begin, and what still waits. A pure function of what was finished."""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field

from loopwright.actors.frozen import Frozen
from loopwright.actors.plan import Manner, PlannedStep, resolved
from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue


class Ready(NamedTuple):
    """A step that can begin."""

    step: Token
    role: Token | None
    task: JsonValue
    before: JsonValue
    """What the steps came to that it needs: of one as it is, of several by their names."""
    one_of: Token | None = None
    """The step of the plan that it is done for, item by item."""
    manner: Manner | None = None
    """How it is done, where the plan says so."""


class Course(Frozen):
    """How far a plan has come. What is done is kept for as long as somebody may need it."""

    ahead: tuple[PlannedStep, ...] = ()
    """The steps that wait for others."""
    done: dict[Token, JsonValue] = Field(default_factory=dict)
    """What the steps came to that are done."""
    items: dict[Token, int] = Field(default_factory=dict)
    """How often a step is done, where it is done for each item and not all of them are done."""
    ends: tuple[Token, ...] = ()
    """The steps that no other needs: what they come to is what the plan comes to."""

    def blocked(self, most: int) -> str:
        """Return why a step can never begin although nothing is missing that it waits for; nothing if all is well."""
        for step in self.ahead:
            if step.each in self.done and all(need in self.done for need in step.needs or ()):
                made = self.done[step.each]
                if not isinstance(made, list):
                    return f"The step {step.name} is done for each item of {step.each}, which made no list."
                if len(made) > most:
                    return f"The step {step.each} made {len(made)} items, and {step.name} is done for at most {most}."
        return ""

    def is_only(self, step: Token) -> bool:
        """Tell whether nothing is left of the plan but a step: what that comes to is what the plan comes to."""
        return self.ends == (step,) and not self.ahead and not self.done and not self.items

    @property
    def came_to(self) -> JsonValue:
        """What the plan has come to: of one end as it is, of several by their names."""
        if len(self.ends) == 1:
            return self.done.get(self.ends[0])
        return {name: self.done[name] for name in self.ends if name in self.done}


def entered(steps: Sequence[PlannedStep], most: int, before: JsonValue = None) -> tuple[Course, list[Ready]]:
    """Return the course of a plan that begins, and the steps that can begin; a list of over `most` items holds on.

    What came `before` the plan is given to the steps that need nothing of it.
    """
    ahead = resolved(steps)
    needed = {need for step in ahead for need in step.needs or ()}
    ends = tuple(step.name for step in ahead if step.name not in needed)
    course, ready = unfolded(Course.of(ahead=ahead, ends=ends), {}, most)
    return course, [each._replace(before=before) for each in ready] if before is not None else ready


def finished(
    course: Course, step: Token, of: Token | None, came_to: JsonValue, most: int
) -> tuple[Course, list[Ready]]:
    """Return the course after a step is done, and the steps that can begin then."""
    done = {**course.done, step: came_to}
    if of in course.items:
        names = [f"{of}-{number}" for number in range(1, course.items[of] + 1)]
        if all(name in done for name in names):
            done[of] = [done[name] for name in names]
    return unfolded(course, done, most)


def unfolded(course: Course, done: dict[Token, JsonValue], most: int) -> tuple[Course, list[Ready]]:
    """Return a course after so much is done, without the steps that can begin, and those steps."""
    ready: list[Ready] = []
    ahead: list[PlannedStep] = []
    items = dict(course.items)
    waiting = list(course.ahead)
    while waiting:
        step = waiting.pop(0)
        if not done.keys() >= set(step.needs or ()):
            ahead.append(step)
        elif step.each is None:
            ready.append(Ready(step.name, step.role, step.input, given(step, done), manner=step.own))
        elif not isinstance(made := done[step.each], list) or len(made) > most:
            ahead.append(step)
        elif made:
            items[step.name] = len(made)
            ready += one_for_each(step, made, given(step, done))
        else:
            done[step.name] = []
            waiting, ahead = ahead + waiting, []  # whoever needs it can begin perhaps
    return pruned(course, ahead, done, items), ready


def one_for_each(step: PlannedStep, made: Sequence[JsonValue], before: JsonValue) -> list[Ready]:
    """Return the steps that a step becomes which is done for each item."""
    named = [(f"{step.name}-{number}", item) for number, item in enumerate(made, start=1)]
    return [Ready(name, step.role, item, before, step.name, step.own) for name, item in named]


def given(step: PlannedStep, done: dict[Token, JsonValue]) -> JsonValue:
    """Return what a step is given of what it needs."""
    needs = [need for need in step.needs or () if need != step.each]
    if len(needs) == 1:
        return done[needs[0]]
    return {need: done[need] for need in needs} if needs else None


def pruned(
    course: Course, ahead: Sequence[PlannedStep], done: dict[Token, JsonValue], items: dict[Token, int]
) -> Course:
    """Return a course as it is now, without what nobody will need any more."""
    needed = {*course.ends, *(need for step in ahead for need in step.needs or ())}
    items = {name: count for name, count in items.items() if name not in done}
    kept = {name: done[name] for name in done if name in needed or name.rpartition("-")[0] in items}
    return course.but(ahead=tuple(ahead), done=kept, items=items)
