"""``python -m tests.benchmarks.spent``: where the processor time of a goal goes, process by process and part by part.

The reference job with 200 goals in flight; ``LOOPWRIGHT_PEERS`` names the folder with its stub of a model. py-spy looks
a few hundred times a second what the orchestrator and a worker are doing: the part that the processor is in, and our
functions that it got there through.
"""

import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from loopwright.bus import Bus, Goals, Status, connect_bus
from loopwright.deploy import logs
from loopwright.deploy.embedded import embedded_server
from tests.processes.running import processor_time, running

IN_FLIGHT = 200
WARM, SECONDS = 3.0, 8.0
"""Seconds until the fleet is warm, and for which it is looked at."""
RATE = 300
"""Looks a second."""
APP = ("--app", "actors")
ORCHESTRATOR = ("orchestrator", *APP)
WORKER = ("worker", "plan", "work", "eval", *APP, "--hands", "600", "--sandbox", "auto")
PARTS = {
    "pydantic": ("pydantic",),
    "event loop and tasks": ("asyncio", "anyio", "sniffio", "contextlib"),
    "NATS client": ("nats",),
    "bus": ("bus",),
    "decisions and evaluation": ("actors",),
    "log": ("structlog",),
    "handlers": ("actors.py", "common.py"),
}
"""Parts of a process, by the first folder of a file as py-spy names it."""
SHOWN = 25


@dataclass(frozen=True)
class Spent:
    """What was seen."""

    goals: float
    """Goals a second."""
    processes: Mapping[str, float]
    """Milliseconds of processor time a goal, by process."""
    looks: Mapping[str, Path]
    """What a process was seen doing: a file with a line for each stack, and how often."""


async def look(folder: Path, peers: str) -> Spent:
    """Run the job, and look."""
    reference = Path(__file__).parent / "reference"
    path = f"{reference}{os.pathsep}{peers}"
    ended = 0
    async with (
        embedded_server(folder / "nats", sync="2m") as server,
        connect_bus(server.url, name="spent") as bus,
        running(server.url, ORCHESTRATOR, WORKER, WORKER, path=path) as actors,
        anyio.create_task_group() as tasks,
    ):

        async def go_on() -> None:
            nonlocal ended
            while True:
                await run_one(bus)
                ended += 1

        for _ in range(IN_FLIGHT):
            tasks.start_soon(go_on)
        names = ("orchestrator", "a worker", "the other worker")
        pids = dict(zip(names, (actor.process.pid for actor in actors), strict=True))
        pids |= {"server": server.pid, "submitter": os.getpid()}
        await anyio.sleep(WARM)
        before, done, began = {name: processor_time(pid) for name, pid in pids.items()}, ended, time.monotonic()
        await anyio.sleep(SECONDS)
        goals, seconds = ended - done, time.monotonic() - began
        took = {name: (processor_time(pid) - before[name]) / goals * 1000 for name, pid in pids.items()}
        for name in names[:2]:
            await watch(pids[name], folder / name)
        tasks.cancel_scope.cancel()
    return Spent(goals / seconds, took, {name: folder / name for name in names[:2]})


async def run_one(bus: Bus) -> None:
    """Have one goal met."""
    outcome = await (await Goals(bus).submit("reference", {"d": 0.0})).outcome()
    assert outcome.status is Status.COMPLETED, outcome.why


async def watch(pid: int, file: Path) -> None:
    """Look for a while at what a process is doing, and write it to a file."""
    words = ["--rate", str(RATE), "--duration", f"{SECONDS:g}", "--format", "raw", "--output", str(file)]
    await anyio.run_process(["py-spy", "record", *words, "--pid", str(pid)])


def told(lines: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Return how often each part was at work, and how often each function of ours was on the way there."""
    parts, ways = Counter[str](), Counter[str]()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        frames = [frame.rpartition(":")[0] for frame in stack.split(";")]
        parts[part_of(frames[-1])] += int(count)
        ways.update(dict.fromkeys((frame for frame in frames if part_of(frame) in OURS), int(count)))
    return parts, ways


def part_of(frame: str) -> str:
    """Return the part that a function belongs to, which py-spy writes with its file."""
    first = frame.partition(" (")[2].split("/")[0]
    return next((part for part, folders in PARTS.items() if first in folders), "the rest of Python")


OURS = ("bus", "decisions and evaluation")


def main() -> int:
    """Measure, and print the tables."""
    peers = os.environ.get("LOOPWRIGHT_PEERS")
    if not peers:
        print("LOOPWRIGHT_PEERS does not name the folder with the reference job's stub of a model", file=sys.stderr)
        return 2
    logs.configure(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="spent-") as folder:
        spent = anyio.run(look, Path(folder), peers)
        show(spent)
    return 0


def show(spent: Spent) -> None:
    """Print the tables."""
    print(f"{spent.goals:.0f} goals a second, {sum(spent.processes.values()):.2f} ms of processor time a goal:")
    for name, took in sorted(spent.processes.items(), key=lambda each: -each[1]):
        print(f"{took:8.2f}  {name}")
    for name, file in spent.looks.items():
        parts, ways = told(file.read_text().splitlines())
        total = parts.total() or 1
        print(f"\n{name}: where the processor was")
        for part, count in parts.most_common():
            print(f"{count / total:8.0%}  {part}")
        print(f"{name}: through which of our functions")
        for way, count in ways.most_common(SHOWN):
            print(f"{count / total:8.0%}  {way})")


if __name__ == "__main__":
    sys.exit(main())
