"""How well agents' code is shut in here, and how much it may use.

There are two levels. ``bwrap``: namespaces of its own, nothing of the host but ``/usr`` and an interpreter, no network,
a filter of system calls, and limits. ``limits``: the limits alone; the code can read and write what we can. Which one
is in force is found out by trying, for a container may well have bubblewrap and forbid its use.
"""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Literal

import anyio
from pydantic import Field, TypeAdapter

from loopwright.tools import launch, seccomp
from loopwright.tools.errors import SandboxUnavailable
from loopwright.tools.interpreter import describe
from loopwright.tools.program import Value

Policy = Literal["auto", "bwrap", "limits"]

SANDBOX = "LOOPWRIGHT_SANDBOX"
"""The environment variable that says how code is shut in: bwrap (the default), limits or auto."""

TRY = 10.0  # seconds a sandbox may take to start
REMEDY = "install bubblewrap (apt-get install bubblewrap) or pass --sandbox limits"


class SandboxLevel(StrEnum):
    """What stands between agents' code and the host."""

    BWRAP = "bwrap"  #: namespaces, no network, filtered system calls, limits
    LIMITS = "limits"  #: limits only


class Limits(Value):
    """What one run of agents' code may use."""

    cpu_seconds: float = Field(default=30.0, gt=0)
    """Processor time of any one process."""
    memory_bytes: int = Field(default=768 << 20, gt=0)
    """Address space of any one process; all together may hold twice as much in memory."""
    wall_seconds: float = Field(default=60.0, gt=0)
    """From start to end."""
    output_bytes: int = Field(default=16 << 20, gt=0)
    """What is read of the run's results. What a program prints is dropped and costs nothing."""
    processes: int = Field(default=64, gt=0)
    """At any one time, threads not counted."""
    file_bytes: int = Field(default=64 << 20, gt=0)
    """Size of any one file, and of the work folder as a whole."""


class SandboxReport(Value):
    """Which level is in force, and why."""

    level: SandboxLevel
    reason: str
    """One sentence for a person."""


async def self_test() -> SandboxReport:
    """Return the level that can be had here, found out by really starting a sandbox."""
    obstacle = await _obstacle()
    if obstacle is None:
        return SandboxReport(
            level=SandboxLevel.BWRAP,
            reason="bubblewrap works: code runs without network and without the host's files",
        )
    return SandboxReport(
        level=SandboxLevel.LIMITS,
        reason=f"{obstacle}, so code runs under resource limits only and can see this machine",
    )


def policy() -> Policy:
    """Return how code is to be shut in; where nothing is said, bubblewrap or nothing."""
    return TypeAdapter(Policy).validate_python(os.environ.get(SANDBOX, "bwrap"))


async def choose_level(policy: Policy, *, test: Callable[[], Awaitable[SandboxReport]] = self_test) -> SandboxReport:
    """Return the level to use: ``auto`` takes the best there is, the others exactly what they say.

    Raises:
        SandboxUnavailable: bubblewrap is demanded and cannot be had.
    """
    if policy == "limits":
        return SandboxReport(level=SandboxLevel.LIMITS, reason="resource limits only, as was asked for")
    report = await test()
    if policy == "bwrap" and report.level is not SandboxLevel.BWRAP:
        raise SandboxUnavailable(f"{report.reason.partition(', so ')[0]}: {REMEDY}")
    return report


async def _obstacle() -> str | None:
    """Say what keeps a sandbox from starting, if anything does."""
    bwrap = launch.find_bwrap()
    if bwrap is None:
        return "bubblewrap is not installed"
    if not seccomp.supported():
        return "there is no system call filter for this kind of processor"
    interpreter = describe(Path(sys.executable))
    proof = "import os; print('shut in', os.getpid(), os.path.exists('/etc/passwd'))"
    with launch.seccomp_fd() as fd, anyio.move_on_after(TRY):
        command = launch.in_bwrap(
            bwrap, interpreter, room_bytes=1 << 20, seccomp_fd=fd, program=("-I", "-S", "-c", proof)
        )
        done = await anyio.run_process(command, check=False, env={}, pass_fds=(fd,), stdin=subprocess.DEVNULL)
        if done.stdout.split() == [b"shut", b"in", b"1", b"False"]:
            return None
        return f"bubblewrap cannot start a sandbox here ({_last_line(done.stderr)})"
    return "bubblewrap does not start within ten seconds"


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it says nothing"
