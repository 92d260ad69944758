"""A message as the stream keeps it, and how the last one on a subject is asked for.

Asked directly, the server answers with the message's own headers and adds where it stands. Whoever wrote the message
chose the others: they may be none at all, or say `Status: 404` or `503`, which nats-py would take for the server's
word. So what does not tell where it stands is asked for again in JSON, where nobody's headers are in the way.
"""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.js.errors import APIError

from loopwright.bus.inbox import Delivery
from loopwright.bus.subjects import LOOP

type Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as the stream keeps it."""

    subject: str
    seq: int
    data: bytes
    headers: Headers
    time: datetime

    @classmethod
    def delivered(cls, delivery: Delivery) -> "Stored":
        """Return what an inbox brought."""
        return cls(delivery.subject, delivery.seq, delivery.data, delivery.headers, delivery.time)

    @classmethod
    def overheard(cls, msg: Msg) -> "Stored":
        """Return what was said just now, wherever it will be kept."""
        return cls(msg.subject, 0, msg.data, msg.headers or {}, datetime.now(UTC))


async def last_on(nc: Client, subject: str, timeout: float) -> Stored | None:
    """Return the last message on a subject of LOOP, if any.

    Raises:
        NatsError: the server does not answer, or refuses.
    """
    try:
        answer = await nc.request(f"$JS.API.DIRECT.GET.{LOOP}.{subject}", b"", timeout=timeout)
    except NoRespondersError:
        return await last_in_json(nc, subject, timeout)
    headers = answer.headers or {}
    seq, at = headers.get("Nats-Sequence", ""), headers.get("Nats-Time-Stamp", "")
    if seq.isdecimal() and headers.get("Nats-Subject") == subject:
        return Stored(subject, int(seq), answer.data, headers, datetime.fromisoformat(at))
    if headers.get("Status") == "404":
        return None
    return await last_in_json(nc, subject, timeout)


async def last_in_json(nc: Client, subject: str, timeout: float) -> Stored | None:
    """Return the last message on a subject, without its headers."""
    request = json.dumps({"last_by_subj": subject}).encode()
    answer = await nc.request(f"$JS.API.STREAM.MSG.GET.{LOOP}", request, timeout=timeout)
    told = json.loads(answer.data)
    if (error := told.get("error")) is not None:
        if error.get("code") == 404:
            return None
        APIError.from_error(error)
    message = told["message"]
    data = base64.b64decode(message.get("data") or "")
    return Stored(subject, int(message["seq"]), data, {}, datetime.fromisoformat(message["time"]))
