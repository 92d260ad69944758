"""What the events of test runs amount to: cases, suspicion, a score."""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from loopwright.tools.program import Case, CaseStatus, Survey, Trial

Lines = Mapping[str, Sequence[int]]

IMPORT_WEIGHT = 0.5  # a line that only imports ran says less than one a test ran

#: What the harness answers when a limit ended a run, in words.
EXCEEDED = {
    "wall": "the run took too long",
    "timeout": "did not end in time, and could not be interrupted",
    "processes": "started too many processes",
    "memory": "used too much memory",
    "files": "filled the work folder",
    "output": "sent too much output",
    "": "took its process down",
}
_CLOCK = ("wall", "timeout")
_BAD = (CaseStatus.FAILED, CaseStatus.ERROR, CaseStatus.CRASHED)


@dataclass
class Record:
    """All that has been heard of one program's tests, over as many forks as it took."""

    ids: list[str] = field(default_factory=list[str])
    cases: dict[str, Case] = field(default_factory=dict[str, Case])
    lines: dict[str, Lines] = field(default_factory=dict[str, Lines])
    imports: Lines = field(default_factory=dict[str, list[int]])
    problem: str | None = None
    collected: bool = False
    """The last fork got past its imports."""
    late: bool = False
    """Imports ran into the clock."""
    exit: int | None = None
    """pytest's exit status, when the last fork came that far."""
    complaint: str = ""
    spent: bool = False
    """The last fork used up all the time a run has."""
    collect_seconds: float = 0.0

    def absorb(self, answer: Mapping[str, Any]) -> None:
        """Take in the harness's answer to one order."""
        self.collected, self.exit = False, None
        running: str | None = None
        for event in answer["events"]:
            with suppress(KeyError, TypeError, ValueError):  # a program may forge events, but not break us by them
                running = self._take(event, running)
        why = answer["why"]
        self.spent = why == "wall"
        if running is not None:
            status = CaseStatus.TIMEOUT if why in _CLOCK else CaseStatus.CRASHED
            self.cases[running] = Case(id=running, status=status, message=EXCEEDED[why])
        elif not self.collected and self.exit is None and self.problem is None:
            self._died_early(why)

    def _take(self, event: Mapping[str, Any], running: str | None) -> str | None:
        """Take in one event, and return the test that runs after it."""
        match event["event"]:
            case "start":
                return str(event["id"])
            case "case":
                self._close(event)
                return None
            case "broken":
                self._close({**event, "status": CaseStatus.ERROR})
            case "collected":
                self.collected = True
                self.ids += [name for name in event["ids"] if name not in set(self.ids)]
                self.imports = self.imports or event["lines"]
                self.collect_seconds = max(self.collect_seconds, event["seconds"])
            case "late":
                self.late = True
                self.imports = event["lines"]
            case "problem":
                self.problem = event["text"]
            case "end":
                self.exit = event["exit"]
                self.complaint = event.get("text", "")
        return running

    def _close(self, event: Mapping[str, Any]) -> None:
        name = event["id"]
        self.cases[name] = Case(
            id=name, status=event["status"], seconds=event.get("seconds", 0.0), message=event["message"]
        )
        self.lines[name] = event["lines"]

    def _died_early(self, why: str) -> None:
        if why in _CLOCK or self.late:
            self.late = True
        else:
            self.problem = f"importing the tests {EXCEEDED[why]}"

    @property
    def over(self) -> bool:
        """Nothing more can be learnt by another fork."""
        return self.spent or self.late or self.problem is not None or not self.left

    @property
    def left(self) -> list[str]:
        """The tests known of that have no verdict yet."""
        return [name for name in self.ids if name not in self.cases]

    @property
    def timeouts(self) -> list[str]:
        """The tests that ran out of time."""
        return [name for name, case in self.cases.items() if case.status is CaseStatus.TIMEOUT]

    @property
    def faults(self) -> int:
        """How many tests failed for another reason than the clock."""
        return sum(case.status in _BAD for case in self.cases.values())

    @property
    def crashes(self) -> int:
        """How many tests took their process down."""
        return sum(case.status is CaseStatus.CRASHED for case in self.cases.values())

    def passed(self, names: Collection[str]) -> bool:
        """Tell whether any of `names`, tests or whole files, has passed."""
        return any(case.status is CaseStatus.PASSED and is_among(name, names) for name, case in self.cases.items())

    def awaits(self, names: Collection[str]) -> bool:
        """Tell whether any of `names`, tests or whole files, has no verdict yet."""
        return any(is_among(name, names) for name in self.left)


def is_among(name: str, wanted: Collection[str]) -> bool:
    """Tell whether a test, or the file it is in, is one of `wanted`."""
    return name in wanted or file_of(name) in wanted


def file_of(name: str) -> str:
    """Return the file that a test's id begins with."""
    return name.partition("::")[0]


def survey_of(record: Record) -> Survey:
    """Return the survey a complete record amounts to."""
    cases = [case for name, case in record.cases.items() if "::" not in name]
    cases += [_case(record, name) for name in record.ids]
    return Survey(
        cases=tuple(cases), suspicion=suspicion(record.cases, record.lines, record.imports), problem=_problem(record)
    )


def _case(record: Record, name: str) -> Case:
    return record.cases.get(name) or Case(id=name, status=CaseStatus.NOT_RUN)


def _problem(record: Record) -> str | None:
    if record.problem is not None:
        return record.problem
    if record.late:
        return "importing the tests does not end"
    broken = [case for name, case in record.cases.items() if "::" not in name]
    if record.ids:
        return None
    if broken:
        more = f" (and {len(broken) - 1} more files)" if len(broken) > 1 else ""
        return f"{broken[0].id or 'the program'} cannot be collected: {error_line(broken[0].message)}{more}"
    if record.exit not in (None, 0, 5):
        return f"pytest cannot run the tests: {error_line(record.complaint)}"
    return "no tests were found"


def error_line(message: str) -> str:
    """Return the line of a report that names the error."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    complaints = [line.partition("error: ")[2] for line in lines if re.match(r"(\S+: )?error: ", line)]
    marked = [line[1:].strip() for line in lines if re.match(r"E\s", line)]
    named = [line for line in marked or lines if re.match(r"[\w.]*(Error|Exception|Exit|Failed)\b", line)]
    place = [line[1:].strip() for line in lines if re.match(r'(E\s+)?File "', line)]
    chosen = (complaints or named or marked or lines or ["no reason is given"])[-1]
    where = re.search(r"line (\d+)", place[-1]) if place and "SyntaxError" in chosen else None
    return f"{chosen} (line {where[1]})" if where else chosen


def suspicion(cases: Mapping[str, Case], lines: Mapping[str, Lines], imports: Lines) -> dict[str, dict[int, float]]:
    """Return Ochiai's measure of each line: ef / sqrt((ef + nf) * (ef + ep)).

    A line that only imports ran counts as run by every test that reaches its file, or by every test if none does; it
    is never above the most suspicious line that a test ran.
    """
    failed = {name for name in lines if cases[name].status not in (CaseStatus.PASSED, CaseStatus.SKIPPED)}
    passed = {name for name in lines if cases[name].status is CaseStatus.PASSED}
    runs: dict[tuple[str, int], set[str]] = defaultdict(set)
    reach: dict[str, set[str]] = defaultdict(set)
    for name in failed | passed:
        for path, numbers in lines[name].items():
            reach[path].add(name)
            for number in numbers:
                runs[path, number].add(name)
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for (path, number), names in runs.items():
        found[path][number] = _ochiai(names, failed)
    top = max((value for by_line in found.values() for value in by_line.values()), default=1.0)
    for path, numbers in imports.items():
        value = min(top, _ochiai(reach.get(path) or failed | passed, failed)) * IMPORT_WEIGHT
        for number in numbers:
            found[path].setdefault(number, value)
    return {path: dict(sorted(by_line.items())) for path, by_line in sorted(found.items())}


def _ochiai(names: set[str], failed: set[str]) -> float:
    hits = len(names & failed)
    return hits / math.sqrt(len(failed) * len(names)) if hits else 0.0


def trial_of(baseline: Survey, record: Record, first: Sequence[str], seconds: float) -> Trial:
    """Return what one candidate's record amounts to, measured by the baseline's tests."""
    known = [case for case in baseline.counted if not _superseded(case.id, record)]
    names = list(dict.fromkeys([*(case.id for case in known), *record.ids, *_strange(record, known)]))
    cases = [_outcome(record, name) for name in names]
    expected = {case.id for case in known}
    counted = [case for case in cases if case.id in expected or case.status is not CaseStatus.SKIPPED]
    wins = sum(case.status is CaseStatus.PASSED for case in counted)
    hopeless = bool(first) and not record.passed(first)
    return Trial(
        cases=tuple(cases),
        score=0.0 if hopeless or not counted else wins / len(counted),
        passed=bool(counted) and wins == len(counted) and record.problem is None,
        timed_out=bool(record.timeouts or record.late) and not record.faults and record.problem is None,
        problem=record.problem,
        seconds=seconds,
    )


def _superseded(name: str, record: Record) -> bool:
    """Tell whether `name` is a file that was broken in the baseline, and is not any more."""
    return "::" not in name and name not in record.cases and any(file_of(one) == name for one in record.ids)


def _strange(record: Record, known: Sequence[Case]) -> list[str]:
    """Return the broken files of which no test is known."""
    files = {file_of(case.id) for case in known}
    return [name for name in record.cases if "::" not in name and name not in files]


def _outcome(record: Record, name: str) -> Case:
    """Return how a test ended; when its file was not even imported, that is how."""
    whole = record.cases.get(file_of(name))
    if name not in record.cases and whole is not None:
        return Case(id=name, status=whole.status, message=whole.message)
    return _case(record, name)
