"""``python -m tests.benchmarks.faults --seeds 25``: faults of every class, injected and blamed."""

import argparse
import logging
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import anyio

from loopwright.actors.faults.fault import Said
from loopwright.bus import connect_bus
from loopwright.deploy import logs
from loopwright.deploy.embedded import embedded_server
from tests.benchmarks.faults import testing
from tests.benchmarks.faults.campaign import Finding, run, table
from tests.benchmarks.faults.cases import cases_of
from tests.benchmarks.faults.testing import Tested, tested

AT_ONCE = 2
"""Seeds that run at once: more, and what is slow would be the machine's fault."""


async def campaign(seeds: range, *, confirm: bool) -> tuple[list[Finding], list[Tested]]:
    """Run every kind of fault with every seed, and put the blames to the test where that is asked for."""
    found: list[Finding] = []
    said: list[Tested] = []
    with tempfile.TemporaryDirectory() as folder:
        async with embedded_server(Path(folder) / "nats", sync="2m") as server, connect_bus(server.url) as bus:
            for begin in range(seeds.start, seeds.stop, AT_ONCE):
                some = range(begin, min(begin + AT_ONCE, seeds.stop))
                there = await run(bus, [case for seed in some for case in cases_of(seed)])
                found += there
                said += await tested(bus, there) if confirm else ()
    return found, said


def main() -> int:
    """Print the table; 1 if it is not good enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=25)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--confirm", action="store_true", help="put each blame to the test")
    given = parser.parse_args()
    logs.configure(logging.CRITICAL)
    began = time.monotonic()
    seeds = range(given.first, given.first + given.seeds)
    found, said = anyio.run(partial(campaign, seeds, confirm=given.confirm))
    for each in (each for each in found if not each.right):
        fault = each.blame.fault
        print(f"{each.case.goal}: {each.found.value} {each.confidence:.2f}: {fault.because[:150] if fault else ''}")
    print(table(found))
    for test in (test for test in said if test.wrong or test.said is Said.UNKNOWN):
        print(f"{test.case.goal}: {test.swapped.value} {test.said.value}: {test.because[:150]}")
    if said:
        print(testing.table(said))
    print(f"{given.seeds} seeds from {given.first} on, {time.monotonic() - began:.0f} s")
    right = sum(each.right for each in found) / len(found)
    false = sum(each.falsely_sure for each in found) / len(found)
    wrong = sum(test.wrong for test in said) / max(1, len(said))
    return 0 if right >= 0.95 and false <= 0.02 and wrong <= 0.02 else 1


if __name__ == "__main__":
    sys.exit(main())
