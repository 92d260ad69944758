"""A search lives on the record: it may lose its memory, its races and its time, and never a candidate."""

from collections.abc import AsyncIterator

import pytest

from loopwright.actors.errors import Retriable
from loopwright.actors.holding import Holding
from loopwright.actors.repair.folders import folders
from loopwright.actors.repair.record import surveyed
from loopwright.actors.repair.searching import BATCH, Hunts, Offer
from loopwright.actors.repair.task import Baseline, Findings, Program, Proposal
from loopwright.actors.work import Step
from loopwright.bus import Bus
from loopwright.bus.errors import GuardLost
from loopwright.bus.messages import Evaluation, Failure, FailureClass, Result, StepOrder
from loopwright.bus.subjects import Subject
from loopwright.tools.astsearch import Search
from loopwright.tools.program import Candidate, Case, CaseStatus, Edit, Survey, Trial

ADD = "def add(a, b):\n    total = a - b\n    return total\n"
PROGRAM = Program(files={"add.py": ADD})
SURVEY = Survey(
    cases=(Case(id="t1", status=CaseStatus.FAILED), Case(id="t2", status=CaseStatus.FAILED)),
    suspicion={"add.py": {2: 1.0, 3: 1.0}},
)
FAILED = Trial(cases=(Case(id="t1", status=CaseStatus.FAILED),), seconds=1.0)
HALF = Trial(cases=(Case(id="t1", status=CaseStatus.PASSED), Case(id="t2", status=CaseStatus.FAILED)), score=0.5)
PASSES = Trial(cases=(Case(id="t1", status=CaseStatus.PASSED),), score=1.0, passed=True)
TIMED_OUT = Trial(cases=(Case(id="t1", status=CaseStatus.TIMEOUT),), timed_out=True, seconds=0.1)

type Edits = tuple[Edit, ...]


class Repair:
    """One goal on record, and what its workers would write there."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.proposed: list[Edits] = []

    def step(self, attempt: int) -> Step[Program]:
        order = StepOrder(goal="g", loop="repair", step="work", attempt=attempt, role="search")
        return Step(order, PROGRAM, self.bus, holding=Holding(self.bus, order))

    async def publish(self, said: Result | Evaluation) -> None:
        kind, judge = ("eval", said.judge) if isinstance(said, Evaluation) else ("result", "")
        subject = Subject.of(kind, ns=self.bus.ns, goal=said.goal, step=said.step, attempt=said.attempt, judge=judge)
        await self.bus.publish_first(subject, said, id=str(subject))

    async def baseline(self) -> None:
        evidence = Baseline(survey=SURVEY).model_dump(mode="json", exclude_defaults=True)
        await self.judge(0, evidence)

    async def judge(self, attempt: int, evidence: dict[str, object]) -> None:
        told = {"goal": "g", "step": "work", "attempt": attempt, "judge": "test"}
        await self.publish(Evaluation.model_validate({**told, "passed": False, "score": 0.0, "evidence": evidence}))

    async def found(self, attempt: int, *trials: Trial | None) -> None:
        await self.judge(attempt, Findings(trials=trials).model_dump(mode="json", exclude_defaults=True))

    async def propose(self, hunts: Hunts, attempt: int) -> Offer:
        offer = await hunts.propose(self.step(attempt))
        assert offer is not None
        return offer

    async def make(self, attempt: int, offer: Offer) -> None:
        output = offer.proposal.model_dump(mode="json", exclude_defaults=True)
        await self.publish(Result(goal="g", step="work", attempt=attempt, output=output, size=offer.size))
        self.proposed += edits_of(offer.proposal.candidates)

    async def fail(self, attempt: int) -> None:
        failure = Failure(kind=FailureClass.TIMEOUT, message="too slow")
        await self.publish(Result(goal="g", step="work", attempt=attempt, failure=failure))

    async def exhaust(self, hunts: Hunts, attempt: int) -> None:
        """Go on until nothing is left, while every candidate fails."""
        while (offer := await hunts.propose(self.step(attempt))) is not None:
            await self.make(attempt, offer)
            await self.found(attempt, *[FAILED] * len(offer.proposal.candidates))
            attempt += 1


def edits_of(candidates: tuple[Candidate, ...]) -> list[Edits]:
    return [candidate.edits for candidate in candidates]


def everything(*seeds: Edits) -> set[Edits]:
    """Return all that a search proposes which nothing ever happens to, where only the seeds mend anything."""
    search, found = Search({"add.py": ADD}, SURVEY), set[Edits]()
    while batch := search.next(BATCH):
        for candidate in batch.candidates:
            found.add(candidate.edits)
            search.record(candidate, HALF if candidate.edits in seeds else FAILED)
    return found


@pytest.fixture
async def repair(bus: Bus) -> Repair:
    begun = Repair(bus)
    await begun.baseline()
    return begun


@pytest.fixture
async def one(bus: Bus) -> AsyncIterator[Hunts]:
    async with folders(bus) as places:
        yield Hunts(places)


@pytest.fixture
async def two(bus: Bus) -> AsyncIterator[Hunts]:
    async with folders(bus) as places:
        yield Hunts(places)


async def test_a_worker_that_lost_its_memory_goes_on_where_the_other_would(
    repair: Repair, one: Hunts, two: Hunts
) -> None:
    for attempt in (1, 2, 3):
        await repair.make(attempt, await repair.propose(one, attempt))
    await repair.found(1, *[FAILED] * 5, HALF, *[FAILED] * (BATCH - 6))
    seed = repair.proposed[5]
    assert (await repair.propose(two, 4)).proposal == (await repair.propose(one, 4)).proposal
    await repair.found(2, *[FAILED] * BATCH)
    await repair.exhaust(two, 4)
    assert len(set(repair.proposed)) == len(repair.proposed) > 5 * BATCH
    assert set(repair.proposed) == everything(seed)


async def test_of_two_workers_that_race_for_an_attempt_neither_loses_a_candidate(
    repair: Repair, one: Hunts, two: Hunts
) -> None:
    first = await repair.propose(one, 1)
    await repair.make(1, first)
    slow = await repair.propose(one, 2)
    await repair.found(1, *[FAILED] * 5, HALF, *[FAILED] * (BATCH - 6))
    fast = await repair.propose(two, 2)
    assert slow.proposal != fast.proposal
    await repair.make(2, fast)
    with pytest.raises(GuardLost):
        await repair.publish(Result(goal="g", step="work", attempt=2, output={"candidates": []}))
    await repair.exhaust(one, 3)
    assert len(set(repair.proposed)) == len(repair.proposed)
    assert (
        set(repair.proposed)
        == everything(first.proposal.candidates[5].edits)
        >= {candidate.edits for candidate in slow.proposal.candidates}
    )


async def test_what_was_offered_for_an_attempt_that_failed_is_offered_again(repair: Repair, one: Hunts) -> None:
    lost = await repair.propose(one, 1)
    await repair.fail(1)
    assert (await repair.propose(one, 2)).proposal == lost.proposal
    await repair.exhaust(one, 2)
    assert set(repair.proposed) == everything()


async def test_an_attempt_that_is_asked_for_twice_gets_the_same_batch(repair: Repair, one: Hunts) -> None:
    offer = await repair.propose(one, 1)
    assert await repair.propose(one, 1) == offer
    await repair.make(1, offer)
    assert (await repair.propose(one, 1)).proposal == offer.proposal
    assert len(set(repair.proposed)) == BATCH == offer.size


async def test_what_was_skipped_after_a_false_success_comes_again_and_counts_once(repair: Repair, one: Hunts) -> None:
    await repair.make(1, await repair.propose(one, 1))
    await repair.found(1, FAILED, PASSES, *[None] * (BATCH - 2))
    again = await repair.propose(one, 2)
    skipped = repair.proposed[2:]
    assert edits_of(again.proposal.candidates)[: BATCH - 2] == skipped
    assert again.size == 2
    await repair.exhaust(one, 2)
    assert set(repair.proposed) == everything()


async def test_a_retry_with_more_time_counts_as_no_new_proposal(repair: Repair, one: Hunts) -> None:
    first = await repair.propose(one, 1)
    await repair.make(1, first)
    await repair.found(1, TIMED_OUT, *[FAILED] * (BATCH - 1))
    retry = await repair.propose(one, 2)
    assert retry == Offer(2, Proposal(candidates=first.proposal.candidates[:1], time_scale=5.0), 0)


async def test_the_baseline_is_read_alone(repair: Repair) -> None:
    assert await surveyed(repair.step(7)) == SURVEY


async def test_a_baseline_that_is_not_on_record_may_come_yet(bus: Bus) -> None:
    with pytest.raises(Retriable, match="no baseline on record"):
        await surveyed(Repair(bus).step(1))
