"""Ctrl-C, SIGTERM and sudden death: the goal is called off, and nothing of ours stays behind."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import anyio
import pytest

from loopwright.bus import connect_bus

if TYPE_CHECKING:
    from tests.acceptance.conftest import Program, Terminal

PATIENCE = 60.0
JUDGED = r"best 0\.81 \(was 0\.81\)"
"""The program was tested as it stands: a bus, an orchestrator, a search, workers and a sandbox are there."""


@pytest.mark.parametrize(
    ("number", "whole_group"),
    [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False)],
    ids=["Ctrl-C to the program", "Ctrl-C at a terminal", "SIGTERM"],
)
async def test_a_signal_calls_the_goal_off_and_leaves_nothing_behind(
    terminal: Terminal, number: signal.Signals, whole_group: bool
) -> None:
    program = terminal.hopeless()
    async with terminal.start("run", "repair", str(program)) as running:
        await running.says(JUDGED)
        with running.family() as family:
            assert family.named("orchestrator")
            assert family.named("worker", "search")
            assert len(family.named("worker", "test")) == 2

            running.tell(number, whole_group=whole_group)
            done = await running.end()
            await family.gone()

    assert done.code == 130
    assert "canceled (cancelled): It was interrupted from the terminal." in done.out
    assert list(terminal.temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_while_it_comes_up_leaves_nothing_behind(terminal: Terminal, number: signal.Signals) -> None:
    async with terminal.start("run", "repair", str(terminal.copy())) as running:
        await running.says("^bus nats://")
        with running.family() as family:
            running.tell(number)
            done = await running.end()
            await family.gone()

    assert (done.code, done.out) == (130, "")
    assert list(terminal.temporary.iterdir()) == []


async def test_sudden_death_leaves_no_process_behind(terminal: Terminal) -> None:
    async with terminal.start("run", "repair", str(terminal.hopeless())) as running:
        await running.says(JUDGED)
        with running.family() as family:
            assert family.named("worker", "search")
            assert any("nats-server" in command for command in family.members.values())

            running.tell(signal.SIGKILL)
            await family.gone()


async def test_whoever_does_not_wait_is_obeyed_and_nothing_stays_behind_either(terminal: Terminal) -> None:
    async with terminal.start("run", "repair", str(terminal.hopeless())) as running:
        await running.says(JUDGED)
        with running.family() as family:
            orchestrator = family.named("orchestrator")[0]
            os.kill(orchestrator, signal.SIGSTOP)  # nobody hears that the goal is off
            running.tell(signal.SIGINT)
            await called_off(running)
            running.tell(signal.SIGINT)
            os.kill(orchestrator, signal.SIGCONT)
            done = await running.end()
            await family.gone()

    assert done.code == 130
    assert list(terminal.temporary.iterdir()) == []


async def test_a_goal_survives_the_death_of_any_of_its_processes(terminal: Terminal) -> None:
    async with terminal.start("run", "repair", str(terminal.copy()), "--json") as running:
        await running.says(r"best 0\.87 \(was 0\.87\)")
        with running.family() as family:
            for role in (("worker", "test"), ("worker", "search"), ("orchestrator",)):
                os.kill(family.named(*role)[0], signal.SIGKILL)
            done = await running.end()
            await family.gone()

    assert done.code == 0
    assert (done.document["status"], done.document["score"]) == ("completed", 1.0)


async def called_off(running: Program) -> None:
    """Wait until the program has asked for its goal to be called off."""
    url = (await running.says(r"bus (nats://[^ ,]+)"))[1]
    async with connect_bus(url) as bus:
        inbox, _ = await bus.reader(["lw.v1.ctl.default.*"], after=lambda: 0)
        async with inbox:
            with anyio.fail_after(PATIENCE):
                await inbox.receive()
