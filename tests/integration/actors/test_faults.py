"""Faults put into a real loop, one a goal, and whose they are found to be; `tests.benchmarks.faults` in small."""

from structlog.testing import capture_logs

from loopwright.bus import Bus
from tests.benchmarks.faults.campaign import run
from tests.benchmarks.faults.cases import SLOW, cases_of

TIMED = SLOW | {"too-short", "nobody-works"}
"""Kinds that take seconds, for they are about time."""


async def test_faults_of_every_class_in_real_loops_are_blamed_on_whose_they_are(bus: Bus) -> None:
    cases = [case for case in cases_of(1) if case.kind not in TIMED]
    with capture_logs():  # a traceback for each worker that breaks down as it should
        findings = await run(bus, cases)
    assert len(findings) == len(cases)
    assert {each.case.goal: each.found for each in findings} == {case.goal: case.fault for case in cases}
    assert all(each.blame.introduced for each in findings if each.blame.fault)
