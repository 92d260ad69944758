"""A loop as a picture: a mermaid flowchart of its roles, drawn from the design itself."""

from collections.abc import Iterator

from loopwright.actors.ladder import in_words
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.plan import PlannedStep, resolved
from loopwright.actors.race import in_words as race_in_words

NO_BOUNDS = {"width", "tolerance", "replans", "fan_out"}
"""Figures at which nothing stops."""


def mermaid(loop: Loop) -> str:
    """Return a loop as the text of a mermaid flowchart."""
    title = ["---", f"title: {loop.name}, version {loop.version}", "---", "flowchart TD"]
    return "\n".join(title + [f"    {line}" for line in (*boxes(loop), *arrows(loop))])


def boxes(loop: Loop) -> Iterator[str]:
    """Yield who is there."""
    yield 'goal(["goal"])'
    if loop.plan:
        yield f'plan["plan<br/>{named(loop, loop.plan)}"]'
    if loop.steps:
        yield from steps(loop)
    else:
        yield f'work["work<br/>{named(loop, loop.work)}{raced(loop)}"]'
    yield f'subgraph judging["{loop.panel.in_words()}"]'
    yield from (f'    check{number}[/"check<br/>{named(loop, role)}"/]' for number, role in enumerate(loop.checks))
    yield from (f'    judge{number}{{"judge<br/>{weighed(loop, role)}"}}' for number, role in enumerate(loop.judges))
    yield "end"
    if loop.acceptance:
        yield f'acceptance{{"acceptance<br/>{named(loop, loop.acceptance)}"}}'
    yield from (f'approver{number}[/"asked<br/>{named(loop, role)}"/]' for number, role in enumerate(loop.approvers))
    yield 'accepted(["accepted"])'
    yield f'stopped(["stopped by the first of<br/>{bounds(loop.bounds)}"])'


def steps(loop: Loop) -> Iterator[str]:
    """Yield the steps of a plan that is always the same, and what each needs; one done for each item is stacked."""
    numbers = {step.name: number for number, step in enumerate(loop.steps)}
    yield 'subgraph work["steps, side by side where they wait for no other"]'
    for step in resolved(loop.steps):
        number, role = numbers[step.name], named(loop, step.role or loop.work)
        shape = ("[[", "]]") if step.each else ("{{", "}}") if step.loop else ("[", "]")
        role = f"a goal of {step.loop}" if step.loop else role
        each = f", for each of {step.each}" if step.each else ""
        told = f"{step.name}<br/>{role}{each}{raced(loop, step)}{judged(loop, step)}"
        yield f'    step{number}{shape[0]}"{told}"{shape[1]}'
    for step in resolved(loop.steps):
        yield from (f"    step{numbers[need]} --> step{numbers[step.name]}" for need in step.needs or ())
    yield "end"


def raced(loop: Loop, step: PlannedStep | None = None) -> str:
    """Return the line on the race that a step is; empty where it is none."""
    race = step.race if step and step.race else loop.race
    return f"<br/>{race_in_words(race)}" if race is not None else ""


def judged(loop: Loop, step: PlannedStep) -> str:
    """Return the line on who judges a step, where those are others than judge the rest."""
    panel = step.panel(loop.panel)
    if panel == loop.panel:
        return ""
    roles = ", ".join(named(loop, role) for role in panel.everybody)
    return f"<br/>judged by {roles}" + (f": {panel.in_words()}" if panel.vote != "all" else "")


def weighed(loop: Loop, judge: str) -> str:
    """Return a judge, with what it weighs where that is not the same for all."""
    weight = loop.panel.weight(judge)
    return named(loop, judge) if weight == 1 else f"{named(loop, judge)}, weighs {weight:g}"


def named(loop: Loop, role: str) -> str:
    """Return a role; people are told from processes."""
    return f"{role}, a person" if role in loop.people else role


def arrows(loop: Loop) -> Iterator[str]:
    """Yield who hands on to whom."""
    start = "plan" if loop.plan else "work"
    yield "goal -- as it stands --> judging" if loop.baseline else f"goal --> {start}"
    if loop.plan:
        yield "plan -- steps --> work"
    yield from (f"work -. asks in the middle .-> approver{number}" for number in range(len(loop.approvers)))
    yield "work --> judging"
    yield "judging -- refused, with feedback --> work"
    last = "acceptance" if loop.acceptance else "judging"
    if loop.acceptance:
        yield "judging -- passed --> acceptance"
        yield "acceptance -- false success --> work"
    if loop.plan or loop.steps:
        yield f"{last} -- the next steps --> work"
    yield f"{last} -- passed --> accepted"
    if loop.rungs:
        yield f'judging -. "stuck: {", then ".join(map(in_words, loop.rungs))}" .-> {start}'
    yield "work -. a bound is reached .-> stopped"
    yield from (f'hook_{moment}[["a goal of {other}"]]' for moment, other in loop.hooks.items())
    if "opened" in loop.hooks:
        yield "goal -.-> hook_opened"
    if "stuck" in loop.hooks:
        yield "judging -. stuck .-> hook_stuck"
    if "ended" in loop.hooks:
        yield from ("accepted -.-> hook_ended", "stopped -.-> hook_ended")


def bounds(bounds: Bounds) -> str:
    """Return the figures at which a loop stops."""
    figures = [(name, value) for name, value in bounds if isinstance(value, int | float) and name not in NO_BOUNDS]
    return "<br/>".join(f"{name.replace('_', ' ')} {f'{value:,}'.removesuffix('.0')}" for name, value in figures)
