"""Bringing it up on a machine: help, `up`, `doctor`, and how code is shut in."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import anyio.to_thread
import pytest

from tests.ports import free_port

if TYPE_CHECKING:
    from tests.acceptance.conftest import Station, Terminal

NOWHERE = "nats://127.0.0.1:9"
FAILING = {"a.py": "def f():\n    return 1\n", "test_a.py": "from a import f\n\n\ndef test_f():\n    assert f() == 2\n"}


async def test_help_is_quick(terminal: Terminal) -> None:
    began = time.monotonic()
    done = await terminal.run("--help")
    seconds = time.monotonic() - began

    assert done.code == 0
    for verb in ("run", "up", "orchestrator", "worker", "goal", "dead", "doctor"):
        assert f"\n  {verb} " in done.out
    assert seconds < 2.5, "0.2 s where nothing else runs; heavy imports would take seconds"


@pytest.mark.usefixtures("needs_bwrap")
async def test_after_up_all_is_well(terminal: Terminal) -> None:
    port = free_port()
    async with terminal.start("up", "--workers", "1", "--port", str(port), "--store", "store") as up:
        await up.says("orchestrator.ready")
        for role in ("accept", "search", "test"):
            await up.says(f"worker.ready.*{role}|{role}.*worker.ready")
        await up.says("loops repair, repair-with-model · Ctrl-C stops")
        there = terminal.on(f"nats://127.0.0.1:{port}")

        examined = await there.run("doctor")
        second = await terminal.run("up", "--port", str(port))
        done = await there.run("goal", "submit", "repair", '{"files": {"test_a.py": "def test_a(): pass"}}', "--watch")
        with up.family() as family:
            up.tell(signal.SIGINT, whole_group=True)
            stopped = await up.end()
            await family.gone()

    assert examined.code == 0
    assert [line[:4] for line in examined.out.splitlines()] == ["ok  "] * len(examined.out.splitlines())
    assert {"bus", "promise", "loop", "goals", "sandbox"} <= {line.split()[1] for line in examined.out.splitlines()}
    assert second.code == 1
    assert f"Something listens on port {port} already." in second.sentence
    assert done.code == 0
    assert stopped.code == 0
    assert list(terminal.temporary.iterdir()) == []


@pytest.mark.parametrize("words", [["run", "repair", "cart"], ["up", "--workers", "1"]], ids=["run", "up"])
async def test_a_bus_of_our_own_writes_every_message_to_disk(terminal: Terminal, words: list[str]) -> None:
    terminal.copy("cart")
    port = free_port()
    mine = [] if words[0] == "run" else ["--port", str(port), "--store", str(terminal.temporary / "store")]
    async with terminal.start(*words, *mine) as running:
        await running.says("bus nats://")
        (ports,) = terminal.temporary.glob("*/nats-server_*.ports")
        monitoring = json.loads(ports.read_text())["monitoring"][0]
        facts = await anyio.to_thread.run_sync(told_by, f"{monitoring}/varz")
        if words[0] == "up":
            await running.says('a power cut of its server, not the loss of its server\'s disk", "event": "bus.promise"')
        running.tell(signal.SIGINT)
        await running.end()

    assert facts["jetstream"]["config"]["sync_always"] is True


def told_by(address: str) -> dict[str, Any]:
    """Return what a server tells of itself there."""
    with urlopen(address, timeout=5) as answer:
        facts: dict[str, Any] = json.load(answer)
    return facts


async def test_doctor_says_what_is_wrong_with_the_bus(terminal: Terminal) -> None:
    done = await terminal.on(NOWHERE).run("doctor")

    assert done.code == 69
    assert f"BAD  bus        No NATS server answers at {NOWHERE}" in done.out


async def test_doctor_speaks_json(terminal: Terminal, station: Station) -> None:
    done = await terminal.on(station.url).run("doctor", "--json")

    findings = {finding["what"]: finding["well"] for finding in done.document}
    said = {finding["what"]: finding["said"] for finding in done.document}
    assert said["promise"] == (
        "an acknowledged message survives the crash of any process, not the loss of its server's disk, "
        "nor a power cut of its server within 2m, as the server's tag sync_interval:2m tells"
    )
    assert findings.items() >= {"bus": True, "intake": True, "loop": True, "role test": True, "goals": True}.items()


async def test_where_bubblewrap_is_demanded_nothing_runs_without_it(terminal: Terminal) -> None:
    program = terminal.write("program", FAILING)

    done = await terminal.run("run", "repair", str(program), "--sandbox", "bwrap", PATH=str(program))

    assert (done.code, done.out) == (1, "")
    assert done.sentence == (
        "loopwright: bubblewrap is not installed: install bubblewrap (apt-get install bubblewrap)"
        " or pass --sandbox limits"
    )


async def test_a_worker_does_not_start_without_its_sandbox(terminal: Terminal, station: Station) -> None:
    there = terminal.on(station.url)

    done = await there.run("worker", "test", "--sandbox", "bwrap", PATH=str(terminal.folder))

    assert done.code == 1
    assert "bubblewrap is not installed" in done.sentence


async def test_auto_says_which_level_is_in_force(terminal: Terminal) -> None:
    program = terminal.write("program", FAILING)

    done = await terminal.run("run", "repair", str(program), "--workers", "1", PATH=str(program))

    assert done.code == 0
    assert done.err.splitlines()[0].endswith(
        "sandbox limits: bubblewrap is not installed, so code runs under resource limits only and can see this machine"
    )


def test_the_script_is_installed() -> None:
    done = subprocess.run(["loopwright", "--version"], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.startswith("loopwright, version ")
