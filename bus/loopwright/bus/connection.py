"""A connection to the bus: guarded writes, last words, inboxes. One server, nothing else."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Protocol

import structlog
from nats.errors import BadSubjectError, MaxPayloadError
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import APIError

from loopwright.bus.answers import ANSWER, address_of, is_unavailable, persistently, reason_of, translated, translation
from loopwright.bus.blobs import Blobs
from loopwright.bus.ends import Ends
from loopwright.bus.envelope import BODY as BODY  # noqa: PLC0414 - others find it here
from loopwright.bus.envelope import TYPE, Envelope, encode, read_at, traits
from loopwright.bus.errors import BusUnreachable, GuardLost, IntakeFull, Refused, Unreadable
from loopwright.bus.inbox import Inbox
from loopwright.bus.messages import Due, Message, Timer
from loopwright.bus.publishing import Publisher
from loopwright.bus.reading import open_reader, read_all
from loopwright.bus.stored import Stored, first_on, last_in_json, last_on
from loopwright.bus.subjects import INTAKE, LOOP, Subject
from loopwright.bus.wire import Handler, Headers, WireClient, header_block

log = structlog.get_logger()

LEASE = 2.0
"""Seconds without a sign of life after which a worker's step goes to another."""
BY_REFERENCE = 256 * 1024
"""Bytes from which on a body goes to the object store, and the message carries its name."""
WRONG_SEQUENCE = 10071
STREAM_FULL = frozenset({10077, 10047, 10122})


class Bus:
    """A connection that speaks in our subjects and messages."""

    def __init__(
        self, nc: WireClient, js: JetStreamContext, publisher: Publisher, blobs: Blobs, *, ns: str, name: str
    ) -> None:
        self.nc = nc
        self.js = js
        self.blobs = blobs
        self.ns = ns
        self.name = name
        self.ends = Ends(nc, ns)
        self._publisher = publisher

    async def publish(
        self, subject: Subject, message: Message, *, id: str, cause: str = "", guard: int | None = None
    ) -> int:
        """Write a message and return its sequence once the server has stored it.

        `guard` is the sequence that the subject's last message must have, 0 for none.

        Raises:
            GuardLost: another was there first.
            IntakeFull: the queue of goals takes no more.
            BusUnreachable: no answer for a minute.
        """
        kind = traits(type(message)).kind
        goal = str(getattr(message, "goal", ""))
        headers = Envelope(id, f"/loopwright/{self.name}", goal=goal, cause=cause).headers(kind)
        return await self.write(str(subject), encode(message), headers, guard=guard)

    async def publish_first(
        self, subject: Subject, message: Message, *, id: str, cause: str = "", after: int = 0
    ) -> int:
        """Write the first message on a subject; what does not count is written over.

        One that cannot be read does not count, nor one that stood in the stream before `after`, when nobody had asked.

        Raises:
            GuardLost: another was there first.
        """
        guard = 0
        while True:
            try:
                return await self.publish(subject, message, id=id, cause=cause, guard=guard)
            except GuardLost:
                taken = await self.last(subject, sure=True)  # a replica may not have heard of it
                if taken is None or taken.seq == guard:
                    raise
                if taken.seq > after and await self.message(type(message), taken) is not None:
                    raise
                log.warning("place.retaken", subject=str(subject), seq=taken.seq)
                guard = taken.seq

    async def message[M: Message](self, model: type[M], stored: Stored) -> M | None:
        """Return what is on record; None if it cannot be read."""
        try:
            body = await self.body(stored.data, stored.headers)
            return read_at(model, Subject.parse(stored.subject), body, stored.headers)
        except Unreadable as error:
            log.info("record.unreadable", subject=stored.subject, seq=stored.seq, reason=str(error))
            return None

    async def write(
        self, subject: str, data: bytes, headers: Headers, *, guard: int | None = None, guarded: str = ""
    ) -> int:
        """Write bytes as they are; see `publish`. The guard is on the last message that `guarded` matches, if given."""
        if guard is not None:
            # A guard alone tells who was first; the dedupe window would call a rival's write ours.
            headers = {**headers, "Nats-Expected-Last-Subject-Sequence": str(guard)}
            headers.pop("Nats-Msg-Id", None)
            if guarded:
                headers["Nats-Expected-Last-Subject-Sequence-Subject"] = guarded
        if len(data) > BY_REFERENCE:
            headers = headers | {BODY: await self.blobs.put(data)}
            data = b""
        block = header_block(headers)
        try:
            return await self._stored(subject, data, block)
        except BusUnreachable:  # both guards and message ids make it harmless to write again
            return await persistently(self.nc, lambda: self._stored(subject, data, block))

    async def _stored(self, subject: str, data: bytes, block: bytes) -> int:
        """Have the server store a message, and return its sequence."""
        try:
            return await self._publisher.store(subject, data, block)
        except APIError as error:
            if error.err_code == WRONG_SEQUENCE:
                raise GuardLost(subject) from None
            if error.err_code in STREAM_FULL and subject.startswith("lw.v1.goal."):
                raise IntakeFull(INTAKE) from None
            if is_unavailable(error):
                raise translation(error, self.nc, f"a message on {subject}") from error
            raise Refused(subject, reason_of(error)) from None
        except (MaxPayloadError, BadSubjectError) as error:
            raise Refused(subject, reason_of(error)) from None
        except (NatsError, OSError) as error:
            raise translation(error, self.nc, f"a message on {subject}") from error

    async def set_timer(self, timer: Timer) -> None:
        """Have the broker say `Due` at a time; no process of ours waits for it."""
        at = timer.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        due = Due.of(goal=timer.goal, id=timer.id)
        headers = {
            "Nats-Schedule": f"@at {at}",
            "Nats-Schedule-Target": str(Subject.of("due", ns=self.ns, goal=timer.goal, id=timer.id)),
            "ce-type": TYPE.format("due"),
        }
        await self.write(str(Subject.of("timer", ns=self.ns, goal=timer.goal, id=timer.id)), encode(due), headers)

    def forget_timer(self, goal: str, id: str) -> None:
        """Have the broker forget a timer; the word may be lost, for a timer that comes too late changes nothing."""
        timer = Subject.of("timer", ns=self.ns, goal=goal, id=id)
        try:
            # It takes the timer's place, and is gone itself in a second.
            self.nc.send(str(timer), headers=header_block({"Nats-Rollup": "sub", "Nats-TTL": "1s"}))
        except NatsError as error:
            log.info("bus.unheard", subject=str(timer), reason=reason_of(error))

    @property
    def address(self) -> str:
        """The server's address, without secrets."""
        return address_of(self.nc)

    async def body(self, data: bytes, headers: Headers) -> bytes:
        """Return a message's body, wherever it is kept.

        Raises:
            Unreadable: the object store does not have it.
        """
        name = headers.get(BODY)
        return await self.blobs.get(name) if name else data

    async def last(self, subject: Subject | str, *, sure: bool = False) -> Stored | None:
        """Return the last message on a subject, or behind a prefix that ends in ``.>``, if any.

        Any replica answers, which may lag behind: guard what you write on it. With `sure` the stream's leader does,
        at twice the cost.
        """
        look = last_in_json if sure else last_on

        async def ask() -> Stored | None:
            with translated(self.nc, f"the last message on {subject}"):
                return await look(self.nc, str(subject), ANSWER)

        return await persistently(self.nc, ask)

    async def first(self, subject: Subject | str, *, after: int = 0) -> Stored | None:
        """Return the first message behind a place on a subject, or behind a prefix, if any; any replica answers."""

        async def ask() -> Stored | None:
            with translated(self.nc, f"the first message on {subject}"):
                return await first_on(self.nc, str(subject), ANSWER, after=after)

        return await persistently(self.nc, ask)

    async def consumer(self, stream: str, name: str, filters: list[str], *, lease: float = LEASE) -> Inbox:
        """Return the inbox of a durable consumer, which any number of processes share.

        Raises:
            BusUnreachable: no answer for a minute.
        """
        config = ConsumerConfig(
            durable_name=name,
            filter_subjects=filters,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=lease,
            max_ack_pending=10_000,
            max_deliver=-1,
        )

        async def create() -> str:
            await self.js.add_consumer(stream, config)
            return name

        async def open_inbox() -> Inbox:
            with translated(self.nc, f"the consumer {name}"):
                return Inbox(self.nc, stream, await create(), lost=create)

        return await persistently(self.nc, open_inbox)

    async def reader(
        self, filters: list[str], *, after: Callable[[], int], last_only: bool = False
    ) -> tuple[Inbox, int]:
        """Return the inbox of a passing consumer that reads on behind `after`, and how many messages wait there.

        `last_only` reads the last message of every subject instead.
        """
        return await open_reader(self.nc, self.js, LOOP, filters, after=after, last_only=last_only)

    async def record(self, filters: list[str], *, after: int = 0, upto: int = 0) -> list[Stored]:
        """Return every message on record on these subjects behind `after`, in order.

        Any replica answers, which may lag behind, but not behind `upto`, the place of a message on these subjects.

        Raises:
            BusUnreachable: no answer for a minute.
        """
        return await read_all(self.nc, self.js, LOOP, filters, after=after, upto=upto)

    def shout(self, subject: Subject, message: Message) -> None:
        """Say something that may be lost."""
        try:
            self.nc.send(str(subject), encode(message))
        except NatsError as error:
            log.info("bus.unheard", subject=str(subject), reason=reason_of(error))

    @asynccontextmanager
    async def overhear(self, subject: str, heard: Handler) -> AsyncIterator[None]:
        """Hear what is said on a subject from now on; some of it may be lost."""
        with translated(self.nc, f"listening on {subject}"):
            subscription = await self.nc.lane(subject, heard)
        try:
            yield
        finally:
            if not self.nc.is_closed:
                with translated(self.nc, f"listening on {subject}"):
                    await subscription.unsubscribe()


class Placed(Protocol):
    """A message of which is known where it stands."""

    @property
    def stream(self) -> str:
        """The stream that keeps it."""
        ...

    @property
    def seq(self) -> int:
        """Its place there."""
        ...


def delivery_id(delivery: Placed) -> str:
    """Return what identifies a message for ever: its stream and its place in it."""
    return f"{delivery.stream}-{delivery.seq}"
