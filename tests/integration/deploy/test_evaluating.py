"""A suite on a real bus: its goals are run once, however often the command is killed, and compared."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from loopwright.actors import Bounds, Loop, Orchestrator, Workplace
from loopwright.actors.decisions import decisions_of
from loopwright.bus import Bus
from loopwright.bus.presence import present
from loopwright.deploy.checking import check
from loopwright.deploy.evals.running import LoopNotServed, planned, run_trials
from loopwright.deploy.evals.runs import find_run
from loopwright.deploy.evals.suite import read_suite
from loopwright.deploy.evaluating import Wanted, run_suite
from loopwright.deploy.exits import Exit
from tests.processes.guessing import GUESSING, guess, near

SUITE = """\
suite: guesses
loop: guessing
cases:
  - {name: three, input: {target: 3}}
  - {name: never, input: {target: -1}, limits: {attempts: 2}}
"""
LOST = Loop(name="lost", work="nobody", judges=("near",), bounds=Bounds(unserved=0.2))


@asynccontextmanager
async def actors(bus: Bus) -> AsyncIterator[None]:
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Orchestrator(bus, {"guessing": GUESSING, "lost": LOST}).run, stopping)
        tasks.start_soon(Workplace(bus, guess, hands=4).run, stopping)
        tasks.start_soon(Workplace(bus, near, hands=4).run, stopping)
        yield
        stopping.set()


@pytest.fixture
def suite(tmp_path: Path, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOOPWRIGHT_NATS_URL", bus.address)
    path = tmp_path / "suite.yaml"
    write(path, SUITE)
    return path


def wanted(folder: Path, *, against: str | None = None) -> Wanted:
    return Wanted(runs=folder, seed=0, as_json=True, junit=folder / "junit.xml", against=against)


def write(path: Path, text: str) -> None:
    path.write_text(text)


def document(out: str) -> Any:
    """The JSON among the lines that the actors, which are in this process, have logged."""
    return json.JSONDecoder().raw_decode(out[out.index("{\n") :])[0]


async def test_a_run_that_was_killed_goes_on_and_each_goal_is_accepted_once(
    bus: Bus, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(suite, SUITE + "  - {name: lost, loop: lost}\n  - {name: unfit, input: {}}\n")
    with anyio.fail_after(20):
        async with actors(bus):
            trials = await planned(bus, read_suite(suite), "r1", 2)
            with anyio.CancelScope() as killed:
                await run_trials(bus, trials, 2, lambda _: killed.cancel())
            assert killed.cancelled_caught
            assert await run_suite(suite, 2, "r1", 8, wanted(tmp_path)) == Exit.ERROR

    found = document(capsys.readouterr().out)
    assert {name: (each["passed"], each["decided"], each["apart"]) for name, each in found["cases"].items()} == {
        "three": (2, 2, {}),
        "never": (0, 2, {}),
        "lost": (0, 0, {"infrastructure": 2}),
        "unfit": (0, 0, {"rejected": 2}),
    }
    assert found["total"]["stops"] == {"accepted": 2, "attempts": 2}
    three, never, *_ = found["trials"]
    assert (three["accepted_at"], three["curve"], never["accepted_at"]) == (3, [[1, 0.0], [3, 1.0]], None)
    for each in trials:
        events = Counter(event.event for decision in await decisions_of(bus, each.goal) for event in decision.events)
        assert (events["opened"], events["over"]) == (1, 1)


async def test_a_run_that_has_ended_is_not_run_again_and_one_that_is_worse_is_told(
    bus: Bus, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with anyio.fail_after(20):
        async with actors(bus):
            await run_suite(suite, 1, "before", None, wanted(tmp_path))
            await run_suite(suite, 1, "before", None, wanted(tmp_path))
            assert len(find_run("before", tmp_path).trials) == 2
            write(suite, SUITE.replace("target: 3", "target: -3"))
            again = wanted(tmp_path, against="before")
            assert await run_suite(suite, 1, "now", None, again) == Exit.NOT_CONVERGED
    assert '"three passed 1 of 1 trials, and now 0 of 1."' in capsys.readouterr().out
    assert "<failure" in (tmp_path / "junit.xml").read_text()


SMALL = """\
from typing import Annotated

from pydantic import BaseModel, Field

from loopwright.actors import evaluators


class Small(BaseModel):
    number: Annotated[int, Field(le=2)]


SMALL = evaluators.fits("small", Small)
"""


async def test_a_run_is_judged_anew_by_rules_and_evaluators_that_the_loop_knows_nothing_of(
    bus: Bus, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "small.py", SMALL)
    monkeypatch.syspath_prepend(tmp_path)
    strict = SUITE + "judges: [small]\nrules: [{required: look}, nothing_after_cancel]\n"
    with anyio.fail_after(20):
        async with actors(bus):
            await run_suite(suite, 1, "r", None, wanted(tmp_path))
        write(suite, SUITE + "judges: [small]\n")  # nobody is there any more who could run a goal
        await run_suite(suite, 1, "r", None, wanted(tmp_path), ["small"])
        three, never = sorted(find_run("r", tmp_path).trials, key=lambda trial: trial.case, reverse=True)
        write(suite, strict)
        await run_suite(suite, 1, "r", None, wanted(tmp_path), ["small"])
        capsys.readouterr()
        code = await check(three.goal, suite, ["small", "near"], ["small", "tests.processes.guessing"], True)

    assert (three.passed, three.false_successes, three.judged) == (False, 1, {"small": 0.5})
    assert three.why.startswith("small refuses what the loop accepted: number: Input should be less than or equal to 2")
    assert (never.passed, never.judged) == (False, {})
    assert [each.breaches for each in find_run("r", tmp_path).trials] == [("required",), ("required",)]
    assert code == Exit.NOT_CONVERGED
    found = document(capsys.readouterr().out)
    assert [each["rule"] for each in found["breaches"]] == ["required"]
    assert {role: each["passed"] for role, each in found["verdicts"].items()} == {"small": False, "near": True}


async def test_a_loop_that_nobody_runs_is_told_before_anything_is_submitted(
    bus: Bus, suite: Path, tmp_path: Path
) -> None:
    write(suite, SUITE.replace("loop: guessing", "loop: gessing"))
    async with actors(bus):
        with anyio.fail_after(5):
            while not await present(bus):  # noqa: ASYNC110 - what it says of itself is on its way
                await anyio.sleep(0.01)
        with pytest.raises(
            LoopNotServed, match=r"no orchestrator here runs a loop named gessing; did you mean guessing\?"
        ):
            await run_suite(suite, 1, "r1", 8, wanted(tmp_path))
