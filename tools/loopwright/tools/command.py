"""Commands such as a linter or a build, run on files: shut in like tests, by the same harness."""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import PurePosixPath
from typing import Self

import anyio

from loopwright.tools.errors import WorkspaceRefused
from loopwright.tools.interpreter import Interpreter
from loopwright.tools.link import HarnessDied, HarnessLink
from loopwright.tools.program import Value
from loopwright.tools.sandbox import Limits, SandboxLevel
from loopwright.tools.workspace import LIMIT, MANY

NOTHING = bytes(1024)
"""A tar file of nothing: two blocks of zeros. The files of a command come with its order."""
KEPT = 20_000
"""Bytes of what a command says on each stream that are kept: the last ones."""
MARGIN = 10.0
"""Seconds the harness has beyond the run's own limit."""


class Ran(Value):
    """How a command ended."""

    exit: int | None = None
    """Its exit status, below zero for the signal that killed it; None where it did not come to an end."""
    out: str = ""
    """The end of what it said on stdout."""
    err: str = ""
    problem: str | None = None
    """Why it did not come to an end: it cannot be started, or went beyond a limit."""
    seconds: float = 0.0


class CommandRunner:
    """Runs commands, one at a time, each on files of its own in a fresh folder, without network."""

    def __init__(self, level: SandboxLevel, interpreter: Interpreter, limits: Limits) -> None:
        self._level = level
        self._interpreter = interpreter
        self._limits = limits
        self._link: HarnessLink | None = None
        self._turn = anyio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, *, level: SandboxLevel, interpreter: Interpreter, limits: Limits | None = None
    ) -> AsyncIterator[Self]:
        """Hold a runner. `interpreter` is the Python that commands find first on their path.

        Raises:
            SandboxUnavailable: bubblewrap is asked for and not installed.
            BenchBroken: the harness does not start.
        """
        runner = cls(level, interpreter, limits or Limits())
        try:
            await runner._connected()
            yield runner
        finally:
            await runner._disconnect()

    async def run(self, words: Sequence[str], files: Mapping[str, str | bytes]) -> Ran:
        """Run the command `words` in a folder that has these files, and return how it ended.

        Raises:
            WorkspaceRefused: the name of a file leads out of the folder, or the files are too many or too large.
            BenchBroken: the harness cannot be started again after a command took it down.
        """
        bodies = bodies_of(files)
        order = {
            "words": list(words),
            "keep": KEPT,
            "changed": {name: base64.b64encode(body).decode() for name, body in bodies.items()},
            "seconds": self._limits.wall_seconds,
            "collect_seconds": self._limits.wall_seconds,
            "wall": self._limits.wall_seconds,
        }
        async with self._turn:
            link = await self._connected()
            try:
                return ran(await link.ask(order, within=self._limits.wall_seconds + MARGIN), self._limits)
            except HarnessDied as error:
                return Ran(problem=str(error))

    async def _connected(self) -> HarnessLink:
        if self._link is None or not self._link.usable:
            await self._disconnect()
            self._link = await HarnessLink.start(self._level, self._interpreter, self._limits, NOTHING)
        return self._link

    async def _disconnect(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.aclose()


def bodies_of(files: Mapping[str, str | bytes]) -> dict[str, bytes]:
    """Return files as bytes, by names that stay in their folder.

    Raises:
        WorkspaceRefused: they do not.
    """
    bodies: dict[str, bytes] = {}
    for name, body in files.items():
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\0" in name or not pure.parts:
            raise WorkspaceRefused(f"{name!r} is not a path below the folder")
        bodies[pure.as_posix()] = body.encode(errors="surrogatepass") if isinstance(body, str) else body
    if len(bodies) > MANY or sum(map(len, bodies.values())) > LIMIT:
        raise WorkspaceRefused(f"the files are more than {MANY}, or hold more than {LIMIT >> 20} MB")
    return bodies


def ran(answer: dict[str, object], limits: Limits) -> Ran:
    """Return how a command ended, of what the harness has heard."""
    events = answer["events"]
    seconds = float(str(answer["seconds"]))
    last = events[-1] if isinstance(events, list) and events else {}
    match last:
        case {"event": "end", "exit": int(status), "out": str(out), "err": str(err)}:
            return Ran(exit=status, out=out, err=err, seconds=seconds)
        case {"event": "problem", "text": str(text)}:
            return Ran(problem=text, seconds=seconds)
        case _:
            return Ran(problem=broken(str(answer["why"]), limits), seconds=seconds)


def broken(why: str, limits: Limits) -> str:
    """Return which limit a command went beyond, in a sentence."""
    match why:
        case "wall" | "timeout":
            return f"it did not end within {limits.wall_seconds:g} seconds"
        case "":
            return "it took down the process that watched it"
        case _:
            return f"it went beyond its limit of {why}"
