"""Loops in files: checked and served by the program, and pinned by each goal however the file changes."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import anyio

from loopwright.bus import StepOrder, connect
from tests.acceptance.conftest import PATIENCE

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenStation, Terminal

APP = """\
from typing import Any

from loopwright.actors import Attempt, Step, Verdict, evaluator, worker


@worker("guess")
async def guess(step: Step[Any]) -> int:
    return step.attempt


@evaluator("exact")
async def exact(attempt: Attempt[Any, int]) -> Verdict:
    return Verdict(passed=attempt.output == 3, score=0.5)


@evaluator("strict")
async def strict(attempt: Attempt[Any, int]) -> Verdict:
    return Verdict(passed=False, score=0.25)
"""
FIRST = "name: counting\nwork: guess\njudges: [exact, strict]\nvote: any\nbounds:\n  attempts: 2\n  patience: 9\n"
SECOND = FIRST.replace("attempts: 2", "attempts: 9").replace("name:", "version: 2\nname:")


async def test_what_is_wrong_with_a_loop_file_is_told_by_whoever_is_to_use_it(terminal: Terminal) -> None:
    path = terminal.folder / "counting.yaml"
    path.write_text(FIRST)
    (terminal.folder / "counting.py").write_text(APP.replace('"guess"', '"guest"'))
    nobody = await terminal.run("loop", "check", "counting.yaml", "--app", "counting")
    unknown = await terminal.run("loop", "show", "counting")
    path.write_text(FIRST.replace("patience", "patiense"))
    mistyped = await terminal.run("loop", "check", "counting.yaml")
    refused = await terminal.run("orchestrator", "--loop", "counting.yaml")

    said = "counting.yaml:7:3: patiense is unknown; did you mean patience?"
    assert nobody.out == "counting.yaml:2:1: nobody serves the role guess; did you mean guest?\n"
    assert unknown.code == 5
    assert (mistyped.code, mistyped.out) == (2, f"{said}\n")
    assert (refused.code, refused.sentence) == (2, f"loopwright: {said}")


async def test_a_loop_file_that_changes_changes_no_goal_in_flight(
    open_station: OpenStation, terminal: Terminal
) -> None:
    path = terminal.folder / "counting.yaml"
    path.write_text(FIRST)
    (terminal.folder / "counting.py").write_text(APP)
    serving = ("orchestrator", "--loop", "counting.yaml")
    async with open_station(orchestrator=" ".join(serving)) as station, connect(station.url) as goals:
        with anyio.fail_after(PATIENCE):
            old = await goals.submit("counting", {})
            async for entry in old:
                if isinstance(entry.message, StepOrder):
                    break
            path.write_text(SECOND)
            station.actors["orchestrator"].tell(signal.SIGKILL)
            async with (
                station.terminal.start(*serving) as orchestrator,
                station.terminal.start("worker", "guess", "exact", "strict", "--app", "counting", "--sandbox", "auto"),
            ):
                await orchestrator.says("orchestrator.ready")
                new = await goals.submit("counting", {})
                ends = [await old.outcome(), await new.outcome()]

    assert [(end.reason, end.attempts) for end in ends] == [("attempts", 2), ("accepted", 3)]
    assert ends[0].score == ends[1].score == 0.5
    assert ends[1].why == "Attempt 3 passed one of its judges."
