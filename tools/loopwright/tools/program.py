"""A program under repair: its sources, the edits that change them, and what its tests say."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from loopwright.tools.errors import EditMismatch


class Value(BaseModel):
    """A frozen value that travels between actors; unknown fields are tolerated."""

    model_config = ConfigDict(frozen=True)


class Edit(Value):
    """A replacement of one stretch of text in one file."""

    path: str
    """Relative to the program's root, with forward slashes."""
    start: int = Field(ge=0)
    """Offset of the first replaced character in the decoded text."""
    end: int = Field(ge=0)
    """Offset behind the last replaced character."""
    text: str
    """What stands there afterwards."""


class Candidate(Value):
    """A changed program, told as edits to the original."""

    edits: tuple[Edit, ...]
    """Applied in order; the offsets of each refer to the text that the one before left."""
    note: str = ""
    """What was changed, for a person: ``gcd.py:5 swapped the arguments of gcd()``."""


class CaseStatus(StrEnum):
    """How one test ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"  #: its fixtures failed, or its module could not be imported
    SKIPPED = "skipped"  #: counts for nothing
    TIMEOUT = "timeout"  #: ran longer than it was given
    CRASHED = "crashed"  #: took its process down: memory, a signal, os._exit
    NOT_RUN = "not_run"  #: the run was cut short before it


class Case(Value):
    """One test and how it ended."""

    id: str
    """pytest's node id."""
    status: CaseStatus
    seconds: float = 0.0
    message: str = ""
    """The tail of the failure's report."""


class Survey(Value):
    """What the tests say of the program as it stands."""

    cases: tuple[Case, ...] = ()
    suspicion: dict[str, dict[int, float]] = Field(default_factory=dict[str, dict[int, float]])
    """Ochiai's suspiciousness in 0..1 by file and line; a line that no test reached is absent."""
    problem: str | None = None
    """Why no verdict can be had from these tests: none found, or not collectable."""

    @property
    def counted(self) -> tuple[Case, ...]:
        """The cases that bear on the score."""
        return tuple(case for case in self.cases if case.status is not CaseStatus.SKIPPED)

    @property
    def failing(self) -> tuple[Case, ...]:
        """The cases a repair must make pass."""
        return tuple(case for case in self.counted if case.status is not CaseStatus.PASSED)

    @property
    def score(self) -> float:
        """Share of the counted cases that pass; 0 when there are none."""
        counted = self.counted
        return (len(counted) - len(self.failing)) / len(counted) if counted else 0.0


class Trial(Value):
    """What the tests say of one candidate. A run is cut short once it cannot pass any more."""

    cases: tuple[Case, ...] = ()
    score: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of the counted cases seen to pass; what was not run counts as not passed."""
    passed: bool = False
    """Every counted case ran and passed."""
    timed_out: bool = False
    """The only thing known against it is the clock: worth another try with more time."""
    problem: str | None = None
    """Why it could not be run: a syntax error, a crash at import."""
    seconds: float = 0.0


def apply_edits(files: Mapping[str, str], candidate: Candidate) -> dict[str, str]:
    """Return the texts of the files that `candidate` changes, after its edits.

    Raises:
        EditMismatch: an edit names a file that is not there, or a stretch outside of it.
    """
    changed: dict[str, str] = {}
    for edit in candidate.edits:
        text = changed.get(edit.path, files.get(edit.path))
        if text is None or not edit.start <= edit.end <= len(text):
            raise EditMismatch(edit.path, edit.start, edit.end)
        changed[edit.path] = text[: edit.start] + edit.text + text[edit.end :]
    return changed
