"""What steps do to memory, as tools: so it goes on the effect record like any other call.

A read is answered from the record when it is made again, whatever memory says by then. A write is claimed before it is
made, carries the call's key, and is looked for by that key where nobody knows whether it was made: it is made once.
What comes out of memory is as trusted as whoever wrote it: each entry says.
"""

from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

from loopwright.bus import board, lessons
from loopwright.bus.connection import Bus
from loopwright.bus.memories import UNTRUSTED, Author, Kept, Labels, Lesson, LessonText, Noted, Written
from loopwright.bus.messages import Count
from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue
from loopwright.bus.searching import Index
from loopwright.tools.tool import Done, IdempotencyKey, NotDone, Tool, tool

MOST_FOUND = 50
"""Lessons that one search may find: each goes on the record of the step that sees it."""
Limit = Annotated[int, Field(ge=1, le=MOST_FOUND)]
OWN_KEY = 32
"""Digits of the key that a lesson gets which is given none."""


class Memory:
    """What one process can do to memory. Close it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @cached_property
    def index(self) -> Index:
        """Through which lessons are searched."""
        return Index(self._bus)

    @cached_property
    def tools(self) -> dict[str, Tool[Any]]:
        """The tools by their names; made when they are wanted, for most steps want none."""
        made = [*board_tools(self._bus), *lesson_readers(self._bus, self.index), lesson_writer(self._bus)]
        for each in made:
            each.name = each.name.replace("_", ".", 1)  # no function of a user's has a name like that
        return {each.name: each for each in made}

    async def aclose(self) -> None:
        """Let go of the index, if there is one."""
        if "index" in self.__dict__:
            self.index.close()


def signed(by: Author, bus: Bus) -> Author:
    """Return the author with the process that writes for it: another one may have to."""
    return by.model_copy(update={"worker": bus.name})


def board_tools(bus: Bus) -> list[Tool[Any]]:
    """Return what can be done to a goal's blackboard."""

    @tool(reads="local")
    async def board_get(goal: Token, name: Token) -> Noted | None:
        return await board.noted(bus, goal, name)

    @tool(reads="local")
    async def board_history(goal: Token, name: Token) -> list[Noted]:
        return await board.history(bus, goal, name)

    @tool(reads="local")
    async def board_keys(goal: Token) -> list[str]:
        return await board.keys(bus, goal)

    @tool(writes="local")
    async def board_put(
        name: Token, value: JsonValue, body: str, by: Author, revision: Count | None, *, key: IdempotencyKey
    ) -> Written:
        entry = Noted(goal=by.goal, key=name, value=value, body=body, by=signed(by, bus), id=key)
        return await board.put(bus, entry, revision)

    @board_put.reconcile
    async def _(
        key: IdempotencyKey, name: Token, value: JsonValue, body: str, by: Author, revision: Count | None
    ) -> Done | NotDone:
        made = await board.find(bus, by.goal, name, key)
        return NotDone() if made is None else Done(made)

    return [board_get, board_history, board_keys, board_put]


def lesson_readers(bus: Bus, index: Index) -> list[Tool[Any]]:
    """Return what can be asked about lessons."""

    @tool(reads="local")
    async def lesson_search(text: str, labels: Labels, limit: Limit) -> list[Lesson]:
        return await index.search(text, labels, limit)

    @tool(reads="local")
    async def lesson_search_trusted(text: str, labels: Labels, limit: Limit) -> list[Lesson]:
        return await index.search(text, labels, limit, trusted_only=True)

    @tool(reads="local")
    async def lesson_get(name: Token) -> Lesson | None:
        return await lessons.lesson(bus, name)

    @tool(reads="local")
    async def lesson_place(name: Token) -> int:
        return await lessons.place_of(bus, name)

    return [lesson_search, lesson_search_trusted, lesson_get, lesson_place]


def lesson_writer(bus: Bus) -> Tool[Any]:
    """Return what writes a lesson, under the call's own key where it is given no name."""

    @tool(writes="local")
    async def lesson_note(
        name: Token | None,
        text: LessonText,
        worked: bool | None,
        labels: Labels,
        kept: Kept,
        by: Author,
        after: Count,
        *,
        key: IdempotencyKey,
    ) -> str:
        named = name or key[:OWN_KEY]
        labels = (*labels, UNTRUSTED) if by.untrusted and UNTRUSTED not in labels else labels
        told = {"text": text, "worked": worked, "labels": labels, "kept": kept}
        await lessons.note(bus, Lesson(key=named, by=signed(by, bus), id=key, **told), after)
        return named

    @lesson_note.reconcile
    async def _(key: IdempotencyKey, name: Token | None, after: Count, **_: Any) -> Done | NotDone:
        named = name or key[:OWN_KEY]
        return NotDone() if await lessons.find(bus, named, after) is None else Done(named)

    return lesson_note
