"""A step whose role nobody serves: how an orchestrator comes to look again, and what is said of it.

The broker holds the time, as for a deadline, and only for a goal that sends a step which nobody would take; whoever
hears the time come looks who is there now. So a goal whose roles are served costs nothing.
"""

from datetime import datetime, timedelta

from loopwright.actors.phases import Phase
from loopwright.actors.standing import Attempt, Standing
from loopwright.bus.messages import Message, Timer
from loopwright.bus.names import Token

UNSERVED = "unserved"
"""The id of the timer; a goal has one for all its roles."""


class Unserved(Message):
    """Nobody has served a role for some time, as an orchestrator has found; never on the bus."""

    goal: Token
    role: Token
    seconds: float


def roles_waited_for(standing: Standing) -> tuple[Token, ...]:
    """Return the roles whose answers a goal waits for, each once; people may take their time."""
    roles: dict[Token, None] = {}
    for doing in standing.doing:
        for attempt in doing.under_way:
            if attempt.phase is not Phase.WORKING:
                roles.update(dict.fromkeys(attempt.waiting))
            elif not doing.subloop:
                roles[standing.maker_of(doing, attempt.lane)] = None
    people = standing.loop.people
    return tuple([role for role in roles if role not in people] if people else roles)


def roles_needed(standing: Standing) -> tuple[Token, ...]:
    """Return the roles that a goal waits for, and those that its makers hand their results to meanwhile, each once."""
    roles = dict.fromkeys(roles_waited_for(standing))
    for doing in standing.doing:
        made = [attempt for attempt in doing.under_way if is_made(attempt)]
        if made and (judge := standing.judge_of(doing)) is not None:
            roles[judge] = None
    return tuple(roles)


def is_made(attempt: Attempt) -> bool:
    """Tell whether somebody is making an attempt now."""
    return attempt.phase is Phase.WORKING


def look_again(goal: str, at: datetime, seconds: float) -> Timer:
    """Return the timer at which to look again who serves a goal's roles, so many seconds after `at`."""
    return Timer(goal=goal, id=UNSERVED, at=at + timedelta(seconds=max(1.0, seconds)))


def nobody_serves(role: str) -> str:
    """Return the sentence for a person."""
    return f"Nobody serves the role {role}: start `loopwright worker {role}`."
