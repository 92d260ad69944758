"""Where actor processes are born quickly: everything is imported once, and each actor is a fork of that.

``python -m tests.chaos.nursery MODULE`` reads one JSON line for each process that is wanted and answers with its id.
What comes out is ``loopwright`` with these words: a process of its own, with nothing running in it before.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NoReturn

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from loopwright.deploy.apps import load
from loopwright.deploy.cli import main as loopwright
from loopwright.deploy.tether import PR_SET_PDEATHSIG, tethered

BIRTH = 10.0
"""Seconds until the nursery must have answered."""


class Nursery:
    """A running nursery."""

    def __init__(self, process: anyio.abc.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._asking, self._answers = process.stdin, BufferedByteReceiveStream(process.stdout)
        self._lock = anyio.Lock()

    async def born(self, words: Sequence[str], environment: Mapping[str, str], said: Path) -> int:
        """Start ``loopwright`` with these words, and return its process id; what it says goes to the file `said`."""
        wanted = {"words": list(words), "environment": dict(environment), "said": str(said)}
        async with self._lock:
            with anyio.fail_after(BIRTH, shield=True):
                await self._asking.send(json.dumps(wanted).encode() + b"\n")
                answer = await self._answers.receive_until(b"\n", 100)
        return int(answer)


@asynccontextmanager
async def nursery(app: str = "tests.chaos.venture") -> AsyncIterator[Nursery]:
    """Run a nursery; whoever was born there dies with it."""
    process = await anyio.open_process(
        tethered([sys.executable, "-m", __spec__.name, app], signal=signal.SIGKILL),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    try:
        yield Nursery(process)
    finally:
        with anyio.CancelScope(shield=True):
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            await process.aclose()


def grow_up(parent: int, words: list[str], environment: dict[str, str], said: str) -> NoReturn:
    """Become an actor: tied to the nursery, with an environment and a file to speak to."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # it died before the kernel was asked
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    speech = os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for old, new in ((nothing, 0), (nothing, 1), (speech, 2)):
        os.dup2(old, new)
    os.environ.update(environment)
    sys.argv = ["loopwright", *words]
    loopwright()
    raise AssertionError("the command line ends the process")


def main() -> None:
    """Import everything, then fork whoever is wanted."""
    load([sys.argv[1]])
    for module in ("loopwright.deploy.verbs.actors", "loopwright.deploy.serving"):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # so that the forks share it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here wants to know how they died
    me = os.getpid()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            grow_up(me, **json.loads(line))
        print(child, flush=True)


if __name__ == "__main__":
    main()
