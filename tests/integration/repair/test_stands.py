"""Benches stay ready, and none is closed while somebody uses it."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from loopwright.actors.errors import StepFailed
from loopwright.actors.repair.folders import folders
from loopwright.actors.repair.task import Program
from loopwright.actors.repair.testing import KEPT, Stands
from loopwright.bus import Bus
from loopwright.tools.program import CaseStatus
from loopwright.tools.sandbox import self_test


def program(number: int) -> Program:
    return Program(files={"test_it.py": f"def test_{number}():\n    assert True\n"})


async def test_more_hands_than_benches_are_kept_do_not_close_each_others(bus: Bus) -> None:
    level = (await self_test()).level
    async with folders(bus) as places, AsyncExitStack() as stack:
        held = Stands(places, level)
        stack.push_async_callback(held.aclose)
        taken = [await stack.enter_async_context(held.at(program(number))) for number in range(KEPT + 2)]
        for number, stand in enumerate(taken):
            (case,) = (await stand.surveyed()).cases
            assert (case.id, case.status) == (f"test_it.py::test_{number}", CaseStatus.PASSED)
        async with held.at(program(0)) as again:
            assert again is taken[0]


async def test_a_program_that_cannot_be_started_says_so_each_time(bus: Bus) -> None:
    level = (await self_test()).level
    lost = program(1).model_copy(update={"python": Path("/nowhere/python")})
    async with folders(bus) as places:
        held = Stands(places, level)
        for _ in range(2):
            with pytest.raises(StepFailed, match="nowhere"):
                async with held.at(lost):
                    pass
        await held.aclose()
