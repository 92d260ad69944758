"""A consumer's messages, pulled for free hands only.

Each `receive` asks the server for one more message; what nobody waits for stays at the server, where another
process can have it. Pull requests are short and carry heartbeats: a silent server is asked again on a new inbox, so
that a restart of the broker costs a second, not a time-out. Protocol: NATS ADR-13 (pull requests) and ADR-9
(heartbeats).
"""

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

import anyio
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from loopwright.bus.errors import BusUnreachable

log = structlog.get_logger()

EXPIRES = 5.0
"""Seconds a pull request stands at the server."""
HEARTBEAT = 0.5
"""Seconds between two signs of life while it stands."""
SILENCE = 2 * HEARTBEAT + 0.5
"""Seconds without a sign of life after which the request counts as lost."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message in our hands; settle it once."""

    msg: Msg

    @property
    def subject(self) -> str:
        """Where it was published."""
        return self.msg.subject

    @property
    def data(self) -> bytes:
        """Its body."""
        return self.msg.data

    @property
    def headers(self) -> dict[str, str]:
        """Its headers."""
        return self.msg.headers or {}

    @property
    def seq(self) -> int:
        """Its place in the stream."""
        return self.msg.metadata.sequence.stream

    @property
    def deliveries(self) -> int:
        """How often it was handed out, this time included."""
        return self.msg.metadata.num_delivered

    @property
    def time(self) -> datetime:
        """When the broker stored it."""
        return self.msg.metadata.timestamp

    async def done(self) -> None:
        """Take it off the queue."""
        await self.msg.ack()

    async def later(self, seconds: float = 0.0) -> None:
        """Give it back, to be handed out again after `seconds`."""
        await self.msg.nak(delay=seconds or None)

    async def reject(self) -> None:
        """Never hand it out again."""
        await self.msg.term()

    async def keep(self) -> None:
        """Keep the lease on it."""
        await self.msg.in_progress()


class Inbox:
    """The messages of one durable or passing pull consumer; use it with ``async with``.

    `lost` makes the consumer anew and returns its name. `ahead` is how many messages may lie here unread: 0 for
    work, which others could be doing; more for a record that is only read.
    """

    def __init__(
        self,
        nc: Client,
        stream: str,
        consumer: str,
        *,
        lost: Callable[[], Awaitable[str]],
        ahead: int = 0,
    ) -> None:
        self._nc = nc
        self._stream = stream
        self._consumer = consumer
        self._lost = lost
        self._ahead = ahead
        self._queue, self._arrived = anyio.create_memory_object_stream[Msg](math.inf)
        self._tasks = anyio.create_task_group()
        self._subscription: Subscription | None = None
        self._reply = ""
        self._waiting = 0
        self._asked = 0
        self._heard = anyio.current_time()
        self._gone = False
        self._delivered = 0
        self._newest = 0

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        await self._listen()
        self._tasks.start_soon(self._tend, name=f"inbox {self._consumer}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._tasks.cancel_scope.cancel()
        try:
            with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                await self._hand_back()
        except NatsError as lost:
            log.info("inbox.left_behind", consumer=self._consumer, reason=str(lost) or type(lost).__name__)
        finally:
            self._queue.close()
            self._arrived.close()
        try:
            return await self._tasks.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            if error in group.exceptions:
                return None  # it flies on as it is
            raise group.exceptions[0] from None

    async def receive(self) -> Delivery:
        """Return the next message, however long it takes."""
        self._refuse_a_closed_connection()
        self._waiting += 1
        try:
            await self._ask_if_possible()
            return Delivery(await self._arrived.receive())
        finally:
            self._waiting -= 1

    async def _tend(self) -> None:
        """Notice a lost consumer or a silent server, and ask again."""
        while True:
            await anyio.sleep(HEARTBEAT)
            self._refuse_a_closed_connection()
            await self._ask_if_possible(recover=self._gone or self._is_silent())

    def _is_silent(self) -> bool:
        return self._asked > 0 and anyio.current_time() - self._heard > SILENCE

    async def _ask_if_possible(self, *, recover: bool = False) -> None:
        """Ask for what is missing; what is not possible now is tried again at the next heartbeat."""
        try:
            if recover:
                await self._recover()
            await self._ask_for_missing()
        except NatsError as error:
            log.info("inbox.unreachable", consumer=self._consumer, reason=str(error) or type(error).__name__)

    def _refuse_a_closed_connection(self) -> None:
        """Raise if the connection was closed for good, as after a refused login: nobody would be heard any more."""
        if self._nc.is_closed:
            raise BusUnreachable("its address", "the connection was closed by the server")

    async def _recover(self) -> None:
        log.info("inbox.renewed", consumer=self._consumer, gone=self._gone)
        await self._unsubscribe()
        if self._gone or self._ahead:  # nobody acknowledges to a reader: what its consumer has sent, it has forgotten
            self._consumer = await self._lost()
        await self._listen()

    async def _listen(self) -> None:
        """Listen on a new inbox, so that what was asked on an old one cannot arrive any more."""
        self._reply = self._nc.new_inbox()
        self._asked, self._gone, self._heard = 0, False, anyio.current_time()
        self._delivered = 0
        self._subscription = await self._nc.subscribe(self._reply, cb=self._arrive)

    async def _arrive(self, msg: Msg) -> None:
        self._heard = anyio.current_time()
        if msg.reply:
            self._asked = max(0, self._asked - 1)
            if not self._ahead or self._is_next(msg):
                await self._queue.send(msg)
        elif msg.subject == self._reply:
            self._heed(msg.headers or {})
            await self._ask_for_missing()

    def _is_next(self, msg: Msg) -> bool:
        """Tell whether a reader lacks this message; after a gap nothing counts until the consumer is made anew."""
        place = msg.metadata.sequence
        self._gone = self._gone or place.consumer != self._delivered + 1
        self._delivered = place.consumer
        if self._gone or place.stream <= self._newest:
            return False
        self._newest = place.stream
        return True

    def _heed(self, headers: dict[str, str]) -> None:
        """Act on a status: 100 is a sign of life; the others end a request, or say that the consumer is gone."""
        status, unfilled = headers.get("Status"), headers.get("Nats-Pending-Messages")
        if status == "100":
            return
        self._asked = max(0, self._asked - int(unfilled)) if unfilled is not None else 0
        self._gone = self._gone or (unfilled is None and status not in {"404", "408"})

    async def _ask_for_missing(self) -> None:
        """Ask the server for as many more messages as hands are free."""
        count = self._waiting + self._ahead - self._asked - self._arrived.statistics().current_buffer_used
        if count <= 0 or self._gone:
            return
        if self._asked == 0:
            self._heard = anyio.current_time()
        self._asked += count
        request = {"batch": count, "expires": int(EXPIRES * 1e9), "idle_heartbeat": int(HEARTBEAT * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}"
        await self._nc.publish(subject, json.dumps(request).encode(), reply=self._reply)

    async def _hand_back(self) -> None:
        """Stop listening, and give back at once what nobody has taken: a lease would hold it longer."""
        await self._unsubscribe()
        while self._arrived.statistics().current_buffer_used:
            await self._arrived.receive_nowait().nak()

    async def _unsubscribe(self) -> None:
        if self._subscription is not None:
            subscription, self._subscription = self._subscription, None
            await subscription.unsubscribe()
