"""``python -m tests.benchmarks.sizes 0 10000 100000 1000000``: what a full stream costs, against an empty one.

So many goals that have ended lie in the stream; measured are the start of an orchestrator and a worker, the memory of
each process, one goal at a time and many at once. ``--waiting 99000`` has so many goals wait in the intake instead,
while nobody serves it, and measures the same, and how fast they are worked off.
"""

import argparse
import json
import logging
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio

from loopwright.bus import Bus, Goals, Status, connect_bus
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import INTAKE, LOOP, decisions_on
from loopwright.deploy import logs
from loopwright.deploy.embedded import Server, embedded_server
from tests.benchmarks.filling import all_read, fill, record_of_one, wait_in_intake
from tests.processes.running import ORCHESTRATOR, WORKER, Actor, memory_of, running

ALONE = 100
"""Goals that are run one at a time."""
TOGETHER = 1_000
"""Goals that are run many at a time."""
AT_ONCE = 50
STEPS = 2
"""Steps of each: one attempt, judged once."""
STARTS = 3
"""Times that the processes are started; the fastest counts, on a machine that does other things as well."""
WATCHED = 20.0
"""Seconds for which a full intake is watched while it is worked off."""


@dataclass(frozen=True)
class Row:
    """What was measured at one size."""

    goals: int
    """Goals in the stream that have ended."""
    orchestrator_starts: float
    """Seconds until it is ready."""
    worker_starts: float
    step: float
    """Median milliseconds of a step, one goal in flight."""
    slow_step: float
    """The same of the slowest goal in a hundred."""
    per_second: float
    """Goals with many in flight."""
    reading: float
    """Median milliseconds to read one goal's record."""
    orchestrator: float
    """MiB at the end, as of the worker and the server."""
    worker: float
    server: float
    disk: float
    """Bytes a goal on disk."""
    filled: float
    """Seconds it took to fill the stream up to here."""


async def sizes(counts: list[int], store: Path) -> list[Row]:
    """Return a row for each number of ended goals, which must rise."""
    rows: list[Row] = []
    async with (
        embedded_server(store, sync="2m", max_file="40GB") as server,
        connect_bus(server.url, name="sizes") as bus,
    ):
        async with running(server.url, ORCHESTRATOR, WORKER):
            record = await record_of_one(bus)
        there = 1
        for count in counts:
            began = time.monotonic()
            await fill(server.url, record, there, count)
            await all_read(bus)
            there = max(there, count)
            rows.append(await measured(bus, server, count, time.monotonic() - began))
            print(json.dumps(asdict(rows[-1])), file=sys.stderr, flush=True)
    return rows


async def measured(bus: Bus, server: Server, count: int, filled: float) -> Row:
    """Return what it costs to start and to work now."""
    before = await bus.js.stream_info(LOOP)
    starts = [await started(server) for _ in range(STARTS)]
    async with running(server.url, ORCHESTRATOR, WORKER) as (orchestrator, worker):
        await goals(bus, f"warm-{count}", 50, AT_ONCE)
        alone = sorted(await goals(bus, f"alone-{count}", ALONE, 1))
        began = time.monotonic()
        await goals(bus, f"together-{count}", TOGETHER, AT_ONCE)
        seconds = time.monotonic() - began
        return Row(
            goals=count,
            orchestrator_starts=min(seconds for seconds, _ in starts),
            worker_starts=min(seconds for _, seconds in starts),
            step=statistics.median(alone) / STEPS * 1e3,
            slow_step=alone[-1 - ALONE // 100] / STEPS * 1e3,
            per_second=TOGETHER / seconds,
            reading=await reading(bus, f"alone-{count}"),
            orchestrator=orchestrator.memory,
            worker=worker.memory,
            server=memory_of(server.pid),
            disk=before.state.bytes / max(1, count),
            filled=filled,
        )


async def started(server: Server) -> tuple[float, float]:
    """Return the seconds that an orchestrator and a worker took until they were ready."""
    async with running(server.url, ORCHESTRATOR, WORKER) as (orchestrator, worker):
        return orchestrator.seconds, worker.seconds


async def goals(bus: Bus, name: str, count: int, at_once: int) -> list[float]:
    """Run goals, so many in flight, and return the seconds of each."""
    seconds: list[float] = []
    numbers = iter(range(count))

    async def run() -> None:
        for number in numbers:
            began = time.monotonic()
            submitted = await Goals(bus).submit("guessing", {"target": 1}, goal=f"{name}-{number}")
            with anyio.fail_after(60):
                outcome = await submitted.outcome()
            assert outcome.status is Status.COMPLETED, outcome.why
            seconds.append(time.monotonic() - began)

    async with anyio.create_task_group() as tasks:
        for _ in range(at_once):
            tasks.start_soon(run)
    return seconds


async def reading(bus: Bus, name: str) -> float:
    """Return the median milliseconds that it takes to read the record of a goal."""
    seconds = []
    for number in range(20):
        began = time.monotonic()
        found: list[Stored] = await bus.record([decisions_on("default", f"{name}-{number}")])
        seconds.append(time.monotonic() - began)
        assert found
    return statistics.median(seconds) * 1e3


@dataclass(frozen=True)
class Waiting:
    """How a full intake was worked off."""

    goals: int
    orchestrator_starts: float
    worker_starts: float
    opened_per_second: float
    ended_per_second: float
    memory_begins: dict[str, float]
    """MiB of each process when it was ready."""
    memory_ends: dict[str, float]


async def waiting(count: int, store: Path) -> Waiting:
    """Return how so many goals that waited for nobody are worked off."""
    async with embedded_server(store, sync="2m") as server, connect_bus(server.url, name="sizes") as bus:
        await wait_in_intake(server.url, count)
        async with running(server.url, ORCHESTRATOR, WORKER) as actors:
            begins, began = memories(server, actors), time.monotonic()
            opened, ended = await counts(bus, count)
            await anyio.sleep(WATCHED)
            later = await counts(bus, count)
            seconds = time.monotonic() - began
            return Waiting(
                goals=count,
                orchestrator_starts=actors[0].seconds,
                worker_starts=actors[1].seconds,
                opened_per_second=(later[0] - opened) / seconds,
                ended_per_second=(later[1] - ended) / seconds,
                memory_begins=begins,
                memory_ends=memories(server, actors),
            )


def memories(server: Server, actors: list[Actor]) -> dict[str, float]:
    """Return the MiB of each process."""
    return {"server": memory_of(server.pid), **{actor.name: actor.memory for actor in actors}}


async def counts(bus: Bus, count: int) -> tuple[int, int]:
    """Return how many goals were taken from the intake, and how many have ended."""
    left = (await bus.js.stream_info(INTAKE)).state.messages
    inbox, ended = await bus.reader(["lw.v1.event.default.>"], after=lambda: 0)
    async with inbox:
        return count - left, ended


def main() -> int:
    """Measure, and print a table and its ratios to the first row."""
    words = argparse.ArgumentParser(prog="python -m tests.benchmarks.sizes")
    words.add_argument("goals", type=int, nargs="*", default=[0, 10_000, 100_000])
    words.add_argument("--waiting", type=int, default=0)
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    logs.configure(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="sizes-") as folder:
        if given.waiting:
            told = asdict(anyio.run(waiting, given.waiting, Path(folder)))
            print(json.dumps(told, indent=2))
            return 0
        rows = anyio.run(sizes, given.goals, Path(folder))
    if given.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        show(rows)
    return 0


def show(rows: list[Row]) -> None:
    """Print a line for each figure, and how it stands against the first row."""
    print(f"{'':>20}" + "".join(f"{row.goals:>16,}" for row in rows))
    for name in list(asdict(rows[0]))[1:]:
        figures = [float(getattr(row, name)) for row in rows]
        first = figures[0] or 1.0
        print(f"{name:>20}" + "".join(f"{figure:>9.2f} {figure / first:>5.2f}x" for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
