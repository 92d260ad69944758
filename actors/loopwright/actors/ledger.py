"""What is on record for each goal: the decisions, one after the other, and where they leave it.

The first decision holds all that the goal brings; the later ones leave out its input, so that a record grows with
what happens and not with the size of the goal. Where goals stand is remembered between turns; a rival that was faster
is noticed by the guard on the next write, and then the record is read again.
"""

from collections import OrderedDict
from dataclasses import dataclass

import structlog
from pydantic import ValidationError

from loopwright.actors.decide import Decision
from loopwright.actors.events import Event
from loopwright.actors.standing import Standing
from loopwright.bus.connection import Bus
from loopwright.bus.envelope import Envelope
from loopwright.bus.errors import Unreadable
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import Subject

log = structlog.get_logger()

REMEMBERED = 4096
"""Goals whose standing is remembered."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The last decision on record for a goal, and the sequence to guard the next one with."""

    decision: Decision | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """A decision on record, and its place in the stream."""

    decision: Decision
    seq: int


NOTHING = Loaded()
"""What is on record for a goal that is new."""


class Ledger:
    """The decisions on record, as one orchestrator knows them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._known: OrderedDict[str, Loaded] = OrderedDict()

    def recall(self, goal: str) -> Loaded | None:
        """Return what we know of a goal, which may be behind the record."""
        return self._known.get(goal)

    async def load(self, goal: str, *, sure: bool) -> Loaded:
        """Return what is on record for a goal; `sure` asks the stream's leader."""
        self._known.pop(goal, None)
        stored = await self._bus.last(self._subject(goal), sure=sure)
        if stored is None:
            return NOTHING
        decision = await self._read(stored)
        if decision is not None and decision.number > 1:
            first = await self._bus.first(self._subject(goal))
            opening = await self._read(first) if first else None
            decision = decision.of(opening) if opening and opening.number == 1 else None
        if decision is None:  # somebody has written something else among them
            decision = next(reversed(await decisions_of(self._bus, goal, upto=stored.seq)), None)
        return Loaded(decision, stored.seq)

    async def decisions(self, goal: str, *, upto: int) -> list[Known]:
        """Return every decision on record for a goal, in order; the last is known to stand at `upto` or behind."""
        return await known_of(self._bus, goal, upto=upto)

    async def write(self, goal: str, loaded: Loaded, seen: str, events: tuple[Event, ...], after: Standing) -> Known:
        """Put the next decision on record, after whose `events` the goal stands as told, and remember it.

        Raises:
            GuardLost: a rival was faster.
        """
        number = loaded.decision.number + 1 if loaded.decision else 1
        decision = Decision(number=number, seen=seen, events=events, standing=after)
        envelope = Envelope(f"{goal}-decision-{number}", f"/loopwright/{self._bus.name}", goal, seen)
        self._known.pop(goal, None)
        revision = await self._bus.write(
            str(self._subject(goal)), decision.record(), envelope.headers("decision"), guard=loaded.revision
        )
        if not after.over:
            self._remember(goal, Loaded(decision, revision))
        return Known(decision, revision)

    def _remember(self, goal: str, loaded: Loaded) -> None:
        self._known[goal] = loaded
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _read(self, stored: Stored) -> Decision | None:
        return await read_decision(self._bus, stored)

    def _subject(self, goal: str) -> Subject:
        return Subject.of("decision", ns=self._bus.ns, goal=goal)


async def read_decision(bus: Bus, stored: Stored) -> Decision | None:
    """Return the decision in a message, without what stands in the goal's first; None if it holds something else."""
    try:
        decision = Decision.model_validate_json(await bus.body(stored.data, stored.headers))
        refuse_another_goal(decision, stored.subject)
    except (ValidationError, Unreadable) as error:
        log.warning("decision.unreadable", subject=stored.subject, seq=stored.seq, reason=str(error)[:200])
        return None
    return decision


def refuse_another_goal(decision: Decision, subject: str) -> None:
    """Raise unless a decision is about the goal on whose subject it stands."""
    goal = decision.standing.goal.goal
    if goal != subject.rpartition(".")[2]:
        raise Unreadable(f"it is a decision on the goal {goal}")


async def decisions_of(bus: Bus, goal: str, *, upto: int = 0) -> list[Decision]:
    """Return every decision on record for a goal that can be read, in order, each with all that the goal brings.

    With `upto` a replica that has not come as far as that place is asked again.
    """
    return [known.decision for known in await known_of(bus, goal, upto=upto)]


async def known_of(bus: Bus, goal: str, *, upto: int = 0) -> list[Known]:
    """Return the same with each decision's place in the stream."""
    subject = Subject.of("decision", ns=bus.ns, goal=goal)
    found = [(await read_decision(bus, stored), stored.seq) for stored in await bus.record([str(subject)], upto=upto)]
    readable = [(decision, seq) for decision, seq in found if decision is not None]
    return [Known(decision.of(readable[0][0]), seq) for decision, seq in readable]
