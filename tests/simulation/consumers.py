"""A pull consumer as the broker keeps it: what is to be sent, what was handed out, and who has asked."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.store import Kept, Stream, matches

type Headers = dict[str, str]
type Send = Callable[[str, str, bytes, Headers, str], bool]
"""Send to an inbox: inbox, subject, body, headers, reply; False if nobody listens there."""
NS = 1_000_000_000


@dataclass(slots=True)
class Pull:
    """Somebody has asked for messages."""

    reply: str
    count: int
    expires: float


@dataclass(slots=True)
class Held:
    """A message that was handed out and not settled."""

    lapses: asyncio.TimerHandle | None = None
    waiting: bool = False
    """Whether it waits to be handed out again."""


@dataclass
class Wanted:
    """What a consumer was configured to be."""

    durable: bool
    filters: list[str]
    explicit: bool
    """Whether messages are to be acknowledged."""
    ack_wait: float
    max_pending: int
    last_only: bool
    start: int

    @classmethod
    def read(cls, config: dict[str, Any]) -> "Wanted":
        """Return what a request for a consumer says."""
        one = config.get("filter_subject")
        return cls(
            durable=bool(config.get("durable_name")),
            filters=config.get("filter_subjects") or [one or ">"],
            explicit=config.get("ack_policy", "none") == "explicit",
            ack_wait=config.get("ack_wait", 30 * NS) / NS,
            max_pending=config.get("max_ack_pending", 1000),
            last_only=config.get("deliver_policy") == "last_per_subject",
            start=config.get("opt_start_seq") or 1,
        )

    def takes(self, subject: str) -> bool:
        """Tell whether a message on a subject is for this consumer."""
        return any(matches(each, subject) for each in self.filters)


@dataclass
class Consumer:
    """Messages of a stream, handed out to whoever asks."""

    stream: Stream
    name: str
    wanted: Wanted
    send: Send
    settled: Callable[["Consumer", Kept, str], None]
    """Is told of every message that is let go, and how."""
    handed_out: Callable[["Consumer", Kept], None]
    """Is told of every message that is handed out and is to be settled."""
    loop: asyncio.AbstractEventLoop
    wall: Callable[[float], int]
    """Nanoseconds since 1970 at a time of the loop."""
    late: float = 0.0
    """Seconds that the replica behind it lagged when it was made."""
    unsent: deque[int] = field(default_factory=deque)
    behind: deque[int] = field(default_factory=deque)
    """What the replica had not yet heard of when it was made."""
    again: deque[int] = field(default_factory=deque)
    held: dict[int, Held] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    pulls: deque[Pull] = field(default_factory=deque)
    expiring: bool = False
    sent: int = 0
    beating: dict[str, float] = field(default_factory=dict)
    """Inboxes that get signs of life, and when they last heard anything."""

    def __post_init__(self) -> None:
        """Note what is there already, as far as the replica knows."""
        latest = self.loop.time() - self.late
        all_ = sorted(self.stream.messages.values(), key=lambda kept: kept.seq)
        there = [kept for kept in all_ if kept.seq >= self.wanted.start and self.wanted.takes(kept.subject)]
        known = [kept for kept in there if not self.late or kept.at <= latest]
        if self.wanted.last_only:
            known = sorted({kept.subject: kept for kept in known}.values(), key=lambda kept: kept.seq)
        self.unsent.extend(kept.seq for kept in known)
        self.behind.extend(kept.seq for kept in there if self.late and kept.at > latest)
        if self.behind:
            self.loop.call_later(self.late, self.catch_up)

    def catch_up(self) -> None:
        """Hear of what the replica had missed."""
        self.unsent.extend(self.behind)
        self.behind.clear()
        self.serve()

    @property
    def is_idle(self) -> bool:
        """Whether everything was handed out and settled."""
        return not self.held and not self.left

    @property
    def left(self) -> int:
        """How many messages were never handed out."""
        if self.stream.is_queue:
            return sum(seq in self.stream.messages for seq in self.unsent)
        return len(self.unsent)

    def stored(self, kept: Kept) -> None:
        """Take note of a new message."""
        if self.wanted.takes(kept.subject):
            self.catch_up()
            self.unsent.append(kept.seq)
            self.serve()

    def pull(self, reply: str, count: int, expires: float, heartbeat: float) -> None:
        """Note that somebody asks."""
        now = self.loop.time()
        self.pulls.append(Pull(reply, count, now + expires))
        if not self.expiring and expires < math.inf:
            self.expiring = True
            self.loop.call_later(expires, self.expire)
        if heartbeat and reply not in self.beating:
            self.beating[reply] = now
            self.loop.call_later(heartbeat, self.beat, reply, heartbeat)
        self.serve()

    def expire(self) -> None:
        """Tell those whose time is up."""
        now, kept, self.expiring = self.loop.time(), deque[Pull](), False
        for pull in self.pulls:
            if pull.expires > now + 1e-9:
                kept.append(pull)
            else:
                left = {"Nats-Pending-Messages": str(pull.count), "Nats-Pending-Bytes": "0"}
                self.send(pull.reply, pull.reply, b"", {"Status": "408", "Description": "Request Timeout"} | left, "")
        self.pulls = kept
        if kept and (first := min(pull.expires for pull in kept)) < math.inf:
            self.expiring = True
            self.loop.call_at(first, self.expire)

    def beat(self, reply: str, heartbeat: float) -> None:
        """Give a sign of life where nothing else was said."""
        now = self.loop.time()
        if reply not in self.beating:
            return
        if not any(pull.reply == reply for pull in self.pulls):
            del self.beating[reply]
            return
        if now - self.beating[reply] >= heartbeat - 1e-9:
            self.beating[reply] = now
            status = {"Status": "100", "Description": "Idle Heartbeat"}
            if not self.send(reply, reply, b"", status, ""):
                del self.beating[reply]
                return
        self.loop.call_later(heartbeat, self.beat, reply, heartbeat)

    def serve(self) -> None:
        """Hand out what there is to those who have asked."""
        while self.pulls:
            pull = self.pulls[0]
            kept = self._next()
            if kept is None:
                return
            if pull.expires <= self.loop.time() or not self._hand_out(pull, kept):
                self.pulls.popleft()
                continue
            pull.count -= 1
            if not pull.count:
                self.pulls.popleft()

    def _next(self) -> Kept | None:
        """Return the next message to hand out; it stays where it is until somebody has it."""
        while self.again:
            seq = self.again[0]
            if seq in self.held and self.held[seq].waiting and seq in self.stream.messages:
                return self.stream.messages[seq]
            self.again.popleft()
        if len(self.held) >= self.wanted.max_pending:
            return None
        while self.unsent:
            if self.unsent[0] in self.stream.messages:
                return self.stream.messages[self.unsent[0]]
            self.unsent.popleft()
        return None

    def _hand_out(self, pull: Pull, kept: Kept) -> bool:
        seq, again = kept.seq, bool(self.again)
        count = self.counts.get(seq, 0) + 1
        pending = self.left - (not again)
        at = self.wall(kept.at)
        reply = f"$JS.ACK.{self.stream.name}.{self.name}.{count}.{seq}.{self.sent + 1}.{at}.{pending}"
        if not self.send(pull.reply, kept.subject, kept.data, kept.headers, reply):
            return False
        self.sent += 1
        self.counts[seq] = count
        if pull.reply in self.beating:
            self.beating[pull.reply] = self.loop.time()
        (self.again if again else self.unsent).popleft()
        if self.wanted.explicit:
            held = self.held.setdefault(seq, Held())
            held.waiting = False
            self._wait(seq, held, self.wanted.ack_wait)
            self.handed_out(self, kept)
        return True

    def _wait(self, seq: int, held: Held, seconds: float) -> None:
        if held.lapses is not None:
            held.lapses.cancel()
        held.lapses = self.loop.call_later(seconds, self.give_again, seq)

    def give_again(self, seq: int) -> None:
        """Hand a message out again, unless it was settled or waits for that already."""
        held = self.held.get(seq)
        if held is None or held.waiting:
            return
        held.waiting = True
        if held.lapses is not None:
            held.lapses.cancel()
        self.again.append(seq)
        self.serve()

    def heard(self, seq: int, word: bytes, delay: float) -> None:
        """Act on what was said of a message; whose delivery it was makes no difference to the broker."""
        held = self.held.get(seq)
        if held is None:
            return
        if word == b"+WPI":
            if not held.waiting:
                self._wait(seq, held, self.wanted.ack_wait)
        elif word == b"-NAK":
            if delay and not held.waiting:
                self._wait(seq, held, delay)
            else:
                self.give_again(seq)
        else:
            self._let_go(seq, held, "term" if word == b"+TERM" else "ack")

    def _let_go(self, seq: int, held: Held, how: str) -> None:
        if held.lapses is not None:
            held.lapses.cancel()
        del self.held[seq]
        kept = self.stream.messages.get(seq)
        if kept is not None:
            self.settled(self, kept, how)
        if self.stream.is_queue:
            self.stream.remove(seq)
        self.serve()  # there is room for another

    def forget(self, kept: Kept) -> None:
        """Forget that a message was settled, as a broker does that was killed before it had written that down."""
        if kept.seq in self.held:
            return
        if self.stream.is_queue:
            self.stream.keep(kept)
        self.held[kept.seq] = Held()
        self.give_again(kept.seq)

    def hand_out_anew(self, kept: Kept) -> None:
        """Forget that a message was handed out the last time, as a broker does that was killed right behind that."""
        held = self.held.get(kept.seq)
        if held is None:
            return
        self.counts[kept.seq] -= 1
        if self.counts[kept.seq]:
            self.give_again(kept.seq)
            return
        if held.lapses is not None:
            held.lapses.cancel()
        del self.held[kept.seq]
        self.unsent = deque(sorted({*self.unsent, kept.seq}))

    def restart(self) -> None:
        """Forget who has asked; whatever was handed out and not settled is handed out again when its time comes."""
        self.pulls.clear()
        self.beating.clear()
        for seq, held in self.held.items():
            if not held.waiting:
                self._wait(seq, held, self.wanted.ack_wait)
