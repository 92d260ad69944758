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
from anyio.abc import Process

from loopwright.bus.errors import LoopwrightError
from loopwright.deploy.exits import Exit
from loopwright.deploy.tether import tethered

log = structlog.get_logger()

HOPELESS = frozenset({Exit.USAGE, Exit.NOT_PERMITTED})
"""Exit codes of a process that would fail again in the same way."""
KEYS = "OPENAI_"
"""How the names of the settings begin that hold a model's key."""
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

    knows_keys: bool = False
    """Whether it is given the model's key; what runs other people's programs must not be."""


class Fleet:
    """Processes that are watched over."""

    def __init__(self, url: str, *, show_logs: bool) -> None:
        self._url = url
        self._show_logs = show_logs
        self._leaving = False
        self._running: dict[str, Process] = {}
        self._gone: dict[str, anyio.Event] = {}

    async def keep(self, member: Member, process: Process) -> None:
        """Watch over a member, and start it again when it dies, until the fleet leaves.

        A cancellation has to wait for that: nobody else knows when the process has gone.

        Raises:
            FleetBroken: it dies at once, again and again, or says that it cannot work.
        """
        deaths: deque[float] = deque(maxlen=CRASHES)
        with anyio.CancelScope(shield=True):
            while True:
                last_words = await self._listen(process)
                code = await process.wait()
                await process.aclose()
                self._running.pop(member.name, None)
                self._gone[member.name].set()
                if self._leaving:
                    return
                log.warning("process.died", name=member.name, code=code)
                now = anyio.current_time()
                deaths.append(now)
                if code in HOPELESS or (len(deaths) == CRASHES and now - deaths[0] < MINUTE):
                    words = " ".join(member.words)
                    raise FleetBroken(f"The process '{words}' ended with {code}: {sentence(last_words)}")
                await anyio.sleep(0.1 * len(deaths))
                if self._leaving:
                    return
                process = await self.start(member)

    async def start(self, member: Member) -> Process:
        """Start a member; a cancellation waits until there is a process that can be ended."""
        command = [sys.executable, "-m", "loopwright.deploy", *member.words]
        environment = inherited(member) | {"LOOPWRIGHT_NATS_URL": self._url} | dict(member.environment)
        with anyio.CancelScope(shield=True):
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
        if self._leaving:
            process.terminate()
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


def inherited(member: Member) -> dict[str, str]:
    """Return what a member gets of our own environment."""
    return {name: text for name, text in os.environ.items() if member.knows_keys or not name.startswith(KEYS)}


def sentence(last_words: bytes) -> str:
    """Return the last line that a process said."""
    lines = [line for line in last_words.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("loopwright: ") if lines else "it said nothing"


@asynccontextmanager
async def fleet(members: Sequence[Member], url: str, *, show_logs: bool) -> AsyncIterator[Fleet]:
    """Run processes while the body runs; none is left behind."""
    ours = Fleet(url, show_logs=show_logs)
    async with anyio.create_task_group() as tasks:
        try:
            for member in members:
                tasks.start_soon(ours.keep, member, await ours.start(member), name=member.name)
            yield ours
        finally:
            with anyio.CancelScope(shield=True):
                await ours.leave()


def repair_fleet(
    *, workers: int, model: bool, sandbox: str, environment: Mapping[str, str] | None = None
) -> list[Member]:
    """Return what a repair needs: an orchestrator, a generator, and workers that test."""
    role = "code" if model else "search"
    generator = Member(role, ("worker", role), environment or {}, knows_keys=model)
    words = ("worker", "test", "accept", "--sandbox", sandbox)
    testers = [Member(f"test-{number + 1}", words) for number in range(workers)]
    return [Member("orchestrator", ("orchestrator",)), generator, *testers]
