"""Every named point in an actor's life at which it may be killed, or fall asleep for longer than its lease."""

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from loopwright.bus import connect_bus
from loopwright.bus.client import Goals
from loopwright.bus.connection import LEASE
from loopwright.deploy.embedded import Server, embedded_server
from tests.chaos.account import audit, read_record
from tests.chaos.ledger import read
from tests.chaos.nursery import Nursery, nursery
from tests.chaos.station import PATIENCE, Actor, station
from tests.chaos.tap import Point, tapped

ROUNDS = 2
"""Attempts that a goal needs."""
AT_ONCE = 16
"""Scenes that play at once."""

ORCHESTRATOR = (
    Point("goal taken", "taken", "lw.v1.goal."),
    Point("before the first decision, which is the first order", "before", "lw.v1.decision."),
    Point("after the first decision", "after", "lw.v1.decision."),
    Point("before the deadline is set", "before", "lw.v1.timer."),
    Point("after the deadline is set", "after", "lw.v1.timer."),
    Point("before the goal is let go", "unacknowledged", "lw.v1.goal."),
    Point("verdict taken", "taken", "lw.v1.eval."),
    Point("before a later decision", "before", "lw.v1.decision.", 2),
    Point("after a later decision", "after", "lw.v1.decision.", 2),
    Point("before another attempt is ordered", "before", "lw.v1.decision.default.*.refine.", 2),
    Point("before the verdict is let go", "unacknowledged", "lw.v1.eval."),
    Point("before acceptance is asked for", "before", "lw.v1.decision.default.*.audit."),
    Point("before the goal is said to have ended", "before", "lw.v1.event."),
    Point("after the goal is said to have ended", "after", "lw.v1.event."),
    Point("before the last verdict is let go", "unacknowledged", "lw.v1.eval.", 2 * ROUNDS - 1),
)
WORKER = (
    Point("step taken", "taken", "lw.v1.decision.default.*.refine."),
    Point("handler begun", "after", "lw.v1.live."),
    Point("before the model's answer is on record", "before", "lw.v1.effect."),
    Point("after the model's answer is on record", "after", "lw.v1.effect."),
    Point("before the shipment is claimed", "before", "lw.v1.effect.", 2),
    Point("after the shipment is claimed", "after", "lw.v1.effect.", 2),
    Point("before the shipment is receipted", "before", "lw.v1.effect.", 3),
    Point("after the shipment is receipted", "after", "lw.v1.effect.", 3),
    Point("before the result is written", "before", "lw.v1.made."),
    Point("after the result is written", "after", "lw.v1.made."),
    Point("before the step is let go", "unacknowledged", "lw.v1.decision.default.*.refine."),
    Point("before the verdict is written", "before", "lw.v1.eval."),
    Point("after the verdict is written", "after", "lw.v1.eval."),
    Point("before the evaluation is let go", "unacknowledged", "lw.v1.made."),
)
SCENES = [("orchestrator", point) for point in ORCHESTRATOR] + [("worker", point) for point in WORKER]

type Deed = Callable[[Actor, Server], Awaitable[bool]]


async def kill(actor: Actor, server: Server) -> bool:
    """Kill the actor; another takes its place."""
    actor.tell(signal.SIGKILL)
    return False


async def freeze(actor: Actor, server: Server) -> bool:
    """Have the actor sleep until its lease has long run out; then it goes on as if nothing were."""
    actor.tell(signal.SIGSTOP)
    await anyio.sleep(LEASE + 1)
    actor.tell(signal.SIGCONT)
    return True


async def kill_broker(actor: Actor, server: Server) -> bool:
    """Kill the broker; it is started again on the same store."""
    os.kill(server.pid, signal.SIGKILL)
    return True


async def play(nursery: Nursery, folder: Path, whose: str, point: Point, deed: Deed) -> None:
    """Strike one actor at one point, and see that the goal ends as if nothing had happened."""
    places = {"orchestrator": ("orchestrator",), "worker": ("worker", "refine", "review", "audit")}
    async with embedded_server(folder / "nats") as server, station(nursery, folder, server.url) as fleet:

        async def strike() -> bool:
            return await deed(actors[whose], server)

        async with tapped(server.url, point, strike) as tap, connect_bus(server.url, name="test") as bus:
            actors = {
                name: await fleet.start(name, *words, url=tap.url if name == whose else "")
                for name, words in places.items()
            }
            run = await Goals(bus).submit("toil", {"rounds": ROUNDS}, goal="g1", acceptance={"wanted": True})
            with anyio.move_on_after(PATIENCE):
                await tap.struck.wait()
                if deed is freeze:
                    await fleet.start("spare", *places[whose])
                await run.outcome()
            assert tap.struck.is_set(), f"nobody ever came to this point: {point.name}"
            await fleet.drain()
            account = audit({"g1": ROUNDS}, await read_record(bus), read(fleet.ledger))
    assert {name: found for name, found in account.bad.items() if found} == {}, point.name
    assert account.given_up == 0, point.name


async def play_all(folder: Path, deed: Deed) -> None:
    """Play every scene, some of them at once."""
    at_once = anyio.Semaphore(AT_ONCE)

    async def in_turn(number: int, whose: str, point: Point) -> None:
        async with at_once:
            await play(nurse, folder / str(number), whose, point, deed)

    async with nursery() as nurse, anyio.create_task_group() as tasks:
        for number, (whose, point) in enumerate(SCENES):
            tasks.start_soon(in_turn, number, whose, point)


async def test_an_actor_that_is_killed_at_any_named_point_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    await play_all(tmp_path, kill)


@pytest.mark.chaos
async def test_an_actor_that_falls_asleep_at_any_named_point_comes_back_and_changes_nothing(tmp_path: Path) -> None:
    await play_all(tmp_path, freeze)


@pytest.mark.chaos
async def test_a_broker_that_is_killed_at_any_named_point_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    await play_all(tmp_path, kill_broker)
