"""A real nats-server of its own for every test run, and an empty one for every test that asks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loopwright.bus import Bus, connect_bus
from loopwright.deploy.embedded import Server, embedded_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with embedded_server(tmp_path / "nats", sync="2m") as running:
        yield running


@pytest.fixture
async def bus(server: Server) -> AsyncIterator[Bus]:
    async with connect_bus(server.url, name="test") as connected:
        yield connected
