"""Hooks: goals of other loops that are submitted when something happens to a goal, and that it does not wait for.

Such a goal is told what has happened as its input. Its id follows from what has happened, so it is submitted once,
however often the decision is acted on. It has bounds of its own, what it comes to changes nothing here, and it is one
message further from the first cause, so that loops which tell each other come to an end.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence

from loopwright.actors.events import Escalated, Event, Forked, Opened, Over
from loopwright.actors.loop import Moment
from loopwright.actors.standing import Standing
from loopwright.bus.messages import Goal, Json, Parent

MOMENTS: dict[type, Moment] = {
    Opened: "opened",
    Forked: "opened",
    Escalated: "stuck",
    Over: "ended",
}


def hooked(standing: Standing, events: Sequence[Event]) -> Iterator[Goal]:
    """Yield the goals that are to be submitted for what has happened; the goal stands there after these events."""
    for place, event in enumerate(events):
        loop = standing.loop.hooks.get(MOMENTS[type(event)]) if type(event) in MOMENTS else None
        if loop is not None:
            yield told_of(standing, event, place, loop)


def told_of(standing: Standing, event: Event, place: int, loop: str) -> Goal:
    """Return the goal of a loop that is told of an event, which has a place in its decision."""
    goal, moment = standing.goal, MOMENTS[type(event)]
    step, height = (event.step or standing.step, event.height) if isinstance(event, Escalated) else (standing.step, 0)
    told = json.dumps([goal.goal, moment, step, height, standing.attempts, standing.replans, place])
    return Goal(
        goal=f"g{hashlib.sha256(told.encode()).hexdigest()[:20]}",
        loop=loop,
        input={"goal": goal.goal, "loop": standing.loop.name, "moment": moment, **facts(standing, event)},
        hops=goal.hops + 1,
        parent=Parent(goal=goal.goal, step=step, attempt=standing.attempts),
        untrusted=standing.untrusted,
    )


def facts(standing: Standing, event: Event) -> Json:
    """Return what there is to know of an event."""
    match event:
        case Over():
            return {"outcome": event.outcome.model_dump(mode="json")}
        case Escalated():
            told: Json = event.model_dump(mode="json", include={"reason", "why", "evidence", "rung"})
            return told | {"step": event.step or standing.step, "attempts": standing.attempts}
        case _:
            return {"input": standing.goal.input}
