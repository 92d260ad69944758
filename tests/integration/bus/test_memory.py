"""Boards and lessons in their buckets: guarded, kept, searched, forgotten, and not to be upset by anybody's garbage."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing

import anyio
import pytest

from loopwright.bus import Bus, board, connect_bus, lessons
from loopwright.bus.errors import Refused, Unreadable
from loopwright.bus.memories import Lesson, Noted, Written
from loopwright.bus.searching import Index
from loopwright.bus.streams import HISTORY
from loopwright.deploy.embedded import Server

type Speak = Callable[[bytes, bytes | None, bytes], Awaitable[None]]

GARBAGE = (b"\xff", b"[", b"7", b'{"text": 7}', b'{"text": ""}', b"[" * 200 + b"]" * 200)


def word(value: object, id: str = "", key: str = "plan") -> Noted:
    return Noted.model_validate({"goal": "g1", "key": key, "value": value, "id": id})


def values(found: list[Noted]) -> list[object]:
    return [each.value for each in found]


async def test_of_two_processes_that_write_at_one_revision_one_is_told_that_the_other_was_faster(
    server: Server, bus: Bus
) -> None:
    async with connect_bus(server.url, name="other") as other:
        first = await board.put(bus, word("a"), 0)
        assert first == Written(revision=1)
        assert await board.put(other, word("b"), 0) == Written(revision=1, moved=True)
        assert await board.put(other, word("c"), 1) == Written(revision=2)
        assert await board.put(bus, word("d"), 1) == Written(revision=2, moved=True)
        assert await board.put(bus, word("e")) == Written(revision=3)
        stands = await board.noted(other, "g1", "plan")
        assert stands is not None
        assert (stands.value, stands.revision, stands.key, stands.goal) == ("e", 3, "plan", "g1")
        assert values(await board.history(other, "g1", "plan")) == ["a", "c", "e"]
        assert await board.keys(other, "g1") == ["plan"]
        assert (await board.noted(bus, "g2", "plan"), await board.keys(bus, "g2")) == (None, [])


async def test_a_write_whose_receipt_was_lost_is_found_and_not_made_again(bus: Bus) -> None:
    assert await board.put(bus, word("a", "write-1"), 0) == Written(revision=1)
    assert await board.put(bus, word("b", "write-2")) == Written(revision=2)
    assert await board.put(bus, word("a", "write-1"), 0) == Written(revision=1)
    assert await board.find(bus, "g1", "plan", "write-2") == Written(revision=2)
    assert await board.find(bus, "g1", "plan", "write-3") is None
    assert values(await board.history(bus, "g1", "plan")) == ["a", "b"]


async def test_the_last_words_on_a_key_are_kept_as_many_as_a_bucket_has(bus: Bus) -> None:
    async with anyio.create_task_group() as tasks:
        for number in range(HISTORY + 6):
            tasks.start_soon(bus.js.publish, "$KV.lw_board.default.g1.plan", b'{"value": %d}' % number)
    assert values(await board.history(bus, "g1", "plan")) == list(range(6, HISTORY + 6))


async def test_what_cannot_be_read_means_nothing_and_is_written_over(bus: Bus, speak: Speak) -> None:
    await board.put(bus, word("a"), 0)
    for garbage in GARBAGE:
        await speak(b"$KV.lw_board.default.g1.plan", None, garbage)
    await speak(b"$KV.lw_board.default.g1.A=\xff", b"NATS/1.0\r\nnone", b"{}")
    stands = await board.noted(bus, "g1", "plan")
    assert stands is not None
    assert (stands.value, stands.revision) == ("a", 1)
    assert await board.put(bus, word("b"), 1) == Written(revision=len(GARBAGE) + 3)
    assert values(await board.history(bus, "g1", "plan")) == ["a", "b"]
    assert await board.keys(bus, "g1") == ["plan"]


async def test_who_takes_a_key_back_with_the_tools_of_nats_leaves_nothing_there(bus: Bus) -> None:
    await board.put(bus, word("a"), 0)
    bucket = await bus.js.key_value("lw_board")
    await bucket.delete("default.g1.plan")
    assert await board.noted(bus, "g1", "plan") is None
    assert await board.put(bus, word("b"), 1) == Written(revision=0, moved=True)
    assert await board.put(bus, word("b"), 0) == Written(revision=3)
    assert b'"b"' in ((await bucket.get("default.g1.plan")).value or b"")


async def test_nobody_who_may_publish_can_clear_a_bucket(bus: Bus) -> None:
    for subject in ("$KV.lw_board.default.g1.plan", "$KV.lw_lessons.default.cents"):
        for scope in ("sub", "all"):
            with pytest.raises(Refused, match="rollup not permitted"):
                await bus.write(subject, b"{}", {"Nats-Rollup": scope})


async def test_a_key_that_is_none_is_refused_in_one_sentence(bus: Bus) -> None:
    for key in ("", "Plan", "a.b", "*", ">", "x" * 64):
        for ask in (board.noted(bus, "g1", key), board.history(bus, "g1", key), lessons.lesson(bus, key)):
            with pytest.raises(Unreadable, match="cannot be a key: use a-z, 0-9, _ and -, at most 63"):
                await ask


@asynccontextmanager
async def library(bus: Bus, **texts: str) -> AsyncIterator[Index]:
    for key, text in texts.items():
        await lessons.note(bus, Lesson(key=key, text=text))
    with closing(Index(bus)) as index:
        yield index


async def found(index: Index, text: str, *labels: str, limit: int = 5) -> list[str]:
    return [each.key for each in await index.search(text, labels, limit)]


MONEY = {
    "cents": "Rounding prices before adding them failed: the sum was off by a cent",
    "tax": "Tax is added behind the discount; rounding comes last",
    "names": "Customers' names may be empty",
    "retry": "The payment service refused requests sent twice; a retry needs a new key",
}


async def test_lessons_are_found_by_their_words_in_any_form_the_best_one_first(bus: Bus) -> None:
    async with library(bus, **MONEY) as index:
        assert await found(index, "the sum of rounded prices") == ["cents", "tax", "retry"]
        assert await found(index, "KeyError: 'name' -- EMPTY (names) OR NOT") == ["names"]
        assert await found(index, "rounding", limit=1) == ["tax"]
        assert await found(index, "") == ["retry", "names", "tax", "cents"]
        assert await found(index, "?!") == []


async def test_a_search_knows_what_another_process_has_written_and_forgotten_just_before(
    server: Server, bus: Bus
) -> None:
    async with connect_bus(server.url, name="other") as other, library(other, **MONEY) as index:
        assert await found(index, "rounding") == ["tax", "cents"]
        await lessons.note(bus, Lesson(key="half", text="Rounding half to even", labels=("money", "python")))
        assert await found(index, "rounding") == ["half", "tax", "cents"]
        assert await found(index, "rounding", "money") == ["half"]
        assert await found(index, "rounding", "money", "rust") == []
        assert await lessons.forget(bus, "half")
        assert not await lessons.forget(bus, "half")
        await lessons.note(bus, Lesson(key="tax", text="Never mind"), await lessons.place_of(bus, "tax"))
        assert await found(index, "rounding") == ["cents"]


async def test_a_search_survives_garbage_and_other_namespaces(bus: Bus, speak: Speak, server: Server) -> None:
    async with library(bus, **MONEY) as index:
        for key in (b"cents", b"odd", b"A=\xff", b"tax.cents"):
            for garbage in (*GARBAGE, b"{}", b'{"text": "rounding", "labels": ["A"]}'):
                await speak(b"$KV.lw_lessons.default." + key, b"NATS/1.0\r\nStatus: 404\r\n\r\n", garbage)
        async with connect_bus(server.url, ns="elsewhere") as elsewhere, library(elsewhere, sum="Rounding") as others:
            assert await found(others, "rounding") == ["sum"]
        assert await found(index, "rounding") == ["tax"]
        await lessons.note(bus, Lesson(key="cents", text="Rounding again"), 1)
        assert await found(index, "rounding again") == ["cents", "tax"]


async def test_the_broker_takes_a_lesson_back_when_its_time_is_up(bus: Bus) -> None:
    async with library(bus, **MONEY) as index:
        await lessons.note(bus, Lesson(key="soon", text="Rounding is fine today", kept=1))
        assert await found(index, "rounding fine") == ["soon", "tax", "cents"]
        began = anyio.current_time()
        with anyio.fail_after(5):
            while await found(index, "fine"):  # noqa: ASYNC110 - nobody is told that a key has lapsed
                await anyio.sleep(0.02)
        assert anyio.current_time() - began > 0.5
        assert await lessons.lesson(bus, "soon") is None
        assert await found(index, "rounding fine") == ["tax", "cents"]


async def test_a_lesson_is_written_once_whoever_has_written_or_forgotten_it_since(bus: Bus) -> None:
    first = Lesson(key="tax", text="Tax comes last", id="write-1")
    assert await lessons.note(bus, first) == 1
    assert await lessons.note(bus, first) == 1
    assert await lessons.find(bus, "tax", 0) == 1
    assert await lessons.find(bus, "tax", 1) is None
    assert await lessons.note(bus, Lesson(key="tax", text="Tax comes first"), 1) == 2
    assert (await lessons.note(bus, first), await lessons.find(bus, "tax", 0)) == (2, 2)
    await lessons.forget(bus, "tax")
    assert (await lessons.note(bus, first), await lessons.find(bus, "tax", 0)) == (3, 3)
    assert await lessons.lesson(bus, "tax") is None
    assert await lessons.note(bus, first, await lessons.place_of(bus, "tax")) == 4
