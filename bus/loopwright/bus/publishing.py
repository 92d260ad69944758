"""Writing to streams, many messages at a time: each is answered on an inbox that they share, by its number."""

import asyncio
import itertools

from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.errors import APIError
from pydantic_core import from_json

from loopwright.bus.wire import Arrival, WireClient

LOOK = 0.5
"""Seconds between two looks for writes that nobody has answered."""


class NoAnswer(NatsError):
    """The server did not say whether it has stored a message; it may have."""

    def __str__(self) -> str:
        return "no answer"


class Publisher:
    """Has a server store messages. `timeout` is the seconds that it may take to answer."""

    def __init__(self, nc: WireClient, *, timeout: float) -> None:
        self._nc = nc
        self._timeout = timeout
        self._inbox = nc.new_inbox()
        self._numbers = itertools.count()
        self._asked: dict[str, tuple[asyncio.Future[int], float]] = {}
        self._lane: Subscription | None = None
        self._look: asyncio.TimerHandle | None = None
        nc.when_lost(self.lost)

    async def store(self, subject: str, data: bytes, headers: bytes) -> int:
        """Return the sequence of a message once the server says that it has stored it; `headers` is a header block.

        Raises:
            NoAnswer: it did not say so in time, or the connection was lost meanwhile.
            APIError: it says that it will not.
            NatsError: it cannot be asked.
        """
        if self._lane is None:
            self._lane = await self._nc.lane(f"{self._inbox}.*", self._answered)
        loop = asyncio.get_running_loop()
        number, answered = str(next(self._numbers)), loop.create_future()
        self._nc.send(subject, data, reply=f"{self._inbox}.{number}", headers=headers)
        self._asked[number] = answered, loop.time() + self._timeout
        if self._look is None:
            self._look = loop.call_later(LOOK, self._give_up_on_the_late)
        seq: int = await answered
        return seq

    def lost(self) -> None:
        """Answer every write that is under way: the connection is gone, and with it the answer."""
        for answered, _ in self._asked.values():
            refuse(answered, NoAnswer())
        self._asked.clear()

    def close(self) -> None:
        """Let go of what is under way."""
        self.lost()
        if self._look is not None:
            self._look.cancel()

    def _answered(self, arrival: Arrival) -> None:
        answered, _ = self._asked.pop(arrival.subject.rpartition(".")[2], (None, 0.0))
        if answered is None or answered.done():
            return
        if not arrival.data:
            answered.set_exception(NoRespondersError())
            return
        try:
            told = from_json(arrival.data)
            error = told.get("error")
            if error is None and told["stream"]:
                answered.set_result(told["seq"])
            else:
                said = {name: error.get(name) for name in ("code", "err_code", "description")}
                answered.set_exception(APIError(**said))
        except (ValueError, KeyError, AttributeError, TypeError):  # somebody else's words
            answered.set_exception(NoAnswer())

    def _give_up_on_the_late(self) -> None:
        now = asyncio.get_running_loop().time()
        for number, (answered, until) in list(self._asked.items()):
            if now > until:
                del self._asked[number]
                refuse(answered, NoAnswer())
        look = asyncio.get_running_loop().call_later
        self._look = look(LOOK, self._give_up_on_the_late) if self._asked else None


def refuse(answered: "asyncio.Future[int]", error: Exception) -> None:
    """Have a wait end with an error, unless it has ended."""
    if not answered.done():
        answered.set_exception(error)
