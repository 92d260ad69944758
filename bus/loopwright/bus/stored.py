"""A message as the stream keeps it, and how the last one on a subject is asked for.

Asked directly, the server answers with the message's own headers and adds where it stands. Whoever wrote the message
chose the others: they may be none at all, or say `Status: 404` or `503`, which nats-py would take for the server's
word. So what does not tell where it stands is asked for again in JSON, where nobody's headers are in the way.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.js.errors import APIError

from loopwright.bus.inbox import Delivery
from loopwright.bus.subjects import LOOP
from loopwright.bus.wire import Arrival, Headers, headers_in

DIRECT = f"$JS.API.DIRECT.GET.{LOOP}"


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
    def overheard(cls, arrival: Arrival) -> "Stored":
        """Return what was said just now, wherever it will be kept."""
        return cls(arrival.subject, 0, arrival.data, arrival.headers, datetime.now(UTC))


async def last_on(nc: Client, subject: str, timeout: float) -> Stored | None:
    """Return the last message on a subject of LOOP, or behind a prefix that ends in ``.>``, if any.

    Raises:
        NatsError: the server does not answer, or refuses.
    """
    behind = subject.endswith(".>")
    place, asked = (DIRECT, json.dumps({"last_by_subj": subject}).encode()) if behind else (f"{DIRECT}.{subject}", b"")
    try:
        answer = await nc.request(place, asked, timeout=timeout)
    except NoRespondersError:
        return await last_in_json(nc, subject, timeout)
    if (found := told_by(answer, subject)) is not None:
        return found
    if (answer.headers or {}).get("Status") == "404":
        return None
    return await last_in_json(nc, subject, timeout)


async def first_on(nc: Client, subject: str, timeout: float, *, after: int = 0) -> Stored | None:
    """Return the first message on a subject of LOOP behind a place, if any that says where it stands.

    Raises:
        NatsError: the server does not answer, or refuses.
    """
    request = json.dumps({"seq": after + 1, "next_by_subj": subject}).encode()
    return told_by(await nc.request(DIRECT, request, timeout=timeout), subject)


def told_by(answer: Msg, subject: str) -> Stored | None:
    """Return the message in the server's answer; None unless the server says that it stands where we asked."""
    headers = answer.headers or {}
    seq, at = headers.get("Nats-Sequence", ""), headers.get("Nats-Time-Stamp", "")
    where = headers.get("Nats-Subject", "")
    is_there = where.startswith(subject[:-1]) if subject.endswith(".>") else where == subject
    if not seq.isdecimal() or not is_there:
        return None
    return Stored(where, int(seq), answer.data, headers, datetime.fromisoformat(at))


async def stored_at(nc: Client, stream: str, seq: int, timeout: float) -> Stored | None:
    """Return the message in a place of a stream, if there is one.

    Raises:
        NatsError: the server does not answer, or refuses.
    """
    request = {"seq": seq}
    try:
        answer = await nc.request(f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), timeout=timeout)
    except NoRespondersError:
        return await in_json(nc, stream, request, timeout)
    found = told_by(answer, (answer.headers or {}).get("Nats-Subject", ""))
    return found if found and found.seq == seq else await in_json(nc, stream, request, timeout)


async def last_in_json(nc: Client, subject: str, timeout: float) -> Stored | None:
    """Return the last message on a subject of LOOP, or behind a prefix."""
    return await in_json(nc, LOOP, {"last_by_subj": subject}, timeout)


async def in_json(nc: Client, stream: str, request: Mapping[str, str | int], timeout: float) -> Stored | None:
    """Return the message of a stream that is asked for."""
    answer = await nc.request(f"$JS.API.STREAM.MSG.GET.{stream}", json.dumps(request).encode(), timeout=timeout)
    told = json.loads(answer.data)
    if (error := told.get("error")) is not None:
        if error.get("code") == 404:
            return None
        APIError.from_error(error)
    message = told["message"]
    data, block = (base64.b64decode(message.get(name) or "") for name in ("data", "hdrs"))
    at = datetime.fromisoformat(message["time"])
    return Stored(message["subject"], int(message["seq"]), data, headers_in(block), at)
