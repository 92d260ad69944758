"""Every actor a process of its own, and goals from whoever can reach the bus."""

from __future__ import annotations

import json
import signal
import socket
from typing import TYPE_CHECKING, Any

import anyio
from pydantic import JsonValue

from loopwright.bus import Status, connect

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenStation, Station, Terminal

FILES: JsonValue = {
    "gcd.py": "def gcd(a: int, b: int) -> int:\n    if b == 0:\n        return a\n    return gcd(a % b, b)\n",
    "test_gcd.py": "from gcd import gcd\n\n\ndef test_gcd() -> None:\n    assert gcd(35, 21) == gcd(7, 0) == 7\n",
}
HIDDEN: JsonValue = {
    "test_hidden.py": "from gcd import gcd\n\n\ndef test_gcd() -> None:\n    assert gcd(17, 17) == 17\n"
}
PATIENCE = 60


def publish(url: str, subject: str, body: str, headers: str = "") -> None:
    """Publish one message over a bare socket, as any language can, and wait until the server has it."""
    host, _, port = url.removeprefix("nats://").partition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as server:
        lines = server.makefile("rwb")
        assert lines.readline().startswith(b"INFO ")
        lines.write(b'CONNECT {"verbose": false, "headers": true}\r\n')
        head, data = headers.encode(), body.encode()
        if head:
            lines.write(f"HPUB {subject} {len(head)} {len(head) + len(data)}\r\n".encode())
        else:
            lines.write(f"PUB {subject} {len(data)}\r\n".encode())
        lines.write(head + data + b"\r\nPING\r\n")
        lines.flush()
        assert lines.readline() == b"PONG\r\n"


async def test_everybody_who_is_there_is_listed(station: Station, terminal: Terminal) -> None:
    connected = terminal.on(station.url)

    listed = await connected.run("worker", "ls")
    there = (await connected.run("worker", "ls", "--json")).lines

    roles = sorted(each["role"] for each in there)
    assert roles == ["accept", "accept", "orchestrator", "orchestrator", "search", "test", "test"]
    assert {each["state"] for each in there} == {"serving"}
    assert {each["pid"] for each in there} == {program.pid for program in station.actors.values()}
    assert [line.split()[0] for line in listed.out.splitlines()] == ["role", *roles]


async def test_a_goal_from_our_own_client(station: Station) -> None:
    async with connect(station.url) as goals:
        run = await goals.submit("repair", {"files": FILES}, acceptance={"files": HIDDEN})
        with anyio.fail_after(PATIENCE):
            outcome = await run.outcome()

    assert (outcome.status, outcome.score, outcome.unverified) == (Status.COMPLETED, 1.0, "")


async def test_a_goal_over_a_bare_socket_with_an_id_of_its_own(station: Station, terminal: Terminal) -> None:
    body = json.dumps({"input": {"files": FILES}})
    headers = "NATS/1.0\r\nNats-Msg-Id: bare-socket-1\r\n\r\n"
    await anyio.to_thread.run_sync(publish, station.url, "lw.v1.goal.default.repair", body, headers)

    done = await terminal.on(station.url).run("goal", "watch", "bare-socket-1")

    assert done.code == 0
    assert done.out.splitlines()[-1].startswith("completed (accepted): ")


async def test_a_goal_without_headers_is_given_an_id_that_ls_shows(station: Station, terminal: Terminal) -> None:
    connected = terminal.on(station.url)
    before = {row["goal"] for row in (await connected.run("goal", "ls", "--json")).lines}
    await anyio.to_thread.run_sync(publish, station.url, "lw.v1.goal.default.repair", json.dumps({"files": FILES}))

    with anyio.fail_after(PATIENCE):
        while not (new := {row["goal"] for row in (await connected.run("goal", "ls", "--json")).lines} - before):
            pass
    done = await connected.run("goal", "watch", new.pop())

    assert done.code == 0


async def test_whoever_watches_late_sees_the_whole_from_the_start(station: Station, terminal: Terminal) -> None:
    connected = terminal.on(station.url)
    given = json.dumps({"files": FILES})
    submitted = await connected.run("goal", "submit", "repair", given, "--goal", "late", "--watch")

    late = await connected.run("goal", "watch", "late", "--json")
    listed = await connected.run("goal", "ls")
    shown = await connected.run("goal", "show", "late", "--json")
    again = await connected.run("goal", "submit", "repair", given, "--goal", "late")

    entries = late.lines
    kinds = [entry["subject"].split(".")[2] for entry in entries]
    assert (submitted.code, late.code, listed.code, shown.code, again.code) == (0, 0, 0, 0, 0)
    assert kinds[0] == "decision"
    assert kinds[-1] == "event"
    assert [entry["seq"] for entry in entries] == sorted(entry["seq"] for entry in entries)
    assert set(kinds) - {"step"} == {"decision", "result", "eval", "event"}
    assert len([line for line in submitted.out.splitlines() if "attempt 0" in line]) == 2
    assert "late" in listed.out
    assert shown.document == entries[-1]["message"]["outcome"]
    assert again.out == "late\n"


async def test_a_goal_can_be_watched_for_a_while_and_called_off(station: Station, terminal: Terminal) -> None:
    connected = terminal.on(station.url)
    name = (await submitted_in_vain(connected)).strip()

    watched = await connected.run("goal", "watch", name, "--timeout", "0.5")
    shown = await connected.run("goal", "show", name, "--json")
    cancelled = await connected.run("goal", "cancel", name, "--why", "Enough.")
    again = await connected.run("goal", "cancel", name, "--json")
    outcome = await connected.run("goal", "show", name, "--json")
    ended = await connected.run("goal", "watch", name)

    assert watched.code == 124
    assert watched.sentence == f"loopwright: {name} has not ended within 0.5 seconds; it goes on."
    assert shown.document["status"] == "working"
    assert (cancelled.code, cancelled.out) == (0, "canceled (cancelled)\n")
    assert again.document == {"schema_version": 1, "goal": name, "status": "canceled", "reason": "cancelled"}
    assert (outcome.document["status"], outcome.document["why"]) == ("canceled", "Enough.")
    assert ended.code == 4


async def test_a_worker_from_another_terminal_joins_a_goal_that_runs(
    open_station: OpenStation, terminal: Terminal
) -> None:
    async with open_station() as bus:
        connected = terminal.on(bus.url)
        program = str(connected.hopeless())
        async with connected.start("run", "repair", program, "--workers", "1") as job:
            await job.says(r"attempt \d+ of [1-9]")
            rows = (await connected.run("goal", "ls", "--json")).lines
            async with (
                connected.start("worker", "test") as joined,
                connected.start("goal", "watch", rows[0]["goal"], "--json") as watching,
            ):
                await joined.says("worker.ready")
                name = f"-{joined.pid}"
                await watching.says(rf'lw\.v1\.eval\.[^\n]*"worker": "[^"]*{name}"')
                joined.tell(signal.SIGTERM)
                assert (await joined.end()).code == 0
                job.tell(signal.SIGINT)
                assert (await job.end()).code == 130
                judges = {entry["message"]["worker"] for entry in (await watching.end()).lines if is_verdict(entry)}

    assert len(judges) == 2
    assert len([judge for judge in judges if judge.endswith(name)]) == 1


async def test_a_worker_that_is_told_to_stop_finishes_or_hands_back(open_station: OpenStation) -> None:
    actors = {"orchestrator": "orchestrator", "search": "worker search", "one": "worker test", "two": "worker test"}
    async with open_station(**actors) as station:
        goal = (await submitted_in_vain(station.terminal)).strip()
        async with station.terminal.start("goal", "watch", goal, "--json") as watching:
            await watching.says(rf'lw\.v1\.eval\.[^\n]*"worker": "[^"]*-{station.actors["one"].pid}"')
            station.actors["one"].tell(signal.SIGTERM)
            stopped = await station.actors["one"].end()
            await watching.says(r'lw\.v1\.eval\.[^\n]*"attempt": 5')
            await station.terminal.run("goal", "cancel", goal)
            entries = (await watching.end()).lines

    verdicts = [entry["message"]["attempt"] for entry in entries if is_verdict(entry)]
    assert stopped.code == 0
    assert '"event": "stopping"' in stopped.err
    assert sorted(verdicts)[:3] == list(range(3)), "every attempt is judged, and once"


async def submitted_in_vain(terminal: Terminal) -> str:
    """Submit a goal that would go on for minutes, and return its id."""
    program = terminal.hopeless()
    files = {str(path.relative_to(program)): path.read_text() for path in program.rglob("*.py")}
    (terminal.folder / "goal.json").write_text(json.dumps({"files": files}))
    return (await terminal.run("goal", "submit", "repair", "@goal.json")).out


def is_verdict(entry: dict[str, Any]) -> bool:
    """Tell whether an entry of a trajectory is an evaluation."""
    return ".eval." in str(entry["subject"])
