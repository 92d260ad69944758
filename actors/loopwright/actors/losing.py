"""What becomes of attempts that lose their race: nothing that they come to counts, but what they took does.

Whoever is at work on one is told to stop, and says what that took. Until then all that the attempt may have spent
counts as spent: so a race is no way round a budget. When the last has spoken, what was not needed is free again.
"""

from loopwright.actors.events import Accounted, CalledOff
from loopwright.actors.phases import MAKING, Phase
from loopwright.actors.purse import EMPTY, purse_of
from loopwright.actors.standing import Attempt, Loser, Standing


def call_off(standing: Standing, attempt: Attempt, event: CalledOff) -> Standing:
    """Take an attempt off that has lost its race; whoever is at work on it, a goal of its own too, has yet to speak."""
    under_way = tuple(each for each in standing.under_way if each is not attempt)
    told = {"is_made": attempt.phase not in MAKING, "purse": attempt.purse or EMPTY}
    loser = Loser.of(step=standing.step, attempt=attempt.number, waiting=event.roles, **told)
    if attempt.phase is Phase.WAITING:  # nobody has it, who could say what it took
        standing = standing.but(set_aside=standing.set_aside.plus(attempt.purse or EMPTY))
    called_off = standing.called_off + 1
    losers = (*standing.losers, loser) if event.roles or event.below else standing.losers
    return standing.but(under_way=under_way, losers=losers, called_off=called_off)


def accounted(standing: Standing, event: Accounted) -> Standing:
    """Count what somebody took who was called off; when the last has spoken, the rest is free again."""
    aside, left = purse_of(event.aside) if event.aside else EMPTY, list[Loser]()
    for loser in standing.losers:
        if (loser.step, loser.attempt) != (event.step, event.attempt):
            left.append(loser)
            continue
        waiting = tuple(role for role in loser.waiting if event.judge is not None and role != event.judge)
        if waiting:
            left.append(loser.but(waiting=waiting, purse=loser.purse.less(event.usage).without(aside)))
    set_aside = standing.set_aside.plus(aside)
    return standing.but(losers=tuple(left), usage=standing.usage + event.usage, set_aside=set_aside)
