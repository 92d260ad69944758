"""A consumer's messages, pulled for free hands only.

Whoever takes is a free hand, and the server is asked for as many messages as there are free hands; what nobody waits
for stays at the server, where another process can have it. While half of the hands have what they asked for no more is
asked: one request for many, not one for each. Pull requests are short and carry heartbeats: a silent server is asked
again on a new inbox, so that a restart of the broker costs a second, not a time-out. Protocol: NATS ADR-13 (pull
requests), ADR-9 (heartbeats) and ADR-15 (what stands in the subject of an acknowledgement).
"""

import asyncio
import json
import re
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import anyio
import structlog
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from loopwright.bus.errors import BusUnreachable
from loopwright.bus.wire import Arrival, Headers, WireClient

log = structlog.get_logger()

EXPIRES = 5.0
"""Seconds a pull request stands at the server."""
HEARTBEAT = 0.5
"""Seconds between two signs of life while it stands."""
FAREWELL = 1.0
"""Seconds that stopping may take where the server does not answer."""
SILENCE = 2 * HEARTBEAT + 0.5
"""Seconds without a sign of life after which the request counts as lost."""
ACK = re.compile(r"\$JS\.ACK(\.[^.]+){2,4}(\.\d+){5}(\.[^.]+)?")
"""Where a delivery is acknowledged: stream, consumer and five numbers, in newer servers with domain and account."""


class Delivery:
    """One message in our hands; settle it once."""

    __slots__ = ("_arrival", "_nc", "_place", "deliveries", "seq", "stream", "time")

    def __init__(self, arrival: Arrival, nc: WireClient) -> None:
        self._arrival = arrival
        self._nc = nc
        tokens = arrival.reply.split(".")
        place = tokens[2:] if len(tokens) == 9 else tokens[4:]  # newer servers name domain and account first
        self._place = place
        self.stream = place[0]
        """The stream that keeps it."""
        self.deliveries = int(place[2])
        """How often it was handed out, this time included."""
        self.seq = int(place[3])
        """Its place in the stream."""
        self.time = datetime.fromtimestamp(int(place[5]) / 1e9, UTC)
        """When the broker stored it."""

    @property
    def subject(self) -> str:
        """Where it was published."""
        return self._arrival.subject

    @property
    def data(self) -> bytes:
        """Its body."""
        return self._arrival.data

    @property
    def headers(self) -> Headers:
        """Its headers."""
        return self._arrival.headers

    @property
    def number(self) -> int:
        """Its place among what the consumer has handed out."""
        return int(self._place[4])

    @property
    def waiting(self) -> int:
        """How many messages the consumer had behind it."""
        return int(self._place[6])

    async def done(self) -> None:
        """Take it off the queue."""
        self._nc.send(self._arrival.reply, b"+ACK")

    async def later(self, seconds: float = 0.0) -> None:
        """Give it back, to be handed out again after `seconds`."""
        self._nc.send(self._arrival.reply, b'-NAK {"delay": %d}' % (seconds * 1e9) if seconds else b"-NAK")

    async def reject(self) -> None:
        """Never hand it out again."""
        self._nc.send(self._arrival.reply, b"+TERM")

    def keep(self) -> None:
        """Keep the lease on it.

        Raises:
            NatsError: there is no connection, and too much waits for one.
        """
        self._nc.send(self._arrival.reply, b"+WPI")


class Inbox:
    """The messages of one durable or passing pull consumer; use it with ``async with``.

    `lost` makes the consumer anew and returns its name. `ahead` is how many messages may lie here unread: 0 for
    work, which others could be doing; more for a record that is only read.
    """

    def __init__(
        self,
        nc: WireClient,
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
        self._ready: deque[Delivery] = deque()
        self._takers: deque[asyncio.Future[Delivery | None]] = deque()
        self._tasks = anyio.create_task_group()
        self._subscription: Subscription | None = None
        self._reply = ""
        self._asked = 0
        self._clock = asyncio.get_running_loop().time
        self._heard = self._clock()
        self._gone = False
        self._stopped = False
        self._losses = nc.losses
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
        await self.stop()
        try:
            return await self._tasks.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            if error in group.exceptions:
                return None  # it flies on as it is
            raise group.exceptions[0] from None

    async def receive(self) -> Delivery:
        """Return the next message, however long it takes.

        Raises:
            BusUnreachable: the connection was closed for good, or the inbox was stopped.
        """
        delivery = await self.take()
        if delivery is None:
            raise BusUnreachable("its address", "nobody listens here any more")
        return delivery

    async def take(self) -> Delivery | None:
        """Return the next message, however long it takes; None once the inbox was stopped.

        Raises:
            BusUnreachable: the connection was closed for good.
        """
        self._refuse_a_closed_connection()
        if self._stopped:
            return None
        if self._ready:
            return self._ready.popleft()
        taker: asyncio.Future[Delivery | None] = asyncio.get_running_loop().create_future()
        self._takers.append(taker)
        self._ask_if_possible()
        try:
            return await taker
        except asyncio.CancelledError:
            if taker in self._takers:
                self._takers.remove(taker)
            elif not taker.cancelled() and (delivery := taker.result()) is not None:
                self._ready.appendleft(delivery)  # it came, and nobody took it
            raise

    async def stop(self) -> None:
        """Take no more: whoever waits is told so, and what nobody has taken is given back at once.

        The server drops a request whose inbox nobody listens to. What it had sent by then comes in before its answer
        to our last word, and is waited for; unless we only read, when there is nothing to give back.
        """
        self._stopped = True
        while self._takers:
            settle(self._takers.popleft(), None)
        try:
            with anyio.CancelScope(shield=True), anyio.move_on_after(FAREWELL):
                await (self._unsubscribe() if self._ahead else self._drain())
            if self._ahead:
                self._forget_the_consumer()
            while self._ready and not self._ahead:
                await self._ready.popleft().later()
        except NatsError as lost:
            log.info("inbox.left_behind", consumer=self._consumer, reason=str(lost) or type(lost).__name__)

    async def _tend(self) -> None:
        """Notice a lost consumer or a silent server, and ask again."""
        while True:
            await anyio.sleep(HEARTBEAT)
            self._refuse_a_closed_connection()
            if self._stopped:
                continue
            if self._gone or self._is_silent():
                await self._recover()
            self._ask_if_possible(however_few=True)

    def _is_silent(self) -> bool:
        lost = self._losses != self._nc.losses  # what was asked on a connection went with it
        return self._asked > 0 and (lost or self._clock() - self._heard > SILENCE)

    def _refuse_a_closed_connection(self) -> None:
        """Raise if the connection was closed for good, as after a refused login: nobody would be heard any more."""
        if not self._nc.is_closed:
            return
        closed = BusUnreachable("its address", "the connection was closed by the server")
        while self._takers:
            settle(self._takers.popleft(), closed)
        raise closed

    async def _recover(self) -> None:
        """Ask on a new inbox; what is not possible now is tried again at the next heartbeat."""
        log.info("inbox.renewed", consumer=self._consumer, gone=self._gone)
        try:
            await self._unsubscribe()
            if self._gone or self._ahead:  # nobody acknowledges to a reader: what its consumer has sent is forgotten
                self._consumer = await self._lost()
            await self._listen()
        except NatsError as error:
            log.info("inbox.unreachable", consumer=self._consumer, reason=str(error) or type(error).__name__)

    async def _listen(self) -> None:
        """Listen on a new inbox, so that what was asked on an old one cannot arrive any more."""
        self._reply = self._nc.new_inbox()
        self._asked, self._gone, self._heard = 0, False, self._clock()
        self._delivered, self._losses = 0, self._nc.losses
        self._subscription = await self._nc.lane(self._reply, self._arrive)

    def _arrive(self, arrival: Arrival) -> None:
        self._heard = self._clock()
        if ACK.match(arrival.reply):
            self._asked = max(0, self._asked - 1)
            delivery = Delivery(arrival, self._nc)
            if not self._ahead or self._is_next(delivery):
                self._hand_out(delivery)
        elif arrival.subject == self._reply:
            self._heed(arrival.headers)
            self._ask_if_possible()

    def _hand_out(self, delivery: Delivery) -> None:
        """Give a message to who has come last: what it works with is still near the processor."""
        while self._takers:
            taker = self._takers.pop()
            if not taker.done():
                taker.set_result(delivery)
                return
        self._ready.append(delivery)

    def _is_next(self, delivery: Delivery) -> bool:
        """Tell whether a reader lacks this message; after a gap nothing counts until the consumer is made anew."""
        self._gone = self._gone or delivery.number != self._delivered + 1
        self._delivered = delivery.number
        if self._gone or delivery.seq <= self._newest:
            return False
        self._newest = delivery.seq
        return True

    def _heed(self, headers: Headers) -> None:
        """Act on a status: 100 is a sign of life; the others end a request, or say that the consumer is gone."""
        status, unfilled = headers.get("Status"), headers.get("Nats-Pending-Messages")
        if status == "100":
            return
        self._asked = max(0, self._asked - int(unfilled)) if unfilled and unfilled.isdecimal() else 0
        self._gone = self._gone or (unfilled is None and status not in {"404", "408"})

    def _ask_if_possible(self, *, however_few: bool = False) -> None:
        """Ask the server for as many more messages as hands are free, once they are half of all that wait."""
        free = len(self._takers) + self._ahead
        missing = free - self._asked - len(self._ready)
        if missing <= 0 or self._gone or not (however_few or 2 * missing >= free):
            return
        if self._asked == 0:
            self._heard = self._clock()
        request = {"batch": missing, "expires": int(EXPIRES * 1e9), "idle_heartbeat": int(HEARTBEAT * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}"
        try:
            self._nc.send(subject, json.dumps(request).encode(), reply=self._reply)
        except NatsError as error:
            log.info("inbox.unreachable", consumer=self._consumer, reason=str(error) or type(error).__name__)
            return
        self._asked += missing

    def _forget_the_consumer(self) -> None:
        """Have the server forget a passing consumer at once: it keeps no more than so many, and each costs memory."""
        self._nc.send(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._consumer}")

    async def _drain(self) -> None:
        """Stop listening once the server has sent what was on its way."""
        if self._subscription is not None and self._nc.is_connected:
            await self._nc.leave(self._subscription)
        await self._unsubscribe()

    async def _unsubscribe(self) -> None:
        if self._subscription is not None:
            subscription, self._subscription = self._subscription, None
            await subscription.unsubscribe()


def settle(taker: "asyncio.Future[Delivery | None]", said: BusUnreachable | None) -> None:
    """End a wait that has not ended."""
    if taker.done():
        return
    if said is None:
        taker.set_result(None)
    else:
        taker.set_exception(said)
