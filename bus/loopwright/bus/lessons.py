"""Lessons: what goals have taught, each under a key of its own, until it expires or is forgotten.

A key is ``$KV.lw_lessons.{ns}.{key}``. It has one word, the last, which the broker keeps as long as the lesson says
(NATS ADR-43).
"""

import math
from functools import partial

from loopwright.bus.buckets import entry_of, headers_of, last_in, place, written
from loopwright.bus.connection import Bus
from loopwright.bus.errors import GuardLost
from loopwright.bus.memories import Lesson
from loopwright.bus.reading import read_all
from loopwright.bus.stored import Stored
from loopwright.bus.streams import LESSONS, LESSONS_STREAM

FORGOTTEN = 24 * 3600
"""Seconds that it is remembered that a lesson was forgotten, for whoever was about to write it."""

read_lesson = partial(entry_of, Lesson)


async def lesson(bus: Bus, key: str) -> Lesson | None:
    """Return the lesson under a key.

    Raises:
        Unreadable: the key is none.
        BusUnreachable: no answer for a minute.
    """
    last = await last_in(bus, LESSONS_STREAM, place(LESSONS, bus.ns, key))
    return read_lesson(last) if last else None


async def all_lessons(bus: Bus) -> list[Lesson]:
    """Return every lesson, the oldest first.

    Raises:
        BusUnreachable: no answer for a minute.
    """
    words = await read_all(bus.nc, bus.js, LESSONS_STREAM, [f"{place(LESSONS, bus.ns)}.*"])
    return [found for found in map(read_lesson, words) if found is not None]


async def place_of(bus: Bus, key: str) -> int:
    """Return the place of the last word on a key, whatever it says; 0 where there is none.

    Raises:
        Unreadable: the key is none.
        BusUnreachable: no answer for a minute.
    """
    last = await last_in(bus, LESSONS_STREAM, place(LESSONS, bus.ns, key))
    return last.seq if last else 0


async def note(bus: Bus, given: Lesson, after: int = 0) -> int:
    """Write a lesson once, over the last word on its key, which stood at `after`, and return its own place.

    Where more was said since, ours counts as said just before that, and is as gone as if it had been: so a write whose
    receipt was lost is not made again.

    Raises:
        Unreadable: the key is none.
        Refused: the server will not store it.
        BusUnreachable: no answer for a minute.
    """
    subject = place(LESSONS, bus.ns, given.key)
    headers = headers_of(bus, given) | {"Nats-TTL": str(math.ceil(given.kept))}
    guard = after
    while True:
        try:
            return await bus.write(subject, written(given), headers, guard=guard)
        except GuardLost:
            last = await last_in(bus, LESSONS_STREAM, subject)
        if last is not None and counts(last, after):
            return last.seq
        guard = last.seq if last else 0


async def find(bus: Bus, key: str, after: int) -> int | None:
    """Return the place that a lesson came to which was to be written behind `after`; None if it was not written."""
    last = await last_in(bus, LESSONS_STREAM, place(LESSONS, bus.ns, key))
    return last.seq if last is not None and counts(last, after) else None


def counts(last: Stored, after: int) -> bool:
    """Tell whether the last word on a key came behind a place, and means something."""
    return last.seq != after and (not last.data or read_lesson(last) is not None)


async def forget(bus: Bus, key: str) -> bool:
    """Forget a lesson for good; False if there was none.

    Raises:
        Unreadable: the key is none.
        BusUnreachable: no answer for a minute.
    """
    subject = place(LESSONS, bus.ns, key)
    while (last := await last_in(bus, LESSONS_STREAM, subject)) is not None and last.data:
        try:
            await bus.write(subject, b"", {"KV-Operation": "DEL", "Nats-TTL": str(FORGOTTEN)}, guard=last.seq)
        except GuardLost:
            continue
        return True
    return False
