"""Dead letters at the command line: found, understood, tried again, dropped."""

from __future__ import annotations

import os
import pty
from typing import TYPE_CHECKING

import anyio
import pytest

from loopwright.actors.suspects import ENOUGH, Suspects
from loopwright.bus import Bus, Run, connect
from loopwright.bus.letters import letters
from loopwright.bus.subjects import LOOP, orders_for

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenStation, Terminal

PATIENCE = 60.0
"""Seconds that anything may take on a machine that does other things as well."""
APP = """
from typing import Any

from loopwright.actors import Attempt, Bounds, Loop, Step, Verdict, evaluator, worker

CHANCE = Loop(name="chance", work="try", judges=("see",), bounds=Bounds(failures=1))


@worker("try")
async def attempt(step: Step[Any]) -> str:
    return "done"


@evaluator("see")
async def see(attempt: Attempt[Any, Any]) -> Verdict:
    return Verdict(passed=True, score=1.0)
"""


@pytest.fixture
def there(terminal: Terminal) -> Terminal:
    """A terminal beside an app whose goals end with their first failed attempt."""
    (terminal.folder / "chance.py").write_text(APP)
    return terminal


async def take_in_vain(bus: Bus) -> None:
    """Be every worker that takes the step and does not survive it."""
    async with await bus.consumer(LOOP, "role-default-try", orders_for("default", "try")) as steps:
        with anyio.fail_after(PATIENCE):
            for _ in range(1 + ENOUGH):
                delivery = await steps.receive()
                await Suspects(bus).take(delivery)
                await delivery.later()  # its lease has lapsed


async def end_of(run: Run) -> str:
    """Return why a goal ended."""
    with anyio.fail_after(PATIENCE):
        return (await run.outcome()).reason


async def test_a_step_that_nobody_survived_is_found_understood_and_tried_again(
    there: Terminal, open_station: OpenStation
) -> None:
    async with open_station(orchestrator="orchestrator --app chance") as station, connect(station.url) as goals:
        run = station.terminal.run
        failing = await goals.submit("chance", {"luck": 7}, goal="g1")
        await take_in_vain(goals.bus)
        async with station.terminal.start("worker", "try", "see", "--app", "chance"):
            failed = await end_of(failing)
            listed, as_lines = (
                await run("dead", "ls", "--role", "try"),
                await run("dead", "ls", "--goal", "g1", "--json"),
            )
            shown, document = await run("dead", "show", "1"), await run("dead", "show", "1", "--json")
            unsure = await run("dead", "retry", "1")
            retried = await run("dead", "retry", "1", "--yes")
            again = await end_of(goals.run("g1-retry-1"))
        empty = await run("dead", "ls")

    why = f"{ENOUGH} processes took it and were not heard of again, one after the other ({goals.bus.name})"
    assert (failed, again) == ("error", "accepted")
    assert [line.split()[:1] + line.split()[2:6] for line in listed.out.splitlines()[1:]] == [
        ["1", "try", "g1", "work/1", f"{ENOUGH + 2}x"]
    ]
    assert listed.out.rstrip().endswith(why)
    assert [(line["letter"], line["attempt"], line["deliveries"], line["reason"]) for line in as_lines.lines] == [
        (1, 1, ENOUGH + 2, why)
    ]
    assert '"luck": 7' in shown.out
    assert "attempt 1: try is asked to work" in shown.out
    assert f"failed: crashed: {why}" in shown.out
    assert shown.out.splitlines()[-1].endswith("ended: failed (error)")
    assert document.document["body"]["input"] == {"luck": 7}
    assert [entry["subject"].split(".")[2] for entry in document.document["history"]] == [
        "decision",
        "effect",
        "result",
        "event",
    ]
    assert (unsure.code, unsure.out) == (2, "")
    assert unsure.sentence == "Error: Nobody can be asked here: add --yes."
    assert (retried.code, retried.out) == (0, "g1-retry-1\n")
    assert (empty.code, empty.out, empty.err) == (0, "", "There are no dead letters.\n")


async def test_what_nobody_can_read_is_shown_and_dropped_by_whoever_says_yes(
    there: Terminal, open_station: OpenStation
) -> None:
    async with open_station(orchestrator="orchestrator --app chance") as station, connect(station.url) as goals:
        run = station.terminal.run
        for name, body in (("odd", b"\xff\x1b[31m"), ("odder", b'{"input": 7}')):
            await goals.bus.js.publish("lw.v1.goal.default.chance", body, headers={"Nats-Msg-Id": name})
            assert await end_of(goals.run(name)) == "rejected"
        shown = await run("dead", "show", "1")
        retried = await run("dead", "retry", "1", "--yes")
        no, kept = await asked(station.terminal, "n"), await letters(goals.bus)
        yes = await asked(station.terminal, "y")
        dropped = await run("dead", "drop", "1", "2", "--yes", "--json")

    assert "00000000  ff 1b 5b 33 31 6d" in shown.out
    assert "\x1b" not in shown.out
    assert shown.out.splitlines()[-1].endswith("ended: rejected (rejected)")
    assert retried.code == 2
    assert retried.sentence == (
        "loopwright: The dead letter 1 cannot be tried again: this version of Loopwright cannot read it either:"
        " its body is not UTF-8."
    )
    assert (no, len(kept), yes) == (1, 2, 0)
    assert dropped.code == 5
    assert dropped.document == {"schema_version": 1, "dropped": [2]}
    assert dropped.sentence == "loopwright: There is no dead letter 1. `loopwright dead ls` shows which there are."


async def asked(terminal: Terminal, answer: str) -> int:
    """Drop letter 1 at a terminal, and answer what is asked."""
    ours, theirs = pty.openpty()
    try:
        async with terminal.start("dead", "drop", "1", on=theirs) as program:
            os.write(ours, f"{answer}\n".encode())
            with anyio.fail_after(PATIENCE):
                code = await program.process.wait()
        assert "Drop dead letter 1 for good? [y/N]" in os.read(ours, 4096).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    return code
