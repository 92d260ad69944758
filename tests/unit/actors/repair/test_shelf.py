"""A shelf keeps the last few things, and never closes one under somebody's hands."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import anyio
import pytest

from loopwright.actors.repair.shelf import Shelf


class Log:
    """What was opened and closed, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @asynccontextmanager
    async def thing(self, name: str) -> AsyncIterator[str]:
        self.said.append(f"+{name}")
        try:
            await anyio.lowlevel.checkpoint()
            yield name
        finally:
            await anyio.lowlevel.checkpoint()
            self.said.append(f"-{name}")


async def use(shelf: Shelf[str], log: Log, *names: str) -> None:
    for name in names:
        async with shelf.hold(name, partial(log.thing, name)) as thing:
            assert thing == name


async def test_the_longest_unused_thing_makes_room() -> None:
    shelf, log = Shelf[str](2), Log()
    await use(shelf, log, "a", "b", "a", "c", "a", "b")
    assert log.said == ["+a", "+b", "-b", "+c", "-c", "+b"]


async def test_what_is_in_use_is_never_closed_however_many_there_are() -> None:
    shelf, log = Shelf[str](2), Log()
    async with AsyncExitStack() as stack:
        for name in "abc":
            await stack.enter_async_context(shelf.hold(name, partial(log.thing, name)))
        await use(shelf, log, "d")
        assert log.said == ["+a", "+b", "+c", "+d"]
    await use(shelf, log, "e")
    assert log.said[4:] == ["-a", "-b", "-c", "+e"]
    await shelf.aclose()
    assert sorted(log.said[8:]) == ["-d", "-e"]


async def test_two_who_ask_at_once_hold_the_same_thing() -> None:
    shelf, log = Shelf[str](1), Log()
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(use, shelf, log, "a")
    assert log.said == ["+a"]


async def test_what_fails_to_open_is_asked_for_again() -> None:
    shelf, log = Shelf[str](1), Log()

    @asynccontextmanager
    async def broken() -> AsyncIterator[str]:
        async with log.thing("part"):
            raise OSError("no")
        yield ""

    with pytest.raises(OSError, match="no"):
        await shelf.hold("a", broken).__aenter__()
    await use(shelf, log, "a")
    assert log.said == ["+part", "-part", "+a"]


async def test_nothing_is_left_when_opening_is_called_off() -> None:
    shelf, log = Shelf[str](1), Log()
    begun = anyio.Event()

    @asynccontextmanager
    async def slow() -> AsyncIterator[str]:
        async with log.thing("part"):
            begun.set()
            await anyio.sleep_forever()
            yield ""

    async def ask() -> None:
        async with shelf.hold("a", slow):
            raise AssertionError

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await begun.wait()
        tasks.cancel_scope.cancel()
    assert log.said[0] == "+part"
    await use(shelf, log, "a")
    assert log.said[-1] == "+a"
