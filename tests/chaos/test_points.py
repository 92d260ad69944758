"""Every named point in an actor's life at which it may be killed, or fall asleep for longer than its lease."""

import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import anyio
import pytest

from loopwright.bus import connect_bus
from loopwright.bus.client import Goals
from loopwright.bus.connection import LEASE
from loopwright.deploy.embedded import Server, embedded_server
from tests.chaos.account import audit, read_record
from tests.chaos.boss import boss
from tests.chaos.campaign import JOBS, Job
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
VENTURING_ORCHESTRATOR = (
    Point("before a lane is called off", "before", "lw.v1.effect."),
    Point("after a lane is called off", "after", "lw.v1.effect."),
    Point("before the goal of a goal is submitted", "before", "lw.v1.goal."),
    Point("after the goal of a goal is submitted", "after", "lw.v1.goal."),
    Point("pause taken", "taken", "lw.v1.pause."),
    Point("before the pause is let go", "unacknowledged", "lw.v1.pause."),
    Point("reply taken", "taken", "lw.v1.reply."),
    Point("before the attempt is ordered again", "before", "lw.v1.decision.default.*.sell.", 2),
    Point("after the attempt is ordered again", "after", "lw.v1.decision.default.*.sell.", 2),
    Point("before the end of the goal of a goal is its step's result", "before", "lw.v1.result."),
    Point("after the end of the goal of a goal is its step's result", "after", "lw.v1.result."),
)
VENTURING_WORKER = (
    Point("before the attempt is laid aside", "before", "lw.v1.pause."),
    Point("after the attempt is laid aside", "after", "lw.v1.pause."),
    Point("attempt taken again", "taken", "lw.v1.decision.default.*.sell.", 2),
    Point("before a call that was approved is claimed", "before", "lw.v1.effect.default.*.sale.1.sell", 3),
    Point("after a call that was approved is claimed", "after", "lw.v1.effect.default.*.sale.1.sell", 3),
)
type Scene = tuple[Job, str, Point]

TOIL, VENTURE = JOBS["toil"], JOBS["venture"]
SCENES: list[Scene] = [
    *((TOIL, "orchestrator", point) for point in ORCHESTRATOR),
    *((TOIL, "worker", point) for point in WORKER),
]
MORE_SCENES: list[Scene] = [
    *((VENTURE, "orchestrator", point) for point in VENTURING_ORCHESTRATOR),
    *((VENTURE, "worker", point) for point in VENTURING_WORKER),
]
"""Those of a race, of a call that a person approves, and of a goal of a goal."""
SOME_SCENES = (SCENES + MORE_SCENES)[2::3]
"""Every third of them, with the shipment claimed and the model's answer not yet on record; played at once."""

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


async def freeze_broker(actor: Actor, server: Server) -> bool:
    """Have the broker sleep until every lease has long run out; then it goes on as if nothing were."""
    os.kill(server.pid, signal.SIGSTOP)
    await anyio.sleep(LEASE + 1)
    os.kill(server.pid, signal.SIGCONT)
    return True


SLEEPS = (freeze, freeze_broker)
"""Deeds after which another is there who may be handed what the first one still holds."""


async def play(nursery: Nursery, folder: Path, scene: Scene, deed: Deed) -> None:
    """Strike one actor at one point, and see that the goal ends as if nothing had happened."""
    job, whose, point = scene
    rounds = min(ROUNDS, job.most)
    places = {"orchestrator": ("orchestrator",), "worker": ("worker", *job.roles)}
    async with embedded_server(folder / "nats") as server, station(nursery, folder, server.url) as fleet:

        async def strike() -> bool:
            return await deed(actors[whose], server)

        async with (
            tapped(server.url, point, strike) as tap,
            connect_bus(server.url, name="test") as bus,
            boss(bus),
        ):
            actors = {
                name: await fleet.start(name, *words, url=tap.url if name == whose else "")
                for name, words in places.items()
            }
            run = await Goals(bus).submit(job.loop, job.given(rounds), goal="g1", acceptance=job.acceptance)
            with anyio.move_on_after(PATIENCE):
                await tap.struck.wait()
                if deed in SLEEPS:
                    await fleet.start("spare", *places[whose])
                await run.outcome()
            assert tap.struck.is_set(), f"nobody ever came to this point: {point.name}"
            await fleet.drain()
            account = audit({"g1": rounds + job.beside}, await read_record(bus), read(fleet.ledger))
    assert {name: found for name, found in account.bad.items() if found} == {}, point.name
    assert account.given_up == 0, point.name


async def play_all(folder: Path, deed: Deed, scenes: Sequence[Scene]) -> None:
    """Play every scene, some of them at once."""
    at_once = anyio.Semaphore(AT_ONCE)

    async def in_turn(number: int, scene: Scene) -> None:
        async with at_once:
            await play(nurse, folder / str(number), scene, deed)

    async with nursery() as nurse, anyio.create_task_group() as tasks:
        for number, scene in enumerate(scenes):
            tasks.start_soon(in_turn, number, scene)


@pytest.mark.chaos
async def test_an_actor_that_is_killed_at_any_named_point_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    await play_all(tmp_path, kill, SCENES)


@pytest.mark.chaos
async def test_nor_does_it_in_a_race_while_a_person_is_asked_or_in_a_goal_of_a_goal(tmp_path: Path) -> None:
    await play_all(tmp_path, kill, MORE_SCENES)


@pytest.mark.chaos
async def test_an_actor_that_falls_asleep_at_any_named_point_comes_back_and_changes_nothing(tmp_path: Path) -> None:
    await play_all(tmp_path, freeze, SCENES + MORE_SCENES)


@pytest.mark.chaos
async def test_a_broker_that_is_killed_at_any_named_point_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    await play_all(tmp_path, kill_broker, SCENES + MORE_SCENES)


@pytest.mark.chaos
async def test_a_broker_that_falls_asleep_at_a_named_point_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    # It may hand on what a worker still holds; as with a killed one, that may be done twice at once, and counts once.
    await play_all(tmp_path, freeze_broker, SOME_SCENES)
