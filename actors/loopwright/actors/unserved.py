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
            working = attempt.phase is Phase.WORKING
            makers = () if doing.subloop else (standing.maker_of(doing, attempt.lane),)
            roles.update(dict.fromkeys(makers if working else attempt.waiting))
    return tuple(role for role in roles if role not in standing.loop.people)


def roles_needed(standing: Standing) -> tuple[Token, ...]:
    """Return the roles that a goal waits for, and those that its makers hand their results to meanwhile, each once."""
    handed = [standing.judge_of(each) for each in standing.doing if any(map(is_made, each.under_way))]
    return tuple(dict.fromkeys([*roles_waited_for(standing), *filter(None, handed)]))


def is_made(attempt: Attempt) -> bool:
    """Tell whether somebody is making an attempt now."""
    return attempt.phase is Phase.WORKING


def look_again(goal: str, at: datetime, seconds: float) -> Timer:
    """Return the timer at which to look again who serves a goal's roles, so many seconds after `at`."""
    return Timer(goal=goal, id=UNSERVED, at=at + timedelta(seconds=max(1.0, seconds)))


def nobody_serves(role: str) -> str:
    """Return the sentence for a person."""
    return f"Nobody serves the role {role}: start `loopwright worker {role}`."
