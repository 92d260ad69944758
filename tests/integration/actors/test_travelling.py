"""A goal's record taken out into a file and put back elsewhere: it says there what it said here."""

import anyio
import pytest

from loopwright.actors import Worker
from loopwright.actors.faults import blame_of, read_record, why_of
from loopwright.actors.parting import moves_of, parting
from loopwright.bus import Bus, Trajectory, connect_bus
from loopwright.bus.errors import GoalUnknown
from loopwright.bus.messages import Json
from loopwright.bus.portable import NamespaceServed, RecordTaken, lines_of, put_back, read_portable, taken_out
from loopwright.deploy.embedded import Server
from tests.integration.actors.running import Fleet


async def test_a_record_travels_to_another_namespace_and_says_there_what_it_said(
    bus: Bus, server: Server, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    workspace = await bus.blobs.put(b"\xff\x00 packed")
    async with fleet(bus, guesser, judge) as goals:
        wanted: dict[str, Json] = {
            "near": {"target": 3},
            "far": {"target": -1, "notes": "n" * 400_000, "in": workspace},
        }
        for name, given in wanted.items():
            with anyio.fail_after(10):
                await (await goals.submit("guessing", given, goal=name)).outcome()
        with pytest.raises(NamespaceServed, match="would do the steps of the record again"):
            await put_back(bus, await taken_out(bus, "near"))
    with pytest.raises(GoalUnknown):
        await taken_out(bus, "nobody")
    portable = read_portable(list(lines_of(await taken_out(bus, "far"))))
    assert portable == await taken_out(bus, "far")
    assert portable.blobs[workspace] == b"\xff\x00 packed"
    assert len(portable.blobs) > 1, "the large input came by reference"
    async with connect_bus(server.url, ns="imported", name="reader") as there:
        broken_off = read_portable(list(lines_of(portable)))
        assert await put_back(there, broken_off) == len(portable.messages)
        assert await put_back(there, broken_off) == 0, "it is there already"
        one, other = await read_record(bus, "far"), await read_record(there, "far")
        entries, copied = await Trajectory(bus, "far").so_far(), await Trajectory(there, "far").so_far()
        near = await taken_out(bus, "near")
        shifted = type(near)("far", tuple(m for m in portable.messages[1:]), portable.blobs)
        with pytest.raises(RecordTaken):
            await put_back(there, shifted)
    assert [(each.time, each.message) for each in entries] == [(each.time, each.message) for each in copied]
    assert (one.goal, one.loop, one.outcome) == (other.goal, other.loop, other.outcome)
    assert [each.tells for each in moves_of(one)] == [each.tells for each in moves_of(other)]
    assert not parting(one, other).parted
    ours, theirs = blame_of(one), blame_of(other)
    assert [each.because for each in ours.faults] == [each.because for each in theirs.faults]
    assert why_of(other, theirs).startswith("far ended as failed (plateau)")


async def test_two_goals_part_where_their_judges_first_disagree(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    async with fleet(bus, guesser, judge) as goals:
        for target in (2, 3):
            with anyio.fail_after(10):
                await (await goals.submit("guessing", {"target": target}, goal=f"g{target}")).outcome()
    one, other = await read_record(bus, "g2"), await read_record(bus, "g3")
    found = parting(one, other)
    assert (found.differs, found.shared, found.parted) == (("input",), 2, True)
    assert found.one.what == "attempt work 1: near refused it, score 0.90"
    assert found.other.what == "attempt work 1: near refused it, score 0.80"
    assert (found.one.attempts, found.other.attempts) == (2, 3)
    assert found.one.seq in {each.seq for each in one.tried[0].verdicts}
