"""What tests of running goals share: a fleet, and a goal's end that is waited for."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio

from loopwright.bus import Outcome, Run
from loopwright.bus.client import Goals

type Fleet = Callable[..., AbstractAsyncContextManager[Goals]]
"""Runs one orchestrator, and a workplace for each worker given; the usual two where none is."""


async def end_of(run: Run, seconds: float = 15) -> Outcome:
    """Return how a goal ended, which it has to in that time."""
    with anyio.fail_after(seconds):
        return await run.outcome()
