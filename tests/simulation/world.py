"""One simulated world: a broker, processes, goals, and what befalls them, until everything has come to rest."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import anyio

from loopwright.actors import Orchestrator, Workplace
from loopwright.actors.asking import place_of_reply
from loopwright.bus import Bus
from loopwright.bus.answers import ANSWER
from loopwright.bus.blobs import Blobs, digest
from loopwright.bus.client import Goals
from loopwright.bus.errors import BusUnreachable, GuardLost, IntakeFull, Unreadable
from loopwright.bus.messages import Json
from loopwright.bus.presence import restore
from loopwright.bus.publishing import Publisher
from loopwright.bus.questions import Reply
from loopwright.bus.streams import STREAMS
from loopwright.bus.subjects import INTAKE
from tests.simulation.broker import Broker
from tests.simulation.cast import FORSAKEN, LOOPS, Script
from tests.simulation.chance import CALM, Fate, Plan, Strike
from tests.simulation.clock import PROCESS, VirtualLoop
from tests.simulation.network import Network, SimClient
from tests.simulation.record import Auditor

EPOCHS = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2526, 1, 1, 12, tzinfo=UTC)
"""A worker, which has the time from its machine, takes every order for an old one or for a new one."""
STORM = 8.0
"""Seconds after which nothing goes wrong any more."""
PATIENCE = 120.0
"""Seconds after which everything must have come to rest."""
GLANCE = 0.1
"""Seconds between two looks whether it has."""

type Tell = Callable[[str], None]
type Act = Callable[[Bus, anyio.Event], Awaitable[None]]


class Shelf(Blobs):
    """Large bytes, kept beside the broker."""

    def __init__(self) -> None:
        self._things: dict[str, bytes] = {}

    async def put(self, data: bytes) -> str:
        """Keep bytes, and return their name."""
        self._things[digest(data)] = data
        return digest(data)

    async def get(self, name: str) -> bytes:
        """Return the bytes of that name."""
        try:
            return self._things[name]
        except KeyError:
            raise Unreadable(f"the object store has nothing under {name}") from None


def bus_of(client: SimClient, shelf: Shelf) -> Bus:
    """Return a bus that speaks through a simulated client."""
    js, publisher = client.jetstream(timeout=ANSWER), Publisher(client, timeout=ANSWER)
    return Bus(client, js, publisher, shelf, ns="default", name=client.name)


@dataclass
class Process:
    """A process that can be killed, frozen, told to stop, and started again."""

    world: "World"
    name: str
    act: Callable[["Process"], Act]
    life: int = 0
    client: SimClient | None = None
    task: asyncio.Task[None] | None = None
    stopping: anyio.Event = field(default_factory=anyio.Event)
    role: str = ""
    """The role that it serves, if it is a worker."""
    since: float = math.inf
    """Since when it has lived and not been frozen or told to stop."""
    ended: float = 0.0
    """When its last life ended."""

    def start(self) -> None:
        """Begin another life."""
        world = self.world
        self.life += 1
        self.since = world.loop.time()
        world.tell(f"{self.name} begins its life {self.life}")
        self.client = client = SimClient(world.network, f"{self.name}-{self.life}")
        client.die, client.fell = self.kill, world.fell
        if world.plan.deadly and world.is_stormy:
            dice = random.Random(f"{world.plan.seed} {client.name}")
            if dice.random() < world.plan.deadly:
                client.dies_at[dice.randint(1, 25)] = dice.random() < 0.5
        bus = Bus(
            client,
            client.jetstream(timeout=ANSWER),
            Publisher(client, timeout=ANSWER),
            world.shelf,
            ns="default",
            name=client.name,
        )
        self.stopping = anyio.Event()
        context = copy_context()
        context.run(PROCESS.set, self.name)
        self.task = world.loop.create_task(self._live(bus), context=context)
        self.task.add_done_callback(self._over)

    async def _live(self, bus: Bus) -> None:
        if not await restore(bus):  # as whoever opens a connection does
            raise BusUnreachable("the simulated server", "no answer")
        await self.act(self)(bus, self.stopping)

    def kill(self, *, noticed: bool = True, back_in: float = 0.3) -> None:
        """Die here and now, and come back as another process with the same work."""
        client, task = self.client, self.task
        if client is None or task is None:
            return
        self.world.tell(f"{client.name} is killed")
        self.world.lives_lost += 1
        self._gone()
        client.cut()
        loop = self.world.loop
        if noticed:
            client.noticed()
        else:
            loop.call_later(3.0, client.noticed)
        loop.wake(self.name)
        task.cancel()
        loop.call_later(back_in, self.start)

    def _gone(self) -> None:
        self.client = self.task = None
        self.since, self.ended = math.inf, self.world.loop.time()

    def _over(self, task: asyncio.Task[None]) -> None:
        """Note how a life ended that nobody has ended."""
        if task is not self.task:
            if not task.cancelled():
                task.exception()  # the last words of the dead
            return
        self._gone()
        if not task.cancelled() and (error := task.exception()) is not None:
            self.world.lives_lost += 1
            self.world.fell(error)
        if not self.world.is_over:
            self.world.loop.call_later(0.2, self.start)


class World:
    """Everything there is under one seed; run it once."""

    def __init__(self, plan: Plan, loop: VirtualLoop, broker: type[Broker], tell: Tell) -> None:
        self.plan = plan
        self.loop = loop
        self._tell = tell
        self.fate = Fate(plan.seed, plan.climate)
        configs = [each.evolve(max_msgs=plan.room) if each.name == INTAKE else each for each in STREAMS]
        self.broker = broker(configs, self.fate, epoch=EPOCHS[plan.seed // 2 % 2])
        self.network = Network(self.broker, self.fate)
        self.shelf = Shelf()
        self.is_stormy = True
        self.is_over = False
        self.lives_lost = 0
        """How often a process ended, or stood still, that nobody had told to stop."""
        self.falls: list[float] = []
        """When processes gave up because the broker did not answer."""
        dice = random.Random(f"{plan.seed} world")
        self.design = FORSAKEN if plan.late > FORSAKEN.bounds.deadline else dice.choice(LOOPS)
        self.script = Script(plan.seed, calm=plan.climate is CALM, poison=self.design is FORSAKEN)
        self.auditor = Auditor(self.broker, self.script, self.tell, self)
        self.goals = [f"g{number}" for number in range(plan.goals)]
        self.processes = [
            Process(
                self,
                f"orchestrator{n}",
                orchestrator(plan.hands, without=self.design.name if plan.is_apart and n else ""),
            )
            for n in range(plan.orchestrators)
        ]
        for role in self.design.roles:
            count = (
                plan.workers if role == self.design.work else 1 + (plan.workers > 1 and role in self.design.roles[-1:])
            )
            self.processes += [Process(self, f"{role}{n}", workplace(role), role=role) for n in range(count)]
        self.latecomers = dice.choice(self.design.roles)

    def tell(self, what: str) -> None:
        """Tell what happens, to whoever wants to know."""
        self._tell(f"{self.loop.time():9.4f} {what}")

    def fell(self, error: BaseException) -> None:
        """Note that something fell over that nobody had killed; one that cannot reach the broker may."""
        if not self.script.calm and all(isinstance(each, BusUnreachable) for each in leaves_of(error)):
            self.tell(f"a process gives up: {error}")
            self.falls.append(self.loop.time())
            return
        self.auditor.blame(f"{type(error).__name__} where nothing may fall over: {error!r}", error)

    async def run(self) -> None:
        """Live through everything.

        Raises:
            Broken: a promise was broken.
        """
        for process in self.processes:
            if process.role == self.latecomers and self.plan.late:
                self.loop.call_later(self.plan.late, process.start)
            else:
                process.start()
        clients = [self.loop.create_task(self._submit(goal, at)) for at, goal in enumerate(self.goals)]
        people = [self.loop.create_task(self._reply())] if self.design.approvers else []
        for strike in self.plan.strikes:
            self.loop.call_at(strike.at, self._strike, strike)
        self.loop.call_at(STORM, self._clear_up)
        try:
            await self._rest(clients)
        finally:
            self.is_over = True
            await self._end([*clients, *people])
        self.auditor.check_the_end(self.goals)

    def served_since(self, role: str) -> float:
        """Return since when somebody has served a role without a break; infinity if nobody does."""
        return min((process.since for process in self.processes if process.role == role), default=math.inf)

    def absent_since(self, role: str) -> float:
        """Return since when nobody who serves a role has lived; infinity if somebody does."""
        served = [process for process in self.processes if process.role == role]
        return math.inf if any(process.task for process in served) else max(process.ended for process in served)

    async def _rest(self, clients: list[asyncio.Task[None]]) -> None:
        """Wait until everything has come to rest."""
        while not (all(client.done() for client in clients) and self.auditor.is_at_rest(self.goals)):
            await asyncio.sleep(GLANCE)
            self.auditor.check()
            if self.loop.time() > PATIENCE:
                self.auditor.blame(f"after {PATIENCE:g} seconds {self.auditor.what_waits(self.goals)}")
                self.auditor.check()

    async def _end(self, clients: list[asyncio.Task[None]]) -> None:
        """End every process, without a word."""
        tasks = [process.task for process in self.processes if process.task] + clients
        for process in self.processes:
            if process.client:
                process.client.cut()
            self.loop.wake(process.name)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _clear_up(self) -> None:
        """Let nothing go wrong any more."""
        self.tell("nothing goes wrong any more")
        self.is_stormy = False
        self.fate.climate = CALM
        for process in self.processes:
            self._wake(process)
            if process.client:
                process.client.dies_at.clear()

    async def _submit(self, goal: str, number: int) -> None:
        """Submit a goal as a client does, again and again until it is accepted."""
        await asyncio.sleep(0.05 * number)
        bus = self._client(f"client{number}")
        acceptance: Json | None = {"hidden": 1} if self.design.acceptance and number != 1 else None
        while True:
            try:
                await Goals(bus).submit(self.design.name, {"target": 1}, goal=goal, acceptance=acceptance)
            except IntakeFull:
                await asyncio.sleep(0.2)
            else:
                return

    async def _reply(self) -> None:
        """Reply as people do: to some of what is asked, now and then, and sometimes too late."""
        dice, bus = random.Random(f"{self.plan.seed} people"), self._client("people")
        while True:
            await asyncio.sleep(dice.uniform(0.0, 0.8))
            for goal, step, attempt, asked in self.auditor.asked():
                said = Reply(goal=goal, step=step, attempt=attempt, digest=asked.digest, approved=dice.random() < 0.7)
                if dice.random() < 0.5:
                    with suppress(GuardLost, BusUnreachable):
                        await bus.publish_first(place_of_reply(bus, said), said, id="reply", after=asked.asked)

    def _client(self, name: str) -> Bus:
        client = SimClient(self.network, name)
        return Bus(
            client,
            client.jetstream(timeout=ANSWER),
            Publisher(client, timeout=ANSWER),
            self.shelf,
            ns="default",
            name=name,
        )

    def _strike(self, strike: Strike) -> None:
        """Let something befall the world."""
        self.tell(f"{strike}")
        process = self.processes[int(strike.whom * len(self.processes))]
        match strike.what:
            case "kill" | "vanish":
                process.kill(noticed=strike.what == "kill", back_in=strike.seconds)
            case "freeze":
                self.loop.freeze(process.name)
                self.lives_lost += 1
                process.since = math.inf
                self.loop.call_later(strike.seconds, self._wake, process)
            case "drain":
                process.stopping.set()
                process.since = math.inf
            case "restart":
                self.broker.restart(min(strike.seconds, 2.5))
                for client in [process.client for process in self.processes if process.client]:
                    client.fall(self.broker.up_at)
            case "hasten":
                self.broker.hasten()
            case _:
                self._say(strike)

    def _wake(self, process: Process) -> None:
        """Let a frozen process go on, and count its time anew if it lives."""
        self.loop.wake(process.name)
        if process.task is not None and not process.stopping.is_set():
            process.since = min(process.since, self.loop.time())

    def _say(self, strike: Strike) -> None:
        """Have a client say something unexpected; a goal with no message id is not known as a duplicate."""
        goal = self.goals[int(strike.whom * len(self.goals))]
        if strike.what == "call off":
            subject, data = f"lw.v1.ctl.default.{goal}", b'{"why": "changed my mind"}'
        else:
            subject, data = f"lw.v1.goal.default.{self.design.name}", f'{{"goal": "{goal}", "input": {{}}}}'.encode()
        self.network.up(cast(SimClient, self._client("loud").nc), subject, data, {}, "")


def leaves_of(error: BaseException) -> list[BaseException]:
    """Return the errors in a group, however deep."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in leaves_of(each)]
    return [error]


def orchestrator(hands: int, *, without: str) -> Callable[[Process], Act]:
    """Return what an orchestrator's process does that has all loops but one."""
    loops = {each.name: each for each in LOOPS if each.name != without}
    return lambda _: lambda bus, stopping: Orchestrator(bus, loops, hands=hands).run(stopping)


def workplace(role: str) -> Callable[[Process], Act]:
    """Return what a worker's process does."""

    def act(process: Process) -> Act:
        made = process.world.script.worker(role, process.kill)
        return lambda bus, stopping: Workplace(bus, made, hands=2, clock=anyio.current_time).run(stopping)

    return act


def untold(what: str) -> None:
    """Say nothing."""


def live_through(seed: int, *, broker: type[Broker] = Broker, tell: Tell = untold) -> World:
    """Run the world of a seed to its end, and `tell` its story.

    Raises:
        Broken: a promise was broken.
    """
    state = random.getstate()
    random.seed(seed)
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)

        async def main() -> World:
            world = World(Plan.of(seed), loop, broker, tell)
            loop.set_exception_handler(lambda _, told: world.fell(told.get("exception") or Exception(told["message"])))
            await world.run()
            return world

        return loop.run_until_complete(main())
    finally:
        random.setstate(state)
        asyncio.set_event_loop(None)
        loop.close()
