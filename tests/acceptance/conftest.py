"""The program as a person runs it: real processes on a real bus, and nobody reaches into them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import ByteReceiveStream, Process
from anyio.from_thread import start_blocking_portal

from loopwright.deploy.embedded import embedded_server
from loopwright.tools.sandbox import SandboxLevel, self_test
from tests.system_parts import lacking

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
PATIENCE = 60.0
"""Seconds that anything may take on a machine that does other things as well."""
PROGRAM = (sys.executable, "-m", "loopwright.deploy")


@dataclass(frozen=True)
class Done:
    """How a program ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it said on stdout, which must be JSON and nothing else."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """What it said on stdout, which must be JSON Lines and nothing else."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def sentence(self) -> str:
        """The one sentence that it ended with: the last line on stderr."""
        return self.err.strip().splitlines()[-1]


@dataclass
class Program:
    """A program that runs."""

    process: Process
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    _news: anyio.Event = field(default_factory=anyio.Event)
    _open: int = 2

    @property
    def pid(self) -> int:
        """Its process id, which is its process group's too."""
        return self.process.pid

    async def listen(self, stream: ByteReceiveStream | None, heard: bytearray) -> None:
        """Take in what it says until it is silent for good."""
        if stream is not None:
            async for chunk in stream:
                heard.extend(chunk)
                self._tell()
        self._open -= 1
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    async def says(self, pattern: str) -> re.Match[str]:
        """Wait until it has said something, on stdout or stderr."""
        with anyio.move_on_after(PATIENCE):
            while True:
                news = self._news
                for heard in (self.out, self.err):
                    if found := re.search(pattern, heard.decode(errors="replace")):
                        return found
                if not self._open:
                    break
                await news.wait()
        raise AssertionError(f"it never said {pattern!r}, but this: {self.err.decode(errors='replace')[-2000:]}")

    def tell(self, number: signal.Signals, *, whole_group: bool = False) -> None:
        """Send it a signal, or its whole foreground group, as a terminal does."""
        (os.killpg if whole_group else os.kill)(self.pid, number)

    def family(self) -> AbstractContextManager["Family"]:
        """Hold it and all that it has started by now."""
        return family_of(self.pid)

    async def end(self) -> Done:
        """Wait for its end; a traceback is never what a person should see."""
        with anyio.fail_after(PATIENCE):
            code = await self.process.wait()
            while self._open:
                await self._news.wait()
        assert "Traceback" not in self.err.decode()
        return Done(code, self.out.decode(), self.err.decode())


class Terminal:
    """Where somebody types commands: a folder, an environment without our settings, a place for temporary files."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.temporary = folder / "temporary"
        self.temporary.mkdir(exist_ok=True)
        ours = ("LOOPWRIGHT_", "OPENAI_", "COV_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        nobody = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
        self.environment = kept | nobody | {"NO_PROXY": "127.0.0.1", "TMPDIR": str(self.temporary)} | environment

    def on(self, url: str) -> "Terminal":
        """Another terminal in the same folder, where a bus is named."""
        return Terminal(self.folder, LOOPWRIGHT_NATS_URL=url, LOOPWRIGHT_SANDBOX="auto")

    @asynccontextmanager
    async def start(self, *words: str, on: int | None = None, **environment: str) -> AsyncIterator[Program]:
        """Run ``loopwright`` while the body runs, in a process group of its own, as a shell would.

        What it says is heard, unless it is to run `on` a terminal.
        """
        process = await anyio.open_process(
            [*PROGRAM, *words],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL if on is None else on,
            stdout=subprocess.PIPE if on is None else on,
            stderr=subprocess.PIPE if on is None else on,
            start_new_session=True,
        )
        program = Program(process)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(program.listen, process.stdout, program.out)
            tasks.start_soon(program.listen, process.stderr, program.err)
            try:
                yield program
            finally:
                with anyio.CancelScope(shield=True):
                    with suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()
        await process.aclose()

    async def run(self, *words: str, **environment: str) -> Done:
        """Run ``loopwright`` to its end."""
        async with self.start(*words, on=None, **environment) as program:
            return await program.end()

    def copy(self, example: str = "cart") -> Path:
        """A copy of an example, to be worked on."""
        left_out = shutil.ignore_patterns("__pycache__", ".pytest_cache")
        return Path(shutil.copytree(EXAMPLES / example, self.folder / example, ignore=left_out))

    def write(self, name: str, files: Mapping[str, str]) -> Path:
        """Lay down a program."""
        for path, text in files.items():
            target = self.folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return self.folder / name

    def hopeless(self) -> Path:
        """A program that cannot be repaired, and that there is much to try on."""
        program = self.copy()
        impossible = "from shop.cart import Cart\n\n\ndef test_impossible():\n    assert Cart().worth == 'nothing'\n"
        (program / "tests" / "test_impossible.py").write_text(impossible)
        return program


def parents() -> dict[int, int]:
    """The parent of every process there is."""
    found = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def command_of(pid: int) -> str:
    """How a process was started; nothing once it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


@dataclass(frozen=True)
class Family:
    """A process and everything that it has started, however deep; held so that no id is mistaken for another."""

    members: dict[int, str]
    held: dict[int, int]

    def named(self, *words: str) -> list[int]:
        """Return the members whose command line has these words."""
        return [pid for pid, command in self.members.items() if f" {' '.join(words)} " in f" {command} "]

    async def gone(self) -> None:
        """Wait until not one of them runs."""
        for pid, fd in self.held.items():
            with anyio.move_on_after(PATIENCE / 2) as waiting:
                await anyio.wait_readable(fd)
            assert not waiting.cancelled_caught, f"still there: {self.members[pid]}"


@contextmanager
def family_of(pid: int) -> Iterator[Family]:
    """Hold a process and what it has started by now."""
    tree, found = parents(), [pid]
    for each in found:
        found += [child for child, parent in tree.items() if parent == each]
    held = {}
    for each in found:
        with suppress(ProcessLookupError):
            held[each] = os.pidfd_open(each)
    try:
        yield Family({each: command_of(each) for each in held}, held)
    finally:
        for fd in held.values():
            os.close(fd)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Where no bus is named."""
    return Terminal(tmp_path)


@pytest.fixture
def needs_bwrap() -> None:
    """Skip where there is no sandbox; in CI there must be one."""
    report = anyio.run(self_test)
    if report.level is not SandboxLevel.BWRAP:
        lacking(report.reason)


@dataclass(frozen=True)
class Station:
    """A bus with orchestrators and workers, each a process of its own."""

    url: str
    terminal: Terminal
    actors: dict[str, Program]


type OpenStation = Callable[..., AbstractAsyncContextManager[Station]]


@asynccontextmanager
async def station_of(folder: Path, **actors: str) -> AsyncIterator[Station]:
    """Run a bus and these actors, all of them ready."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(embedded_server(folder / "nats", sync="2m"))
        terminal = Terminal(folder, LOOPWRIGHT_NATS_URL=server.url, LOOPWRIGHT_SANDBOX="auto")
        running = {
            name: await stack.enter_async_context(terminal.start(*words.split())) for name, words in actors.items()
        }
        for name, program in running.items():
            await program.says("orchestrator.ready" if "orchestrator" in name else "worker.ready")
        yield Station(server.url, terminal, running)


@pytest.fixture(scope="session")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """One bus for tests that leave it as it is: two orchestrators, a search, and two workers that test."""
    actors = {"orchestrator-1": "orchestrator", "orchestrator-2": "orchestrator", "search": "worker search"}
    actors |= {f"test-{number}": "worker test accept" for number in (1, 2)}
    station = station_of(tmp_path_factory.mktemp("station"), **actors)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(station) as running:
        yield running


@pytest.fixture
def open_station(tmp_path: Path) -> OpenStation:
    """Brings up a bus with the actors that a test names."""

    def opened(**actors: str) -> AbstractAsyncContextManager[Station]:
        return station_of(tmp_path, **actors)

    return opened
