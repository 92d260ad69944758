"""A small loop on a real server: numbers are guessed, and judged by how near they are."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from urllib.parse import urlsplit

import anyio
import pytest

from loopwright.actors import Attempt, Bounds, Loop, Orchestrator, Verdict, Worker, Workplace, evaluator
from loopwright.bus import Bus
from loopwright.bus.client import Goals
from loopwright.deploy.embedded import Server
from loopwright.tools import IdempotencyKey, Tool, tool
from tests.integration.actors.paying import Ledger
from tests.integration.actors.running import Fleet
from tests.processes.guessing import Guess, Target, guess


@evaluator("near")
async def near(attempt: Attempt[Target, Guess]) -> Verdict:
    assert attempt.output is not None
    number, target = attempt.output.number, attempt.input.target
    return Verdict(passed=number == target, score=max(0.0, 1 - abs(target - number) / 10))


GUESSING = Loop(name="guessing", work="guess", judges=("near",), bounds=Bounds(deadline=30))


@asynccontextmanager
async def _fleet(bus: Bus, *workers: Worker, loop: Loop = GUESSING, orchestrators: int = 1) -> AsyncIterator[Goals]:
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for _ in range(orchestrators):
            tasks.start_soon(Orchestrator(bus, {loop.name: loop}).run, stopping)
        for each in workers:
            tasks.start_soon(Workplace(bus, each).run, stopping)
        yield Goals(bus)
        stopping.set()


@pytest.fixture
def guessing() -> Loop:
    return GUESSING


@pytest.fixture
def fleet() -> Fleet:
    return _fleet


@pytest.fixture
def guesser() -> Worker:
    return guess


@pytest.fixture
def judge() -> Worker:
    return near


class Cable:
    """The way to the server that one process has; while it is cut nothing gets through, and nobody is told."""

    def __init__(self, server: str) -> None:
        self._server = urlsplit(server)
        self._there = anyio.Event()
        self._back = anyio.Event()
        self.mend()
        self.url = ""

    def cut(self) -> None:
        """Hold back everything, both ways."""
        self._there = anyio.Event()
        self.mute()

    def mute(self) -> None:
        """Hold back what the server says; it still hears."""
        self._back = anyio.Event()

    def mend(self) -> None:
        """Let through what was held back, and all that comes."""
        self._there.set()
        self._back.set()

    async def carry(self, client: anyio.abc.SocketStream) -> None:
        """Carry what one client says to the server, and back."""
        server = await anyio.connect_tcp(str(self._server.hostname), self._server.port or 0)
        async with client, server, anyio.create_task_group() as tasks:
            tasks.start_soon(self._pass_on, client, server, lambda: self._there, tasks.cancel_scope)
            tasks.start_soon(self._pass_on, server, client, lambda: self._back, tasks.cancel_scope)

    async def _pass_on(
        self,
        source: anyio.abc.SocketStream,
        target: anyio.abc.SocketStream,
        way: Callable[[], anyio.Event],
        both: anyio.CancelScope,
    ) -> None:
        with suppress(anyio.BrokenResourceError):
            async for data in source:
                await way().wait()
                await target.send(data)
        both.cancel()


type LayCable = Callable[[], AbstractAsyncContextManager[Cable]]


@pytest.fixture
def lay_cable(server: Server) -> LayCable:
    @asynccontextmanager
    async def laid() -> AsyncIterator[Cable]:
        cable = Cable(server.url)
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        async with listener, anyio.create_task_group() as tasks:
            cable.url = f"nats://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
            tasks.start_soon(listener.serve, cable.carry)
            yield cable
            tasks.cancel_scope.cancel()

    return laid


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def pay(ledger: Ledger) -> Tool[int]:
    @tool(writes="external")
    async def pay(amount: int, *, key: IdempotencyKey) -> int:
        ledger.paid.append((key, amount))
        return amount

    return pay
