"""Runs that were recorded elsewhere, read as trials.

τ-bench (sierra-research/tau-bench) writes a file a run: a list of trials, each with its task, its reward and its
conversation. A reward of 1 is a success; a trial that raised an error says so in `info`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from loopwright.bus import Usage
from loopwright.deploy.evals.runs import Heading, Run, RunRefused
from loopwright.deploy.evals.trials import Apart, Trial

NEARLY = 1e-6
"""How far a reward may be from 1 and be one."""
NAME = 63
"""Characters of a run's name."""


class Said(BaseModel):
    """One message of a conversation."""

    role: str = ""
    tool_calls: list[Any] | None = None


class TauBenchTrial(BaseModel):
    """One trial as τ-bench records it."""

    model_config = ConfigDict(frozen=True)

    task_id: int | str
    trial: int = 0
    reward: float
    traj: list[Said] = Field(default_factory=list[Said])
    info: dict[str, Any] = Field(default_factory=dict[str, Any])


RECORDED = TypeAdapter(list[TauBenchTrial])


def recorded_runs(path: Path) -> list[Run]:
    """Return the runs in a file, or in every JSON file of a folder.

    Raises:
        RunRefused: there is none, or one that cannot be read.
    """
    paths = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not paths:
        raise RunRefused(f"{path} holds no recorded run: there is no .json file in it")
    return [recorded_run(each) for each in paths]


def recorded_run(path: Path) -> Run:
    """Return the run in a file.

    Raises:
        RunRefused: it cannot be read.
    """
    try:
        body = path.read_bytes()
        began = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        trials = RECORDED.validate_json(body)
    except OSError as error:
        raise RunRefused(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise RunRefused(f"{path} is no recorded run that is known here: {where}: {first['msg']}") from None
    name = token_of(path.stem)
    heading = Heading(run=name, suite=name, began=began, machine="recorded elsewhere")
    return Run(heading=heading, trials=tuple(trials_of(trials)))


def trials_of(recorded: Sequence[TauBenchTrial]) -> list[Trial]:
    """Return recorded trials as ours; each was one attempt, and what it cost in tokens is not told."""
    return [
        Trial(
            case=f"task-{each.task_id}",
            repetition=each.trial + 1,
            passed=each.reward >= 1 - NEARLY,
            apart=Apart.INFRASTRUCTURE if each.info.get("error") else None,
            reason="accepted" if each.reward >= 1 - NEARLY else "rewarded less",
            why=str(each.info.get("error") or ""),
            score=min(1.0, max(0.0, each.reward)),
            attempts=1,
            accepted_at=1 if each.reward >= 1 - NEARLY else None,
            usage=Usage(model_calls=sum(said.role == "assistant" for said in each.traj)),
        )
        for each in recorded
    ]


def token_of(text: str) -> str:
    """Return a text as a run's name."""
    kept = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in text.lower())
    return kept[:NAME].strip("-") or "recorded"
