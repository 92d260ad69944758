"""What was said and let go again before anybody could hear it: it stands on the record, and is heard when that is due.

A word on a goal that is still in the intake, or a reply to a question that nobody has noted yet, is handed out a number
of times, and then no more: anybody can say anything about what there will never be. So whoever opens a goal that has
waited for long looks whether it was called off meanwhile; and where the default of a person is to count, and somebody
has answered, that answer is heard, whatever has become of it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from loopwright.actors.asking import Asked, place_for
from loopwright.actors.hearing import hear
from loopwright.bus.connection import Bus
from loopwright.bus.errors import Unreadable
from loopwright.bus.inbox import Delivery
from loopwright.bus.messages import Cancel, Evaluation, Goal, Message, Result
from loopwright.bus.questions import Reply
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import LOOP, Subject

EARLY = 30
"""Times that a client's word is handed out while its goal is not on record: it may overtake the goal."""
EARLY_PAUSE = 0.5
"""Seconds between two of them."""
OVERTAKEN = timedelta(seconds=EARLY * EARLY_PAUSE)
"""By how much a word may overtake its goal. One that is given up was waited for as long, or longer."""


@dataclass(frozen=True, slots=True)
class Found(Stored):
    """A message that was found on the record, as if it had been handed out again."""

    stream: str = LOOP
    deliveries: int = 2

    @classmethod
    def of(cls, stored: Stored) -> "Found":
        """Return what the stream keeps as found there."""
        return cls(stored.subject, stored.seq, stored.data, stored.headers, stored.time)


async def called_off_before(bus: Bus, goal: Goal, delivery: Delivery) -> tuple[Found, Cancel] | None:
    """Return the word that has called a goal off before it was opened, if that may have been given up."""
    if not may_be_given_up(goal, datetime.now(UTC) - delivery.time):
        return None
    place = str(Subject.of("ctl", ns=bus.ns, goal=goal.goal))
    if await bus.last(place, sure=True) is None:
        return None
    for stored in await bus.record([place]):
        found = Found.of(stored)
        try:
            word = await hear(bus, found)
        except Unreadable:
            continue  # it was buried
        if isinstance(word, Cancel) and is_about(goal, word, stored.time, delivery.time):
            return found, word
    return None


def may_be_given_up(goal: Goal, waited: timedelta) -> bool:
    """Tell whether a word on a goal may have been given up, which has waited so long by a clock that may be wrong."""
    return goal.parent is not None or abs(waited) > OVERTAKEN / 2


def is_about(goal: Goal, word: Cancel, said: datetime, submitted: datetime) -> bool:
    """Tell whether a word is about a goal, or about another that once had its id; one of an attempt has it alone."""
    return goal.parent is not None or bool(word.serves) or said > submitted - OVERTAKEN


async def answered_before(
    bus: Bus, question: Asked, default: Result | Evaluation | Reply
) -> tuple[Found, Message] | None:
    """Return the answer that stands where a default should have; None where it cannot be read."""
    stored = await bus.last(place_for(bus, question, default), sure=True)
    said = await bus.message(type(default), stored) if stored else None
    return (Found.of(stored), said) if stored and said else None
