"""Injected faults, run through real loops on a real bus, and what `blame` makes of each: a confusion matrix."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import anyio

from loopwright.actors import Orchestrator, Workplace
from loopwright.actors.faults import Blame, blame_of, read_record
from loopwright.actors.faults.fault import SURE
from loopwright.bus import Bus
from loopwright.bus.client import Goals
from loopwright.bus.messages import FaultClass, Json
from tests.benchmarks.faults.cases import MET, Case
from tests.benchmarks.faults.shop import CASES, FORSAKEN, SHOP, WORKERS

HANDS = 300
PATIENCE = 60.0
"""Seconds that a goal may take on a machine that does other things as well."""


@dataclass(frozen=True)
class Finding:
    """What was put in, and what was found."""

    case: Case
    blame: Blame

    @property
    def found(self) -> FaultClass:
        """The class that was named for the goal; for one that was met in the end, for the attempt that went wrong."""
        fault = self.blame.faults[-1] if self.case.kind in MET and self.blame.faults else self.blame.fault
        return fault.fault if fault else FaultClass.UNKNOWN

    @property
    def confidence(self) -> float:
        """How sure that was."""
        fault = self.blame.faults[-1] if self.case.kind in MET and self.blame.faults else self.blame.fault
        return fault.confidence if fault else 0.0

    @property
    def right(self) -> bool:
        """Whether it is the class that was put in."""
        return self.found is self.case.fault

    @property
    def falsely_sure(self) -> bool:
        """Whether another class was named, without a reservation."""
        return not self.right and self.found is not FaultClass.UNKNOWN and self.confidence >= SURE


@asynccontextmanager
async def shop(bus: Bus) -> AsyncIterator[Goals]:
    """Run the shop's loops."""
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Orchestrator(bus, {SHOP.name: SHOP, FORSAKEN.name: FORSAKEN}).run, stopping)
        for each in WORKERS:
            tasks.start_soon(partial(Workplace(bus, each, hands=HANDS).run, stopping))
        yield Goals(bus)
        stopping.set()


async def run(bus: Bus, cases: Iterable[Case]) -> list[Finding]:
    """Run every case at once, and return what was found."""
    found: list[Finding] = []

    async def one(goals: Goals, case: Case) -> None:
        CASES[case.goal] = CASES[case.article] = case
        given: Json = {"article": case.article} | ({} if case.kind == "no-input" else {"want": case.want})
        loop = FORSAKEN if case.kind == "nobody-works" else SHOP
        run = await goals.submit(loop.name, given, goal=case.goal, acceptance={"audit": True}, limits=case.limits)
        with anyio.fail_after(PATIENCE):
            await run.outcome()
        found.append(Finding(case, blame_of(await read_record(bus, case.goal))))

    async with shop(bus) as goals, anyio.create_task_group() as tasks:
        for case in cases:
            tasks.start_soon(one, goals, case)
    return sorted(found, key=lambda each: each.case.goal)


def table(findings: Sequence[Finding]) -> str:
    """Return the confusion matrix, and the two figures that count."""
    counts = Counter((each.case.fault, each.found) for each in findings)
    names = list(FaultClass)
    lines = ["| put in \\ found | " + " | ".join(name.value for name in names) + " | right |"]
    lines.append("|---" * (len(names) + 2) + "|")
    for fault in (name for name in names if name is not FaultClass.UNKNOWN):
        row = [counts[fault, name] for name in names]
        share = counts[fault, fault] / max(1, sum(row))
        lines.append(f"| {fault.value} | " + " | ".join(str(each or "·") for each in row) + f" | {share:.1%} |")
    right, false = sum(each.right for each in findings), sum(each.falsely_sure for each in findings)
    total = len(findings)
    lines.append(f"\n{right} of {total} right ({right / total:.1%}); {false} confident and wrong ({false / total:.1%})")
    return "\n".join(lines)
