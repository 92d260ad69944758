"""A real nats-server of its own for every test run, and an empty one for every test that asks."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loopwright.bus import Bus, connect_bus
from loopwright.deploy.embedded import Server, embedded_server

# Hundreds of processes are started here: without bytecode on disk each would compile everything anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

AT_ONCE = 3
"""Processes that share the whole run: most of a test's time it waits for others, and CI has two cores."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Share the whole run only: a file or two is done sooner alone, and a campaign needs the machine for itself."""
    given = config.invocation_params
    alone = config.args_source is not pytest.Config.ArgsSource.TESTPATHS or config.option.capture == "no"
    return 0 if alone or any(word.startswith(("-m", "-k")) for word in given.args) else AT_ONCE


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """Run a server in a task of its own: a fixture is set up and torn down in two, and a task group minds."""
    up, over = asyncio.get_running_loop().create_future(), asyncio.Event()

    async def run() -> None:
        async with embedded_server(tmp_path / "nats", sync="2m") as running:
            up.set_result(running)
            await over.wait()

    task = asyncio.create_task(run())
    await asyncio.wait([task, up], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    yield await up
    over.set()
    await task


@pytest.fixture
async def bus(server: Server) -> AsyncIterator[Bus]:
    async with connect_bus(server.url, name="test") as connected:
        yield connected
