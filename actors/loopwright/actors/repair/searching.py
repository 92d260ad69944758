"""The key-free generator: a search over small edits, one batch an attempt, rebuilt from the record at any time."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from loopwright.actors.repair.folders import Folders, Source, folders
from loopwright.actors.repair.record import Record
from loopwright.actors.repair.task import Program, Proposal
from loopwright.actors.work import Made, Step, StepFailed, worker
from loopwright.bus.connection import Bus
from loopwright.bus.messages import FailureClass
from loopwright.tools.astsearch import Search
from loopwright.tools.workspace import sources

BATCH = 32
"""Candidates of one attempt."""
KEPT = 8
"""Goals whose search one process keeps in memory."""


class Hunt:
    """The search of one goal, in step with its record."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files
        self._record = Record()
        self._search: Search | None = None
        self._offered: dict[int, Proposal] = {}
        self.seen = 0

    async def propose(self, step: Step[Program]) -> Proposal | None:
        """Return the next batch; the same one if the attempt was asked for before. None: nothing is left to try."""
        trajectory = step.past(self.seen)
        told = await self._record.read(trajectory)
        self.seen = trajectory.seen
        return await anyio.to_thread.run_sync(self._next, step.attempt, told)

    def _next(self, attempt: int, told: list[int]) -> Proposal | None:
        if self._search is None or self._was_overtaken() or any(self._left_some(each) for each in told):
            self._search = Search(self._files, self._record.surveyed())
            self._offered = {}
            told = sorted({*self._record.proposals, *self._record.findings})
        for each in dict.fromkeys(told):
            self._teach(self._search, each)
        if attempt not in self._offered:
            batch = self._search.next(BATCH)
            if not batch.candidates:
                return None
            self._offered[attempt] = Proposal(candidates=batch.candidates, time_scale=batch.time_scale)
        return self._offered[attempt]

    def _was_overtaken(self) -> bool:
        """Tell whether another process has proposed where we did: then ours were never tried."""
        on_record = self._record.proposals
        return any(on_record.get(attempt, offered) != offered for attempt, offered in self._offered.items())

    def _left_some(self, attempt: int) -> bool:
        """Tell whether candidates of an attempt were not tried: after a false success they are wanted again."""
        return attempt in self._record.findings and None in self._record.findings[attempt].trials

    def _teach(self, search: Search, attempt: int) -> None:
        proposal, findings = self._record.proposals.get(attempt), self._record.findings.get(attempt)
        if proposal is None:
            return
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

    async def propose(self, step: Step[Program]) -> Proposal | None:
        """Return the next batch for a goal."""
        async with self._turn:
            if step.goal not in self._hunts:
                program = step.input
                own: Source = program.files if program.files is not None else str(program.workspace)
                folder = await self._places.fetch(own)
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
    proposal = await held.propose(step)
    if proposal is None:
        raise StepFailed(FailureClass.EXHAUSTED, "every edit that the search knows was tried")
    return Made(output=proposal.model_dump(mode="json", exclude_defaults=True), size=len(proposal.candidates))
