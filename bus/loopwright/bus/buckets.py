"""Buckets of keys: streams that the NATS tools know as key-value stores, with our entries in them as JSON.

The key of an entry is its subject, behind ``$KV.{bucket}.``. An empty body marks that a key was taken back. Whoever may
publish can write anything there; what cannot be read means nothing, and is written over. Protocol: NATS ADR-8.
"""

from collections.abc import Callable, Sequence

import structlog

from loopwright.bus.answers import ANSWER, persistently, translated
from loopwright.bus.connection import Bus
from loopwright.bus.envelope import Envelope, body_of, encode, validate
from loopwright.bus.errors import Unreadable
from loopwright.bus.memories import Remembered
from loopwright.bus.names import is_token
from loopwright.bus.plain import JsonValue
from loopwright.bus.reading import read_all
from loopwright.bus.stored import Stored, in_json
from loopwright.bus.wire import Headers

log = structlog.get_logger()


def place(bucket: str, *keys: str) -> str:
    """Return the subject of a key.

    Raises:
        Unreadable: something in it cannot stand in a subject.
    """
    for each in keys:
        if not is_token(each):
            raise Unreadable(f"{each[:80]!r} cannot be a key: use a-z, 0-9, _ and -, at most 63")
    return ".".join(["$KV", bucket, *keys])


async def last_in(bus: Bus, stream: str, subject: str) -> Stored | None:
    """Return the last word on a key, without its headers; a filter in place of `subject` asks for the last of all.

    The leader of the stream is asked: what was acknowledged is seen.

    Raises:
        BusUnreachable: no answer for a minute.
    """

    async def ask() -> Stored | None:
        with translated(bus.nc, f"the last word on {subject}"):
            return await in_json(bus.nc, stream, {"last_by_subj": subject}, ANSWER)

    return await persistently(bus.nc, ask)


async def all_in(bus: Bus, stream: str, subject: str) -> list[Stored]:
    """Return every word on a key that is kept, the last that was acknowledged included.

    Raises:
        BusUnreachable: no answer for a minute.
    """
    last = await last_in(bus, stream, subject)
    return await read_all(bus.nc, bus.js, stream, [subject], upto=last.seq) if last else []


def entry_of[E: Remembered](model: type[E], stored: Stored) -> E | None:
    """Return what a word in a bucket says; None for a mark that the key was taken back, and for what cannot be read."""
    if not stored.data:
        return None
    *_, goal, key = stored.subject.split(".")
    told: dict[str, JsonValue] = {"key": key, "revision": stored.seq, "time": stored.time.isoformat()}
    if "goal" in model.model_fields:
        told["goal"] = goal
    try:
        body = body_of(model, stored.data, stored.headers)
        if not isinstance(body, dict):
            raise Unreadable("it is not a JSON object")  # noqa: TRY301 - told as what else is wrong with it
        return validate(model, {**body, **told})
    except Unreadable as error:
        log.info("memory.unreadable", key=stored.subject, seq=stored.seq, reason=str(error))
        return None


def standing[E: Remembered](words: Sequence[Stored], read: Callable[[Stored], E | None]) -> E | None:
    """Return what stands under a key after these words: the last that can be read, unless it was taken back since."""
    for stored in reversed(words):
        if not stored.data:
            return None
        if (found := read(stored)) is not None:
            return found
    return None


def headers_of(bus: Bus, entry: Remembered) -> Headers:
    """Return the headers of an entry, for whoever looks at the bucket with the tools of NATS."""
    kind = str(type(entry).model_fields["kind"].default)
    goal = entry.by.goal if entry.by else ""
    return Envelope(entry.id, f"/loopwright/{bus.name}", goal=goal).headers(kind)


def written(entry: Remembered) -> bytes:
    """Return the body of an entry; where it stands and since when the broker will tell."""
    return encode(entry.model_copy(update={"revision": 0, "time": None}))
