"""Conversations of agents that ran elsewhere: who led them off the right way, and with which word.

A conversation's log has no typed calls, no orders and no verdicts; what is left of the contracts is little, and so is
the confidence. Three things are taken from its structure, and nothing from its wording or from any name:

- Where one agent hands every turn to others, what goes wrong is mostly done by the one who does most of the work
  (C8), and begins with the first thing that it does.
- Else, where code was run and failed (C4), its author; of several the first.
- Else whoever first states a figure that stands in nothing said before (C7), and does not have it computed.

Who opened the conversation is the answer where none of these is there.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from loopwright.actors.faults.fault import Contract, Fault
from loopwright.bus.messages import FaultClass

FIGURE = re.compile(r"\d[\d,.]*\d")
"""A number of two digits or more: a smaller one stands everywhere."""
FENCE = "```"
"""Begins code that is to be run."""


@dataclass(frozen=True)
class Said:
    """One turn of a conversation."""

    agent: str
    text: str
    to: str | None = None
    """To whom the turn is handed, where the log tells."""
    status: int | None = None
    """The exit code of a process, where the turn is what one printed."""


def accuse(said: Sequence[Said]) -> Fault:
    """Return who led a conversation that failed off the right way; the evidence is the place of the turn, from 0."""
    return most_active(said) or failing_author(said) or unfounded_figure(said) or opening(said)


def most_active(said: Sequence[Said]) -> Fault | None:
    """Return the first turn of who does most, where others are handed their turns by a coordinator."""
    coordinators = {each.agent for each in said if each.to}
    asked = said[0].agent if said else ""  # who wants it done speaks first, and is nobody's worker
    done = [each.agent for each in said if each.agent not in coordinators | {asked} and each.status is None]
    if not coordinators or not done:
        return None
    busiest, turns = Counter(done).most_common(1)[0]
    first = next(place for place, each in enumerate(said) if each.agent == busiest)
    return accusation(busiest, first, Contract.DECIDED, 0.5, f"it did most of the work, {turns} turns")


def failing_author(said: Sequence[Said]) -> Fault | None:
    """Return who wrote the first code that failed."""
    for place, each in enumerate(said):
        if each.status:
            author = next((back for back in range(place - 1, -1, -1) if said[back].status is None), None)
            if author is not None:
                why = f"its code ended with exit code {each.status}"
                return accusation(said[author].agent, author, Contract.ANSWERED, 0.5, why)
    return None


def unfounded_figure(said: Sequence[Said]) -> Fault | None:
    """Return who first stated a figure that stands in nothing said before."""
    known: set[str] = set()
    for place, each in enumerate(said):
        figures = FIGURE.findall(each.text)
        new = [figure for figure in figures if figure not in known]
        if place and new and each.status is None and FENCE not in each.text:
            why = f"it states {new[0]}, which stands in nothing said before"
            return accusation(each.agent, place, Contract.FOUNDED, 0.4, why)
        known.update(figures)
    return None


def opening(said: Sequence[Said]) -> Fault:
    """Return who opened the conversation, or nobody where nobody spoke."""
    if not said:
        return Fault(fault=FaultClass.UNKNOWN, confidence=0.0)
    return accusation(
        said[0].agent, 0, Contract.DECIDED, 0.3, "it spoke first, and nothing else tells one from another"
    )


def accusation(who: str, place: int, contract: Contract, confidence: float, why: str) -> Fault:
    """Return the fault of an agent in one turn; in a log agent and model are one."""
    told = {"contract": contract, "who": who, "evidence": (place,), "because": why}
    return Fault.model_validate({"fault": FaultClass.MODEL, "confidence": confidence, **told})
