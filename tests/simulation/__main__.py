"""Live through many worlds on every core, or through one of them aloud.

uv run python -m tests.simulation --schedules 100000
uv run python -m tests.simulation --seed 4711
"""

import argparse
import multiprocessing
import os
import sys
import time
import zlib
from collections.abc import Iterable

from tests.simulation.chance import Plan
from tests.simulation.exploring import Found, explore, quiet, replay
from tests.simulation.record import Broken
from tests.simulation.world import live_through

CHUNK = 50


def campaign(first: int, count: int, cores: int) -> int:
    """Live through `count` worlds, say what was found, and return how many broke a promise."""
    chunks = [range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)]
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(cores, quiet) as pool:
        found = list(told(pool.imap(explore, chunks), count))
    took, worked = time.monotonic() - began, sum(each.seconds for each in found)
    broken = {seed: why for each in found for seed, why in each.broken.items()}
    history = 0
    for each in found:
        history = zlib.crc32(str(each.history).encode(), history)
    print(
        f"{count} schedules from seed {first} in {took:.1f} s on {cores} cores: {count / worked:.1f} a second and core"
    )
    print(f"broken: {len(broken)}; history {history:08x}")
    return len(broken)


def told(parts: Iterable[Found], count: int) -> Iterable[Found]:
    """Pass on what is found, and say at once what is broken."""
    for each in parts:
        for seed, why in each.broken.items():
            print(f"seed {seed}: {why}\n    {replay(seed)}", flush=True)
        yield each


def aloud(seed: int, *, logs: bool) -> int:
    """Live through one world, and tell its story."""
    if not logs:
        quiet()
    print(Plan.of(seed))
    try:
        live_through(seed, tell=print)
    except Broken as error:
        print(f"BROKEN {error}")
        return 1
    return 0


def main() -> int:
    """Do what the command line says; return 1 if a promise was broken."""
    options = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    options.add_argument("--schedules", type=int, default=1000, help="how many worlds (1000)")
    options.add_argument("--from", type=int, default=0, dest="first", help="the first seed (0)")
    options.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="how many at once (all)")
    options.add_argument("--seed", type=int, help="live through this one alone, and tell its story")
    options.add_argument("--logs", action="store_true", help="with --seed: what the actors log, too")
    given = options.parse_args()
    if given.seed is not None:
        return aloud(given.seed, logs=given.logs)
    return int(campaign(given.first, given.schedules, given.cores) > 0)


if __name__ == "__main__":
    sys.exit(main())
