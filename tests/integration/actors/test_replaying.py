"""Replaying a goal: today's code decides as it did, and where it would not, the replay says so."""

import anyio

from loopwright.actors import Loop, Worker
from loopwright.actors.decisions import Known, known_of
from loopwright.actors.replaying import Replayed, replayed
from loopwright.bus import Bus, Trajectory, connect_bus
from loopwright.bus.portable import put_back, taken_out
from loopwright.deploy.embedded import Server
from tests.integration.actors.running import Fleet


async def replay_of(bus: Bus, goal: str) -> Replayed:
    return replayed(await known_of(bus, goal), await Trajectory(bus, goal).so_far())


async def test_a_goal_that_was_just_run_comes_out_as_it_did_here_and_elsewhere(
    bus: Bus, server: Server, fleet: Fleet, guesser: Worker, judge: Worker, guessing: Loop
) -> None:
    names = ("met", "stuck", "late", "off", "unserved")
    bounds = guessing.bounds.model_copy(update={"unserved": 0.2})
    async with fleet(bus, guesser, judge, loop=guessing.model_copy(update={"bounds": bounds})) as goals:
        runs = [
            await goals.submit("guessing", {"target": target}, goal=name)
            for target, name in ((2, "met"), (-1, "stuck"))
        ]
        for run in runs:
            with anyio.fail_after(10):
                await run.outcome()
    async with fleet(bus, guesser, loop=guessing.model_copy(update={"bounds": bounds})) as goals:
        await goals.submit("guessing", {"target": 2}, goal="unserved")
        await goals.submit("guessing", {"target": 2}, goal="late", limits={"deadline": 0.1})
        await goals.submit("guessing", {"target": 2}, goal="off")
        await goals.run("off").cancel("no more")
        for name in ("late", "off", "unserved"):
            with anyio.fail_after(10):
                await goals.run(name).outcome()
    for name in names:
        found = await replay_of(bus, name)
        assert found.decisions == found.replayed > 1, name
        assert found.otherwise == (), name
    async with connect_bus(server.url, ns="imported", name="reader") as there:
        await put_back(there, await taken_out(bus, "met"))
        found = await replay_of(there, "met")
    assert (found.goal, found.decisions, found.otherwise) == ("met", found.replayed, ())


async def test_a_decision_that_today_would_be_another_is_told_with_its_place(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    async with fleet(bus, guesser, judge) as goals:
        with anyio.fail_after(10):
            await (await goals.submit("guessing", {"target": 2}, goal="g1")).outcome()
    decisions, entries = await known_of(bus, "g1"), await Trajectory(bus, "g1").so_far()
    tampered = decisions[1]
    without = tampered.decision.model_copy(update={"events": tampered.decision.events[:-1]})
    found = replayed([decisions[0], Known(without, tampered.seq, tampered.is_order), *decisions[2:]], entries)
    assert [(each.seq, each.number) for each in found.otherwise] == [(tampered.seq, 2)]
    assert found.otherwise[0].then == "produced 1, judged 1"
    assert found.otherwise[0].now.startswith("produced 1, judged 1, began 2")
    unheard = replayed(decisions, [])
    assert (unheard.replayed, len(unheard.skipped)) == (1, len(decisions) - 1)
