"""The key-free generator: a search over small edits, one batch an attempt, rebuilt from the record at any time."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from loopwright.actors.errors import StepFailed
from loopwright.actors.repair.folders import Folders, folders
from loopwright.actors.repair.record import Record
from loopwright.actors.repair.task import Program, Proposal
from loopwright.actors.work import Made, Step, worker
from loopwright.bus.connection import Bus
from loopwright.bus.messages import FailureClass
from loopwright.tools.astsearch import Search
from loopwright.tools.program import Edit
from loopwright.tools.workspace import sources

BATCH = 32
"""Candidates of one attempt."""
KEPT = 8
"""Goals whose search one process keeps in memory."""


@dataclass(frozen=True)
class Offer:
    """A batch for one attempt."""

    attempt: int
    proposal: Proposal
    size: int
    """Candidates that no attempt on record has proposed: a retry, with more time, is nothing new."""


class Hunt:
    """The search of one goal, in step with its record. Attempts are made one at a time, so it has one offer out."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files
        self._record = Record()
        self._search: Search | None = None
        self._offer: Offer | None = None
        self._known: set[tuple[Edit, ...]] = set()
        """What the proposals on record hold."""
        self._news: list[int] = []
        """Attempts of which the record tells something that the search was not taught yet."""
        self._seen = 0

    async def propose(self, step: Step[Program]) -> Offer | None:
        """Return the next batch; the same one if the attempt was asked for before. None: nothing is left to try."""
        trajectory = step.past(self._seen)
        self._news += await self._record.read(trajectory)
        self._seen = trajectory.seen
        return await anyio.to_thread.run_sync(self._next, step.attempt)

    def _next(self, attempt: int) -> Offer | None:
        search = self._in_step(attempt)
        if proposal := self._record.proposals.get(attempt):
            return Offer(attempt, proposal, len(proposal.candidates))
        if self._offer is None or self._offer.attempt != attempt:
            batch = search.next(BATCH)
            if not batch.candidates:
                return None
            new = sum(candidate.edits not in self._known for candidate in batch.candidates)
            proposal = Proposal(candidates=batch.candidates, time_scale=batch.time_scale)
            self._offer = Offer(attempt, proposal, new)
        return self._offer

    def _in_step(self, attempt: int) -> Search:
        """Return the search, which knows what is on record and nothing else, but for the offer of this attempt."""
        news = dict.fromkeys(self._news)
        search = self._search
        if search is None or self._was_lost(attempt) or any(self._left_some(each) for each in news):
            search = self._search = Search(self._files, self._record.surveyed())
            self._offer = None
            news = dict.fromkeys(sorted({*self._record.proposals, *self._record.findings}))
        for each in news:
            self._teach(search, each)
        self._news = []
        return search

    def _was_lost(self, attempt: int) -> bool:
        """Tell whether our last offer never got on record: another process was faster, or its time ran out."""
        if self._offer is None:
            return False
        there = self._record.proposals.get(self._offer.attempt)
        return there != self._offer.proposal if there else self._offer.attempt != attempt

    def _left_some(self, attempt: int) -> bool:
        """Tell whether candidates of an attempt were not tried: after a false success they are wanted again."""
        return attempt in self._record.findings and None in self._record.findings[attempt].trials

    def _teach(self, search: Search, attempt: int) -> None:
        proposal, findings = self._record.proposals.get(attempt), self._record.findings.get(attempt)
        if proposal is None:
            return
        self._known.update(candidate.edits for candidate in proposal.candidates)
        if findings is None:
            search.note_proposed(proposal.candidates, proposal.time_scale)
            return
        for candidate, trial in zip(proposal.candidates, findings.trials, strict=False):
            if trial is not None:
                search.note_proposed((candidate,), proposal.time_scale)
                search.record(candidate, trial, proposal.time_scale)


class Hunts:
    """The searches of one process."""

    def __init__(self, places: Folders) -> None:
        self._places = places
        self._hunts: OrderedDict[str, Hunt] = OrderedDict()
        self._turn = anyio.Lock()

    async def propose(self, step: Step[Program]) -> Offer | None:
        """Return the next batch for a goal."""
        async with self._turn:
            if step.goal not in self._hunts:
                async with self._places.hold(step.input.source) as folder:
                    self._hunts[step.goal] = Hunt(await anyio.to_thread.run_sync(sources, folder))
            self._hunts.move_to_end(step.goal)
            while len(self._hunts) > KEPT:
                self._hunts.popitem(last=False)
            return await self._hunts[step.goal].propose(step)


@asynccontextmanager
async def hunts(bus: Bus) -> AsyncIterator[Hunts]:
    """Hold the searches of a process."""
    async with folders(bus) as places:
        yield Hunts(places)


@worker("search", resources=hunts)
async def search(step: Step[Program]) -> Made:
    """Propose the next batch of small edits.

    Raises:
        StepFailed: there is nothing left to try.
    """
    held: Hunts = step.resources
    offer = await held.propose(step)
    if offer is None:
        raise StepFailed(FailureClass.EXHAUSTED, "every edit that the search knows was tried")
    return Made(output=offer.proposal.model_dump(mode="json", exclude_defaults=True), size=offer.size)
