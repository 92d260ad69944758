"""Tests that need bubblewrap are skipped where it is missing, and fail in CI, where it must not be."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import anyio
import pytest

from loopwright.tools.bench import Bench
from loopwright.tools.interpreter import describe
from loopwright.tools.sandbox import SandboxLevel, self_test
from tests.system_parts import lacking

OpenBench = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture(scope="session")
def bwrap() -> SandboxLevel:
    """The level of the real sandbox."""
    report = anyio.run(self_test)
    if report.level is not SandboxLevel.BWRAP:
        lacking(report.reason)
    return report.level


@pytest.fixture(params=list(SandboxLevel), ids=str)
def level(request: pytest.FixtureRequest) -> SandboxLevel:
    """Each level in turn."""
    if request.param is SandboxLevel.BWRAP:
        request.getfixturevalue("bwrap")
    return SandboxLevel(request.param)


def write_program(folder: Path, files: dict[str, str]) -> Path:
    """Lay down a program."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), newline="")
    return folder


@asynccontextmanager
async def bench_of(folder: Path, level: SandboxLevel, **options: Any) -> AsyncIterator[Bench]:
    """A bench for the program in `folder`, under our own interpreter."""
    interpreter = options.pop("interpreter", None) or describe(Path(sys.executable))
    async with Bench.open(folder, interpreter=interpreter, level=level, **options) as bench:
        yield bench


@pytest.fixture(scope="session")
def best() -> SandboxLevel:
    """The best level there is here, for tests that are not about levels."""
    return anyio.run(self_test).level


@pytest.fixture
def open_bench(tmp_path: Path, best: SandboxLevel) -> OpenBench:
    """Opens a bench for a program given as a table of its files."""

    def opened(files: dict[str, str], **options: Any) -> AbstractAsyncContextManager[Bench]:
        level = options.pop("level", best)
        return bench_of(write_program(tmp_path / "program", files), level, **options)

    return opened
