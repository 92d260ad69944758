"""A step that kills every process which begins it: given up after so many deaths, and it takes no other with it."""

import os
import signal
from pathlib import Path

import anyio
import pytest

from loopwright.actors.suspects import ENOUGH
from loopwright.bus import Limits, connect
from loopwright.bus.letters import letters
from loopwright.deploy.embedded import embedded_server
from tests.chaos.account import audit, read_record
from tests.chaos.ledger import Work, read
from tests.chaos.nursery import nursery
from tests.chaos.station import PATIENCE, station

DEADLY = Work("poison", "work", 1, "refine")
ROUNDS = 2


@pytest.mark.chaos
@pytest.mark.parametrize("restarts", [0, 2])
async def test_what_kills_whoever_takes_it_is_given_up_and_what_was_in_hand_beside_it_is_done(
    tmp_path: Path, restarts: int
) -> None:
    names = [f"g{number}" for number in range(20)]
    async with (
        embedded_server(tmp_path / "nats") as server,
        nursery() as nurse,
        station(nurse, tmp_path, server.url) as fleet,
        connect(server.url, name="test") as goals,
    ):
        await fleet.start("orchestrator", "orchestrator")
        await fleet.start("worker", "worker", "refine", "review", "audit", "--hands", "8")
        limits = Limits(attempts=1)
        poison = await goals.submit("toil", {"rounds": 1, "deadly": True}, goal="poison", limits=limits)
        for name in names:
            await goals.submit("toil", {"rounds": ROUNDS}, goal=name, acceptance={"wanted": True})
        with anyio.fail_after(3 * PATIENCE):
            for number in range(restarts):
                while deaths(fleet.ledger) < 2 * (number + 1):  # noqa: ASYNC110 - another process's file
                    await anyio.sleep(0.01)
                os.kill(server.pid, signal.SIGKILL)
            outcome = await poison.outcome()
            for name in names:
                await goals.run(name).outcome()
        await fleet.drain()
        account = audit(dict.fromkeys(names, ROUNDS), await read_record(goals.bus), read(fleet.ledger))
        (letter,) = await letters(goals.bus)

    assert outcome.fault is not None
    assert outcome.fault.kind == "crashed"
    assert "not heard of again" in letter.reason
    assert (account.given_up, {name: found for name, found in account.bad.items() if found}) == (0, {})
    assert ENOUGH + 1 <= deaths(fleet.ledger) <= ENOUGH + 1 + restarts


def deaths(ledger: Path) -> int:
    """Return how many processes have begun the deadly step."""
    return sum(line.work == DEADLY for line in read(ledger))
