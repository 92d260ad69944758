"""Blames put to the test: a goal is replayed from its fault on with one component swapped, on a bus of its own."""

from dataclasses import replace
from typing import Any

import anyio
import pytest

from loopwright.actors import (
    Attempt,
    Bounds,
    Loop,
    Orchestrator,
    Person,
    Step,
    Verdict,
    Worker,
    Workplace,
    evaluator,
    worker,
)
from loopwright.actors.errors import NoWayOn
from loopwright.actors.faults import blame_of, read_record
from loopwright.actors.faults.fault import Said
from loopwright.actors.parting import parting
from loopwright.bus import Bus, connect_bus
from loopwright.bus.client import Goals
from loopwright.bus.forks import Fork
from loopwright.bus.messages import FaultClass, Json, Limits
from loopwright.bus.portable import put_back
from loopwright.bus.subjects import LOOP
from loopwright.deploy.apps import App, AppRefused
from loopwright.deploy.confirming import KEPT_IN, confirmed, judged_by_acceptance
from loopwright.deploy.embedded import Server
from loopwright.deploy.swaps import Swapped, SwapRefused, as_it_was, with_tool
from loopwright.tools import Tool, tool
from tests.processes.guessing import Target

CALLS: list[str] = []


@tool()
async def double(number: int) -> int:
    CALLS.append(f"double {number}")
    return number * 2 + 1


@worker("calc", tools=[double])
async def calc(step: Step[Target]) -> int:
    CALLS.append(f"attempt {step.attempt} of {step.goal[:1]}")
    if step.attempt == 1:
        return 0
    return await step.call(double, number=step.input.target)


@worker("calc")
async def wrong(step: Step[Target]) -> int:
    return 7


@worker("calc")
async def right(step: Step[Target]) -> int:
    return step.input.target * 2


@evaluator("check")
async def check(attempt: Attempt[Target, int]) -> Verdict:
    good = attempt.output == attempt.input.target * 2
    return Verdict(passed=good, score=float(good), feedback="" if good else f"{attempt.output} is not the double")


@evaluator("strict")
async def strict(attempt: Attempt[Target, int]) -> Verdict:
    return Verdict(passed=False, score=0.5, feedback="not convincing")


CALC = Loop(name="calc", work="calc", judges=("check",), bounds=Bounds(attempts=2, unserved=1))
APP = App({"calc": CALC}, {"calc": calc, "check": check})
"""An app with a tool that is off by one."""


def sound() -> Tool[int]:
    """Return the tool as it should be."""

    @tool()
    async def double(number: int) -> int:
        return number * 2

    return double


MENDED = App(APP.loops, {**APP.workers, "calc": with_tool(calc, sound())})
SOUND = Swapped("a sound tool", FaultClass.TOOL, "double", MENDED)


async def run_here(bus: Bus, loop: Loop, workers: dict[str, Worker], goal: str, **more: Any) -> None:
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Orchestrator(bus, {loop.name: loop}).run, stopping)
        for each in workers.values():
            tasks.start_soon(Workplace(bus, each).run, stopping)
        given: Json = {} if "fork" in more else {"target": 4}
        with anyio.fail_after(20):
            await (await Goals(bus).submit(loop.name, given, goal=goal, **more)).outcome()
        stopping.set()


async def test_a_goal_goes_on_from_its_fault_with_a_sound_component_and_nothing_before_is_done_again(
    bus: Bus, server: Server
) -> None:
    for goal in ("g0", "g1"):  # so that places are others on a bus of its own
        await run_here(bus, CALC, APP.workers, goal)
    record = await read_record(bus, "g1")
    (fault,) = [each for each in blame_of(record).faults if each.attempt == 2]
    before = (await bus.js.stream_info(LOOP)).state.last_seq
    CALLS.clear()
    found, kept = await confirmed(bus, record, fault, SOUND, as_it_was(SOUND, APP))
    assert (found.said, found.about) == (Said.CONFIRMED, False), "the record shows the agent only, that used the tool"
    assert found.because == "the goal is met then, and without it is not"
    assert CALLS == ["attempt 2 of g", "attempt 2 of g", "double 4"], "the first attempt is served from the record"
    assert found.usage.tool_calls == 2, "what it took with and without the tool"
    assert (await bus.js.stream_info(LOOP)).state.last_seq == before
    assert kept is not None
    CALLS.clear()
    same, nothing = await confirmed(bus, record, fault, Swapped("nothing", FaultClass.AGENT, "calc", APP), None)
    assert (same.said, same.about, nothing) == (Said.REFUTED, True, None)
    assert same.because == "nothing does all of it as it was done, by the same calls"
    assert CALLS == ["attempt 2 of g"], "and no tool is called to find that out"
    worse = App(APP.loops, {**APP.workers, "calc": wrong})
    stays, _ = await confirmed(bus, record, fault, Swapped("calc of worse", FaultClass.AGENT, "calc", worse), None)
    assert (stays.said, stays.because) == (Said.REFUTED, "the failure stays: it ends as failed (attempts)")
    more = replace(SOUND, app=APP, whose=FaultClass.LOOP, limits=Limits(attempts=3))
    CALLS.clear()
    longer, _ = await confirmed(bus, record, fault.model_copy(update={"attempt": 1}), more, None)
    assert longer.said is Said.UNKNOWN
    assert [call for call in CALLS if call.startswith("attempt")] == ["attempt 2 of g", "attempt 3 of g"]
    async with connect_bus(server.url, ns=KEPT_IN) as there:
        await put_back(there, kept)
        other = await read_record(there, kept.goal)
    assert parting(record, other).shared == 4
    assert parting(record, other).other.status == "completed"


async def test_a_fork_is_put_to_the_test_as_well_with_all_that_it_goes_on_from(bus: Bus) -> None:
    for goal in ("g0", "g1"):
        await run_here(bus, CALC, APP.workers, goal)
    (at,) = [each.last_seq for each in (await read_record(bus, "g1")).tried if each.number == 1]
    await run_here(bus, CALC, APP.workers, "g2", fork=Fork(goal="g1", seq=at))
    record = await read_record(bus, "g2")
    inherited, own = blame_of(record).faults
    CALLS.clear()
    found, kept = await confirmed(bus, record, own, SOUND, as_it_was(SOUND, APP))
    assert found.said is Said.CONFIRMED
    assert kept is not None
    assert [point.goal for point in kept.prefix] == ["g1", "g2"]
    assert CALLS == ["attempt 2 of g", "attempt 2 of g", "double 4"]
    with pytest.raises(NoWayOn, match="The fault of g2 lies in g1, of which it is a fork"):
        await confirmed(bus, record, inherited, SOUND, None)


async def test_an_evaluator_that_holds_up_good_work_is_shown_by_acceptance(bus: Bus) -> None:
    loop = Loop(name="calc", work="calc", judges=("strict",), acceptance="check", bounds=Bounds(attempts=2))
    await run_here(bus, loop, {"calc": right, "strict": strict}, "g1", acceptance={"seen": 1})
    record = await read_record(bus, "g1")
    fault = blame_of(record).faults[-1].model_copy(update={"fault": FaultClass.EVALUATOR, "who": "strict"})
    found = await judged_by_acceptance(bus, record, fault, APP)
    assert (found.said, found.because) == (Said.CONFIRMED, "check passes attempt 1, which strict held up")
    with pytest.raises(AppRefused, match="Nobody here serves the role check"):
        await judged_by_acceptance(bus, record, fault, App())
    with pytest.raises(SwapRefused, match="--swap style=MODULE"):
        await judged_by_acceptance(bus, record, fault.model_copy(update={"who": "style"}), APP)


async def test_what_cannot_be_put_to_the_test_says_why(bus: Bus) -> None:
    await run_here(bus, CALC, APP.workers, "g1")
    record = await read_record(bus, "g1")
    fault = blame_of(record).faults[0]
    with pytest.raises(AppRefused, match="Nobody here serves calc, check"):
        await confirmed(bus, record, fault, replace(SOUND, app=App()), None)
    with pytest.raises(NoWayOn, match="g1 has not ended"):
        await confirmed(bus, replace(record, ended=None), fault, SOUND, None)
    asking = CALC.model_copy(update={"people": {"check": Person(within=3)}})
    with pytest.raises(NoWayOn, match="g1 asks check, and people are not asked again"):
        await confirmed(bus, replace(record, loop=asking), fault, SOUND, None)
    with pytest.raises(NoWayOn, match="Nobody had tried anything for g1"):
        await confirmed(bus, replace(record, tried=()), fault, SOUND, None)
