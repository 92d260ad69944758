"""Goals that an earlier version has run: today's code still decides as it did, and still knows whose fault it was."""

from pathlib import Path

import pytest

from loopwright.actors.decisions import known_of
from loopwright.actors.faults import blame_of, read_record, why_of
from loopwright.actors.replaying import replayed
from loopwright.bus import Bus, Trajectory, connect_bus
from loopwright.bus.portable import Portable, put_back, read_portable
from loopwright.deploy.embedded import Server

RECORDS = sorted((Path(__file__).parents[2] / "recorded").glob("*.jsonl"))
FAULTS = {
    "out-of-reach": "agent",
    "tool-breaks": "tool",
    "cannot-be-read": "loop",
    "nobody-works": "environment",
    "no-such-loop": "loop",
}
"""Whose fault it was, by the record's name behind its version; those not here were met."""


RECORDED = {path.name: read_portable(path.read_text().splitlines()) for path in RECORDS}


async def replay(bus: Bus, name: str, portable: Portable) -> None:
    await put_back(bus, portable)
    found = replayed(await known_of(bus, portable.goal), await Trajectory(bus, portable.goal).so_far())
    assert found.otherwise == (), name
    assert found.replayed + len(found.skipped) == found.decisions > 0, name
    record = await read_record(bus, portable.goal)
    blame = blame_of(record)
    assert (blame.fault.fault.value if blame.fault else None) == FAULTS.get(portable.goal), name
    assert why_of(record, blame).startswith(f"{portable.goal} ended as"), name


async def test_every_recorded_goal_comes_out_as_it_did(server: Server) -> None:
    if not RECORDED:
        pytest.fail("no recorded goals are kept: `python -m tests.recorded` writes some")
    for number, (name, portable) in enumerate(RECORDED.items()):
        async with connect_bus(server.url, ns=f"recorded-{number}", name="reader") as bus:
            await replay(bus, name, portable)
