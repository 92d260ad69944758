"""Actor processes of our own: started on a tether, started again when they die, and gone when we go."""

import math
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import structlog
from anyio.abc import Process, TaskStatus

from loopwright.bus.errors import LoopwrightError
from loopwright.deploy.exits import Exit
from loopwright.deploy.tether import tethered

log = structlog.get_logger()

HOPELESS = frozenset({Exit.ERROR, Exit.USAGE, Exit.NOT_PERMITTED})
"""Exit codes of a process that would fail again in the same way."""
CRASHES = 5
"""Deaths within a minute after which a process is given up."""
MINUTE = 60.0
GRACE = 22.0
"""Seconds from SIGTERM to SIGKILL: a little above what a worker takes to hand back its steps."""
TAIL = 4_000
"""Bytes of a process's last words that are kept."""


class FleetBroken(LoopwrightError):
    """A process of ours cannot be kept running."""


@dataclass(frozen=True)
class Member:
    """One process of the fleet."""

    name: str
    words: tuple[str, ...]
    """The command line after ``loopwright``."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


class Fleet:
    """Processes that are watched over."""

    def __init__(self, url: str, *, show_logs: bool) -> None:
        self._url = url
        self._show_logs = show_logs
        self._leaving = False
        self._running: dict[str, Process] = {}
        self._gone: dict[str, anyio.Event] = {}

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by the names of the members."""
        return {name: process.pid for name, process in self._running.items()}

    async def keep(self, member: Member, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run a member, again when it dies, until the fleet leaves.

        Raises:
            FleetBroken: it dies at once, again and again, or says that it cannot work.
        """
        deaths: deque[float] = deque(maxlen=CRASHES)
        while True:
            process = await self._start(member)
            task_status.started()
            task_status = anyio.TASK_STATUS_IGNORED
            last_words = await self._listen(process)
            code = await process.wait()
            self._running.pop(member.name, None)
            self._gone[member.name].set()
            if self._leaving:
                return
            log.warning("process.died", name=member.name, code=code)
            now = anyio.current_time()
            deaths.append(now)
            hopeless = code in HOPELESS
            if hopeless or (len(deaths) == CRASHES and now - deaths[0] < MINUTE):
                raise FleetBroken(f"The process '{' '.join(member.words)}' ended with {code}: {sentence(last_words)}")
            await anyio.sleep(0.1 * len(deaths))

    async def _start(self, member: Member) -> Process:
        command = [sys.executable, "-m", "loopwright.deploy", *member.words]
        environment = os.environ | {"LOOPWRIGHT_NATS_URL": self._url} | dict(member.environment)
        process = await anyio.open_process(
            tethered(command, signal=signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for us; we tell them in order
        )
        self._running[member.name] = process
        self._gone[member.name] = anyio.Event()
        return process

    async def _listen(self, process: Process) -> bytes:
        """Return the end of what a process says on stderr, once it has said it all."""
        tail = b""
        assert process.stderr is not None
        async for chunk in process.stderr:
            if self._show_logs:
                sys.stderr.buffer.write(chunk)
                sys.stderr.buffer.flush()
            tail = (tail + chunk)[-TAIL:]
        return tail

    async def leave(self) -> None:
        """Ask every process to finish, wait for it, and end what does not."""
        self._leaving = True
        for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, math.inf)):
            for process in self._running.values():
                if process.returncode is None:
                    process.send_signal(number)
            with anyio.move_on_after(patience):
                for gone in list(self._gone.values()):
                    await gone.wait()
                return


def sentence(last_words: bytes) -> str:
    """Return the last line that a process said."""
    lines = [line for line in last_words.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("loopwright: ") if lines else "it said nothing"


@asynccontextmanager
async def fleet(members: Sequence[Member], url: str, *, show_logs: bool) -> AsyncIterator[Fleet]:
    """Run processes while the body runs; none is left behind."""
    ours = Fleet(url, show_logs=show_logs)
    async with anyio.create_task_group() as tasks:
        for member in members:
            await tasks.start(ours.keep, member)
        try:
            yield ours
        finally:
            with anyio.CancelScope(shield=True):
                await ours.leave()


def repair_fleet(
    *, workers: int, model: bool, sandbox: str, environment: Mapping[str, str] | None = None
) -> list[Member]:
    """Return what a repair needs: an orchestrator, a generator, and workers that test."""
    generator = Member("code" if model else "search", ("worker", "code" if model else "search"), environment or {})
    words = ("worker", "test", "accept", "--sandbox", sandbox)
    testers = [Member(f"test-{number + 1}", words) for number in range(workers)]
    return [Member("orchestrator", ("orchestrator",)), generator, *testers]
