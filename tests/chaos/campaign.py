"""Killing at random: goals are kept in flight while processes and the broker are killed and frozen, from a seed.

Every deed is chosen by the seed; what it meets depends on the machine. Now and then everything is left to settle, one
worker that holds steps is killed while others are free, and it is measured how long it takes until they run again.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import TaskGroup
from pydantic import JsonValue

from loopwright.bus import connect
from loopwright.bus.client import Goals
from loopwright.bus.letters import letters
from loopwright.bus.messages import Ended
from loopwright.bus.stored import Stored
from loopwright.deploy.embedded import Server, embedded_server
from tests.chaos.account import RECOVERY, Account, audit, read_record, recoveries
from tests.chaos.boss import boss
from tests.chaos.cluster import Node, cluster, on_loopback
from tests.chaos.ledger import read, size
from tests.chaos.listening import listen
from tests.chaos.nursery import nursery
from tests.chaos.station import Actor, Station, station

WORKERS, ORCHESTRATORS = 3, 2
SETTLE = 60.0
"""Seconds in which every goal must have ended once nobody is killed any more."""
MEASURED_EVERY = 100
"""Deeds between two measured kills."""
CALM = 1.0
"""Seconds without a deed before a measured kill."""
TRIES = 10
"""Workers that are killed at most until one held a step as it died."""

DEEDS = {
    ("kill", "worker"): 46,
    ("kill", "orchestrator"): 26,
    ("kill", "broker"): 8,
    ("freeze", "worker"): 12,
    ("freeze", "orchestrator"): 5,
    ("freeze", "broker"): 3,
}
"""What may happen, and how often out of a hundred times."""


GCD = {
    "gcd.py": "def gcd(a, b):\n    if b == 0:\n        return a\n    return gcd(a % b, b)\n",
    "test_gcd.py": "from gcd import gcd\n\n\ndef test_it():\n    assert gcd(13, 0) == 13\n    assert gcd(9, 6) == 3\n",
}


@dataclass(frozen=True)
class Job:
    """What the goals of a campaign want, and who works on them."""

    loop: str
    roles: tuple[str, ...]
    hands: int
    in_flight: int
    pause: tuple[float, float]
    """Seconds between two deeds."""
    most: int
    """Attempts that a goal may need."""
    beside: int = 0
    """Attempts that every goal takes, whatever it needs."""
    is_told: bool = True
    """Whether handlers tell the outside ledger what they do."""
    is_measured: bool = False
    """Whether all that a killed worker held runs again, so that a recovery can be measured."""

    def given(self, attempts: int) -> dict[str, JsonValue]:
        """Return the input of a goal that needs so many attempts."""
        return {"rounds": attempts} if self.is_told else {"files": {**GCD}}

    @property
    def acceptance(self) -> dict[str, JsonValue] | None:
        """What its acceptance evaluator is given."""
        return {"wanted": True} if self.is_told else None


TOIL = ("refine", "review", "audit")
JOBS = {
    "toil": Job("toil", TOIL, 8, 20, (0.15, 0.3), 3, is_measured=True),
    "venture": Job("venture", ("scout", "sell", "nod", *TOIL), 8, 10, (0.15, 0.3), 1, beside=3),
    "repair": Job("repair", ("search", "test", "accept"), 2, 6, (0.4, 0.8), 1, is_told=False),
}
"""Work that is counted outside; the same in a race, in a goal of a goal and with approvals; and the main job."""


@dataclass(frozen=True)
class Plan:
    """What a campaign is to be."""

    kills: int
    seed: int
    job: Job = JOBS["toil"]
    asleep: tuple[float, float] = (0.5, 6.0)
    """Seconds that a process is frozen; a broker at most half of the longest."""
    deeds: Mapping[tuple[str, str], int] = field(default_factory=lambda: DEEDS)
    is_clustered: bool = False
    """Whether the broker is a cluster of three, of which any may die at any time."""


@dataclass
class Story:
    """What has happened."""

    goals: dict[str, int] = field(default_factory=dict[str, int])
    """The attempts that each needs."""
    ended: set[str] = field(default_factory=set[str])
    deeds: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    recoveries: list[float | None] = field(default_factory=list[float | None])
    """Seconds until a step that a killed worker held ran again, where nothing else was going on."""
    seconds: float = 0.0
    account: Account = field(default_factory=Account)

    @property
    def kills(self) -> int:
        """How often something was killed."""
        return sum(count for (what, _), count in self.deeds.items() if what == "kill")

    @property
    def is_good(self) -> bool:
        """Whether all is as it must be."""
        slow = [each for each in self.recoveries if each is None or each > RECOVERY]
        return not any(self.account.bad.values()) and not slow


class Campaign:
    """One campaign."""

    def __init__(self, plan: Plan, fleet: Station, brokers: Sequence[Server | Node], goals: Goals) -> None:
        self._plan = plan
        self._fleet = fleet
        self._brokers = brokers
        self._goals = goals
        self._chance = random.Random(plan.seed)
        self._room = anyio.Semaphore(plan.job.in_flight)
        self._going_on = True
        self._all_ended = anyio.Event()
        self.story = Story()

    async def run(self) -> Story:
        """Do every deed, wait for every goal, and settle the account."""
        began = time.monotonic()
        async with boss(self._goals.bus), anyio.create_task_group() as tasks:
            tasks.start_soon(listen, self._goals.bus, f"lw.v1.event.{self._goals.bus.ns}.*", self._hear, name="hear")
            tasks.start_soon(self._submit, name="submit")
            await self._do_deeds()
            self._going_on = False
            self._look()
            with anyio.move_on_after(SETTLE):
                await self._all_ended.wait()
            tasks.cancel_scope.cancel()
        await self._fleet.drain()
        record = await read_record(self._goals.bus)
        self.story.account = audit(self.story.goals, record, read(self._fleet.ledger))
        if not self._plan.job.is_told:  # nobody knows how many attempts an undisturbed goal needs
            self.story.account.given_up = len(await letters(self._goals.bus))
        self.story.seconds = time.monotonic() - began
        return self.story

    async def _submit(self) -> None:
        """Keep goals in flight."""
        chance, job = random.Random(self._plan.seed + 1), self._plan.job
        while True:
            await self._room.acquire()
            if not self._going_on:
                return
            goal, rounds = f"g{len(self.story.goals) + 1}", chance.randint(1, job.most)
            self.story.goals[goal] = rounds + job.beside
            await self._goals.submit(job.loop, job.given(rounds), goal=goal, acceptance=job.acceptance)

    async def _hear(self, stored: Stored) -> None:
        """Make room where a goal has ended that we have submitted."""
        ended = await self._goals.bus.message(Ended, stored)
        if ended is not None and ended.goal in self.story.goals.keys() - self.story.ended:
            self.story.ended.add(ended.goal)
            self._room.release()
            self._look()

    def _look(self) -> None:
        """Tell whoever waits for it that every goal has ended, and none is to come."""
        if not self._going_on and self.story.ended >= self.story.goals.keys():
            self._all_ended.set()

    async def _do_deeds(self) -> None:
        """Kill and freeze, until there are as many kills as are planned; the last is measured if it can be."""
        measured = self._plan.job.is_measured
        while self.story.kills < self._plan.kills:
            async with anyio.create_task_group() as freezing:
                for _ in range(MEASURED_EVERY):
                    if self.story.kills < self._plan.kills - measured:
                        await anyio.sleep(self._chance.uniform(*self._plan.job.pause))
                        self._do_one(freezing)
            if measured:
                await self._measure()

    def _do_one(self, tasks: TaskGroup) -> None:
        """Do what the seed says."""
        what, whom = self._chance.choices(list(self._plan.deeds), list(self._plan.deeds.values()))[0]
        victim = self._chance.choice(self._actors(whom)) if whom != "broker" else None
        asleep = self._chance.uniform(*self._plan.asleep)
        self.story.deeds[what, whom] += 1
        pid = victim.pid if victim else self._chance.choice(self._brokers).pid
        if what == "kill":
            tell(pid, signal.SIGKILL)
        else:
            tasks.start_soon(self._freeze, pid, asleep if victim else asleep / 2)

    def _actors(self, whom: str) -> list[Actor]:
        return [each for each in self._fleet.actors if each.is_worker == (whom == "worker")]

    async def _freeze(self, pid: int, seconds: float) -> None:
        """Stop a process, and have it go on after a while as if nothing were."""
        tell(pid, signal.SIGSTOP)
        await anyio.sleep(seconds)
        tell(pid, signal.SIGCONT)

    async def _measure(self) -> None:
        """Let everything settle, kill a worker that holds a step, and see how soon that step runs again.

        The steps of a worker may all be over by the time it is killed: then another is killed.
        """
        for _ in range(TRIES):
            await anyio.sleep(CALM)
            pid = await self._busy_worker()
            at = time.time()
            tell(pid, signal.SIGKILL)
            self.story.deeds["kill", "worker"] += 1
            await anyio.sleep(RECOVERY + CALM)
            if measured := recoveries(pid, at, read(self._fleet.ledger)):
                self.story.recoveries += measured.values()
                return

    async def _busy_worker(self) -> int:
        """Wait for a worker process that has just begun a step, and return its id."""
        known = size(self._fleet.ledger)
        while True:
            workers = {actor.pid for actor in self._actors("worker")}
            for line in read(self._fleet.ledger, behind=known):
                if line.what == "began" and line.pid in workers:
                    return line.pid
            await anyio.sleep(0.01)


def tell(pid: int, number: signal.Signals) -> None:
    """Send a process a signal; it may be gone already."""
    with suppress(ProcessLookupError):
        if pid:
            os.kill(pid, number)


@asynccontextmanager
async def brokers(plan: Plan, folder: Path) -> AsyncIterator[tuple[str, Sequence[Server | Node]]]:
    """Run the broker, or a cluster of three, each of which is started again when it dies; yield its address too."""
    if not plan.is_clustered:
        async with embedded_server(folder) as one:
            yield one.url, [one]
        return
    async with cluster(on_loopback(), folder) as three, anyio.create_task_group() as keeping:
        await three.ready()
        for node in three.nodes.values():
            keeping.start_soon(node.keep)
        yield three.url, list(three.nodes.values())
        keeping.cancel_scope.cancel()


async def campaign(plan: Plan, folder: Path) -> Story:
    """Run a campaign on a bus and a fleet of its own."""
    async with (
        brokers(plan, folder / "nats") as (url, servers),
        nursery() as nurse,
        station(nurse, folder, url) as fleet,
        connect(url, name="campaign") as goals,
    ):
        for number in range(1, ORCHESTRATORS + 1):
            await fleet.start(f"orchestrator-{number}", "orchestrator")
        for number in range(1, WORKERS + 1):
            await fleet.start(f"worker-{number}", "worker", *plan.job.roles, "--hands", str(plan.job.hands))
        for actor in fleet.actors:
            await actor.ready()
        return await Campaign(plan, fleet, servers, goals).run()
