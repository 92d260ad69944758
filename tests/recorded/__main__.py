"""``python -m tests.recorded``: run a few goals, and keep their records beside this file, as this version writes them.

They are kept so that a later version is held against them: `tests/integration/actors/test_recorded.py` replays each.
Those of released versions stay, and new ones get a name of their own, as those did in which results are `handed` on to
their evaluators; until the first release, a change that cannot help breaking them writes them anew.
"""

import logging
import tempfile
from functools import partial
from pathlib import Path

import anyio
from pydantic import BaseModel

from loopwright.actors import (
    Attempt,
    Bounds,
    Loop,
    Orchestrator,
    Plan,
    PlannedStep,
    Step,
    Verdict,
    Workplace,
    evaluator,
    worker,
)
from loopwright.bus import Bus, connect_bus
from loopwright.bus.client import Goals
from loopwright.bus.messages import Json
from loopwright.bus.portable import lines_of, taken_out
from loopwright.deploy import logs
from loopwright.deploy.embedded import embedded_server
from loopwright.tools import tool

FOLDER = Path(__file__).parent
VERSION = "0-1"
"""Of the records that are written now."""


class Wanted(BaseModel):
    number: int


@tool()
async def half(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} has no half")
    return number // 2


@worker("guess")
async def guess(step: Step[Wanted]) -> int:
    return step.attempt


@worker("halve", tools=[half])
async def halve(step: Step[Wanted]) -> int:
    return await step.call(half, number=step.input.number)


@worker("outline")
async def outline(step: Step[Wanted]) -> Plan:
    return Plan(steps=(PlannedStep(name="first", input=1), PlannedStep(name="second", input=2)))


@evaluator("near")
async def near(attempt: Attempt[Wanted, int]) -> Verdict:
    off = abs((attempt.output or 0) - attempt.input.number)
    return Verdict(passed=not off, score=max(0.0, 1 - off / 10), feedback=f"off by {off}")


@evaluator("even")
async def even(attempt: Attempt[Wanted, int]) -> Verdict:
    good = (attempt.output or 0) % 2 == 0
    return Verdict(passed=good, score=float(good))


BOUNDS = Bounds(attempts=8, failures=2, unserved=1)
GUESSING = Loop(name="guessing", work="guess", judges=("near",), bounds=BOUNDS)
RACES = (PlannedStep(name="first", race=3), PlannedStep(name="second", judges=("even",)))
LOOPS = (
    GUESSING,
    GUESSING.model_copy(update={"name": "from-the-start", "baseline": True}),
    GUESSING.model_copy(update={"name": "hidden", "judges": ("even",), "acceptance": "near"}),
    GUESSING.model_copy(update={"name": "planned", "plan": "outline"}),
    GUESSING.model_copy(update={"name": "raced", "steps": RACES, "evaluators": ("even",), "bounds": Bounds()}),
    GUESSING.model_copy(update={"name": "halving", "work": "halve", "judges": ("even",)}),
    GUESSING.model_copy(update={"name": "forsaken", "work": "nobody"}),
)
GOALS: dict[str, tuple[str, Json]] = {
    "met": ("guessing", {"number": 3}),
    "out-of-reach": ("guessing", {"number": -1}),
    "met-with-a-plan": ("planned", {"number": 2}),
    "met-after-false-successes": ("hidden", {"number": 4}),
    "met-after-races": ("raced", {"number": 5}),
    "tool-breaks": ("halving", {"number": 7}),
    "judged-from-the-start": ("from-the-start", {"number": 2}),
    "cannot-be-read": ("guessing", {"number": "many"}),
    "nobody-works": ("forsaken", {"number": 1}),
    "no-such-loop": ("nothing", {"number": 1}),
}


async def record(bus: Bus) -> None:
    """Run every goal to its end, and write what is on record of it."""
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Orchestrator(bus, {loop.name: loop for loop in LOOPS}).run, stopping)
        for each in (guess, halve, outline, near, even):
            tasks.start_soon(partial(Workplace(bus, each, hands=4).run, stopping))
        for name, (loop, given) in GOALS.items():
            run = await Goals(bus).submit(loop, given, goal=name)
            with anyio.fail_after(30):
                await run.outcome()
            text = "".join(f"{line}\n" for line in lines_of(await taken_out(bus, name)))
            await anyio.Path(FOLDER / f"{VERSION}-{name}.jsonl").write_text(text)
        stopping.set()


async def main() -> None:
    """Record on a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        server = embedded_server(Path(folder) / "nats", sync="2m")
        async with server as running, connect_bus(running.url, name="recorder") as bus:
            await record(bus)


if __name__ == "__main__":
    logs.configure(logging.CRITICAL)
    anyio.run(main)
