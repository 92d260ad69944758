"""A stream as the broker keeps it: messages in order, guards, message ids, limits.

The errors carry the codes of nats-server; `test_contract.py` holds both to the same answers.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from nats.js.api import RetentionPolicy, StreamConfig

SEQUENCE = "Nats-Expected-Last-Subject-Sequence"
SEQUENCE_OF = "Nats-Expected-Last-Subject-Sequence-Subject"
MESSAGE_ID = "Nats-Msg-Id"
ROLLUP = "Nats-Rollup"
LIFETIME = "Nats-TTL"
DEDUPE_WINDOW = 120.0
"""Seconds that a stream remembers message ids, the default of nats-server."""


class WriteRefused(Exception):
    """The broker does not store a message."""

    def __init__(self, code: int, err_code: int, description: str) -> None:
        super().__init__(description)
        self.answer = {"code": code, "err_code": err_code, "description": description}


class Known(Exception):
    """A message with this id was stored before."""

    def __init__(self, seq: int) -> None:
        super().__init__(seq)
        self.seq = seq


@dataclass(slots=True)
class Kept:
    """A message in a stream."""

    seq: int
    subject: str
    data: bytes
    headers: dict[str, str]
    at: float
    """When it was stored, on the loop's clock."""


@cache
def matches(pattern: str, subject: str) -> bool:
    """Tell whether a subject falls under a filter."""
    if pattern == subject:
        return True
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(token in {"*", other} for token, other in zip(wanted, given, strict=True))


@dataclass
class Stream:
    """Messages in order."""

    config: StreamConfig
    messages: dict[int, Kept] = field(default_factory=dict)
    last_seq: int = 0
    on_subject: dict[str, list[Kept]] = field(default_factory=dict)
    ids: dict[str, tuple[int, float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.config.name)

    @property
    def is_queue(self) -> bool:
        """Whether a message that was acknowledged is gone."""
        return self.config.retention == RetentionPolicy.WORK_QUEUE

    def takes(self, subject: str) -> bool:
        """Tell whether the stream keeps what is published on a subject."""
        return any(matches(each, subject) for each in self.config.subjects or ())

    def store(self, subject: str, data: bytes, headers: dict[str, str], now: float) -> Kept:
        """Keep a message at the end of the stream.

        Raises:
            WriteRefused: its guard is not met, or the stream is full.
            Known: it came before.
        """
        if (expected := headers.get(SEQUENCE)) is not None:
            last = self.last(headers.get(SEQUENCE_OF, subject))
            found = last.seq if last else 0
            if int(expected) != found:
                raise WriteRefused(400, 10071, f"wrong last sequence: {found}")
        id_ = headers.get(MESSAGE_ID, "")
        seq, at = self.ids.get(id_, (0, 0.0))
        if seq and now - at < DEDUPE_WINDOW:
            raise Known(seq)
        if ROLLUP in headers and not (self.config.allow_rollup_hdrs or self.config.allow_msg_schedules):
            raise WriteRefused(500, 10111, "rollup not permitted")
        if LIFETIME in headers and not self.config.allow_msg_ttl:
            raise WriteRefused(400, 10166, "per-message TTL is disabled")
        limit = self.config.max_msgs or -1
        if 0 < limit <= len(self.messages):
            raise WriteRefused(503, 10077, "maximum messages exceeded")
        if ROLLUP in headers:
            self.purge(subject)
        self.last_seq += 1
        kept = Kept(self.last_seq, subject, data, headers, now)
        self.keep(kept)
        if (most := self.config.max_msgs_per_subject or -1) > 0:
            for old in self.on_subject[subject][:-most]:
                self.remove(old.seq)
        if id_:
            self.ids[id_] = (kept.seq, now)
        return kept

    def keep(self, kept: Kept) -> None:
        """Put a message in its place, from which it may have been taken before."""
        self.messages[kept.seq] = kept
        self.on_subject.setdefault(kept.subject, []).append(kept)

    def last(self, pattern: str, *, before: float = float("inf")) -> Kept | None:
        """Return the last message under a filter, among those stored until a time."""
        found = self.on_subject.get(pattern)
        if found is None and ("*" in pattern or ">" in pattern):
            under = (kept for subject, kept in self.on_subject.items() if matches(pattern, subject))
            found = sorted((each for kept in under for each in kept), key=lambda each: each.seq)
        for kept in reversed(found or ()):
            if kept.at <= before:
                return kept
        return None

    def find(self, request: dict[str, Any], *, before: float = float("inf")) -> Kept | None:
        """Return the message that a request asks for, among those stored until a time."""
        if "last_by_subj" in request:
            return self.last(request["last_by_subj"], before=before)
        if "next_by_subj" in request:
            there = (each for seq, each in sorted(self.messages.items()) if seq >= request.get("seq", 1))
            found = next((each for each in there if matches(request["next_by_subj"], each.subject)), None)
        else:
            found = self.messages.get(request["seq"])
        return found if found and found.at <= before else None

    def purge(self, subject: str) -> None:
        """Take every message on a subject out."""
        for kept in list(self.on_subject.get(subject, ())):
            self.remove(kept.seq)

    def remove(self, seq: int) -> Kept | None:
        """Take a message out, if it is there."""
        kept = self.messages.pop(seq, None)
        if kept is not None:
            self.on_subject[kept.subject].remove(kept)
        return kept
