"""Dead letters as an operator handles them: listed, looked at, removed.

A letter is a message that nobody could understand or survive, with its own headers and body as they came. What was
known when it was buried stands beside them, in headers that begin with ``Loopwright-``.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from nats.js.errors import APIError

from loopwright.bus.answers import ANSWER, persistently, translated
from loopwright.bus.connection import Bus, delivery_id
from loopwright.bus.envelope import BODY
from loopwright.bus.errors import LetterUnknown, Unreadable
from loopwright.bus.inbox import Delivery
from loopwright.bus.names import is_token
from loopwright.bus.reading import read_all
from loopwright.bus.stored import Stored, stored_at
from loopwright.bus.subjects import DEAD, KINDS, PREFIX, Subject
from loopwright.bus.wire import Headers

UNKNOWN = "unknown"
"""Stands in a letter's subject for what the message's own does not tell."""
REASON = "Loopwright-Reason"
SUBJECT = "Loopwright-Subject"
SEQUENCE = "Loopwright-Sequence"
DELIVERIES = "Loopwright-Deliveries"
STORED = "Loopwright-Stored"
WORKER = "Loopwright-Worker"
ID = "Loopwright-Id"
"""The message's own ``Nats-Msg-Id``: under its own name it would be the letter's."""
LONGEST = 1000
"""Characters of a reason, and of an id."""
KEPT = re.compile(rf"(?!(?i:nats-|loopwright-|status$|description$))[A-Za-z0-9-]+|{BODY}")
"""The headers that go with a letter; what the server or we might take for our own word does not."""
NO_SUCH_MESSAGE = frozenset({10037, 10043, 10057})


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter."""

    number: int
    """Its place among the dead letters."""
    buried: datetime
    role: str
    """Who could not handle it."""
    goal: str
    step: str
    reason: str
    subject: str
    """Where the message was published; empty if whoever buried it did not say."""
    sequence: int
    """The message's place in its stream; 0 if unknown."""
    stored: datetime | None
    """When the broker stored it."""
    deliveries: int
    """How often it was handed out, the burial included; 0 if unknown."""
    worker: str
    """The process that buried it."""
    headers: Headers
    """The message's own."""
    data: bytes
    """The message's body, unless its headers name it; empty in a list."""

    @property
    def attempt(self) -> str:
        """The attempt that the message was about; empty where its subject tells none."""
        try:
            subject = Subject.parse(self.subject)
        except Unreadable:
            return ""
        return subject["attempt"] if "attempt" in KINDS[subject.kind].tokens else ""


def letter_headers(delivery: Delivery, reason: str, worker: str) -> Headers:
    """Return the headers of the letter that a delivery becomes."""
    kept = {name: value for name, value in delivery.headers.items() if KEPT.fullmatch(name)}
    given = delivery.headers.get("Nats-Msg-Id", "")[:LONGEST]
    return kept | {
        "Nats-Msg-Id": f"dead-{delivery_id(delivery)}",
        REASON: " ".join(reason.split())[:LONGEST],
        SUBJECT: delivery.subject,
        SEQUENCE: str(delivery.seq),
        STORED: delivery.time.isoformat(),
        DELIVERIES: str(delivery.deliveries),
        WORKER: worker,
        **({ID: given} if given else {}),
    }


def letter_subject(ns: str, subject: str, role: str) -> Subject:
    """Return where the letter of a message belongs that `role` could not handle."""
    tokens = {"ns": ns, "role": role, "goal": UNKNOWN, "step": UNKNOWN} | told_by(subject)
    return Subject.of("dead", **{name: tokens[name] for name in KINDS["dead"].tokens})


def told_by(subject: str) -> dict[str, str]:
    """Return what a subject tells of role, goal and step, as far as it can be used."""
    _, _, kind, *values = [*subject.split("."), "", "", ""]
    names = KINDS[kind].tokens if kind in KINDS else ()
    pairs = zip(names, values, strict=False)
    return {name: value for name, value in pairs if name in {"role", "goal", "step"} and is_token(value)}


def letter_of(stored: Stored) -> Letter:
    """Return the letter in a message on the stream, whoever wrote it."""
    said = stored.headers
    told = told_by(stored.subject)
    own = {name: value for name, value in said.items() if KEPT.fullmatch(name)}
    given = said.get(ID)
    return Letter(
        number=stored.seq,
        buried=stored.time,
        role=told.get("role", UNKNOWN),
        goal=told.get("goal", UNKNOWN),
        step=told.get("step", UNKNOWN),
        reason=said.get(REASON, ""),
        subject=said.get(SUBJECT, ""),
        sequence=number_in(said.get(SEQUENCE, "")),
        stored=time_in(said.get(STORED, "")),
        deliveries=number_in(said.get(DELIVERIES, "")),
        worker=said.get(WORKER, ""),
        headers=own if given is None else own | {"Nats-Msg-Id": given},
        data=stored.data,
    )


def number_in(text: str) -> int:
    """Return the number in a header; 0 if it is none."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else 0


def time_in(text: str) -> datetime | None:
    """Return the time in a header, if it is one."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def filter_of(ns: str, role: str | None, goal: str | None) -> str:
    """Return the filter that matches the letters of a role, of a goal, or all.

    Raises:
        Unreadable: the role or the goal can be none.
    """
    for each in (role, goal):
        if each is not None and not is_token(each):
            raise Unreadable(f"{each!r} cannot be a role or a goal: use a-z, 0-9, _ and -, at most 63")
    return f"{PREFIX}.dead.{ns}.>" if role is goal is None else f"{PREFIX}.dead.{ns}.{role or '*'}.{goal or '*'}.*"


async def letters(bus: Bus, role: str | None = None, goal: str | None = None) -> list[Letter]:
    """Return the dead letters, all or those of a role or a goal, in the order of their numbers, without bodies.

    Raises:
        BusUnreachable: no answer for a minute.
    """
    found = await read_all(bus.nc, bus.js, DEAD, [filter_of(bus.ns, role, goal)], headers_only=True)
    return [letter_of(each) for each in found]


async def letter(bus: Bus, number: int) -> Letter:
    """Return a dead letter with its body.

    Raises:
        LetterUnknown: there is none of that number.
    """

    async def look() -> Stored | None:
        with translated(bus.nc, f"the dead letter {number}"):
            return await stored_at(bus.nc, DEAD, number, ANSWER)

    found = await persistently(bus.nc, look)
    if found is None or not found.subject.startswith(f"{PREFIX}.dead.{bus.ns}."):
        raise LetterUnknown(number)
    return letter_of(found)


async def remove(bus: Bus, number: int) -> bool:
    """Remove a dead letter for good; False if it was gone already."""

    async def delete() -> bool:
        with translated(bus.nc, f"removing the dead letter {number}"):
            try:
                return await bus.js.delete_msg(DEAD, number)
            except APIError as error:
                if error.err_code in NO_SUCH_MESSAGE:
                    return False
                raise

    return await persistently(bus.nc, delete)


async def remove_up_to(bus: Bus, number: int, role: str | None = None, goal: str | None = None) -> None:
    """Remove the dead letters up to a number for good, all or those of a role or a goal."""

    async def purge() -> None:
        with translated(bus.nc, "removing dead letters"):
            await bus.js.purge_stream(DEAD, seq=number + 1, subject=filter_of(bus.ns, role, goal))

    await persistently(bus.nc, purge)
