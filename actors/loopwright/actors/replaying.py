"""Replaying a goal: every decision on record is made once more by today's code, from where the goal stood then.

What was heard is read from the record, so no worker is asked and nothing is written. A timer is not on record; which
one it was is told by the end that it led to. A turn that comes out otherwise is told, and the next one is taken from
where the goal stood on record, for what would have been answered on another way nobody knows.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from loopwright.actors.decide import DEADLINE, open_goal, turn
from loopwright.actors.decision import Decision
from loopwright.actors.decisions import Known
from loopwright.actors.events import Event, Forked, Opened, Over
from loopwright.actors.evolve import fold
from loopwright.actors.forking import open_fork
from loopwright.actors.rerunning import Rerun
from loopwright.actors.standing import Standing
from loopwright.actors.unserved import Unserved
from loopwright.bus.messages import Cancel, Due, Evaluation, Message, Result, StopReason
from loopwright.bus.questions import Pause, Reply
from loopwright.bus.subjects import LOOP
from loopwright.bus.trajectory import Entry


class Otherwise(BaseModel):
    """A turn that today's code takes otherwise."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    seq: int
    """Where the decision stands."""
    number: int
    then: str
    """What was decided, in words."""
    now: str
    """What would be decided today."""


class Replayed(BaseModel):
    """What came of replaying a goal."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    schema_version: int = 1
    goal: str
    decisions: int
    replayed: int
    """Decisions that could be made once more."""
    skipped: tuple[int, ...] = ()
    """Where the others stand: what they were made on is not on record, or cannot be read."""
    otherwise: tuple[Otherwise, ...] = ()
    steps: tuple[Rerun, ...] | None = None
    """What today's workers make of the orders; None where they were not asked."""

    @property
    def differs(self) -> bool:
        """Whether today's code goes another way anywhere."""
        return bool(self.otherwise) or any(each.differs for each in self.steps or ())


def replayed(decisions: Sequence[Known], entries: Sequence[Entry]) -> Replayed:
    """Return what today's code makes of a goal's decisions."""
    heard = {entry.place: entry for entry in entries}
    skipped: list[int] = []
    otherwise: list[Otherwise] = []
    before: Standing | None = None
    for known in decisions:
        decision = known.decision
        made = made_today(before, decision, heard)
        if made is None:
            skipped.append(known.seq)
        else:
            otherwise += differences(known, made)
        before = decision.standing
    goal = decisions[0].decision.standing.goal.goal if decisions else ""
    count = len(decisions)
    told = {"decisions": count, "replayed": count - len(skipped), "skipped": tuple(skipped)}
    return Replayed(goal=goal, otherwise=tuple(otherwise), **told)


def made_today(
    before: Standing | None, decision: Decision, heard: Mapping[int, Entry]
) -> tuple[tuple[Event, ...], Standing | None] | None:
    """Return what today's code decides and where the goal stands then; None where it cannot be told what it heard."""
    first = decision.events[0] if decision.events else None
    if before is None and isinstance(first, Forked):
        events = open_fork(first.goal, first.was, first.loop, first.at)
        return events, fold(None, events)
    if before is None:
        if not isinstance(first, Opened) or first.loop.work == "nobody":
            return None
        events = open_goal(first.goal, first.loop, first.at)
        return events, fold(None, events)
    found = message_of(decision, heard)
    return None if found is None else turn(before, *found)


def message_of(decision: Decision, heard: Mapping[int, Entry]) -> tuple[Message, datetime, int] | None:
    """Return what a decision was made on, when it was heard, and where it stands; 0 for what is not on record."""
    stream, _, place = decision.seen.rpartition("-")
    if stream == LOOP and place.isdecimal():
        entry = heard.get(int(place))
        known = entry is not None and isinstance(entry.message, Result | Evaluation | Pause | Reply | Cancel)
        return (entry.message, entry.time, int(place)) if known and entry and entry.message else None
    goal, ends = decision.standing.goal.goal, [each for each in decision.events if isinstance(each, Over)]
    if not ends:
        return None
    at = decision.standing.opened + timedelta(seconds=ends[0].outcome.seconds)
    match ends[0].outcome.reason:
        case StopReason.DEADLINE:
            return Due(goal=goal, id=DEADLINE), at, 0
        case StopReason.NO_ROLE:
            told = ends[0].outcome.evidence
            role, seconds = str(told.get("role")), float(str(told.get("unserved") or 0))
            return Unserved(goal=goal, role=role, seconds=seconds), at, 0
    return None


def differences(known: Known, made: tuple[tuple[Event, ...], Standing | None]) -> Iterator[Otherwise]:
    """Yield how a turn comes out today, if that is otherwise than on record."""
    events, after = made
    decision = known.decision
    if told(events) != told(decision.events):
        now, then = in_words(events), in_words(decision.events)
        if now == then:
            now, then = detail(events, decision.events)
        yield Otherwise(seq=known.seq, number=decision.number, then=then, now=now)
    elif after is not None and after.but(outcome=None) != decision.standing.but(outcome=None):
        where = [name for name in type(after).model_fields if getattr(after, name) != getattr(decision.standing, name)]
        words = ", ".join(name for name in where if name != "outcome")
        yield Otherwise(
            seq=known.seq,
            number=decision.number,
            then=f"the goal stood so: {shown(decision.standing, words)}",
            now=f"it would stand so: {shown(after, words)}",
        )


def told(events: Sequence[Event]) -> list[dict[str, object]]:
    """Return events as they are compared; when a timer fired is not on record, nor how long a goal took until then.

    What was set aside at the end the first versions did not tell.
    """
    return [each.model_dump(mode="json", exclude={"outcome": {"seconds", "set_aside"}}) for each in events]


def in_words(events: Sequence[Event]) -> str:
    """Return events in a few words."""
    return ", ".join(map(word_of, events)) or "nothing"


def word_of(event: Event) -> str:
    """Return an event in a word or two."""
    if isinstance(event, Over):
        return f"{event.event} {event.outcome.reason.value}"
    return f"{event.event} {getattr(event, 'attempt', '')}".strip()


def detail(now: Sequence[Event], then: Sequence[Event]) -> tuple[str, str]:
    """Return the first that differs between events that are told in the same words."""
    for one, other in zip(told(now), told(then), strict=False):
        for name in one.keys() | other.keys():
            if one.get(name) != other.get(name):
                return value(one, name), value(other, name)
    return in_words(now), in_words(then)


def value(event: dict[str, object], name: str) -> str:
    """Return what stands under a name in an event."""
    return f"{event.get('event')}: {name} {event.get(name)!r}"[:300]


def shown(standing: Standing, names: str) -> str:
    """Return some fields of a standing."""
    return ", ".join(f"{name} {getattr(standing, name)!r}" for name in names.split(", ") if name)[:300]
