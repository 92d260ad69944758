"""What a repair is about: a program with failing tests, proposals to change it, and what the tests say of them."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loopwright.tools.program import Candidate, Survey, Trial

type Source = Mapping[str, str] | str
"""Files by their paths, or the name of a packed folder."""


class Value(BaseModel):
    """A frozen value of the repair loop."""

    model_config = ConfigDict(frozen=True)


class Program(Value):
    """A program and its tests: packed in the object store, or written out in the message."""

    workspace: str | None = None
    """Name of the packed folder in the object store."""
    files: dict[str, str] | None = None
    """Or its files, by their paths."""
    python: Path | None = None
    """The interpreter that runs it, which the worker's machine must have; by default the worker's own."""
    test_timeout: float | None = Field(default=None, gt=0)
    """Seconds that one test may take; by default found out by trying."""
    model: str | None = None
    """The model to ask, where a model proposes; by default the worker's own."""

    @property
    def source(self) -> Source:
        """Where its files are."""
        return self.files if self.files is not None else str(self.workspace)

    @model_validator(mode="after")
    def _has_one_source(self) -> "Program":
        if (self.workspace is None) == (self.files is None):
            raise ValueError("give either files, or the name of a packed workspace")
        return self


class Acceptance(Value):
    """Tests that the generator never sees."""

    workspace: str | None = None
    files: dict[str, str] | None = None

    @property
    def source(self) -> Source:
        """Where the tests are."""
        return self.files if self.files is not None else str(self.workspace)


class Proposal(Value):
    """A batch of changed programs; one batch is one attempt."""

    candidates: tuple[Candidate, ...] = Field(min_length=1)
    time_scale: float = Field(default=1.0, gt=0)
    """How much longer than usual each test may take: what only timed out is tried again with more."""


class Findings(Value):
    """What the tests said of a batch: one trial for each candidate, in the same order."""

    trials: tuple[Trial | None, ...] = ()
    """Which tests each mends and breaks, as far as a search must know; None for a candidate that was not tried, because
    a smaller change had passed."""
    passing: tuple[int, ...] = ()
    """Candidates that passed every test, the smallest change first."""
    sandbox: str = ""
    """How well they were shut in."""


class Baseline(Value):
    """What the tests said of the program as it stands."""

    survey: Survey
    sandbox: str = ""


class Pick(Value):
    """One candidate of a batch, as the best of it."""

    candidate: Candidate
    witnesses: int
    """Tests that ran and passed."""
    tests: int
    """Tests that count."""
    hidden: int = 0
    """Acceptance tests that ran and passed."""
