"""What is costly to open stays at hand: the last few things that were used, and whatever is in use."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import anyio

CLOSING = 5.0
"""Seconds that closing one thing may take."""


@dataclass
class Kept[T]:
    """A thing on the shelf."""

    thing: T
    stack: AsyncExitStack
    """Closes it."""
    users: int = 0
    """How many hold it now: it is not closed under their hands."""


class Shelf[T]:
    """Things by their keys. Each is opened once, by the first who asks, and closed when its place is needed."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._kept: OrderedDict[Hashable, Kept[T]] = OrderedDict()
        self._turn = anyio.Lock()

    @asynccontextmanager
    async def hold(self, key: Hashable, opened: Callable[[], AbstractAsyncContextManager[T]]) -> AsyncIterator[T]:
        """Hold the thing of that key; `opened` opens it if it is not there."""
        async with self._turn:
            if key not in self._kept:
                await self._make_room()
                self._kept[key] = await entered(opened())
            self._kept.move_to_end(key)
            kept = self._kept[key]
            kept.users += 1
        try:
            yield kept.thing
        finally:
            kept.users -= 1

    async def _make_room(self) -> None:
        """Close what nobody holds, the longest unused first, until there is a place; if all are held, there is more."""
        idle = [key for key, kept in self._kept.items() if not kept.users]
        for key in idle[: max(0, len(self._kept) - self._places + 1)]:
            await closed(self._kept.pop(key).stack)

    async def aclose(self) -> None:
        """Close everything."""
        while self._kept:
            _, kept = self._kept.popitem()
            await closed(kept.stack)


async def entered[T](manager: AbstractAsyncContextManager[T]) -> Kept[T]:
    """Open a thing; if that fails half-way, or is called off, nothing of it is left."""
    stack = AsyncExitStack()
    try:
        return Kept(await stack.enter_async_context(manager), stack)
    except BaseException:
        await closed(stack)
        raise


async def closed(stack: AsyncExitStack) -> None:
    """Close a thing, even while we are being cancelled."""
    with anyio.move_on_after(CLOSING, shield=True):
        await stack.aclose()
