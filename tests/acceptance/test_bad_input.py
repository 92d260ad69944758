"""What cannot be worked on: one sentence that says what is wrong, the right exit code, never a traceback."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import pytest

from loopwright.bus import connect
from loopwright.bus.subjects import INTAKE

if TYPE_CHECKING:
    from anyio.abc import SocketStream

    from tests.acceptance.conftest import Done, OpenStation, Station, Terminal

NOWHERE = "nats://127.0.0.1:9"
PASSING = {"a.py": "def f():\n    return 1\n", "test_a.py": "from a import f\n\n\ndef test_f():\n    assert f() == 1\n"}
FAILING = PASSING | {"test_a.py": PASSING["test_a.py"].replace("== 1", "== 2")}


@pytest.fixture
def connected(terminal: Terminal, station: Station) -> Terminal:
    """A terminal on a bus where everything is served."""
    return terminal.on(station.url)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "repair", "nowhere"], "Directory 'nowhere' does not exist."),
        (["run", "repair", "program/a.py"], "Directory 'program/a.py' is a file."),
        (["run", "repair", "program", "--accept", "nowhere"], "Directory 'nowhere' does not exist."),
        (["run", "repair", "program", "--python", "nowhere"], "File 'nowhere' does not exist."),
        (["run", "repair", "program", "--workers", "0"], "0 is not in the range 1<=x<=64."),
        (["run", "repair", "program", "--deadline", "0"], "is not in the range 0<x<=2592000.0."),
        (["run", "something"], "No such command 'something'."),
        (["something"], "No such command 'something'."),
        (["worker"], "Missing argument 'ROLES...'."),
        (["goal", "submit", "repair", "@nowhere"], "nowhere cannot be read"),
        (["goal", "submit", "repair", "{bad"], "it begins as JSON does and is none: Expecting property name"),
        (["worker", "nobody"], "Nobody here serves the role nobody; there is accept, code, search, test."),
        (["worker", "test", "--app", "no.such"], "The app no.such cannot be imported: No module named 'no'."),
        (["orchestrator", "--app", "json"], "The module json has no Loop, no @worker and no @evaluator."),
        (["up", "--app", "program.test_b"], "The app program.test_b cannot be imported: "),
    ],
)
async def test_a_wrong_call_is_refused_before_anything_starts(terminal: Terminal, words: list[str], said: str) -> None:
    terminal.write("program", PASSING | {"test_b.py": "import\n"})

    done = await terminal.run(*words)

    assert (done.code, done.out) == (2, "")
    assert said in done.sentence


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no tests were found"),
        ({"a.py": "x = 1\n"}, "no tests were found"),
        ({"test_b.py": "import nothing_there\n"}, "test_b.py"),
        ({"test_b.py": "def\n"}, "test_b.py"),
    ],
    ids=["an empty folder", "no tests", "a test that imports what is not there", "a test that is no Python"],
)
async def test_what_has_no_tests_to_tell_anything_is_rejected(
    connected: Terminal, files: dict[str, str], said: str
) -> None:
    program = connected.write("program", files)
    program.mkdir(exist_ok=True)

    done = await connected.run("run", "repair", "program", "--json")

    outcome = done.document
    assert done.code == 2
    assert (outcome["status"], outcome["reason"], outcome["attempts"]) == ("rejected", "rejected", 0)
    assert said in outcome["why"]
    assert "\n" not in outcome["why"]


async def test_tests_that_pass_already_leave_nothing_to_do(connected: Terminal) -> None:
    connected.write("program", PASSING)

    done = await connected.run("run", "repair", "program", "--json", "--apply")

    outcome = done.document
    assert done.code == 0
    assert (outcome["status"], outcome["attempts"], outcome["steps"], outcome["diff"]) == ("completed", 0, 1, "")
    assert outcome["why"] == "It was met before anything was tried."
    assert outcome["usage"]["candidates"] == 0


async def test_acceptance_without_tests_is_rejected(connected: Terminal) -> None:
    connected.write("program", FAILING)
    connected.write("acceptance", {"notes.py": "x = 1\n"})

    done = await connected.run("run", "repair", "program", "--accept", "acceptance")

    assert done.code == 2
    assert done.out.startswith("rejected (rejected): The acceptance tests: no tests were found")


async def test_what_is_no_python_cannot_run_a_program(connected: Terminal) -> None:
    program = connected.write("program", FAILING)

    done = await connected.run("run", "repair", "program", "--python", str(program / "a.py"))

    assert done.code == 2
    assert "a.py cannot run the program: there is no such program" in done.sentence


async def test_what_cannot_be_packed_is_named(connected: Terminal) -> None:
    os.mkfifo(connected.write("program", FAILING) / "pipe")

    done = await connected.run("run", "repair", "program")

    assert done.code == 2
    assert done.sentence == "loopwright: pipe is neither a file nor a folder, and cannot be packed"


@pytest.mark.parametrize(("name", "said"), [("a.py", "a.py cannot be read: "), (".", "is not readable.")])
async def test_what_cannot_be_read_is_named(connected: Terminal, name: str, said: str) -> None:
    program = connected.write("program", FAILING)
    (program / name).chmod(0)
    if os.access(program / name, os.R_OK):
        pytest.skip("whoever runs this test may read everything")

    done = await connected.run("run", "repair", "program")

    (program / name).chmod(0o755)
    assert done.code == 2
    assert said in done.sentence


@pytest.mark.parametrize(
    "words",
    [["run", "repair", "."], ["goal", "ls"], ["goal", "submit", "repair"], ["orchestrator"], ["worker", "test"]],
)
async def test_a_bus_that_is_not_there_is_said_in_one_sentence(terminal: Terminal, words: list[str]) -> None:
    done = await terminal.on(NOWHERE).run(*words)

    assert (done.code, done.out) == (69, "")
    assert done.err.startswith(f"loopwright: No NATS server answers at {NOWHERE} (")
    assert done.err.endswith("). Start one, or set LOOPWRIGHT_NATS_URL to one that runs.\n")
    assert done.err.count("\n") == 1


async def test_a_server_that_is_too_old_is_refused_with_the_way_to_a_newer_one(terminal: Terminal) -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, greet_as_2_9)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        done = await terminal.on(f"nats://127.0.0.1:{port}").run("goal", "ls")
        tasks.cancel_scope.cancel()

    assert done.code == 69
    assert done.err.startswith("loopwright: The NATS server is version 2.9.10; Loopwright needs 2.12.0 or newer")
    assert "https://nats.io/download" in done.err


async def greet_as_2_9(stream: SocketStream) -> None:
    """Be a NATS server of long ago, as far as the first words."""
    info = b'INFO {"server_id":"S","version":"2.9.10","headers":true,"max_payload":1048576,"jetstream":true}\r\n'
    async with stream:
        await stream.send(info)
        with suppress(anyio.BrokenResourceError):  # it has seen enough
            async for words in stream:
                if b"PING" in words:
                    await stream.send(b"PONG\r\n")


async def test_a_full_intake_is_said_to_whoever_submits_and_takes_goals_again_when_there_is_room(
    open_station: OpenStation,
) -> None:
    async with open_station() as bus, connect(bus.url) as goals:
        intake = (await goals.bus.js.stream_info(INTAKE)).config
        await goals.bus.js.update_stream(intake.evolve(max_msgs=1))

        submit = ("goal", "submit", "repair", "{}", "--deadline", "1", "--goal")
        first = await bus.terminal.run(*submit, "first")
        second = await bus.terminal.run(*submit, "second")
        again = await bus.terminal.run(*submit, "first")
        async with bus.terminal.start("orchestrator"):
            with anyio.fail_after(30):
                await goals.run("first").outcome()
            later = await bus.terminal.run(*submit, "second", "--watch")

    assert (first.code, first.out) == (0, "first\n")
    assert (second.code, second.out) == (75, "")
    assert second.err == (
        "loopwright: The queue of goals (INTAKE) is full. Try again later, or start more orchestrators.\n"
    )
    assert (again.code, again.out) == (0, "first\n"), "it waits there already: the same id twice is one goal"
    assert later.code == 3, "it was taken, and nobody has worked on it in time"


@pytest.mark.parametrize("name", ["g00000000000000000000", "No Goal"])
async def test_a_goal_that_nobody_knows_is_not_found(connected: Terminal, name: str) -> None:
    ends: list[Done] = []

    async def ask(verb: str) -> None:
        ends.append(await connected.run("goal", verb, name))

    async with anyio.create_task_group() as tasks:
        for verb in ("show", "watch", "cancel"):
            tasks.start_soon(ask, verb)

    said = f"loopwright: Nothing is on record for the goal {name}. `loopwright goal ls` shows what is.\n"
    assert [(done.code, done.out, done.err) for done in ends] == [(5, "", said)] * 3


async def test_a_goal_for_a_loop_that_nobody_has_is_rejected(connected: Terminal) -> None:
    done = await connected.run("goal", "submit", "dance", "{}", "--watch")

    assert done.code == 2
    assert "There is no loop named dance here; there is repair, repair-with-model." in done.out


async def test_an_input_that_does_not_fit_is_rejected(connected: Terminal) -> None:
    done = await connected.run("goal", "submit", "repair", "mend it", "--watch")

    assert done.code == 2
    assert "rejected (rejected): the goal's input does not fit: it: " in done.out.splitlines()[-1]
