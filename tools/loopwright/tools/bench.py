"""The test bench: what a program's tests say of it, and of hundreds of changed versions of it, fast and shut in."""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import anyio

from loopwright.tools.interpreter import Interpreter
from loopwright.tools.link import HarnessDied, HarnessLink
from loopwright.tools.program import CaseStatus, Survey, Trial
from loopwright.tools.sandbox import Limits, SandboxLevel
from loopwright.tools.sourcetext import encode
from loopwright.tools.verdict import Record, file_of, survey_of, trial_of
from loopwright.tools.workspace import is_test, members, pack

SHORT, LONG = 1.0, 5.0  # seconds a test gets at first, and when it is tried again
HASTY = 0.25  # seconds a test gets when many have hung, and the least it gets in a trial
PATIENCE = 3.0  # seconds lost to hanging tests before the survey becomes hasty
AGAIN = 15.0  # seconds for trying timed-out tests again
IMPORTS = 20.0  # seconds that collecting the tests may take
MARGIN = 10.0  # seconds the harness has beyond the run's own limit
MANY = 3  # hanging, or crashing, tests after which a trial is given up
REFUSALS = (3, 4)  # pytest's exit statuses for an error of its own, and of its usage


class Bench:
    """One program and its tests, ready to be run again and again. One run at a time."""

    def __init__(
        self,
        archive: bytes,
        bodies: Mapping[str, bytes],
        *,
        interpreter: Interpreter,
        level: SandboxLevel,
        limits: Limits,
        tests: Sequence[str],
        test_timeout: float | None,
    ) -> None:
        self._archive = archive
        self._bodies = bodies
        self._interpreter = interpreter
        self._level = level
        self._limits = limits
        self._tests = list(tests)
        self._test_timeout = test_timeout
        self._lean = True
        self._link: HarnessLink | None = None
        self._survey: Survey | None = None
        self._known: Survey | None = None
        self._imports = IMPORTS
        self._turn = anyio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        files_dir: Path,
        *,
        interpreter: Interpreter,
        level: SandboxLevel,
        limits: Limits | None = None,
        tests: Sequence[str] = (),
        test_timeout: float | None = None,
        exclude: Sequence[str] = (),
        survey: Survey | None = None,
    ) -> AsyncIterator[Self]:
        """Hold a bench for the program in `files_dir`, as it stands now.

        `tests` are files, folders or ids to run, relative to the folder; by default pytest finds them itself.
        `test_timeout` is the seconds each test gets; by default a second, and then more for those that need it.
        `exclude` names files and subfolders that do not go into the sandbox. `survey` is what the tests say of the
        program as it stands, where another bench has found that out.

        Raises:
            WorkspaceRefused: the folder cannot be packed.
            SandboxUnavailable: bubblewrap is asked for and not installed.
            BenchBroken: the fork server does not start.
        """
        archive = await anyio.to_thread.run_sync(pack, files_dir, tuple(exclude))
        bodies = await anyio.to_thread.run_sync(_bodies, files_dir, tuple(exclude))
        limits = limits or Limits()
        bench = cls(
            archive, bodies, interpreter=interpreter, level=level, limits=limits, tests=tests, test_timeout=test_timeout
        )
        bench._known = survey
        try:
            await bench._connected()
            yield bench
        finally:
            await bench._disconnect()

    async def survey(self) -> Survey:
        """Return what the tests say of the program as it stands, and which lines are suspicious.

        Raises:
            BenchBroken: the fork server cannot be started again after the program took it down.
        """
        async with self._turn:
            return await self._surveyed()

    async def trial(
        self,
        changed: Mapping[str, str],
        *,
        first: Sequence[str] = (),
        time_scale: float = 1.0,
        explain: bool = False,
    ) -> Trial:
        """Return what the tests say with the texts of `changed` in place of the program's.

        The tests of `first`, those that fail in the survey, are run before the others, in this order; when none of
        them passes, the rest is not run and the score is 0. `time_scale` multiplies what each test is given.
        `explain` asks for reports of what failed, at several times the cost.

        Raises:
            BenchBroken: the fork server cannot be started again after a candidate took it down.
        """
        async with self._turn:
            baseline = await self._surveyed()
            began = anyio.current_time()
            record = Record()
            try:
                await self._try(record, baseline, changed, first, time_scale, explain)
            except HarnessDied as error:
                record.problem = str(error)
            return trial_of(baseline, record, first, anyio.current_time() - began)

    async def _surveyed(self) -> Survey:
        if self._survey is None and self._known is not None:
            self._survey = self._known
            await self._warm(self._known)
        if self._survey is None:
            record = Record()
            try:
                await self._explore(record)
                await self._try_again(record)
            except HarnessDied as error:
                record.problem = str(error)
            self._survey = survey_of(record)
            if record.collected:
                self._imports = max(1.0, 5 * record.collect_seconds)
        return self._survey

    async def _warm(self, known: Survey) -> None:
        """Run one quick test as a survey would, so that the harness learns which libraries the program imports."""
        quick = min(known.counted, key=lambda case: (case.status is not CaseStatus.PASSED, case.seconds), default=None)
        if quick is None:
            return
        warming = {"only": [quick.id], "seconds": SHORT, "cover": list(self._bodies), "explain": True}
        record = Record()
        try:
            await self._run(record, tests=[file_of(quick.id)], **warming)
        except HarnessDied:
            return  # the next run starts another
        self._lean = record.collected or record.exit not in REFUSALS

    async def _explore(self, record: Record) -> None:
        """Run every test once, however many forks it takes, unless too much time is lost to hanging ones."""
        lost = 0.0
        while True:
            seconds = self._test_timeout or (SHORT if lost < PATIENCE else HASTY)
            hung = len(record.timeouts)
            await self._run(record, seconds=seconds, cover=list(self._bodies), explain=True)
            lost += seconds * (len(record.timeouts) - hung)
            if record.exit in REFUSALS and not record.collected and self._lean:
                self._lean = False
            elif record.over or lost > AGAIN:
                return

    async def _try_again(self, record: Record) -> None:
        """Give the tests that ran out of time more of it, until it is clear that they hang."""
        if self._test_timeout is not None:
            return
        with anyio.move_on_after(AGAIN) as scope:
            for tried, name in enumerate(record.timeouts):
                seconds = min(LONG, scope.deadline - anyio.current_time() - 1)
                if seconds < SHORT or tried > _helped(record):
                    return
                again = Record()
                await self._run(
                    again, only=[name], tests=[file_of(name)], seconds=seconds, cover=list(self._bodies), explain=True
                )
                if name in again.cases:
                    record.cases[name] = again.cases[name]
                    record.lines[name] = again.lines.get(name, {})

    async def _try(
        self,
        record: Record,
        baseline: Survey,
        changed: Mapping[str, str],
        first: Sequence[str],
        scale: float,
        explain: bool,
    ) -> None:
        """Run the tests against a candidate, those of `first` alone if they are in files of their own."""
        order = {
            "changed": {name: self._encoded(name, text) for name, text in changed.items()},
            "seconds": self._allowance(baseline) * scale,
            "collect_seconds": self._imports * scale,
            "explain": explain,
        }
        files = {file_of(case.id) for case in baseline.cases}
        early = sorted({file_of(name) for name in first} - {""})
        if first and files - set(early):
            await self._until_clear(record, tests=early, only=list(first), first=list(first), gate=False, **order)
            if record.problem or not record.passed(first) or record.timeouts:
                return
            await self._until_clear(record, tests=sorted(files), first=[], gate=False, **order)
        else:
            await self._until_clear(record, first=list(first), gate=bool(first), **order)

    async def _until_clear(self, record: Record, **order: Any) -> None:
        """Run the tests of an order; go on in a new fork behind one that took its process down."""
        while True:
            if record.passed(order["first"]):
                order["gate"] = False
            await self._run(record, **order)
            if record.over or record.exit is not None:
                return
            clock_only = bool(record.timeouts) and not record.faults
            if clock_only or len(record.timeouts) >= MANY or record.crashes >= MANY:
                return
            if order["gate"] and not record.awaits(order["first"]) and not record.passed(order["first"]):
                return

    async def _run(self, record: Record, **order: Any) -> None:
        """Have the harness run one fork, and take in what it heard."""
        message = {
            "changed": {},
            "tests": self._tests,
            "only": None,
            "skip": list(record.cases),
            "first": [],
            "gate": False,
            "collect_seconds": IMPORTS,
            "wall": self._limits.wall_seconds,
            "cover": [],
            "explain": False,
            "lean": self._lean,
            **order,
        }
        link = await self._connected()
        record.absorb(await link.ask(message, within=self._limits.wall_seconds + MARGIN))

    async def _connected(self) -> HarnessLink:
        """Return a link to a living harness, a new one if a candidate has taken the last one down."""
        if self._link is None or not self._link.usable:
            await self._disconnect()
            self._link = await HarnessLink.start(self._level, self._interpreter, self._limits, self._archive)
        return self._link

    async def _disconnect(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.aclose()

    def _allowance(self, baseline: Survey) -> float:
        """Return the seconds each test of a trial gets: what the slowest needed, and room for a busy machine."""
        slowest = max((case.seconds for case in baseline.cases if case.status is CaseStatus.PASSED), default=0.0)
        return min(max(HASTY, 4 * slowest + 0.05), self._test_timeout or float("inf"))

    def _encoded(self, name: str, text: str) -> str:
        return base64.b64encode(encode(text, self._bodies.get(name, b""))).decode()


def _helped(record: Record) -> int:
    return sum(case.seconds > SHORT and case.status is CaseStatus.PASSED for case in record.cases.values())


def _bodies(files_dir: Path, exclude: Sequence[str]) -> dict[str, bytes]:
    """Return the program's own Python files, tests left out, as bytes."""
    paths = [(name, path) for name, path in members(files_dir, exclude) if name.endswith(".py")]
    return {name: path.read_bytes() for name, path in paths if path.is_file() and not is_test(name)}
