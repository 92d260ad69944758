"""``python -m tests.benchmarks.scaling``: goals a second with 1, 2, 4 and 8 workers of 25 hands each.

The model takes 50 ms and no processor time, so that twice the workers do twice the work until the cores are full.
Beside each figure: its share of so many times the first, and how full the cores were. And what it costs to have such
processes there when nothing is to be done.
"""

import argparse
import logging
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import anyio

from loopwright.bus import Goals, Status, connect_bus
from loopwright.deploy import logs
from loopwright.deploy.embedded import embedded_server
from loopwright.deploy.tether import tethered
from tests.benchmarks.paced import ATTEMPTS, MODEL
from tests.processes.running import processor_time, running

HANDS = 25
SETTLE = 5.0
"""Seconds until a process that has come up is idle."""
SECONDS = 8.0
"""Seconds for which goals are counted."""
APP = ("--app", "tests.benchmarks.paced")
ORCHESTRATOR = ("orchestrator", *APP)
JUDGE = ("worker", "nod", *APP, "--sandbox", "auto", "--hands", "200")
WORKER = ("worker", "think", *APP, "--sandbox", "auto", "--hands", str(HANDS))


async def rate(workers: int, folder: Path) -> tuple[float, float]:
    """Return goals a second with so many workers, and the share of the machine's processor time that was busy."""
    ended = 0
    async with (
        embedded_server(folder, sync="2m") as server,
        connect_bus(server.url, name="scaling") as bus,
        running(server.url, ORCHESTRATOR, JUDGE, *[WORKER] * workers),
        anyio.create_task_group() as tasks,
    ):

        async def run_one_after_the_other() -> None:
            nonlocal ended
            while True:
                outcome = await (await Goals(bus).submit("paced", {})).outcome()
                assert outcome.status is Status.COMPLETED, outcome.why
                ended += 1

        for _ in range(2 * HANDS * workers):  # twice as many as there are hands, so that none is idle
            tasks.start_soon(run_one_after_the_other)
        await anyio.sleep(2 * ATTEMPTS * MODEL + 1)
        before, busy, began = ended, busy_time(), time.monotonic()
        await anyio.sleep(SECONDS)
        seconds = time.monotonic() - began
        tasks.cancel_scope.cancel()
    return (ended - before) / seconds, (busy_time() - busy) / seconds / (os.cpu_count() or 1)


async def idle(folder: Path) -> dict[str, float]:
    """Return the share of one core that each process takes, by what it is, while there are no goals.

    Beside them a bare loop that wakes as often: a virtual machine with nothing to do may charge each waking with
    several times what it takes.
    """
    words = tethered([sys.executable, "-c", "import time\nwhile True: time.sleep(0.1)"], signal=signal.SIGKILL)
    async with (
        await anyio.open_process(words) as bare,
        embedded_server(folder, sync="2m") as server,
        running(server.url, ORCHESTRATOR, JUDGE, WORKER) as actors,
    ):
        names = ("orchestrator", "a worker", "another worker")
        pids = dict(zip(names, (actor.process.pid for actor in actors), strict=True))
        pids |= {"server": server.pid, "a bare loop": bare.pid}
        await anyio.sleep(SETTLE)
        before, began = {name: processor_time(pid) for name, pid in pids.items()}, time.monotonic()
        await anyio.sleep(2 * SECONDS)
        seconds = time.monotonic() - began
        took = {name: (processor_time(pid) - before[name]) / seconds for name, pid in pids.items()}
        bare.kill()
    return took


def busy_time() -> float:
    """Return the seconds that the machine's cores have been busy."""
    user, nice, system, _, _, irq, soft, *_ = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Measure, and print the curve."""
    words = argparse.ArgumentParser(prog="python -m tests.benchmarks.scaling")
    words.add_argument("workers", type=int, nargs="*", default=[1, 2, 4, 8])
    given = words.parse_args()
    logs.configure(logging.ERROR)
    print(f"{'workers':>8}{'goals/s':>10}{'calls/s':>10}{'of linear':>11}{'cores busy':>12}")
    first = 0.0
    for workers in given.workers:
        with tempfile.TemporaryDirectory(prefix="scaling-") as folder:
            goals, busy = anyio.run(rate, workers, Path(folder))
        first = first or goals / workers
        share = goals / workers / first
        print(f"{workers:>8}{goals:>10.1f}{goals * ATTEMPTS:>10.0f}{share:>11.2f}{busy:>12.0%}", flush=True)
    with tempfile.TemporaryDirectory(prefix="scaling-") as folder:
        costs = anyio.run(idle, Path(folder))
    print("idle, of one core:", ", ".join(f"{name} {share:.2%}" for name, share in costs.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
