"""Actors as processes of their own, watched from outside: when they are ready, what they log, what they weigh."""

import json
import os
import re
import subprocess
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from loopwright.deploy.tether import tethered

HERE = Path(__file__).resolve().parent
ORCHESTRATOR = ("orchestrator", "--app", "guessing")
WORKER = ("worker", "guess", "near", "--app", "guessing", "--sandbox", "auto", "--hands", "25")
START = 60.0
"""Seconds that a process may take until it is ready."""
LONGEST = 4_000_000
"""Bytes of one line of a log; a reason may quote a message, and JSON writes a byte in six."""
LAST = 30
"""Lines of its log that are kept."""
REASONS = 300
"""Different reasons that are told apart; the rest is counted together."""
QUOTED = re.compile(r"""'.*'|".*"|\d[\d,.]*""")


@dataclass
class Actor:
    """A process that runs."""

    words: tuple[str, ...]
    process: Process
    said: Counter[str] = field(default_factory=Counter[str])
    """How often it logged what."""
    ready: anyio.Event = field(default_factory=anyio.Event)
    seconds: float = 0.0
    """From its start until it was ready."""
    last_words: deque[str] = field(default_factory=lambda: deque[str](maxlen=LAST))

    @property
    def name(self) -> str:
        """What it is."""
        return self.words[0]

    @property
    def memory(self) -> float:
        """MiB of memory that it holds."""
        return memory_of(self.process.pid)

    def crashed(self) -> bool:
        """Tell whether it has gone, which nobody asked of it."""
        return self.process.returncode is not None

    def hear(self, line: bytes) -> None:
        """Count a line of its log."""
        self.last_words.append(line.decode(errors="replace")[:500])
        try:
            told = json.loads(line)
        except ValueError:
            self.said["not a line of JSON"] += 1
            return
        event, reason = str(told.get("event")), told.get("reason")
        named = f"{event}: {QUOTED.sub('…', str(reason))[:70]}" if reason else event
        if named not in self.said and len(self.said) > REASONS:
            named = f"{event}: other"
        self.said[named] += 1
        if event.endswith(".ready"):
            self.ready.set()


def processor_time(pid: int) -> float:
    """Return the seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> float:
    """Return the MiB of memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


@asynccontextmanager
async def running(url: str, *commands: Sequence[str], path: str = str(HERE)) -> AsyncIterator[list[Actor]]:
    """Run actors one after the other, each until it is ready, and end them with the body.

    `path` is where Python looks for the modules with their handlers.
    """
    started: list[Actor] = []
    async with anyio.create_task_group() as tasks:
        try:
            for words in commands:
                started.append(await start(url, tuple(words), tasks, path))
            yield started
        finally:
            with anyio.CancelScope(shield=True):
                for actor in started:
                    await stop(actor)
            tasks.cancel_scope.cancel()


async def start(url: str, words: tuple[str, ...], tasks: anyio.abc.TaskGroup, path: str) -> Actor:
    """Return an actor that is ready."""
    environment = os.environ | {"LOOPWRIGHT_NATS_URL": url, "PYTHONPATH": path}
    began = anyio.current_time()
    process = await anyio.open_process(
        tethered([sys.executable, "-m", "loopwright.deploy", *words], signal=9),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    actor = Actor(words, process)
    tasks.start_soon(listen, actor)
    with anyio.fail_after(START):
        await actor.ready.wait()
    actor.seconds = anyio.current_time() - began
    return actor


async def listen(actor: Actor) -> None:
    """Take in what an actor logs, line by line, until it is silent for good."""
    assert actor.process.stderr is not None
    lines = BufferedByteReceiveStream(actor.process.stderr)
    while True:
        try:
            actor.hear(await lines.receive_until(b"\n", LONGEST))
        except (anyio.EndOfStream, anyio.IncompleteRead):
            await actor.process.wait()
            return


async def stop(actor: Actor) -> None:
    """End an actor: asked first, then made to."""
    for end in (actor.process.terminate, actor.process.kill):
        if actor.process.returncode is not None:
            return
        end()
        with anyio.move_on_after(30):
            await actor.process.wait()
