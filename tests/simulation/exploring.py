"""Many worlds, one after the other: what came of them."""

import gc
import logging
import time
import warnings
import zlib
from dataclasses import dataclass

import structlog

from tests.simulation.broker import Broker
from tests.simulation.record import Broken
from tests.simulation.world import live_through


@dataclass(frozen=True)
class Found:
    """What came of some schedules."""

    seeds: range
    seconds: float
    """Of processor time."""
    history: int
    """The same for the same histories."""
    broken: dict[int, str]


def quiet() -> None:
    """Write no logs: they are most of the time otherwise."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def explore(seeds: range, *, broker: type[Broker] = Broker) -> Found:
    """Live through the worlds of some seeds."""
    began, history, broken = time.process_time(), 0, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # who is killed closes nothing
        gc.disable()
        for seed in seeds:
            try:
                history = zlib.crc32(str(live_through(seed, broker=broker).auditor.digest).encode(), history)
            except Broken as error:
                broken[seed] = str(error)
        gc.enable()
        gc.collect()
    return Found(seeds, time.process_time() - began, history, broken)


def replay(seed: int) -> str:
    """Return the command that lives through a world again, aloud."""
    return f"uv run python -m tests.simulation --seed {seed}"
