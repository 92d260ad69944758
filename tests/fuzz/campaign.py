"""A campaign of bad input: garbage on every subject of a fleet of real processes, while goals of ours go on.

Whoever publishes faster than the actors can read makes everybody wait; that is no question of garbage. So what is sent
waits while more than `BEHIND` messages are unread.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from loopwright.bus import Bus, Status, connect_bus
from loopwright.bus.client import Goals
from loopwright.bus.subjects import INTAKE, LOOP, TIMERS, decisions_on
from loopwright.deploy.embedded import embedded_server
from tests.fuzz.garbage import Garbage, Known, Said
from tests.fuzz.wire import wire
from tests.processes.running import ORCHESTRATOR, WORKER, Actor, memory_of, running

ORCHESTRATORS = 2
BATCH = 250
"""Messages that are sent in one go."""
BEHIND = 1_000
"""Unread messages at which the sender waits."""
STILL = 60.0
"""Seconds in which something must be read, or the campaign has found a hang."""
AT_ONCE = 4
"""Goals of ours that are under way at a time."""
PATIENCE = 60.0
"""Seconds that one of them may take."""
REMEMBERED = 200
"""Goals that are over about which garbage is still made up."""
LONG = 10_000
"""Messages from which on a campaign may take longer than an orchestrator waits for a goal."""
WARM = 0.1
"""Part of the messages after which a process has what it needs; what it holds more at the end, it has piled up."""
QUEUES = (
    (INTAKE, "goals-default"),
    (LOOP, "orchestrators-default"),
    (LOOP, "role-default-guess"),
    (LOOP, "role-default-near"),
    (TIMERS, "timers-default"),
)
HELD = 4_608.0
"""MiB that the server may hold at the end: the limit that it is given, and what lies outside of that."""
TOO_LARGE = Said("over the server's limit", b"lw.v1.result.default.f1.work.1", None, b"x" * 1_100_000)


class Hang(Exception):
    """Nothing moves any more."""


@dataclass
class Tally:
    """What was sent, and what came of it."""

    sent: Counter[str] = field(default_factory=Counter[str])
    unheard: int = 0
    decisions: int = 0
    """How many of them stood where only decisions should."""
    right: int = 0
    wrong: list[str] = field(default_factory=list[str])
    """Goals of ours that did not end as they should, and how they ended."""
    said: Counter[str] = field(default_factory=Counter[str])
    """What the actors logged, all together."""
    memory: dict[str, tuple[float, float, float]] = field(default_factory=dict[str, tuple[float, float, float]])
    """MiB of each process at the start, warmed up, and at the end."""
    crashes: list[str] = field(default_factory=list[str])
    """What each process that ended by itself said last."""
    hang: str = ""
    """What does not move any more."""
    seconds: float = 0.0
    dead_kept: int = 0
    dead_bytes: int = 0

    def counted(self, event: str) -> int:
        """Return how often an event was logged, whatever the reason, or for the reason that is named."""
        return sum(count for said, count in self.said.items() if f"{said}: ".startswith(event))

    @property
    def silent(self) -> int:
        """Return how many of the forged answers, all of the right shape, were dropped and not counted."""
        forged = sum(count for kind, count in self.sent.items() if kind.startswith("forged"))
        counted = self.counted("answer.unexpected") + self.counted("dead.letter: nothing is on record")
        return max(0, forged - counted)

    @property
    def is_well(self) -> bool:
        """Tell whether nothing hung, crashed, was dropped, looked at twice or piled up, and our goals ended right."""
        harm = self.hang or self.wrong or self.crashes or self.silent or self.piled_up or self.looked_again
        return bool(self.right) and not harm

    @property
    def looked_again(self) -> bool:
        """Tell whether an orchestrator has looked twice at what stands among decisions and is none."""
        return self.counted("decision.unreadable") > ORCHESTRATORS * self.decisions

    @property
    def piled_up(self) -> bool:
        """Tell whether the server holds more memory than garbage is worth."""
        return self.memory["nats-server"][-1] > HELD


@dataclass
class Campaign:
    """One run: so many messages from a seed."""

    messages: int
    seed: int
    bus: Bus
    actors: list[Actor]
    server: int
    """Process id of the server."""
    tally: Tally = field(default_factory=Tally)
    known: Known = field(default_factory=Known)
    _over: bool = False
    _began: list[float] = field(default_factory=list[float])
    _warm: list[float] = field(default_factory=list[float])

    async def run(self, url: str) -> None:
        """Send everything, wait until it is all read, and see what became of it."""
        began = anyio.current_time()
        self._began = self._memory()
        async with anyio.create_task_group() as tasks:
            for number in range(AT_ONCE):
                tasks.start_soon(self._go_on, number)
            try:
                await self._speak(url)
                self._over = True
                await self._read_up_to(0)
            except Hang as error:
                self.tally.hang = str(error)
                tasks.cancel_scope.cancel()
        self.tally.seconds = anyio.current_time() - began
        await self._look_back()

    async def _speak(self, url: str) -> None:
        """Send all the garbage; a goal of ours that ended wrong ends that early."""
        garbage = Garbage(self.seed, self.known, patient=self.messages >= LONG)
        async with wire(url) as line:
            while (left := self.messages - self.tally.sent.total()) > 0 and not self.tally.wrong:
                batch = [garbage.next() for _ in range(min(BATCH, left))]
                await line.say(batch)
                self.tally.sent.update(said.kind for said in batch)
                self.tally.unheard += sum(not said.heard for said in batch)
                self.tally.decisions += sum(said.subject.startswith(b"lw.v1.decision.") for said in batch)
                await self._read_up_to(BEHIND)
                if not self._warm and self.tally.sent.total() >= WARM * self.messages:
                    self._warm = self._memory()
        async with wire(url) as line:
            self.tally.sent[TOO_LARGE.kind] += await line.refused(TOO_LARGE)

    async def _read_up_to(self, behind: int) -> None:
        """Wait until no more than so many messages are unread.

        Raises:
            Hang: nothing is read any more, or an actor has gone.
        """
        least, since = None, anyio.current_time()
        while (unread := await self._unread()) > behind:
            if any(actor.crashed() for actor in self.actors):
                raise Hang("an actor has gone")
            if least is None or unread < least:
                least, since = unread, anyio.current_time()
            elif anyio.current_time() - since > STILL:
                raise Hang(f"{unread} messages are unread, and have been for {STILL:g} seconds")
            await anyio.sleep(0.02)

    async def _unread(self) -> int:
        """Return how many messages are waiting or in anybody's hands."""
        infos = [await self.bus.js.consumer_info(*queue) for queue in QUEUES]
        return sum((info.num_pending or 0) + (info.num_ack_pending or 0) for info in infos)

    async def _go_on(self, number: int) -> None:
        """Submit one goal of ours after the other, and see that each ends as it should."""
        turn = 0
        while not self._over or turn == 0:
            goal, target = f"ours-{number}-{turn}", 1 + turn % 3
            self.known.running.append(goal)
            self.known.coming.append(f"ours-{number}-{turn + 1}")
            how = await self._ended(goal, target)
            self.known.running.remove(goal)
            self.known.coming.remove(f"ours-{number}-{turn + 1}")
            if how:
                self.tally.wrong.append(f"{goal}: {how}")
            else:
                self.tally.right += 1
                await self._remember(goal)
            turn += 1

    async def _ended(self, goal: str, target: int) -> str:
        """Return what was wrong with a goal's end; nothing if all was well."""
        with anyio.move_on_after(PATIENCE):
            run = await Goals(self.bus).submit("guessing", {"target": target}, goal=goal)
            outcome = await run.outcome()
            found = (outcome.status, outcome.attempts, outcome.best)
            right = (Status.COMPLETED, target, {"number": target})
            return "" if found == right else f"{found} and not {right}: {outcome.why}"
        return f"not within {PATIENCE:g} seconds"

    async def _remember(self, goal: str) -> None:
        last = await self.bus.last(decisions_on("default", goal))
        assert last is not None
        self.known.over = [*self.known.over, goal][-REMEMBERED:]
        self.known.decisions = [*self.known.decisions, (last.headers, last.data)][-REMEMBERED:]

    def _memory(self) -> list[float]:
        return [memory_of(self.server), *(actor.memory for actor in self.actors if not actor.crashed())]

    async def _look_back(self) -> None:
        names = ["nats-server", *(f"{actor.name} {number}" for number, actor in enumerate(self.actors, 1))]
        for actor in self.actors:
            self.tally.said += actor.said
            if actor.crashed():
                self.tally.crashes.append("\n".join([" ".join(actor.words), *actor.last_words]))
        figures = zip(self._began, self._warm or self._began, self._memory(), strict=False)
        self.tally.memory = dict(zip(names, figures, strict=False))
        dead = (await self.bus.js.stream_info("DEAD")).state
        self.tally.dead_kept, self.tally.dead_bytes = dead.messages, dead.bytes


async def campaign(messages: int, seed: int, store: Path) -> Tally:
    """Return what came of so many messages from a seed."""
    async with (
        embedded_server(store, sync="2m") as server,
        connect_bus(server.url, name="campaign") as bus,
        running(server.url, *[ORCHESTRATOR] * ORCHESTRATORS, WORKER) as actors,
    ):
        run = Campaign(messages, seed, bus, actors, server.pid)
        await run.run(server.url)
        return run.tally
