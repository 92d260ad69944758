"""Actor processes under a supervisor that starts again what dies, and forgets nothing about who died when."""

import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from tests.chaos.ledger import VARIABLE
from tests.chaos.nursery import Nursery

APPS = ("--app", "tests.chaos.app", "--app", "tests.chaos.venture")
READY = ("orchestrator.ready", "worker.ready")
PATIENCE = 60.0
"""Seconds that anything may take on a machine that does other things as well."""


@dataclass
class Actor:
    """One place in the fleet, and the process that fills it now."""

    name: str
    words: Sequence[str]
    said: Path
    url: str
    """Where the next process finds the bus."""
    pid: int = 0
    frozen: bool = False
    births: int = 0
    _gone: anyio.Event = field(default_factory=anyio.Event)

    @property
    def is_worker(self) -> bool:
        """Whether it serves roles."""
        return self.words[0] == "worker"

    def tell(self, number: signal.Signals) -> None:
        """Send its process a signal; it may be gone already."""
        if self.pid:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def _has_said(self, words: tuple[str, ...]) -> bool:
        return self.said.exists() and any(word in self.said.read_text() for word in words)

    async def ready(self) -> None:
        """Wait until it has said that it serves."""
        with anyio.fail_after(PATIENCE):
            while not self._has_said(READY):  # noqa: ASYNC110 - another process's file: nobody tells us
                await anyio.sleep(0.02)


class Station:
    """The fleet."""

    def __init__(self, nursery: Nursery, folder: Path, url: str, tasks: anyio.abc.TaskGroup) -> None:
        self.folder = folder
        self.ledger = folder / "ledger"
        self.url = url
        self.actors: list[Actor] = []
        self._nursery = nursery
        self._tasks = tasks
        self._leaving = False

    async def start(self, name: str, *words: str, url: str = "") -> Actor:
        """Have an actor in the fleet; its first process finds the bus at `url`, its successors at the station's."""
        actor = Actor(name, (*words, *APPS), self.folder / f"{name}.log", url or self.url)
        self.actors.append(actor)
        await self._bear(actor)
        self._tasks.start_soon(self._keep, actor, name=name)
        return actor

    async def _bear(self, actor: Actor) -> None:
        environment = {
            "LOOPWRIGHT_NATS_URL": actor.url,
            "LOOPWRIGHT_SANDBOX": "auto",
            VARIABLE: str(self.ledger),
        }
        actor.pid = await self._nursery.born(actor.words, environment, actor.said)
        actor.frozen, actor.url = False, self.url
        actor.births += 1

    async def _keep(self, actor: Actor) -> None:
        """Start an actor again whenever it dies."""
        while True:
            await gone(actor.pid)
            if self._leaving:
                return
            await self._bear(actor)

    async def drain(self) -> None:
        """Have all of them finish what they have in hand, and go."""
        self._leaving = True
        with anyio.fail_after(PATIENCE):
            for actor in self.actors:
                actor.tell(signal.SIGCONT)
                actor.tell(signal.SIGTERM)
            for actor in self.actors:
                await gone(actor.pid)

    async def leave(self) -> None:
        """End all of them."""
        self._leaving = True
        for actor in self.actors:
            actor.tell(signal.SIGKILL)


async def gone(pid: int) -> None:
    """Wait until a process, which need not be a child of ours, is gone."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await anyio.wait_readable(fd)
    finally:
        os.close(fd)


@asynccontextmanager
async def station(nursery: Nursery, folder: Path, url: str) -> AsyncIterator[Station]:
    """Run a fleet while the body runs; none is left behind."""
    await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
    async with anyio.create_task_group() as tasks:
        ours = Station(nursery, folder, url, tasks)
        try:
            yield ours
        finally:
            await ours.leave()
            tasks.cancel_scope.cancel()
