"""A step under way as whoever goes on from another goal takes it over: what was not settled there is done anew."""

from loopwright.actors.phases import MAKING, Phase
from loopwright.actors.standing import Doing
from loopwright.bus.names import Token


def made_anew[D: Doing](doing: D) -> D:
    """Return a step under way as it is before anybody was asked anything in the middle of an attempt at it."""
    anew: dict[str, object] = {"phase": Phase.WORKING, "resumed": 0, "pending": ()}
    return doing.but(under_way=tuple(each.but(**anew) if each.phase in MAKING else each for each in doing.under_way))


def judged_anew[D: Doing](doing: D, evaluators: tuple[Token, ...]) -> D:
    """Return a step under way as it is before anybody has judged the attempts at it that are under way."""
    unheard: dict[str, object] = {"phase": Phase.JUDGING, "waiting": evaluators, "ballots": (), "score": 0.0}
    unheard |= {"pick": None, "found": ""}
    under_way = [each if each.phase is Phase.WORKING else each.but(**unheard) for each in doing.under_way]
    return doing.but(under_way=tuple(under_way), height=0, exhausted=False, accepted=False)
