"""The NATS client, made to survive what other clients put on the wire, and to carry thousands of messages a second.

The server passes on subjects that are not UTF-8 and header blocks that are none. nats-py 2.16 raises on both inside
its read loop and then never reads again, while the connection looks healthy: one such message on a stream would
silence every process that pulls from it. It goes deaf in the same way when the answer to a flush comes in that nobody
waits for any more.

Its subscriptions have a queue and a task each, and parse every header of every message. A *lane* is a subscription
without: its handler is called from the read loop, with bytes. `send` is its counterpart: nothing is awaited, and all
that is sent in one turn of the event loop is written at its end, together and without waking another task.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import BadSubjectError, ConnectionClosedError, MaxPayloadError, OutboundBufferLimitError

type Headers = dict[str, str]
type Handler = Callable[["Arrival"], None]

VERSION = b"NATS/1.0"
BURST = 256 * 1024
"""Bytes that are written at once; more waits until the connection takes it."""
HEADER = re.compile(r"(?:^|\r\n)([!-9;-~]+):([^\r\n]*)")
"""A line of a header block: a name without blanks, and its value."""
BREAKS = {ord("\r"): " ", ord("\n"): " "}


class Arrival:
    """A message as it came, not looked at yet."""

    __slots__ = ("_headers", "_raw", "data", "reply", "subject")

    def __init__(self, subject: str, reply: str, data: bytes, raw: bytes) -> None:
        self.subject = subject
        self.reply = reply
        self.data = data
        self._raw = raw
        self._headers: Headers | None = None

    @property
    def headers(self) -> Headers:
        """Its headers; none where they cannot be read."""
        if self._headers is None:
            self._headers = headers_in(self._raw) if self._raw else {}
        return self._headers


def headers_in(raw: bytes) -> Headers:
    """Return the headers in a block, with the server's own status among them as ``Status``."""
    first, _, rest = raw.partition(b"\r\n")
    if not first.startswith(VERSION):
        return {}
    found: Headers = {name: value.strip() for name, value in HEADER.findall(rest.decode(errors="replace"))}
    status = first[len(VERSION) :].strip()[:3]
    return {"Status": status.decode()} | found if status.isdigit() else found


def header_block(headers: Headers) -> bytes:
    """Return headers as they travel; a line break in a value becomes a space."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    whole = "".join(lines)
    if "\n" in whole or "\r" in whole:
        lines = [line.translate(BREAKS) for line in lines]
    text = "\r\n".join([*lines, "", ""])
    return b"%b\r\n%b" % (VERSION, text.encode(errors="replace"))


class WireClient(Client):
    """A client for which nothing that arrives is an error; what cannot be read is told apart later."""

    def __init__(self) -> None:
        super().__init__()
        self._lanes: dict[int, Handler] = {}
        self._nobody: asyncio.Future[None] | None = None
        self._to_be_written = False
        self._told_of_losses: list[Callable[[], None]] = []
        self.losses = 0
        """How often the connection was lost."""
        self.heard_since = datetime.now(UTC)
        """When we began to hear the server, at first or after the last loss; of what it did before we know nothing."""

    @property
    def is_clustered(self) -> bool:
        """Tell whether the server said, when it greeted us, that it is one of a cluster."""
        return bool(self._server_info.get("cluster"))

    def forget_unsent(self) -> None:
        """Give up what was not sent: nats-py would write it to the connection that is gone, and fail to close."""
        self._pending = []
        self._pending_data_size = 0

    @property
    def offers_jetstream(self) -> bool:
        """Tell whether the server said, when it greeted us, that it keeps streams."""
        return bool(self._server_info.get("jetstream"))

    def when_lost(self, told: Callable[[], None]) -> None:
        """Have `told` called whenever the connection is lost."""
        self._told_of_losses.append(told)

    def lose(self) -> None:
        """Tell whoever waits for an answer that it will not come: it is gone with the connection it was asked on."""
        self.losses += 1
        self.heard_since = datetime.now(UTC)
        for answer in tuple(self._resp_map.values()):
            if not answer.done():
                answer.set_exception(ConnectionClosedError())
        for told in self._told_of_losses:
            told()

    async def lane(self, subject: str, handle: Handler) -> Subscription:
        """Have `handle` called with everything on a subject, until the subscription is ended."""
        subscription = await self.subscribe(subject)
        self._lanes[subscription._id] = handle
        return subscription

    async def leave(self, lane: Subscription) -> None:
        """Have nothing more sent on a lane, and return when all has come that was on its way."""
        await self._send_unsubscribe(lane._id)
        await self.reach()

    async def reach(self, seconds: float = 10.0) -> None:
        """Return when the server has had all that was sent.

        Raises:
            NatsError: it has not said so in that time, or cannot be asked.
        """
        await self._flush_pending(force_flush=True)  # a ping does not wait for what is still to be sent
        await self.flush(seconds)  # type: ignore[arg-type]

    def send(self, subject: str, data: bytes = b"", *, reply: str = "", headers: bytes = b"") -> None:
        """Send a message with a header block that is written already.

        Raises:
            BadSubjectError: the server would close the connection over the subject.
            ConnectionClosedError: there will be no connection any more.
            OutboundBufferLimitError: there is none now, and too much waits for it.
            MaxPayloadError: the server takes no message of that size.
        """
        if not subject.isprintable() or " " in subject or not subject:
            raise BadSubjectError
        if self.is_closed:
            raise ConnectionClosedError
        if len(data) + len(headers) > self._max_payload:
            raise MaxPayloadError
        if not self.is_connected and self._pending_data_size > self._max_pending_size:
            raise OutboundBufferLimitError
        if headers:
            size = len(headers)
            command = f"HPUB {subject} {reply} {size} {size + len(data)}\r\n".encode() + headers + data + b"\r\n"
        else:
            command = f"PUB {subject} {reply} {len(data)}\r\n".encode() + data + b"\r\n"
        self._pending.append(command)
        self._pending_data_size += len(command)
        if not self._to_be_written:
            self._to_be_written = True
            asyncio.get_running_loop().call_soon(self._write_out)

    def _write_out(self) -> None:
        """Write what was sent; while there is no connection it stays, and the client writes it when there is one."""
        self._to_be_written = False
        if not self._pending or not self.is_connected or self._transport is None:
            return
        if self._pending_data_size > BURST:
            self._have_it_flushed()
            return
        waiting, self._pending, self._pending_data_size = self._pending, [], 0
        self._transport.writelines(waiting)

    def _have_it_flushed(self) -> None:
        """Leave what was sent to the client's own task, which waits until the connection takes more."""
        queue = self._flush_queue
        if queue is not None and queue.empty():
            if self._nobody is None:
                self._nobody = asyncio.get_running_loop().create_future()
                self._nobody.set_result(None)
            queue.put_nowait(self._nobody)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        handle = self._lanes.get(sid)
        if handle is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        try:
            handle(Arrival(subject.decode(errors="replace"), reply.decode(errors="replace"), data, headers or b""))
        except Exception as error:  # noqa: BLE001 - the read loop would end, and nobody hear anything any more
            await self._error_cb(error)

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        super()._remove_sub(sid, max_msgs)
        self._lanes.pop(sid, None)

    async def _process_headers(self, headers: bytes) -> Headers | None:
        try:
            return await super()._process_headers(headers)
        except (ValueError, IndexError):
            return None

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        if not self.is_connected:  # what waits to be sent would be written to a connection that is gone
            self._pending, self._pending_data_size = [], 0
        await super()._close(status, do_cbs)

    async def _process_pong(self) -> None:
        with suppress(asyncio.InvalidStateError):  # whoever waited for it was cancelled
            await super()._process_pong()

    def _build_message(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Headers | None) -> Msg:
        readable = subject.decode(errors="replace").encode()
        message: Msg = super()._build_message(sid, readable, reply, data, headers)
        return message
