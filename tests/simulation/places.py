"""Where things stand: what a decision sends, and what is on record."""

import json

from loopwright.bus.effects import Effect
from loopwright.bus.messages import Cancel, Ended, Goal, Message, Result, StepOrder, Timer
from tests.simulation.store import Kept


def place_of(message: Message) -> str:
    """Return the subject of what a decision sends; a mark tells a call to stop from the rest of its record."""
    match message:
        case StepOrder(goal=goal, role=role, step=step, attempt=attempt, resumed=resumed):
            return f"lw.v1.step.default.{role}.{goal}.{step}.{attempt}{again(resumed)}"
        case Ended(goal=goal):
            return f"lw.v1.event.default.{goal}"
        case Effect(goal=goal, step=step, attempt=attempt, role=role):
            return f"lw.v1.effect.default.{goal}.{step}.{attempt}.{role}#"
        case Timer(goal=goal, id=id_):
            return f"lw.v1.timer.default.{goal}.{id_}"
        case Goal(goal=goal):
            return goal_place(goal)
        case Result(goal=goal, step=step, attempt=attempt):
            return f"lw.v1.result.default.{goal}.{step}.{attempt}"
        case Cancel(goal=goal):
            return f"lw.v1.ctl.default.{goal}"
        case _:
            raise AssertionError(f"nobody sends {type(message).__name__}")


def goal_place(goal: str) -> str:
    """Return what stands for a goal that was submitted: the intake forgets it."""
    return f"goal {goal}"


def resumed_in(kept: Kept) -> int:
    """Return how often the attempt was taken up again that an order is about."""
    return int(json.loads(kept.data or b"{}").get("resumed", 0))


def ordered_at(kept: Kept) -> str:
    """Return where an order stands: that of an attempt which is taken up again stands behind the one before."""
    return kept.subject + again(resumed_in(kept))


def again(resumed: int) -> str:
    """Return what tells the order of an attempt that is taken up again."""
    return f"+{resumed}" if resumed else ""
