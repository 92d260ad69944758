"""The evaluators of a repair: the program's own tests, and tests that the generator never sees."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

import anyio

from loopwright.actors.errors import StepFailed
from loopwright.actors.repair.folders import Folders, folders
from loopwright.actors.repair.record import surveyed
from loopwright.actors.repair.shelf import Shelf
from loopwright.actors.repair.task import Acceptance, Baseline, Findings, Pick, Program, Proposal, Source
from loopwright.actors.work import Attempt, evaluator
from loopwright.bus.connection import Bus
from loopwright.bus.messages import FailureClass, Usage, Verdict
from loopwright.tools.astsearch import size
from loopwright.tools.bench import Bench
from loopwright.tools.errors import EditMismatch, ToolError
from loopwright.tools.interpreter import find_interpreter
from loopwright.tools.program import Candidate, CaseStatus, Survey, Trial, apply_edits
from loopwright.tools.sandbox import SandboxLevel, choose_level, policy
from loopwright.tools.workspace import sources

KEPT = 4
"""Benches that one process keeps ready."""
HIDDEN = "loopwright_acceptance"
"""The folder in which the acceptance tests lie, beside the program."""
SHOWN = 6
"""Failing tests whose reports are shown to the generator."""
REPORTS = 40
"""Failing tests of the baseline whose reports go on record."""
UNDECIDED = (CaseStatus.NOT_RUN, CaseStatus.SKIPPED)

type Surveyor = Callable[[], Awaitable[Survey]]
"""Finds out what the tests say of the program as it stands."""


class Stand:
    """A bench for one program, with what the tests have taught so far."""

    def __init__(self, bench: Bench, files: dict[str, str], survey: Survey | None = None) -> None:
        self.bench = bench
        self.files = files
        self.kills: Counter[str] = Counter()
        """How many candidates each test has refused: the strictest go first."""
        self.survey = survey

    async def surveyed(self) -> Survey:
        """Return what the tests say of the program as it stands."""
        if self.survey is None:
            self.survey = await self.bench.survey()
        return self.survey

    async def trial(self, candidate: Candidate, *, time_scale: float = 1.0, explain: bool = False) -> Trial:
        """Return what the tests say of a candidate; one that does not fit the program failed."""
        failing = [case.id for case in (await self.surveyed()).failing]
        first = sorted(failing, key=lambda name: -self.kills[name])
        try:
            changed = apply_edits(self.files, candidate)
        except EditMismatch as error:
            return Trial(problem=str(error))
        trial = await self.bench.trial(changed, first=first, time_scale=time_scale, explain=explain)
        self.kills.update(case.id for case in trial.cases if case.status in (CaseStatus.FAILED, CaseStatus.ERROR))
        return trial


class Stands:
    """The benches of one process: the last few programs stay ready, and those that somebody uses."""

    def __init__(self, places: Folders, level: SandboxLevel) -> None:
        self._places = places
        self.level = level
        self._shelf: Shelf[Stand] = Shelf(KEPT)

    def at(
        self, program: Program, hidden: Source | None = None, survey: Surveyor | None = None
    ) -> AbstractAsyncContextManager[Stand]:
        """Hold the bench of a program; with `hidden`, of the same program under other tests.

        `survey` is asked what the tests say of the program as it stands, if a bench must be opened.

        Raises:
            StepFailed: the program cannot be laid out or started here.
            Retriable: our own disk is the trouble, or what `survey` says.
        """
        key = (repr(program.source), repr(hidden), str(program.python), str(program.test_timeout))
        return self._shelf.hold(key, partial(self._opened, program, hidden, survey))

    @asynccontextmanager
    async def _opened(self, program: Program, hidden: Source | None, survey: Surveyor | None) -> AsyncIterator[Stand]:
        known = await survey() if survey else None
        beside = {} if hidden is None else {HIDDEN: hidden}
        async with AsyncExitStack() as stack:
            folder = await stack.enter_async_context(self._places.hold(program.source, beside))
            try:
                interpreter = await anyio.to_thread.run_sync(find_interpreter, folder, program.python)
                bench = await stack.enter_async_context(
                    Bench.open(
                        folder,
                        interpreter=interpreter,
                        level=self.level,
                        tests=list(beside),
                        test_timeout=program.test_timeout,
                        survey=known,
                    )
                )
                files = await anyio.to_thread.run_sync(partial(sources, folder, exclude=[HIDDEN]))
            except ToolError as error:
                raise StepFailed(FailureClass.MISSING, str(error)) from error
            yield Stand(bench, files, known)

    async def aclose(self) -> None:
        """Close every bench."""
        await self._shelf.aclose()


@asynccontextmanager
async def stands(bus: Bus) -> AsyncIterator[Stands]:
    """Hold the benches of a process; which sandbox there is was found out by trying."""
    report = await choose_level(policy())
    async with folders(bus) as places:
        held = Stands(places, report.level)
        try:
            yield held
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(5):
                await held.aclose()


@evaluator("test", resources=stands)
async def run_tests(attempt: Attempt[Program, Proposal]) -> Verdict:
    """Judge the program as it stands, or a batch of changed programs, by the program's own tests."""
    held: Stands = attempt.resources
    if attempt.output is None:
        return await judge_baseline(held, attempt)
    async with held.at(attempt.input, survey=partial(surveyed, attempt)) as stand:
        return judged(attempt.output, await try_all(stand, attempt), await stand.surveyed(), held.level)


def judged(proposal: Proposal, trials: Sequence[Trial | None], survey: Survey, level: SandboxLevel) -> Verdict:
    """Return the verdict on a batch: that on its smallest candidate that passes, or else on its best."""
    candidates = proposal.candidates
    tried = {number: trial for number, trial in enumerate(trials) if trial is not None}
    passing = sorted((number for number in tried if tried[number].passed), key=lambda number: size(candidates[number]))
    best = passing[0] if passing else max(tried, key=lambda number: tried[number].score)
    findings = Findings(
        trials=tuple(brief(trial, survey) if trial else None for trial in trials),
        passing=tuple(passing),
        sandbox=level,
    )
    return Verdict(
        passed=bool(passing),
        score=tried[best].score,
        feedback=feedback(survey, tried[best]),
        pick=pick_of(candidates[best], survey, tried[best]).model_dump(mode="json"),
        evidence=findings.model_dump(mode="json", exclude_defaults=True),
        usage=Usage(candidates=0 if proposal.time_scale > 1 else len(tried)),  # tried again is not another one
    )


async def judge_baseline(held: Stands, attempt: Attempt[Program, Proposal]) -> Verdict:
    """Judge the program as it stands.

    Raises:
        StepFailed: its tests cannot tell anything.
    """
    await attempt.say("runs the tests on the program as it stands")
    async with held.at(attempt.input) as stand:
        survey = await stand.surveyed()
    if survey.problem or not survey.counted:
        raise StepFailed(FailureClass.MISSING, survey.problem or "No tests were found.")
    failing = survey.failing
    return Verdict(
        passed=not failing,
        score=survey.score,
        feedback=f"{len(failing)} of {len(survey.counted)} tests fail." if failing else "All tests pass.",
        pick={"tests": len(survey.counted), "failing": len(failing)},
        evidence=Baseline(survey=with_few_reports(survey), sandbox=held.level).model_dump(
            mode="json", exclude_defaults=True
        ),
    )


async def try_all(stand: Stand, attempt: Attempt[Program, Proposal]) -> list[Trial | None]:
    """Try the candidates of a batch in order; once one passes, only smaller changes are worth trying."""
    assert attempt.output is not None
    candidates = attempt.output.candidates
    alone = len(candidates) == 1  # a model's: it learns from reports, where a search only counts
    trials: list[Trial | None] = []
    smallest: Candidate | None = None
    for number, candidate in enumerate(candidates):
        if smallest is not None and size(candidate) >= size(smallest):
            trials.append(None)
            continue
        if number % 8 == 0:
            await attempt.say(f"tests {number} of {len(candidates)}: {candidate.note}"[:200])
        trial = await stand.trial(candidate, time_scale=attempt.output.time_scale, explain=alone)
        trials.append(trial)
        smallest = candidate if trial.passed else smallest
    return trials


def with_few_reports(survey: Survey) -> Survey:
    """Return a survey as it goes on record: a report has up to 2,000 characters, and thousands of tests may fail."""
    told = {case.id for case in survey.failing[:REPORTS]}
    cases = tuple(case if case.id in told else case.model_copy(update={"message": ""}) for case in survey.cases)
    return survey.model_copy(update={"cases": cases})


def brief(trial: Trial, survey: Survey) -> Trial:
    """Return a trial as it goes on record: which tests it mends and breaks, and the first that still fail.

    There are dozens in a message. What it breaks beyond what it mends makes it no worse for a search.
    """
    failing = {case.id for case in survey.failing}
    decided = [
        case.model_copy(update={"message": "", "seconds": 0.0}) for case in trial.cases if case.status not in UNDECIDED
    ]
    mended = [case for case in decided if case.status is CaseStatus.PASSED and case.id in failing]
    bad = [case for case in decided if case.status is not CaseStatus.PASSED]
    broken = [case for case in bad if case.id not in failing][: len(mended) + SHOWN]
    still = [case for case in bad if case.id in failing][:SHOWN]
    cases = [*mended, *broken, *still] or decided[:1]  # with no case at all, a search would go by the score
    return trial.model_copy(update={"cases": tuple(cases), "seconds": round(trial.seconds, 4)})


def pick_of(candidate: Candidate, survey: Survey, trial: Trial) -> Pick:
    """Return a candidate with the number of its witnesses."""
    witnesses = sum(case.status is CaseStatus.PASSED for case in trial.cases)
    return Pick(candidate=candidate, witnesses=witnesses, tests=len(survey.counted))


def feedback(survey: Survey, trial: Trial) -> str:
    """Return what a generator should know of its best candidate: what still fails, and how."""
    if trial.passed:
        return "All tests pass."
    if trial.problem:
        return f"It could not be run: {trial.problem}"
    failing = [case for case in trial.cases if case.status not in (CaseStatus.PASSED, CaseStatus.SKIPPED)]
    passed = sum(case.status is CaseStatus.PASSED for case in trial.cases)
    shown = [f"{case.id}: {case.status.value}\n{case.message}".strip() for case in failing[:SHOWN]]
    return "\n\n".join([f"{passed} of {len(survey.counted)} tests were seen to pass.", *shown])[:20_000]


@evaluator("accept", resources=stands)
async def run_acceptance(attempt: Attempt[Program, Proposal]) -> Verdict:
    """Judge what passed the program's own tests by tests that the generator never sees."""
    held: Stands = attempt.resources
    given = Acceptance.model_validate(attempt.acceptance)
    async with held.at(attempt.input, given.source) as stand:
        return await accept(stand, attempt)


async def accept(stand: Stand, attempt: Attempt[Program, Proposal]) -> Verdict:
    """Judge the program as it stands, or the candidates that passed, the smallest first, until one is accepted.

    Raises:
        StepFailed: the acceptance tests cannot tell anything.
    """
    survey = await stand.surveyed()
    if survey.problem or not survey.counted:
        raise StepFailed(FailureClass.MISSING, f"The acceptance tests: {survey.problem or 'none were found.'}")
    if attempt.output is None:
        return Verdict(passed=not survey.failing, score=survey.score, rejected=bool(survey.failing))
    rejected = 0
    for number in passing_in(attempt):
        candidate = attempt.output.candidates[number]
        await attempt.say(f"acceptance: {candidate.note}"[:200])
        if (await stand.trial(candidate)).passed:
            pick = accepted_pick(attempt, candidate, len(survey.counted))
            return Verdict(passed=True, score=1.0, pick=pick.model_dump(mode="json"), rejected=rejected)
        rejected += 1
    return Verdict(passed=False, score=0.0, rejected=rejected)


def passing_in(attempt: Attempt[Program, Proposal]) -> tuple[int, ...]:
    """Return the candidates that passed the program's own tests, the smallest change first."""
    found = [Findings.model_validate(verdict.evidence).passing for verdict in attempt.earlier if verdict.passed]
    return found[0] if found else ()


def accepted_pick(attempt: Attempt[Program, Proposal], candidate: Candidate, hidden: int) -> Pick:
    """Return the accepted candidate, with all its witnesses."""
    seen = max((Pick.model_validate(verdict.pick).tests for verdict in attempt.earlier if verdict.passed), default=0)
    return Pick(candidate=candidate, witnesses=seen, tests=seen, hidden=hidden)
