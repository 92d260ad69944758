"""The way between a client and the broker: messages take their time, overtake each other, and some get lost.

`SimClient` is the NATS client with its socket taken out. Subscriptions, and everything that is built on requests and
subscriptions, are nats-py's own.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ConnectionClosedError, NoRespondersError, TimeoutError

from loopwright.bus.wire import Arrival, Handler, WireClient, header_block, headers_in
from tests.simulation.broker import Broker
from tests.simulation.consumers import Headers

WRITES = ("lw.", "$JS.ACK.", "$KV.")
"""What leaves a trace at the broker."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a message travels."""

    delay: float
    lost: bool = False
    twice: bool = False


class Weather(Protocol):
    """What chance may do on the way."""

    def up(self, client: str, subject: str, data: bytes) -> Way:
        """Return how a message goes from a client to the broker."""

    def down(self, client: str, said: Msg) -> Way:
        """Return how a message goes from the broker to a client."""


class Network:
    """Carries messages between one broker and its clients."""

    def __init__(self, broker: Broker, weather: Weather) -> None:
        self.broker = broker
        self.loop = broker.loop
        self._weather = weather
        self._nowhere = Context()

    def up(
        self,
        client: "SimClient",
        subject: str,
        data: bytes,
        headers: Headers,
        reply: str,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Carry a message to the broker, and call `then` when it has acted on it."""
        way = self._weather.up(client.name, subject, data)
        if way.lost and then is None:
            return
        broker, now = self.broker, self.loop.time()
        # While it is disconnected the client keeps what it is to send.
        at, life = max(now, broker.up_at) + way.delay, broker.life

        def arrive() -> None:
            if broker.life == life and broker.up_at <= self.loop.time():
                broker.hear(subject, data, headers, reply)
            if then is not None:
                then()

        for _ in range(2 if way.twice else 1):
            self.loop.call_at(at, arrive, context=self._nowhere)

    def down(self, client: "SimClient", arrive: Callable[[Msg], None], said: Msg, *, not_before: float = 0.0) -> float:
        """Carry a message to a client, unless the broker is killed meanwhile; return when it arrives."""
        way = self._weather.down(client.name, said)
        if way.lost:
            return not_before
        # Later than what was sent before, if only just: a real clock has no order among timers of one moment.
        life, at = self.broker.life, max(math.nextafter(not_before, math.inf), self.loop.time() + way.delay)

        def deliver() -> None:
            if self.broker.life == life and not client.is_cut:
                arrive(said)

        self.loop.call_at(at, deliver, context=self._nowhere)
        return at


class Ear:
    """One subscription, seen from the broker; what it hears arrives in order."""

    def __init__(self, client: "SimClient", subscription: Subscription) -> None:
        self.subject: str = subscription.subject
        self._client = client
        self._subscription = subscription
        self._latest = 0.0

    def hear(self, subject: str, data: bytes, headers: Headers, reply: str) -> None:
        """Bring a message to the subscription."""
        said = Msg(self._client, subject, reply, data, headers or None)
        self._latest = self._client.network.down(self._client, self._arrive, said, not_before=self._latest)

    async def quiet(self) -> None:
        """Return when everything has arrived that was sent; some of it may be lost with the broker."""
        loop = self._client.network.loop
        await asyncio.sleep(max(0.0, self._latest - loop.time()))

    def _arrive(self, said: Msg) -> None:
        if not self._subscription._closed:
            self._subscription._received += 1
            self._subscription._pending_size += len(said.data)
            self._subscription._pending_queue.put_nowait(said)


class Lane(Ear):
    """A subscription whose handler is called with bytes, in the process that listens."""

    def __init__(self, client: "SimClient", subscription: Subscription, handle: Handler) -> None:
        super().__init__(client, subscription)
        self._handle = handle
        self._hearing: set[asyncio.Task[None]] = set()
        self._context = copy_context()

    def _arrive(self, said: Msg) -> None:
        raw = header_block(said.headers) if said.headers else b""
        arrival = Arrival(said.subject, said.reply, said.data, raw)
        task = self._client.network.loop.create_task(self._heard(arrival), context=self._context)
        self._hearing.add(task)
        task.add_done_callback(self._hearing.discard)

    async def _heard(self, arrival: Arrival) -> None:
        if not self._subscription._closed and not self._client.is_cut:
            self._handle(arrival)


class Answer:
    """The inbox of one request."""

    def __init__(self, client: "SimClient", subject: str) -> None:
        self.subject = subject
        self._client = client
        self.future: asyncio.Future[Msg] = client.network.loop.create_future()

    def hear(self, subject: str, data: bytes, headers: Headers, reply: str) -> None:
        """Bring the answer to whoever asked."""
        said = Msg(self._client, subject, reply, data, headers or None)
        self._client.network.down(self._client, self._arrive, said)

    def _arrive(self, said: Msg) -> None:
        if not self.future.done():
            self.future.set_result(said)

    def give_up(self, error: type[Exception] = TimeoutError) -> None:
        """Wait no longer."""
        if not self.future.done():
            self.future.set_exception(error())


class SimClient(WireClient):
    """The NATS client, with a simulated network in the place of its socket."""

    def __init__(self, network: Network, name: str) -> None:
        super().__init__()
        self.network = network
        self.name = name
        self.is_cut = False
        """Whether the process is dead: nothing it says or should hear travels any more."""
        self.writes = 0
        self.dies_at: dict[int, bool] = {}
        """The writes at which the process dies: True for behind the write, False for before it."""
        self.die: Callable[[], None] = lambda: None
        self.fell: Callable[[BaseException], None] = lambda _: None
        """Is told of an error in a subscription's callback, which nats-py swallows."""
        self._status = Client.CONNECTED
        self._server_info = {"version": "2.15.0", "jetstream": True}
        self._ears: dict[int, Ear] = {}
        self._inboxes = 0
        self._answers: set[Answer] = set()

    def cut(self) -> None:
        """Die: say and hear nothing from now on."""
        self.is_cut = True
        for subscription in self._subs.values():
            subscription._stop_processing()

    def noticed(self) -> None:
        """Have the broker notice that the connection is gone; until then it sends there in vain."""
        for ear in self._ears.values():
            self.network.broker.ignore(ear)
        self._ears.clear()

    def fall(self, until: float) -> None:
        """Lose the connection, and with it what was asked on it, and have it again at a time."""
        if self.is_cut:
            return
        self._status = Client.RECONNECTING
        for answer in tuple(self._answers):
            answer.give_up(ConnectionClosedError)
        self.lose()
        self.network.loop.call_at(until, self._again)

    def _again(self) -> None:
        if not self.is_closed:
            self._status = Client.CONNECTED

    def new_inbox(self) -> str:
        """Return a subject on which nobody else listens."""
        self._inboxes += 1
        return f"_INBOX.{self.name}.{self._inboxes}"

    async def publish(
        self, subject: str, payload: bytes = b"", reply: str = "", headers: dict[str, Any] | None = None
    ) -> None:
        """Send a message on its way, unless the process is to die before that."""
        self._say(subject, payload, reply, {name: value.strip() for name, value in (headers or {}).items()})
        if self.is_cut:
            await self._never()

    def send(self, subject: str, data: bytes = b"", *, reply: str = "", headers: bytes = b"") -> None:
        """Send a message with a header block that is written already."""
        self._say(subject, data, reply, headers_in(headers) if headers else {})

    def _say(self, subject: str, data: bytes, reply: str, headers: Headers) -> None:
        """Send a message on its way, unless the process dies before that."""
        if self.is_closed:
            raise ConnectionClosedError
        if self.is_cut:
            return
        behind = None
        if subject.startswith(WRITES):
            self.writes += 1
            behind = self.dies_at.get(self.writes)
        if behind is False:
            self._die()
        else:
            self.network.up(self, subject, data, headers, reply, self._die if behind else None)

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,
        old_style: bool = False,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """Send a message and return the answer.

        Raises:
            TimeoutError: there is none in time.
            NoRespondersError: nobody listens there.
        """
        answer = Answer(self, self.new_inbox())
        self.network.broker.listen(answer)
        self._answers.add(answer)
        giving_up = self.network.loop.call_later(timeout, answer.give_up)
        try:
            self._say(subject, payload, answer.subject, dict(headers or {}))
            msg = await answer.future
        finally:
            giving_up.cancel()
            self._answers.discard(answer)
            self.network.broker.ignore(answer)
        if msg.headers and msg.headers.get("Status") == "503":
            raise NoRespondersError
        return msg

    async def subscribe(
        self,
        subject: str,
        queue: str = "",
        cb: Callable[[Msg], Awaitable[None]] | None = None,
        future: asyncio.Future[Any] | None = None,
        max_msgs: int = 0,
        pending_msgs_limit: int = 0,
        pending_bytes_limit: int = 0,
    ) -> Subscription:
        """Listen on a subject from now on."""
        if self.is_closed:
            raise ConnectionClosedError
        self._sid += 1
        subscription = Subscription(self, self._sid, subject, queue, cb)
        self._subs[self._sid] = subscription
        subscription._start(self._fell)  # type: ignore[no-untyped-call]
        if not self.is_cut:
            self._ears[self._sid] = Ear(self, subscription)
            self.network.broker.listen(self._ears[self._sid])
        return subscription

    async def lane(self, subject: str, handle: Handler) -> Subscription:
        """Have a handler called with everything on a subject."""
        subscription = await self.subscribe(subject)
        if (ear := self._ears.get(subscription._id)) is not None:
            self.network.broker.ignore(ear)
            self._ears[subscription._id] = lane = Lane(self, subscription, handle)
            self.network.broker.listen(lane)
        return subscription

    async def leave(self, lane: Subscription) -> None:
        """Have nothing more sent on a lane, and return when all has come that was on its way."""
        if (ear := self._ears.pop(lane._id, None)) is not None:
            self.network.broker.ignore(ear)
            await ear.quiet()

    async def reach(self, seconds: float = 10.0) -> None:
        """Return; what was sent is on its way."""

    async def flush(self, timeout: int = 10) -> None:
        """Do the same."""

    async def close(self) -> None:
        """Hear nothing more."""
        self._status = Client.CLOSED
        self.cut()
        self.noticed()

    async def _send_unsubscribe(self, sid: int, limit: int = 0) -> None:
        """Do nothing: the subscription is removed at the same time."""

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._subs.pop(sid, None)
        if (ear := self._ears.pop(sid, None)) is not None:
            self.network.broker.ignore(ear)

    async def _fell(self, error: Exception) -> None:
        self.fell(error)

    def _die(self) -> None:
        self.cut()
        self.network.loop.call_soon(self.die, context=Context())

    async def _never(self) -> None:
        await self.network.loop.create_future()
