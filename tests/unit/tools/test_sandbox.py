import subprocess
import sys
from pathlib import Path

import pytest

from loopwright.tools import launch
from loopwright.tools.errors import SandboxUnavailable
from loopwright.tools.interpreter import describe
from loopwright.tools.sandbox import SandboxLevel, SandboxReport, choose_level


async def blocked() -> SandboxReport:
    return SandboxReport(level=SandboxLevel.LIMITS, reason="user namespaces are forbidden, so code runs unprotected")


async def test_a_sandbox_that_is_demanded_and_missing_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(SandboxUnavailable) as caught:
        await choose_level("bwrap", test=blocked)
    assert str(caught.value) == (
        "user namespaces are forbidden: install bubblewrap (apt-get install bubblewrap) or pass --sandbox limits"
    )


async def test_the_best_there_is_is_taken_when_nothing_is_demanded() -> None:
    assert await choose_level("auto", test=blocked) == await blocked()


async def test_limits_alone_are_taken_only_untested_when_asked_for() -> None:
    assert (await choose_level("limits")).level is SandboxLevel.LIMITS


def test_the_host_is_shown_read_only_and_nothing_of_its_homes() -> None:
    interpreter = describe(Path(sys.executable))
    command = launch.in_bwrap("bwrap", interpreter, room_bytes=4096, seccomp_fd=9, program=["-c", "pass"])
    shown = {command[place + 1] for place, part in enumerate(command) if part.startswith(("--ro-bind", "--bind"))}
    assert not any(part.startswith(("--bind", "--dev-bind", "--share")) for part in command)
    assert shown - {str(folder) for folder in interpreter.folders} <= {
        "/usr", "/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/etc/ld.so.cache",
        str(launch.harness_folder()),
    }  # fmt: skip
    assert {"--unshare-all", "--disable-userns", "--die-with-parent", "--new-session", "--clearenv"} <= set(command)


def test_the_bench_brings_along_nothing_heavy() -> None:
    script = (
        "import sys, loopwright.tools.program; before = set(sys.modules); import loopwright.tools.bench;"
        "print(*{name.partition('.')[0] for name in sys.modules.keys() - before})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"pytest", "_pytest", "openai", "nats", "click", "rich"} & set(done.stdout.split())
