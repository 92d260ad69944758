"""An agent of a hundred turns: its record grows with what is new, and its successor goes on where it was lost."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import anyio

from loopwright.actors import Loop, Step, Worker, worker
from loopwright.actors.loop import Bounds
from loopwright.bus import Bus, Outcome, StopReason, connect_bus
from loopwright.bus.effects import Effect
from loopwright.tools import Tool, tool
from loopwright.tools.model import Answer, Turn
from tests.integration.actors.running import Fleet

type LayCable = Callable[[], AbstractAsyncContextManager[Any]]

TURNS = 100
SAID = 4_000
"""Characters that the model says in a turn, and as many that its tool finds: 800,000 in all."""
LOST = 60
"""The turn in which the first worker is lost."""


@dataclass
class Script:
    """A model that says something new in every turn, and keeps how much it was given to read."""

    read: list[int] = field(default_factory=list[int])
    turn: list[int] = field(default_factory=list[int])

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        number = len(turns) // 2
        self.read.append(sum(len(turn.text) for turn in turns))
        self.turn.append(number)
        return Answer(f"{number:>5}" * (SAID // 5), self.read[-1] // 4, SAID // 4)


def agent(script: Script, find: Tool[str], lost_at: Callable[[int], Any]) -> Worker:
    """An agent as everybody writes it: ask, do what was said, append."""

    @worker("guess", tools=[find])
    async def agent(step: Step[Any]) -> dict[str, int]:
        turns = [Turn("user", "Begin.")]
        for number in range(TURNS):
            await lost_at(number)
            said = await step.ask(script, turns)
            found = await step.call(find, what=said.text[:5])
            turns += [Turn("assistant", said.text), Turn("user", found)]
        return {"number": step.spent.model_calls}

    return agent


async def test_an_agent_of_a_hundred_turns_goes_on_in_the_next_worker_and_its_record_grows_by_what_is_new(
    bus: Bus, fleet: Fleet, lay_cable: LayCable, judge: Worker, guessing: Loop
) -> None:
    script, lost_there = Script(), anyio.Event()
    found: list[str] = []

    @tool()
    async def find(what: str) -> str:
        found.append(what)
        return what * (SAID // len(what))

    async def lost_at(number: int) -> None:
        if number == LOST:
            lost_there.set()
            await anyio.sleep_forever()

    async def never_lost(number: int) -> None:
        return

    long = guessing.model_copy(update={"bounds": Bounds(tokens=10**9)})
    async with (
        lay_cable() as cable,
        fleet(bus, judge, loop=long) as goals,
        anyio.create_task_group() as tasks,
        connect_bus(cable.url, name="lost") as lost,
    ):
        tasks.start_soon(serve, fleet, lost, agent(script, find, lost_at))
        run = await goals.submit("guessing", {"target": TURNS}, goal="g1")
        with anyio.fail_after(30):
            await lost_there.wait()
            cable.cut()
            async with fleet(bus, agent(script, find, never_lost), orchestrators=0):
                outcome: Outcome = await run.outcome()
        tasks.cancel_scope.cancel()
        cable.mend()

    assert (outcome.reason, outcome.attempts, outcome.best) == (StopReason.ACCEPTED, 1, {"number": TURNS})
    assert script.turn == list(range(TURNS)), "forty calls more, and none of the sixty again"
    assert len(found) == TURNS
    assert script.read[-1] > 790_000
    sizes = await turn_sizes(bus)
    first, second = sum(sizes[: TURNS // 2]), sum(sizes[TURNS // 2 :])
    print(
        f"\n{TURNS} turns, {script.read[-1] // 4:,} tokens at the end: {sum(sizes) // TURNS:,} bytes of record a turn"
    )
    print(f"first half {first:,} bytes, second half {second:,}, its last turn {sizes[-1]:,}")
    assert len(sizes) == TURNS
    assert second <= 1.2 * first
    assert sum(sizes) < 1.3 * TURNS * 2 * SAID


async def serve(fleet: Fleet, bus: Bus, each: Worker) -> None:
    """Have one worker serve until it is cancelled."""
    async with fleet(bus, each, orchestrators=0):
        await anyio.sleep_forever()


async def turn_sizes(bus: Bus) -> list[int]:
    """Return how many bytes each turn has put on record, headers included; it begins with the model's answer."""
    sizes: list[int] = []
    for stored in await bus.record(["lw.v1.effect.default.g1.>"]):
        effect = await bus.message(Effect, stored)
        assert effect is not None
        headers = sum(len(name) + len(value) + 4 for name, value in stored.headers.items())
        if effect.what == "ask":
            sizes.append(0)
        sizes[-1] += len(stored.subject) + headers + len(stored.data)
    return sizes
