"""A goal from any service: submit it, follow it, call it off."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain, repeat
from typing import cast

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from pydantic import BaseModel, JsonValue

from loopwright.bus.connection import Bus
from loopwright.bus.envelope import validate
from loopwright.bus.errors import GoalUnknown, Unreadable
from loopwright.bus.forks import Fork
from loopwright.bus.messages import Cancel, Ended, Goal, Json, Limits, Outcome, Parent
from loopwright.bus.names import GoalId, new_goal_id
from loopwright.bus.opening import connect_bus
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import Subject, decisions_on
from loopwright.bus.trajectory import Entry, Trajectory
from loopwright.bus.wire import Arrival

LOOKS = (1.0, 2.0, 5.0)
"""Seconds between two looks at the record for an end that was not overheard; the last for ever."""


class GivenGoal(Goal):
    """A goal as a caller hands it over: nobody has seen to it yet that it is JSON."""

    input: dict[str, JsonValue]
    acceptance: dict[str, JsonValue] | None = None


class Run:
    """A goal that was submitted; iterate it for its trajectory, ask it for its outcome."""

    def __init__(self, bus: Bus, goal: GoalId, *, new: bool = False) -> None:
        self._bus = bus
        self.goal = goal
        self._new = new
        """Whether it was submitted just now, so that its end is still to come, or to be found at the next look."""

    def __aiter__(self) -> AsyncIterator[Entry]:
        return self.entries()

    async def entries(self) -> AsyncIterator[Entry]:
        """Return every message on record from the start, then what comes, until the goal has ended."""
        # Who breaks out of the loop leaves this generator to be closed in another task, which an inbox would mind:
        # so the inbox has a task of its own, and that task's parent is this generator.
        tell, told = anyio.create_memory_object_stream[Entry]()
        reading = asyncio.create_task(self._read(tell), name=f"run {self.goal}")
        try:
            async for entry in told:
                yield entry
            await reading
        finally:
            reading.cancel()
            tell.close()
            told.close()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([reading])

    async def _read(self, tell: MemoryObjectSendStream[Entry]) -> None:
        async with tell, Trajectory(self._bus, self.goal).follow() as entries:
            async for entry in entries:
                await tell.send(entry)
                if isinstance(entry.message, Ended):
                    return

    async def outcome(self) -> Outcome:
        """Wait until the goal has ended, and return how."""
        said: list[Arrival] = []
        heard = asyncio.Event()

        def note(arrival: Arrival) -> None:
            said.append(arrival)
            heard.set()

        await self._bus.ends.listen()
        with self._bus.ends.telling(self.goal, note):
            missed = not self._new or self._bus.ends.may_have_ended(self.goal)
            if missed and (found := await self.ended()):
                return found
            pauses = chain(LOOKS, repeat(LOOKS[-1]))
            while True:
                with anyio.move_on_after(next(pauses)):
                    await heard.wait()
                heard.clear()
                overheard = [await self._bus.message(Ended, Stored.overheard(said.pop())) for _ in range(len(said))]
                found = next((each.outcome for each in overheard if each), None) or await self.ended()
                if found:
                    return found

    async def ended(self) -> Outcome | None:
        """Return how the goal ended, or None while it has not."""
        subject = Subject.of("event", ns=self._bus.ns, goal=self.goal)
        last = await self._bus.last(subject)
        if last is None:
            return None
        ended = await self._bus.message(Ended, last)
        if ended is None:  # somebody has written over it what cannot be read
            readable = [await self._bus.message(Ended, each) for each in await self._bus.record([str(subject)])]
            ended = next((each for each in readable if each), None)
        return ended.outcome if ended else None

    async def known(self) -> None:
        """Return if the goal was accepted.

        Raises:
            GoalUnknown: nothing is on record for it.
        """
        if await self._bus.last(decisions_on(self._bus.ns, self.goal)) is None:
            raise GoalUnknown(self.goal)

    async def cancel(self, why: str = "", *, serves: str = "") -> None:
        """Call the goal off; a goal that has ended stays as it is. It `serves` a goal where that does so."""
        subject = Subject.of("ctl", ns=self._bus.ns, goal=self.goal)
        await self._bus.publish(
            subject, Cancel(goal=self.goal, why=why, serves=serves), id=f"{self.goal}-cancel-{secrets.token_hex(8)}"
        )


class Goals:
    """The client's side of the bus."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    async def submit(
        self,
        loop: str,
        input: BaseModel | Json,
        *,
        goal: str | None = None,
        acceptance: BaseModel | Json | None = None,
        limits: Limits | Json | None = None,
        fork: Fork | None = None,
        hops: int = 0,
        parent: Parent | None = None,
        untrusted: bool = False,
    ) -> Run:
        """Publish a goal and return once the broker has stored it. The same `goal` twice is one goal.

        With a `fork` it goes on from a place on another's record, with that one's input where its own is empty. `hops`
        counts the messages between it and its first cause. A `parent` is the attempt on whose behalf it is submitted.
        An `untrusted` input is text that its sender does not vouch for, such as a mail that came in; what is made of it
        is labelled so.

        Raises:
            Unreadable: the id or the loop's name cannot stand in a subject, or what they say is not a goal.
            IntakeFull: too many goals wait.
            BusUnreachable: the broker does not answer.
        """
        id_ = GoalId(goal) if goal else new_goal_id()
        subject = Subject.of("goal", ns=self.bus.ns, loop=loop)
        Subject.of("event", ns=self.bus.ns, goal=id_)
        given = {"input": as_json(input), "acceptance": as_json(acceptance), "limits": as_json(limits or {})}
        given |= {"fork": as_json(fork)} if fork else {}
        given |= ({"hops": hops} if hops else {}) | ({"parent": as_json(parent)} if parent else {})
        given |= {"untrusted": True} if untrusted else {}
        await self.bus.ends.listen()
        await self.bus.publish(subject, validate(GivenGoal, {"goal": id_, "loop": loop, **given}), id=id_)
        return Run(self.bus, id_, new=True)

    def run(self, goal: str) -> Run:
        """Return the run of a goal that was submitted before."""
        return Run(self.bus, GoalId(goal))


def as_json(value: BaseModel | Json | None) -> JsonValue:
    """Return plain JSON of a model, and anything else as it is.

    Raises:
        Unreadable: the model holds what JSON cannot.
    """
    if not isinstance(value, BaseModel):
        return value
    try:
        return cast(dict[str, JsonValue], value.model_dump(mode="json"))
    except ValueError as error:
        raise Unreadable(f"{type(value).__name__} cannot be written as JSON: {error}") from None


@asynccontextmanager
async def connect(url: str | None = None, *, ns: str = "default", name: str = "") -> AsyncIterator[Goals]:
    """Connect to the bus as a client; see `connect_bus` for the address and the errors."""
    async with connect_bus(url, ns=ns, name=name) as bus:
        yield Goals(bus)


async def wait_until_known(run: Run, seconds: float) -> None:
    """Wait until an orchestrator has accepted the goal.

    Raises:
        GoalUnknown: none has within `seconds`.
    """
    until = anyio.current_time() + seconds
    while True:
        try:
            return await run.known()
        except GoalUnknown:
            if anyio.current_time() > until:
                raise
        await anyio.sleep(0.05)
