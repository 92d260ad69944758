"""A run: the trials of a suite, kept in a file of JSON Lines that is added to as they end.

The bus is the truth: a run is gone on with on any machine by its name, for a trial's goal has the same id again. The
file is what outlives the stream, to be looked at and compared with later.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from loopwright.bus.errors import LoopwrightError
from loopwright.bus.misfit import misfit
from loopwright.bus.names import Token, is_token
from loopwright.deploy.evals.trials import Trial

FOLDER = Path(".loopwright/evals")
"""Where runs are kept."""
SUFFIX = ".jsonl"


class RunUnknown(LoopwrightError):
    """There is no file of that run."""

    def __init__(self, run: str, path: Path) -> None:
        super().__init__(f"nothing is known of the run {run}: there is no {path}")


class RunRefused(LoopwrightError):
    """A run's file cannot be used."""


class Heading(BaseModel):
    """What a run is: the first line of its file."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["run"] = "run"
    schema_version: Literal[1] = 1
    run: Token
    suite: str
    began: datetime
    version: str = ""
    """Of Loopwright."""
    machine: str = ""


class Run(BaseModel):
    """A run's heading, and the trials that have ended."""

    model_config = ConfigDict(frozen=True)

    heading: Heading
    trials: tuple[Trial, ...] = ()


class RunFile:
    """The file of a run that goes on."""

    def __init__(self, file: TextIOWrapper, run: Run) -> None:
        self._file = file
        self.run = run
        """What was in it when it was opened."""

    def add(self, trial: Trial) -> None:
        """Add a trial that has ended."""
        self._file.write(trial.model_dump_json() + "\n")
        self._file.flush()


@contextmanager
def open_run(folder: Path, heading: Heading) -> Iterator[RunFile]:
    """Hold the file of a run, a new one or one that was begun.

    Raises:
        RunRefused: it is a run of another suite, somebody else writes it now, or it cannot be written.
    """
    path = folder / f"{heading.run}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise RunRefused(f"{path} cannot be written: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunRefused(f"the run {heading.run} is under way in another process") from None
        run = begun(file, path, heading)
        if run.heading.suite != heading.suite:
            raise RunRefused(f"the run {heading.run} is one of the suite {run.heading.suite}, not {heading.suite}")
        yield RunFile(file, run)


def begun(file: TextIOWrapper, path: Path, heading: Heading) -> Run:
    """Return what is in a file that was begun, without a line that was cut off; else begin it."""
    file.seek(0)
    text = file.read()
    whole = text[: text.rfind("\n") + 1]
    file.truncate(len(whole.encode()))
    if not whole:
        file.write(heading.model_dump_json() + "\n")
        file.flush()
        return Run(heading=heading)
    return read_lines(whole, path)


def find_run(run: str, folder: Path) -> Run:
    """Return a run by its name, or by the path of its file.

    Raises:
        RunUnknown: there is none.
        RunRefused: the file is not one of a run.
    """
    path = Path(run) if run.endswith(SUFFIX) or not is_token(run) or Path(run).is_file() else folder / f"{run}{SUFFIX}"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RunUnknown(run, path) from None
    except OSError as error:
        raise RunRefused(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RunRefused(f"{path} cannot be read: it is not UTF-8") from None
    return read_lines(text[: text.rfind("\n") + 1], path)


def read_lines(text: str, path: Path) -> Run:
    """Return the run in a file's whole lines.

    Raises:
        RunRefused: they are not those of a run; the error points at the line.
    """
    number = 1
    try:
        first, *rest = text.splitlines()
        heading = Heading.model_validate_json(first)
        trials: dict[tuple[str, int], Trial] = {}
        for number, line in enumerate(rest, start=2):  # noqa: B007 - told below
            trial = Trial.model_validate_json(line)
            trials[trial.case, trial.repetition] = trial  # one that was judged anew stands again, further on
    except ValueError as error:
        why = misfit(error, whole="it") if isinstance(error, ValidationError) else str(error).splitlines()[0]
        raise RunRefused(f"{path}:{number}: this is no run of a suite: {why}") from None
    return Run(heading=heading, trials=tuple(trials.values()))
