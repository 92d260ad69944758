"""A bench's beginning, its end, and what can go wrong with the folder."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import pytest

from loopwright.tools.bench import Bench
from loopwright.tools.errors import BenchBroken, SandboxUnavailable, WorkspaceRefused
from loopwright.tools.interpreter import Interpreter, describe
from loopwright.tools.sandbox import SandboxLevel, SandboxReport, choose_level, self_test

OpenBench = Callable[..., AbstractAsyncContextManager[Bench]]

SLEEPY = {
    "thing.py": "def wait():\n    pass\n",
    "test_it.py": "from thing import wait\n\ndef test_it():\n    wait()\n",
}


async def test_a_cancelled_trial_leaves_a_usable_bench(open_bench: OpenBench, level: SandboxLevel) -> None:
    async with open_bench(SLEEPY, level=level) as bench:
        await bench.survey()
        with anyio.move_on_after(0.1) as scope:
            await bench.trial({"thing.py": "import time\n\ndef wait():\n    time.sleep(9)\n"}, time_scale=40)
        assert scope.cancelled_caught
        assert (await bench.trial({})).passed


async def test_closing_a_bench_ends_its_processes(tmp_path: Path, open_bench: OpenBench) -> None:
    """At the weaker level, where they are seen from outside."""
    os.mkfifo(tmp_path / "beat")
    reading = os.open(tmp_path / "beat", os.O_RDONLY | os.O_NONBLOCK)
    holds = (
        f"import os, time\n\ndef wait():\n    os.open({str(tmp_path / 'beat')!r}, os.O_WRONLY)\n    time.sleep(99)\n"
    )
    async with open_bench(SLEEPY, level=SandboxLevel.LIMITS) as bench:
        await bench.survey()
        with anyio.move_on_after(0.5):
            await bench.trial({"thing.py": holds}, time_scale=400)
    assert os.read(reading, 1) == b""
    os.close(reading)


async def test_a_folder_that_cannot_be_packed_is_refused(tmp_path: Path, open_bench: OpenBench) -> None:
    (tmp_path / "program").mkdir()
    os.mkfifo(tmp_path / "program" / "pipe")
    with pytest.raises(WorkspaceRefused, match="pipe is neither a file nor a folder"):
        async with open_bench(SLEEPY):
            pass


async def test_an_excluded_folder_is_not_in_the_sandbox(open_bench: OpenBench) -> None:
    files = {
        "test_it.py": "import os\n\ndef test_it():\n    assert not os.path.exists('acceptance')\n",
        "acceptance/test_secret.py": "def test_secret():\n    assert False\n",
    }
    async with open_bench(files, exclude=["acceptance"]) as bench:
        survey = await bench.survey()
    assert [str(case.status) for case in survey.cases] == ["passed"]


async def test_an_interpreter_that_does_not_start_is_named_as_the_cause(tmp_path: Path, open_bench: OpenBench) -> None:
    ours = describe(Path(sys.executable))
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such luck >&2\nexit 1\n")
    broken.chmod(0o755)
    interpreter = Interpreter(
        executable=broken, prefix=ours.prefix, base_prefix=ours.base_prefix, folders=(*ours.folders, tmp_path)
    )
    with pytest.raises(BenchBroken, match="does not start: no such luck"):
        async with open_bench(SLEEPY, interpreter=interpreter, level=SandboxLevel.LIMITS):
            pass


async def test_the_self_test_says_what_holds(bwrap: SandboxLevel) -> None:
    assert await self_test() == SandboxReport(
        level=bwrap, reason="bubblewrap works: code runs without network and without the host's files"
    )
    assert (await choose_level("auto")).level is bwrap
    assert (await choose_level("bwrap")).level is bwrap


async def test_without_bubblewrap_the_strong_level_is_refused_and_auto_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxUnavailable) as caught:
        await choose_level("bwrap")
    assert str(caught.value) == (
        "bubblewrap is not installed: install bubblewrap (apt-get install bubblewrap) or pass --sandbox limits"
    )
    report = await choose_level("auto")
    assert report.level is SandboxLevel.LIMITS
    assert report.reason.startswith("bubblewrap is not installed, so code runs under resource limits only")


async def test_a_bubblewrap_that_is_blocked_is_not_relied_upon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "bwrap"
    blocked.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    blocked.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    report = await self_test()
    assert report.level is SandboxLevel.LIMITS
    assert "bwrap: No permissions to create new namespace" in report.reason


async def test_a_bubblewrap_that_shuts_nothing_in_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert (await self_test()).level is SandboxLevel.LIMITS
