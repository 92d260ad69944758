"""Memory as a step has it: `step.board` and `step.lessons`.

What is read and written goes on the step's record: an attempt that goes on elsewhere sees what it saw, and writes once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from loopwright.actors.errors import Moved, StepFailed
from loopwright.actors.holding import Holding
from loopwright.bus.board import INLINE, whole
from loopwright.bus.connection import Bus
from loopwright.bus.envelope import MAX_DEPTH, MAX_REFERENCED, parse_json
from loopwright.bus.errors import Unreadable
from loopwright.bus.memories import USUALLY_KEPT, Author, Lesson, Noted, Written
from loopwright.bus.messages import FailureClass, StepOrder
from loopwright.bus.names import is_token
from loopwright.bus.plain import JsonValue
from loopwright.tools.errors import Misuse, Problem

DEEPEST = MAX_DEPTH - 10
"""Lists and objects inside each other in a value: it is told of inside a message, inside a record."""


@dataclass(frozen=True, slots=True)
class Board:
    """The blackboard of a step's goal: what its steps tell each other, key by key. It ends with the goal's record."""

    bus: Bus
    order: StepOrder
    holding: Holding

    async def get(self, key: str) -> Noted | None:
        """Return what stands under a key: its `value`, its `revision`, and `by` whom; None where nothing does.

        Raises:
            Misuse: the key is none: use a-z, 0-9, _ and -, at most 63.
            StepFailed: a large value is gone.
        """
        found: Noted | None = await self._call("get", goal=self.order.goal, name=name_of("board.get", key))
        return found and await self._whole(found)

    async def history(self, key: str) -> list[Noted]:
        """Return what was said under a key, the first one first; the last 64 words are kept.

        Raises:
            Misuse: the key is none.
            StepFailed: a large value is gone.
        """
        said: list[Noted] = await self._call("history", goal=self.order.goal, name=name_of("board.history", key))
        return [await self._whole(each) for each in said]

    async def keys(self) -> list[str]:
        """Return the keys under which anything was ever said, in order."""
        found: list[str] = await self._call("keys", goal=self.order.goal)
        return found

    async def put(self, key: str, value: object, *, revision: int | None = None) -> int:
        """Write a value under a key, once, and return its revision. Without a `revision` the last word wins.

        With one the key must still be there: 0 says that nothing may stand there yet.

        Raises:
            Moved: another has written since.
            Misuse: the key is none, or the value is not JSON, or has more than 16,000,000 bytes.
            StepFailed: this step judges acceptance.
        """
        refuse_acceptance(self.order)
        name, given = name_of("board.put", key), to_json_text(value)
        read = value_in(given)
        body = await self.bus.blobs.put(given) if len(given) > INLINE else ""
        told = {"name": name, "value": None if body else read, "body": body, "revision": revision}
        written: Written = await self._call("put", by=author_of(self.order), **told)
        if written.moved:
            raise Moved(key, revision or 0, written.revision)
        return written.revision

    async def update(self, key: str, change: Callable[[Any], object]) -> int:
        """Write what `change` makes of the value under a key, as often as another is faster; return the revision.

        `change` is given None where nothing stands.

        Raises:
            Misuse, StepFailed: as `put` does.
        """
        while True:
            found = await self.get(key)
            before, revision = (found.value, found.revision) if found else (None, 0)
            try:
                return await self.put(key, change(before), revision=revision)
            except Moved:
                continue

    async def _call(self, what: str, **arguments: Any) -> Any:
        return await self.holding.call(self.holding.memory.tools[f"board.{what}"], arguments)

    async def _whole(self, entry: Noted) -> Noted:
        try:
            return await whole(self.bus, entry)
        except Unreadable as error:
            why = f"the value of {entry.key} on the board is lost: {error}"
            raise StepFailed(FailureClass.UNREADABLE, why) from error


@dataclass(frozen=True, slots=True)
class Lessons:
    """What goals have taught, for all goals of the namespace. What a step noted is an agent's word: see `by`."""

    order: StepOrder
    holding: Holding

    async def search(
        self, text: str = "", labels: Sequence[str] = (), *, limit: int = 5, trusted_only: bool = False
    ) -> list[Lesson]:
        """Return the lessons that speak most of what `text` speaks of, and have all the labels, the best one first.

        Any words of the text count, and English words by their stems; without a text, the newest come first. Those that
        nobody vouches for have the label `untrusted`, and whoever sees one has met untrusted content; `trusted_only`
        leaves them out. A prompt should have a lesson as it is `quoted`.

        Raises:
            Misuse: a label is none, or the text is not Unicode.
        """
        what = "search_trusted" if trusted_only else "search"
        found: list[Lesson] = await self._call(what, text=text, labels=tuple(labels), limit=limit)
        return found

    async def get(self, key: str) -> Lesson | None:
        """Return the lesson under a key.

        Raises:
            Misuse: the key is none.
        """
        found: Lesson | None = await self._call("get", name=name_of("lesson.get", key))
        return found

    async def note(
        self,
        text: str,
        *,
        key: str | None = None,
        labels: Sequence[str] = (),
        worked: bool | None = None,
        kept: float = USUALLY_KEPT,
    ) -> str:
        """Note a lesson, once, and return its key: the one that is given, whose last word wins, or one of its own.

        `worked` says whether it tells of what worked, or of what failed; `kept` is for how many seconds. Where this
        attempt has met untrusted content, it gets the label `untrusted`, whatever `labels` are given.

        Raises:
            Misuse: the key or a label is none, the text is empty or has more than 8,000 characters, or it is to be
                kept for less than a second or more than a year.
            StepFailed: this step judges acceptance.
        """
        refuse_acceptance(self.order)
        name = None if key is None else name_of("lesson.note", key)
        after = 0 if name is None else await self._call("place", name=name)
        told = {"name": name, "text": text, "worked": worked, "labels": tuple(labels), "kept": kept, "after": after}
        noted: str = await self._call("note", by=author_of(self.order), **told)
        return noted

    async def _call(self, what: str, **arguments: Any) -> Any:
        return await self.holding.call(self.holding.memory.tools[f"lesson.{what}"], arguments)


def author_of(order: StepOrder) -> Author:
    """Return who writes, where the attempt at an order does."""
    return Author(goal=order.goal, loop=order.loop, step=order.step, attempt=order.attempt, role=order.role)


def refuse_acceptance(order: StepOrder) -> None:
    """Raise for an evaluator that was told what the generator must never see: what it writes, the generator can read.

    Raises:
        StepFailed: it is one.
    """
    if order.judge is not None and order.acceptance is not None:
        why = f"{order.role} judges acceptance, and may not write into memory, where the generator could read it"
        raise StepFailed(FailureClass.POLICY, why)


def name_of(call: str, key: str) -> str:
    """Return a key.

    Raises:
        Misuse: it is none.
    """
    if not isinstance(key, str) or not is_token(key):
        why = f"{str(key)[:80]!r} cannot be a key: use a-z, 0-9, _ and -, at most 63"
        raise Misuse(call, (Problem("key", why),))
    return key


def to_json_text(value: object) -> bytes:
    """Return a value as JSON is written.

    Raises:
        Misuse: it holds what JSON cannot.
    """
    try:
        return to_json(value, inf_nan_mode="constants")
    except ValueError as error:
        raise Misuse("board.put", (Problem("value", f"it cannot be written as JSON: {error}"),)) from None


def value_in(text: bytes) -> JsonValue:
    """Return the value in a JSON text.

    Raises:
        Misuse: nobody could read it: it is too large, too deep, or holds a number that JSON does not have.
    """
    try:
        return parse_json(text, size=MAX_REFERENCED, depth=DEEPEST)
    except Unreadable as error:
        raise Misuse("board.put", (Problem("value", str(error)),)) from None
