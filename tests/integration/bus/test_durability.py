"""What a server promises is read from the server that runs, and is what it really does."""

import json
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import anyio.to_thread
import pytest
from nats.js.api import StorageType

from loopwright.bus import Bus, connect_bus
from loopwright.bus.durability import KEPT, promise, sync_of
from loopwright.bus.streams import PRESENCE_STREAM
from loopwright.deploy.embedded import embedded_server


async def facts_of(folder: Path, pid: int) -> dict[str, Any]:
    """Return what the server that runs in a folder says of itself to whoever looks after it."""
    ports = json.loads((folder / f"nats-server_{pid}.ports").read_text())

    def ask() -> dict[str, Any]:
        with urlopen(f"{ports['monitoring'][0]}/varz", timeout=5) as answer:
            facts: dict[str, Any] = json.load(answer)
        return facts

    return await anyio.to_thread.run_sync(ask)


@pytest.mark.parametrize(("sync", "always", "seconds"), [("always", True, 120), ("2m", False, 120), ("5s", False, 5)])
async def test_what_the_bundled_server_tells_its_clients_is_what_it_does(
    tmp_path: Path, sync: str, always: bool, seconds: int
) -> None:
    async with embedded_server(tmp_path, sync=sync) as server, connect_bus(server.url) as bus:
        told = await sync_of(bus)
        does = (await facts_of(tmp_path, server.pid))["jetstream"]["config"]

    assert told == sync
    assert (does.get("sync_always", False), does["sync_interval"]) == (always, seconds * 10**9)


async def test_the_bundled_server_keeps_to_a_limit_of_memory_that_its_operator_may_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = []
    for told in (None, "300MiB"):
        if told:
            monkeypatch.setenv("GOMEMLIMIT", told)
        async with embedded_server(tmp_path) as server:
            limits.append((await facts_of(tmp_path, server.pid))["gomemlimit"])
    assert limits == [4 * 2**30, 300 * 2**20]


async def test_one_stream_in_memory_is_as_weak_as_all_but_that_of_who_is_there(bus: Bus) -> None:
    before = await promise(bus)
    kept = {name: (await bus.js.stream_info(name)).config for name in KEPT}
    weak = dict[str, str]()
    for name, config in kept.items():
        for made in (config.evolve(storage=StorageType.MEMORY), config):
            await bus.js.delete_stream(name)
            await bus.js.add_stream(made)
            weak.setdefault(name, await promise(bus))

    assert (await bus.js.stream_info(PRESENCE_STREAM)).config.storage == StorageType.MEMORY
    assert "survives the crash of any process, not the loss of its server's disk" in before
    assert await promise(bus) == before
    assert weak == dict.fromkeys(KEPT, "an acknowledged message is kept in memory: a stop of its server loses it")
