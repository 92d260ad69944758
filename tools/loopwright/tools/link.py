"""The line between the bench and the harness inside the sandbox: start it, ask it, throw it away."""

import base64
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Self

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from loopwright.tools import launch
from loopwright.tools.errors import BenchBroken, SandboxUnavailable, ToolError
from loopwright.tools.interpreter import Interpreter
from loopwright.tools.sandbox import REMEDY, Limits, SandboxLevel

START = 30.0  # seconds the harness may take to import pytest and its plugins
FAREWELL = 2.0  # seconds for ending it, whatever it does
LARGEST = 256 << 20  # bytes; an answer cannot be larger, a scribbled length can
_HEAD = struct.Struct(">I")


class HarnessDied(ToolError):
    """The harness ended, or did not answer, while it was asked something."""

    def __init__(self) -> None:
        super().__init__("the run took its sandbox down")


class HarnessLink:
    """One running harness. Ends it when closed; `hello` says what it runs under."""

    def __init__(self, process: Process, room: Path | None) -> None:
        self._process = process
        self._room = room
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin = process.stdin
        self._stdout = BufferedByteReceiveStream(process.stdout)
        self.usable = True
        self.hello: dict[str, Any] = {}

    @classmethod
    async def start(cls, level: SandboxLevel, interpreter: Interpreter, limits: Limits, archive: bytes) -> Self:
        """Return a link to a new harness that has `archive`'s program laid down.

        Raises:
            BenchBroken: it does not come up.
            SandboxUnavailable: bubblewrap is asked for and not installed.
        """
        room = None if level is SandboxLevel.BWRAP else Path(tempfile.mkdtemp(prefix="loopwright-"))
        process = await _spawn(level, interpreter, limits, room)
        link = cls(process, room)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(link.aclose)
            setup = {
                "room": str(room or launch.ROOM),
                "archive": base64.b64encode(archive).decode(),
                "keep": [str(folder) for folder in interpreter.folders],
                "limits": limits.model_dump(),
            }
            try:
                link.hello = await link.ask(setup, within=START)
            except HarnessDied:
                raise BenchBroken(f"the tests' fork server does not start: {await link.complaint()}") from None
            stack.pop_all()
        return link

    async def ask(self, message: dict[str, Any], *, within: float) -> dict[str, Any]:
        """Return the answer to `message`.

        Raises:
            HarnessDied: there is none within so many seconds; the link is of no more use.
        """
        usable, self.usable = self.usable, False  # until the answer is here: we may be cancelled on the way
        if not usable:
            raise HarnessDied
        body = json.dumps(message).encode()
        try:
            with anyio.fail_after(within):
                await self._stdin.send(_HEAD.pack(len(body)) + body)
                answer = await self._receive()
        except (TimeoutError, anyio.EndOfStream, anyio.IncompleteRead, OSError, ValueError) as error:
            raise HarnessDied from error
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise HarnessDied from error
        self.usable = True
        return answer

    async def _receive(self) -> dict[str, Any]:
        (size,) = _HEAD.unpack(await self._stdout.receive_exactly(_HEAD.size))
        if size > LARGEST:
            raise ValueError(size)
        answer: dict[str, Any] = json.loads(await self._stdout.receive_exactly(size))
        return answer

    async def complaint(self) -> str:
        """Return the last line the harness wrote before it died."""
        text = b""
        with anyio.move_on_after(FAREWELL), suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            while self._process.stderr is not None and len(text) < 1 << 16:
                text += await self._process.stderr.receive()
        lines = text.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it says nothing"

    async def aclose(self) -> None:
        """End the harness and everything it has started."""
        self.usable = False
        with anyio.move_on_after(FAREWELL, shield=True):
            if self._room is not None:  # nobody but the harness can find all that it has started
                await self._stdin.aclose()
                with anyio.move_on_after(FAREWELL / 2):
                    await self._process.wait()
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        with anyio.move_on_after(FAREWELL, shield=True):
            await self._process.aclose()
        if self._room is not None:
            _sweep(self._room)
            shutil.rmtree(self._room, ignore_errors=True)


def _sweep(room: Path) -> None:
    """Kill what a harness that was killed itself has left: its work folder is in the environment of all of it."""
    mark = f"HOME={room}/".encode()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):  # not ours, or gone meanwhile
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


async def _spawn(level: SandboxLevel, interpreter: Interpreter, limits: Limits, room: Path | None) -> Process:
    if room is not None:
        command = [str(interpreter.executable), "-B", "-s", str(launch.harness_folder())]
        environment = launch.environment(interpreter, room)
        return await anyio.open_process(
            command, env=environment, cwd=room, start_new_session=True, stderr=subprocess.PIPE
        )
    bwrap = launch.find_bwrap()
    if bwrap is None:
        raise SandboxUnavailable(f"bubblewrap is not installed: {REMEDY}")
    with launch.seccomp_fd() as fd:
        command = launch.in_bwrap(
            bwrap,
            interpreter,
            room_bytes=limits.file_bytes,
            seccomp_fd=fd,
            program=("-B", "-s", str(launch.HARNESS)),
        )
        return await anyio.open_process(command, env={}, pass_fds=(fd,), stderr=subprocess.PIPE)
