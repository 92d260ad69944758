"""``python -m tests.benchmarks.sizes 0 10000 100000 1000000``: what a full stream costs, against an empty one.

So many goals that have ended lie in the stream; measured are the start of an orchestrator and a worker, the memory of
each process, one goal at a time and many at once. ``--waiting 99000`` has so many goals wait in the intake instead, and
measures what a step costs before, and while they are worked off. Both say what the server needs for a goal.
"""

import argparse
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import anyio

from loopwright.bus import Bus, Goals, Status, connect_bus
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import INTAKE, LOOP, decisions_on
from loopwright.deploy import logs
from loopwright.deploy.embedded import Server, embedded_server
from tests.benchmarks.filling import all_read, fill, record_of_one, wait_in_intake
from tests.processes.running import ORCHESTRATOR, WORKER, memory_of, processor_time, running

ALONE = 100
"""Goals that are run one at a time."""
TOGETHER = 1_000
"""Goals that are run many at a time."""
AT_ONCE = 50
IN_FLIGHT = 1_000
"""Goals that are under way at a time where none waits, as many as where some do: a fleet opens more than it ends."""
STEPS = 2
"""Steps of each: one attempt, judged once."""
STARTS = 3
"""Times that the processes are started; the fastest counts, on a machine that does other things as well."""
WARM, WATCHED = 3.0, 12.0
"""Seconds until a fleet that finds goals waiting is warm, and for which it is watched while it works them off."""
FEWEST = 10_000
"""Goals that must wait for that."""


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
    idle: float
    """MiB of the server before anybody was at work."""
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
    before, idle = await bus.js.stream_info(LOOP), memory_of(server.pid)
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
            idle=idle,
            disk=before.state.bytes / max(1, count),
            filled=filled,
        )


async def started(server: Server) -> tuple[float, float]:
    """Return the seconds that an orchestrator and a worker took until they were ready.

    The orchestrator comes last: goals that wait would keep it, and the machine, busy while the worker starts.
    """
    async with running(server.url, WORKER, ORCHESTRATOR) as (worker, orchestrator):
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
    """What was measured while goals waited in the intake, all the time: the fleet works them off meanwhile."""

    goals: int
    """Goals that waited when it began; with none, as many are under way as the fleet takes from a full intake."""
    orchestrator_starts: float
    """Seconds until it is ready."""
    worker_starts: float
    step: float
    """Milliseconds of processor time that a step takes: of the orchestrator, the worker and the server together."""
    per_second: float
    """Steps a second."""
    orchestrator: float
    """MiB at the end, as of the worker and the server."""
    worker: float
    server: float
    idle: float
    """MiB of the server before anybody was at work."""
    disk: float
    """Bytes on disk of a goal that waits."""


async def waiting(count: int, store: Path) -> list[Waiting]:
    """Return what a step costs while no goal waits, and while so many do."""
    async with embedded_server(store, sync="2m") as server, connect_bus(server.url, name="sizes") as bus:
        none = partial(goals, bus, "none", 3 * IN_FLIGHT, IN_FLIGHT)
        empty = await working(bus, server, 0, partial(goals, bus, "warm", AT_ONCE, AT_ONCE), none)
        await wait_in_intake(server.url, count)
        full = await working(bus, server, count, partial(anyio.sleep, WARM), partial(watched, bus))
        return [empty, full]


type Work = Callable[[], Awaitable[object]]


async def working(bus: Bus, server: Server, count: int, warm_up: Work, work: Work) -> Waiting:
    """Return what it costs to start, and what the steps cost that are done during some work."""
    intake, idle = (await bus.js.stream_info(INTAKE)).state, memory_of(server.pid)
    starts = [await started(server) for _ in range(STARTS)]
    async with running(server.url, ORCHESTRATOR, WORKER) as (orchestrator, worker):
        pids = [server.pid, orchestrator.process.pid, worker.process.pid]
        await warm_up()
        done, began, took = await steps_done(bus), time.monotonic(), sum(map(processor_time, pids))
        await work()
        took, seconds = sum(map(processor_time, pids)) - took, time.monotonic() - began
        steps = await steps_done(bus) - done
        return Waiting(
            goals=count,
            orchestrator_starts=min(seconds for seconds, _ in starts),
            worker_starts=min(seconds for _, seconds in starts),
            step=took / steps * 1e3,
            per_second=steps / seconds,
            orchestrator=orchestrator.memory,
            worker=worker.memory,
            server=memory_of(server.pid),
            idle=idle,
            disk=intake.bytes / max(1, intake.messages),
        )


async def watched(bus: Bus) -> None:
    """Let the intake be worked off for a while, at the end of which half of it waits still."""
    waited = left = (await bus.js.stream_info(INTAKE)).state.messages
    with anyio.move_on_after(WATCHED):
        while left > waited / 2:
            await anyio.sleep(0.2)
            left = (await bus.js.stream_info(INTAKE)).state.messages


async def steps_done(bus: Bus) -> int:
    """Return how many steps and evaluations have been answered."""
    inbox, answers = await bus.reader([f"lw.v1.{kind}.default.>" for kind in ("made", "eval")], after=lambda: 0)
    async with inbox:
        return answers


def main() -> int:
    """Measure, and print a table and its ratios to the first row."""
    words = argparse.ArgumentParser(prog="python -m tests.benchmarks.sizes")
    words.add_argument("goals", type=int, nargs="*", default=[0, 10_000, 100_000])
    words.add_argument("--waiting", type=int, default=0)
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    if 0 < given.waiting < FEWEST:
        words.error(f"have {FEWEST:,} goals wait at least: fewer are worked off before anything can be measured")
    logs.configure(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="sizes-") as folder:
        rows: Sequence[Row | Waiting]
        if given.waiting:
            rows = anyio.run(waiting, given.waiting, Path(folder))
        else:
            rows = anyio.run(sizes, given.goals, Path(folder))
    if given.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        show(rows)
    return 0


def show(rows: Sequence[Row | Waiting]) -> None:
    """Print a line for each figure, and how it stands against the first row; then what the server needs for a goal."""
    print(f"{'':>20}" + "".join(f"{row.goals:>17,}" for row in rows))
    for name in list(asdict(rows[0]))[1:]:
        figures = [float(getattr(row, name)) for row in rows]
        ratios = [f"{figure / figures[0]:.2f}x" if figures[0] else "" for figure in figures]
        cells = (f"{figure:>9.2f} {ratio:>7}" for figure, ratio in zip(figures, ratios, strict=True))
        print(f"{name:>20}" + "".join(cells))
    first, *others = rows
    needs = [(row.idle - first.idle) * 1024 / (row.goals - first.goals) for row in others]
    print(f"{'server, KiB a goal':>20}{'':>17}" + "".join(f"{need:>9.2f}{'':>8}" for need in needs))


if __name__ == "__main__":
    sys.exit(main())
