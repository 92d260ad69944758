"""A goal's blackboard: what its steps tell each other, key by key, with every word before the last.

A key is ``$KV.lw_board.{ns}.{goal}.{key}``, and its revision the place of its last word in the bucket. Nothing is said
there with a roll-up, nor removed: the board ends with the goal's record.
"""

from functools import partial

from loopwright.bus.answers import persistently, translated
from loopwright.bus.buckets import all_in, entry_of, headers_of, last_in, place, standing, written
from loopwright.bus.connection import Bus
from loopwright.bus.envelope import MAX_REFERENCED, parse_json
from loopwright.bus.errors import GuardLost
from loopwright.bus.memories import Noted, Written
from loopwright.bus.names import is_token
from loopwright.bus.streams import BOARD, BOARD_STREAM

INLINE = 32 * 1024
"""Bytes of a value from which on it goes to the object store, once, however often it is read or told of."""

read_noted = partial(entry_of, Noted)


async def noted(bus: Bus, goal: str, key: str) -> Noted | None:
    """Return what stands under a key of a goal's board; a large value by its name only, see `whole`.

    Raises:
        Unreadable: the key is none.
        BusUnreachable: no answer for a minute.
    """
    subject = place(BOARD, bus.ns, goal, key)
    last = await last_in(bus, BOARD_STREAM, subject)
    if last is None or not last.data:
        return None
    return read_noted(last) or standing(await all_in(bus, BOARD_STREAM, subject), read_noted)


async def history(bus: Bus, goal: str, key: str) -> list[Noted]:
    """Return every word on a key that is kept and can be read, the first one first.

    Raises:
        Unreadable: the key is none.
        BusUnreachable: no answer for a minute.
    """
    words = await all_in(bus, BOARD_STREAM, place(BOARD, bus.ns, goal, key))
    return [found for found in map(read_noted, words) if found is not None]


async def keys(bus: Bus, goal: str) -> list[str]:
    """Return the keys of a goal's board on which anything was ever said, in order.

    Raises:
        Unreadable: the goal's name is none.
        BusUnreachable: no answer for a minute.
    """
    board = place(BOARD, bus.ns, goal)

    async def ask() -> list[str]:
        with translated(bus.nc, f"the keys of the board of {goal}"):
            state = (await bus.js.stream_info(BOARD_STREAM, subjects_filter=f"{board}.*")).state
            found = [subject.removeprefix(f"{board}.") for subject in state.subjects or ()]
            return sorted(filter(is_token, found))

    return await persistently(bus.nc, ask)


async def put(bus: Bus, entry: Noted, revision: int | None = None) -> Written:
    """Write a word on a key once, by the entry's id, if the key is still at `revision`; 0: if nothing stands there.

    Without a revision the last word wins. A write that was made, and whose receipt was lost, is found by its id among
    the words that are kept.

    Raises:
        Unreadable: the key is none.
        Refused: the server will not store it.
        BusUnreachable: no answer for a minute.
    """
    subject = place(BOARD, bus.ns, entry.goal, entry.key)
    data, headers, guard = written(entry), headers_of(bus, entry), revision
    while True:
        if guard is None:
            last = await last_in(bus, BOARD_STREAM, subject)
            guard = last.seq if last else 0
        try:
            return Written(revision=await bus.write(subject, data, headers, guard=guard))
        except GuardLost:
            words = await all_in(bus, BOARD_STREAM, subject)
        if (made := made_by(entry.id, list(map(read_noted, words)))) is not None:
            return made
        stands = standing(words, read_noted)
        current = stands.revision if stands else 0
        if revision is not None and revision != current:
            return Written(revision=current, moved=True)
        guard = words[-1].seq if words else 0


async def find(bus: Bus, goal: str, key: str, id: str) -> Written | None:
    """Return what became of a write; None if it was not made."""
    return made_by(id, list(await history(bus, goal, key)))


def made_by(id: str, words: list[Noted | None]) -> Written | None:
    """Return the write of that id among what was said on a key."""
    found = next((each.revision for each in words if each is not None and id and each.id == id), None)
    return None if found is None else Written(revision=found)


async def whole(bus: Bus, entry: Noted) -> Noted:
    """Return an entry with its value, wherever that is kept.

    Raises:
        Unreadable: the object store does not have it.
        BusUnreachable: no answer for a minute.
    """
    if not entry.body:
        return entry
    value = parse_json(await bus.blobs.get(entry.body), size=MAX_REFERENCED)
    return entry.model_copy(update={"value": value, "body": ""})
