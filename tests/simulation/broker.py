"""A broker in memory that keeps what the product relies on of JetStream, and says it as nats-server does.

It is spoken to in subjects, headers and bodies, as nats-server is, so that the whole of `loopwright.bus` runs on it
unchanged. What it leaves out it refuses loudly. `test_contract.py` asks it and a real server the same questions.
"""

import asyncio
import base64
import json
import math
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from nats.js.api import StorageType, StreamConfig

from loopwright.bus.wire import header_block
from tests.simulation.consumers import NS, Consumer, Headers, Wanted
from tests.simulation.store import LIFETIME, Kept, Known, Stream, WriteRefused, matches

API = "$JS.API."
ACK = "$JS.ACK."
NOT_FOUND: Headers = {"Status": "404", "Description": "Message Not Found"}
NO_RESPONDERS: Headers = {"Status": "503"}
SCHEDULE, TARGET = "Nats-Schedule", "Nats-Schedule-Target"
FRESH = 0.5
"""Seconds for which a broker that is killed may not have written down that a message was handed out, or settled."""


class Listener(Protocol):
    """Whoever listens on a subject, at the other end of a network."""

    @property
    def subject(self) -> str: ...

    def hear(self, subject: str, data: bytes, headers: Headers, reply: str) -> None: ...


class Luck(Protocol):
    """What chance may do to a broker."""

    def lag(self, subject: str) -> float:
        """Return how many seconds behind the replica is that answers a direct get."""

    def reader_lag(self) -> float:
        """Return how many seconds behind the replica is that a new passing consumer reads."""

    def timer(self, subject: str) -> float:
        """Return how many seconds too late (below zero: too early) a timer fires."""

    def forgets(self, seq: int) -> bool:
        """Tell whether a broker that is killed forgets that this message was just handed out, or settled."""


class Broker:
    """Streams, consumers, and whoever listens."""

    def __init__(self, configs: Iterable[StreamConfig], luck: Luck, *, epoch: datetime) -> None:
        self.loop = asyncio.get_running_loop()
        self.luck = luck
        self.streams = {str(config.name): Stream(config) for config in configs}
        self.consumers: dict[tuple[str, str], Consumer] = {}
        self.stored: Callable[[Stream, Kept], None] = lambda _, __: None
        self.settled: Callable[[Consumer, Kept, str], None] = lambda _, __, ___: None
        self.up_at = 0.0
        self.forgetful: list[tuple[float, float]] = []
        """From when until when leases have lapsed that were kept."""
        self.life = 1
        """Counts the broker's restarts; what is on its way in one life does not arrive in the next."""
        self._epoch = int(epoch.timestamp() * NS) - int(self.loop.time() * NS)
        self._exact: dict[str, list[Listener]] = {}
        self._wild: list[Listener] = []
        self._names = 0
        self._fresh: deque[tuple[float, Callable[[], None], int]] = deque()
        """What may be forgotten: when it was done, how it is undone, and the message that it was done with."""

    def wall(self, at: float) -> int:
        """Return nanoseconds since 1970 at a time of the loop."""
        return self._epoch + int(at * NS)

    def date(self, at: float) -> datetime:
        """Return the date at a time of the loop."""
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.wall(at) // 1000)

    def listen(self, listener: Listener) -> None:
        """Send a listener what is said on its subject from now on."""
        if "*" in listener.subject or ">" in listener.subject:
            self._wild.append(listener)
        else:
            self._exact.setdefault(listener.subject, []).append(listener)

    def ignore(self, listener: Listener) -> None:
        """Send a listener nothing more."""
        if listener in self._wild:
            self._wild.remove(listener)
        elif listener in (listeners := self._exact.get(listener.subject, [])):
            listeners.remove(listener)

    def send(self, inbox: str, subject: str, data: bytes, headers: Headers, reply: str) -> bool:
        """Send a message to whoever listens on `inbox`; return False if nobody does."""
        listeners = [*self._exact.get(inbox, ()), *(each for each in self._wild if matches(each.subject, inbox))]
        for listener in listeners:
            listener.hear(subject, data, headers, reply)
        return bool(listeners)

    def hear(self, subject: str, data: bytes, headers: Headers, reply: str) -> None:
        """Act on what a client has said."""
        if subject.startswith(ACK):
            self._acknowledged(subject, data)
            heard = True
        elif subject.startswith(API):
            heard = self._asked(subject.removeprefix(API).split("."), data, reply)
        else:
            heard = self.send(subject, subject, data, headers, reply)
            stream = next((each for each in self.streams.values() if each.takes(subject)), None)
            if stream is not None:
                self._answer(reply, self._publish(stream, subject, data, headers))
                return
        if not heard and reply:
            self.send(reply, reply, b"", NO_RESPONDERS, "")

    def hasten(self) -> None:
        """Have every lease lapse at once, however well it is kept."""
        now = self.loop.time()
        self.forgetful.append((now, now))
        for consumer in list(self.consumers.values()):
            for seq in list(consumer.held):
                consumer.give_again(seq)

    def restart(self, down: float) -> None:
        """Be killed, and come back after `down` seconds with everything that was stored on disk."""
        now = self.loop.time()
        self.up_at = now + down
        self.forgetful.append((now, self.up_at))
        self.life += 1
        for name in [name for name, stream in self.streams.items() if stream.config.storage == StorageType.MEMORY]:
            del self.streams[name]
        for key, consumer in list(self.consumers.items()):
            consumer.restart()
            if not consumer.wanted.durable:
                del self.consumers[key]
        fresh = [each for each in self._fresh if each[0] >= self.loop.time() - FRESH]
        forgotten = {seq for seq in {seq for _, _, seq in fresh} if self.luck.forgets(seq)}
        for _, undo, seq in reversed(fresh):
            if seq in forgotten:
                undo()
        self._fresh.clear()

    def fire(self, timer: Kept, stream: Stream) -> None:
        """Say what a timer was set to say, if it is still the one on its subject."""
        if self.up_at > self.loop.time():
            self.loop.call_at(self.up_at, self.fire, timer, stream)
            return
        if stream.messages.get(timer.seq) is not timer or stream.last(timer.subject) is not timer:
            return
        headers = {name: value for name, value in timer.headers.items() if name not in {SCHEDULE, TARGET}}
        headers |= {"Nats-Scheduler": timer.subject, "Nats-Schedule-Next": "purge"}
        stream.purge(timer.subject)
        self._publish(stream, timer.headers[TARGET], timer.data, headers)

    def _answer(self, reply: str, said: dict[str, Any]) -> None:
        if reply:
            self.send(reply, reply, json.dumps(said).encode(), {}, "")

    def _publish(self, stream: Stream, subject: str, data: bytes, headers: Headers) -> dict[str, Any]:
        """Store a message, and return what its sender is told."""
        now = self.loop.time()
        try:
            kept = stream.store(subject, data, headers, now)
        except Known as known:
            return {"stream": stream.name, "seq": known.seq, "duplicate": True}
        except WriteRefused as refused:
            return {"error": refused.answer, "stream": stream.name, "seq": 0}
        if SCHEDULE in headers:
            self._schedule(stream, kept)
        if LIFETIME in headers:
            self.loop.call_later(float(headers[LIFETIME].removesuffix("s")), self._lapse, stream, kept)
        self.stored(stream, kept)
        for consumer in list(self.consumers.values()):
            if consumer.stream is stream:
                consumer.stored(kept)
        return {"stream": stream.name, "seq": kept.seq}

    def _lapse(self, stream: Stream, kept: Kept) -> None:
        """Take a message out whose time is up; where its stream is told to, an empty one marks its place."""
        marked = stream.config.subject_delete_marker_ttl
        if stream.remove(kept.seq) is not None and marked and kept.data:
            self._publish(stream, kept.subject, b"", {"Nats-Marker-Reason": "MaxAge", LIFETIME: f"{marked:g}s"})

    def _schedule(self, stream: Stream, timer: Kept) -> None:
        at = datetime.fromisoformat(timer.headers[SCHEDULE].removeprefix("@at "))
        seconds = int(at.timestamp() * NS) / NS - self.wall(self.loop.time()) / NS
        self.loop.call_later(max(0.0, seconds + self.luck.timer(timer.subject)), self.fire, timer, stream)

    def _acknowledged(self, subject: str, data: bytes) -> None:
        _, _, stream, name, _, seq, *_ = subject.split(".")
        consumer = self.consumers.get((stream, name))
        if consumer is not None:
            word, _, told = (data or b"+ACK").partition(b" ")
            consumer.heard(int(seq), word, json.loads(told or b"{}").get("delay", 0) / NS)

    def _let_go(self, consumer: Consumer, kept: Kept, how: str) -> None:
        self._note(lambda: consumer.forget(kept), kept)
        self.settled(consumer, kept, how)

    def _handed_out(self, consumer: Consumer, kept: Kept) -> None:
        self._note(lambda: consumer.hand_out_anew(kept), kept)

    def _note(self, undo: Callable[[], None], kept: Kept) -> None:
        """Note what is not yet on disk."""
        self._fresh.append((self.loop.time(), undo, kept.seq))
        while self._fresh[0][0] < self.loop.time() - FRESH:
            self._fresh.popleft()

    def _asked(self, words: list[str], data: bytes, reply: str) -> bool:
        """Answer a request to the API; return False if nobody is there to answer."""
        match words:
            case ["CONSUMER", "MSG", "NEXT", stream, name]:
                return self._pull((stream, name), data, reply)
            case ["DIRECT", "GET", stream, *subject]:
                return self._last_directly(stream, ".".join(subject), data, reply)
            case ["STREAM", "MSG", "GET", stream]:
                self._answer(reply, self._last_in_json(self.streams[stream], json.loads(data)))
            case ["CONSUMER", "DURABLE", "CREATE", stream, *_] | ["CONSUMER", "CREATE", stream, *_] if (
                stream not in self.streams
            ):
                self._answer(reply, NO_STREAM)
            case ["CONSUMER", "DURABLE", "CREATE", stream, *_] | ["CONSUMER", "CREATE", stream, *_]:
                self._answer(reply, self._create(self.streams[stream], json.loads(data)["config"]))
            case ["CONSUMER", "INFO", stream, name]:
                found = self.consumers.get((stream, name))
                self._answer(reply, info_of(found) if found else NO_CONSUMER)
            case ["CONSUMER", "DELETE", stream, name]:
                gone = self.consumers.pop((stream, name), None)
                self._answer(reply, {"success": True} if gone else NO_CONSUMER)
            case ["STREAM", "UPDATE" | "CREATE", stream]:
                config = StreamConfig.from_response(json.loads(data))
                self.streams.setdefault(stream, Stream(config)).config = config
                self._answer(reply, {"config": config.as_dict(), "state": STATE, "created": "2026-01-01T00:00:00Z"})
            case _:
                raise NotImplementedError(f"the simulated broker does not know {'.'.join(words)}")
        return True

    def _pull(self, key: tuple[str, str], data: bytes, reply: str) -> bool:
        consumer = self.consumers.get(key)
        if consumer is None:
            return False
        asked = json.loads(data)
        expires, heartbeat = asked.get("expires", 0) / NS or math.inf, asked.get("idle_heartbeat", 0) / NS
        consumer.pull(reply, asked.get("batch", 1), expires, heartbeat)
        return True

    def _last_directly(self, stream: str, subject: str, data: bytes, reply: str) -> bool:
        request = {"last_by_subj": subject} if subject else json.loads(data)
        lag = self.luck.lag(json.dumps(request))
        kept = self.streams[stream].find(request, before=self.loop.time() - lag)
        if kept is None:
            return self.send(reply, reply, b"", NOT_FOUND, "")
        where = {
            "Nats-Stream": stream,
            "Nats-Subject": kept.subject,
            "Nats-Sequence": str(kept.seq),
            "Nats-Time-Stamp": self.date(kept.at).isoformat(),
        }
        return self.send(reply, reply, kept.data, kept.headers | where, "")

    def _last_in_json(self, stream: Stream, request: dict[str, Any]) -> dict[str, Any]:
        kept = (
            stream.last(request["last_by_subj"]) if "last_by_subj" in request else stream.messages.get(request["seq"])
        )
        if kept is None:
            return {"error": {"code": 404, "err_code": 10037, "description": "no message found"}}
        time, block = self.date(kept.at).isoformat(), header_block(kept.headers) if kept.headers else b""
        data, headers = (base64.b64encode(each).decode() for each in (kept.data, block))
        return {"message": {"subject": kept.subject, "seq": kept.seq, "data": data, "time": time, "hdrs": headers}}

    def _create(self, stream: Stream, config: dict[str, Any]) -> dict[str, Any]:
        self._names += 1
        name = config.get("durable_name") or config.get("name") or f"passing{self._names}"
        known = self.consumers.get((stream.name, name))
        if known is None:
            wanted = Wanted.read(config)
            late = 0.0 if wanted.durable else self.luck.reader_lag()
            known = Consumer(
                stream, name, wanted, self.send, self._let_go, self._handed_out, self.loop, self.wall, late
            )
            self.consumers[stream.name, name] = known
        return info_of(known)


STATE = {"messages": 0, "bytes": 0, "first_seq": 0, "last_seq": 0, "consumer_count": 0}
NO_CONSUMER = {"error": {"code": 404, "err_code": 10014, "description": "consumer not found"}}

NO_STREAM = {"error": {"code": 404, "err_code": 10059, "description": "stream not found"}}


def info_of(consumer: Consumer) -> dict[str, Any]:
    """Return what the API tells of a consumer."""
    place = {"consumer_seq": consumer.sent, "stream_seq": 0}
    return {
        "stream_name": consumer.stream.name,
        "name": consumer.name,
        "config": {},
        "created": "2026-01-01T00:00:00Z",
        "delivered": place,
        "ack_floor": place,
        "num_pending": consumer.left,
        "num_ack_pending": len(consumer.held),
        "num_redelivered": 0,
        "num_waiting": len(consumer.pulls),
    }
