"""Blames put to the test: each goal goes on from before its fault with a sound component, the right one and another."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import anyio

from loopwright.actors.faults import Blame, Fault, GoalRecord, blame_of, read_record
from loopwright.actors.faults.confirming import place_before, raised, said_of
from loopwright.actors.faults.fault import Said
from loopwright.bus import Bus
from loopwright.bus.client import Goals
from loopwright.bus.forks import Fork
from loopwright.bus.messages import FaultClass, Limits, Status
from tests.benchmarks.faults.campaign import PATIENCE, Finding, shop
from tests.benchmarks.faults.cases import Case
from tests.benchmarks.faults.shop import CASES

OTHERS = (FaultClass.MODEL, FaultClass.AGENT, FaultClass.TOOL, FaultClass.EVALUATOR)
"""Components of which a sound one can be put in the place of one that was sound already."""


@dataclass(frozen=True)
class Tested:
    """What came of a test."""

    case: Case
    swapped: FaultClass
    said: Said
    because: str = ""

    @property
    def wrong(self) -> bool:
        """Whether it says of the component at fault that it is not, or of a sound one that it is."""
        return self.said is (Said.REFUTED if self.swapped is self.case.fault else Said.CONFIRMED)


async def tested(bus: Bus, findings: Sequence[Finding]) -> list[Tested]:
    """Put every blame to the test, all at once, with the component at fault and with one that is sound."""
    found: list[Tested] = []

    async def one(goals: Goals, finding: Finding, fault: Fault, number: int) -> None:
        record = await read_record(bus, finding.case.goal)
        for whose in (finding.case.fault, another(finding.case.fault, number)):
            found.append(await put_to_the_test(goals, record, finding.case, fault, whose))

    async with shop(bus) as goals, anyio.create_task_group() as tasks:
        for number, finding in enumerate(findings):
            if finding.blame.fault is not None:
                tasks.start_soon(one, goals, finding, finding.blame.fault, number)
    return found


def another(fault: FaultClass, number: int) -> FaultClass:
    """Return a component that is sound."""
    return [each for each in OTHERS if each is not fault][number % 3]


async def put_to_the_test(goals: Goals, record: GoalRecord, case: Case, fault: Fault, whose: FaultClass) -> Tested:
    """Return what a goal says that goes on with one component swapped, and then without where it was met."""
    place, limits = place_before(record, fault), raised(record) if whose is FaultClass.LOOP else Limits()
    if place is None or limits is None:
        return Tested(case, whose, Said.UNKNOWN, "there is no place to go on from, or no bound to raise")
    swapped = await gone_on(goals, case, place, whose, limits)
    unswapped = None
    if swapped.status is Status.COMPLETED and whose is not FaultClass.ENVIRONMENT:
        unswapped = await gone_on(goals, case, place, None, Limits())
    return Tested(case, whose, *said_of(fault, whose, swapped, unswapped))


async def gone_on(goals: Goals, case: Case, place: int, whose: FaultClass | None, limits: Limits) -> Blame:
    """Return whose fault it is how a goal ends that goes on from a place."""
    name = f"{case.goal}-{whose or 'again'}-{place}"
    CASES[name] = CASES[case.article] = replace(case, goal=name, swapped=whose, ordered={}, turns=0)
    run = await goals.submit("shop", {}, goal=name, fork=Fork(goal=case.goal, seq=place), limits=limits)
    with anyio.fail_after(PATIENCE * 4):
        await run.outcome()
    return blame_of(await read_record(goals.bus, name))


def table(found: Sequence[Tested]) -> str:
    """Return what was said of the components at fault and of sound ones, class by class."""
    words = [f"{said.value}" for said in Said]
    lines = ["| at fault | " + " | ".join([*words, *(f"sound one: {word}" for word in words)]) + " |", "|---" * 7 + "|"]
    for fault in dict.fromkeys(each.case.fault for each in found):
        mine = [each for each in found if each.case.fault is fault]
        counts = Counter((each.swapped is fault, each.said) for each in mine)
        row = [counts[right, said] for right in (True, False) for said in Said]
        lines.append(f"| {fault.value} | " + " | ".join(str(each or "·") for each in row) + " |")
    return "\n".join([*lines, *summary(found)])


def summary(found: Sequence[Tested]) -> Iterator[str]:
    """Yield the figures that count."""
    right = [each for each in found if each.swapped is each.case.fault]
    sound = [each for each in found if each.swapped is not each.case.fault]
    confirmed = sum(each.said is Said.CONFIRMED for each in right)
    refuted = sum(each.said is Said.REFUTED for each in sound)
    yield f"\n{confirmed} of {len(right)} components at fault confirmed, {sum(each.wrong for each in right)} refuted"
    yield f"{refuted} of {len(sound)} sound components refuted, {sum(each.wrong for each in sound)} confirmed"
