"""A goal's record as one file that needs nothing else: every message as it is kept, and the large bytes that it names.

A file is JSON Lines. The first says what it is; then comes a line for each message in its order, its body as text or,
where it is none, in base64; then a line for each of the large bytes. So a record travels to another server, or lies
beside a test, and can be read there as it was.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loopwright.bus.blobs import NAME, digest
from loopwright.bus.connection import BODY, Bus
from loopwright.bus.errors import BusError, GoalUnknown, Unreadable
from loopwright.bus.forks import Prefix
from loopwright.bus.misfit import misfit
from loopwright.bus.names import Token
from loopwright.bus.presence import present
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import Subject, of_goal
from loopwright.bus.trajectory import PLACE, RECORDED, belongs_to

FORMAT = "goal"


class Foreword(BaseModel):
    """The first line of a file."""

    model_config = ConfigDict(frozen=True)

    loopwright: str = FORMAT
    schema_version: int = 1
    goal: Token
    messages: int
    missing: tuple[str, ...] = ()
    """Large bytes that were gone already when the file was written."""
    prefix: Prefix = ()
    """The records that the goal goes on from; up to there they are in the file, too."""


class Line(BaseModel):
    """One of the lines behind it: a message, or large bytes by their name."""

    model_config = ConfigDict(frozen=True)

    seq: int = 0
    time: datetime | None = None
    subject: str = ""
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    blob: str = ""
    text: str | None = None
    base64: str | None = None

    def data(self, number: int) -> bytes:
        """Return the bytes in it.

        Raises:
            Unreadable: they are written as no bytes are.
        """
        try:
            return (self.text or "").encode() if self.base64 is None else base64.b64decode(self.base64, validate=True)
        except ValueError:
            raise Unreadable(f"line {number}: its bytes cannot be read") from None


@dataclass(frozen=True)
class Portable:
    """A goal's record, with all that it names."""

    goal: str
    messages: tuple[Stored, ...]
    blobs: dict[str, bytes] = field(default_factory=dict[str, bytes])
    missing: tuple[str, ...] = ()
    prefix: Prefix = ()


class NamespaceServed(BusError):
    """Somebody acts in the namespace that a record is to go to."""

    def __init__(self, ns: str, who: str) -> None:
        super().__init__(
            f"{who} is at work in the namespace {ns}, and would do the steps of the record again."
            " Choose another with --ns."
        )


class RecordTaken(BusError):
    """Another record stands where this one is to go."""

    def __init__(self, ns: str, goal: str) -> None:
        super().__init__(f"The namespace {ns} has another record of a goal {goal}. Choose another namespace with --ns.")


async def taken_out(bus: Bus, goal: str, prefix: Prefix = ()) -> Portable:
    """Return a goal's record, with all that it names, behind what it goes on from.

    Raises:
        GoalUnknown: nothing is on record for it.
        BusUnreachable: no answer for a minute.
    """
    own = await bus.record(of_goal(bus.ns, goal))
    if not own:
        raise GoalUnknown(goal)
    before = [(point, await bus.record(of_goal(bus.ns, point.goal))) for point in prefix]
    messages = (*(each for point, there in before for each in there if belongs_to(each, point)), *own)
    blobs: dict[str, bytes] = {}
    missing: list[str] = []
    wanted = [name for each in messages for name in named_in(each.headers.get(BODY, "").encode() or each.data)]
    for name in wanted:  # it grows: what a large body names is wanted, too
        if name in blobs or name in missing:
            continue
        try:
            blobs[name] = await bus.blobs.get(name)
        except Unreadable:
            missing.append(name)
        else:
            wanted += named_in(blobs[name]) if any(each.headers.get(BODY) == name for each in messages) else ()
    return Portable(goal, messages, blobs, tuple(missing), prefix)


def named_in(data: bytes) -> list[str]:
    """Return the names of large bytes in a body."""
    return re.findall(NAME.pattern, data.decode(errors="replace"))


async def put_back(bus: Bus, portable: Portable) -> int:
    """Put a record into the namespace of a bus, and return how many messages were not there yet.

    Putting the same record back again changes nothing, and one that was broken off goes on.

    Raises:
        NamespaceServed: somebody acts there.
        RecordTaken: another record has its place.
        BusUnreachable: no answer for a minute.
    """
    for somebody in await present(bus):
        raise NamespaceServed(bus.ns, somebody.name or somebody.role)
    missing: list[tuple[str, Stored]] = []
    for goal in (*(point.goal for point in portable.prefix), portable.goal):
        there = await bus.record(of_goal(bus.ns, goal))
        wanted = [(moved(each.subject, bus.ns), each) for each in portable.messages if goal_of(each) == goal]
        known = there if goal == portable.goal else there[: len(wanted)]  # of the others more may be there
        same = [(place, each.data) for place, each in wanted[: len(known)]]
        if [(each.subject, each.data) for each in known] != same:
            raise RecordTaken(bus.ns, goal)
        missing += wanted[len(known) :]
    for data in portable.blobs.values():
        await bus.blobs.put(data)
    for place, each in missing:
        await bus.write(place, each.data, kept(each))
    return len(missing)


def goal_of(stored: Stored) -> str:
    """Return the goal that a message is about."""
    return Subject.parse(stored.subject)["goal"]


def moved(subject: str, ns: str) -> str:
    """Return a subject in another namespace."""
    parsed = Subject.parse(subject)
    return str(Subject.of(parsed.kind, **(parsed.tokens() | {"ns": ns})))


def kept(stored: Stored) -> dict[str, str]:
    """Return the headers that go with a message: what the server takes for its own is for the place it came from."""
    own = {name: value for name, value in stored.headers.items() if not name.lower().startswith("nats-")}
    return {RECORDED: stored.time.isoformat(), PLACE: str(stored.seq)} | own


def lines_of(portable: Portable) -> Iterator[str]:
    """Yield the lines of a file."""
    besides = {"missing": portable.missing, "prefix": portable.prefix}
    foreword = Foreword(goal=portable.goal, messages=len(portable.messages), **besides)
    yield foreword.model_dump_json()
    for each in portable.messages:
        told = {"seq": each.seq, "time": each.time.isoformat(), "subject": each.subject}
        yield json.dumps({**told, "headers": each.headers, **written(each.data)}, ensure_ascii=False)
    for name, data in portable.blobs.items():
        yield json.dumps({"blob": name, **written(data)}, ensure_ascii=False)


def written(data: bytes) -> dict[str, str]:
    """Return bytes as they stand in a line."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def read_portable(lines: Iterable[str]) -> Portable:
    """Return the record in a file.

    Raises:
        Unreadable: it is none, or not whole; the sentence says in which line.
    """
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise Unreadable("it is empty")
    foreword = parsed(Foreword, *numbered[0])
    if foreword.loopwright != FORMAT or foreword.schema_version != 1:
        raise Unreadable(f"line 1: it is no record of a goal that is understood here: {numbered[0][1][:80]}")
    read = [(number, parsed(Line, number, line)) for number, line in numbered[1:]]
    blobs = {each.blob: each.data(number) for number, each in read if each.blob}
    for name, data in blobs.items():
        if digest(data) != name:
            raise Unreadable(f"what it holds under {name} is something else")
    goals = {foreword.goal, *(point.goal for point in foreword.prefix)}
    messages = tuple(stored_in(number, each, goals) for number, each in read if not each.blob)
    if len(messages) != foreword.messages:
        raise Unreadable(f"it has {len(messages)} messages of {foreword.messages}: it was cut off")
    return Portable(foreword.goal, messages, blobs, foreword.missing, foreword.prefix)


def parsed[M: BaseModel](model: type[M], number: int, line: str) -> M:
    """Return what a line says."""
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        raise Unreadable(f"line {number}: {misfit(error)}") from None


def stored_in(number: int, line: Line, goals: Set[str]) -> Stored:
    """Return the message in a line."""
    data = line.data(number)
    try:
        subject = Subject.parse(line.subject)
    except Unreadable as error:
        raise Unreadable(f"line {number}: {error}") from None
    if line.time is None or "goal" not in subject.tokens() or subject["goal"] not in goals:
        raise Unreadable(f"line {number}: it is no message about the goal {' or '.join(sorted(goals))}")
    return Stored(line.subject, line.seq, data, line.headers, line.time)
