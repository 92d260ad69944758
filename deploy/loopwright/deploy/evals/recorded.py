"""Runs that were recorded elsewhere, read as trials.

τ-bench (sierra-research/tau-bench) writes a file a run: a list of trials, each with its task, its reward and its
conversation. A reward of 1 is a success; a trial that raised an error says so in `info`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from loopwright.actors.rules import WrittenRule, rules_of
from loopwright.bus import Usage
from loopwright.bus.misfit import misfit
from loopwright.deploy.evals.conversation import Said, trail_of
from loopwright.deploy.evals.grading import graded, way_of
from loopwright.deploy.evals.runs import Heading, Run, RunRefused
from loopwright.deploy.evals.trials import Apart, Trial

NEARLY = 1e-6
"""How far a reward may be from 1 and be one."""
NAME = 63
"""Characters of a run's name."""


class TauBenchTrial(BaseModel):
    """One trial as τ-bench records it."""

    model_config = ConfigDict(frozen=True)

    task_id: int | str
    trial: int = 0
    reward: float
    traj: list[Said] = Field(default_factory=list[Said])
    info: dict[str, Any] = Field(default_factory=dict[str, Any])


RECORDED = TypeAdapter(list[TauBenchTrial])


def recorded_runs(path: Path, rules: Sequence[WrittenRule] = ()) -> list[Run]:
    """Return the runs in a file, or in every JSON file of a folder, their conversations held against `rules`.

    Raises:
        RunRefused: there is none, or one that cannot be read.
    """
    paths = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not paths:
        raise RunRefused(f"{path} holds no recorded run: there is no .json file in it")
    return [recorded_run(each, rules) for each in paths]


def recorded_run(path: Path, rules: Sequence[WrittenRule] = ()) -> Run:
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
        raise RunRefused(f"{path} is no recorded run that is known here: {misfit(error)}") from None
    name = token_of(path.stem)
    heading = Heading(run=name, suite=name, began=began, machine="recorded elsewhere")
    return Run(heading=heading, trials=tuple(trial_of(each, rules) for each in trials))


def trial_of(recorded: TauBenchTrial, rules: Sequence[WrittenRule]) -> Trial:
    """Return a recorded trial as ours; it was one attempt, and what it cost in tokens is not told."""
    passed, error = recorded.reward >= 1 - NEARLY, recorded.info.get("error")
    trial = Trial(
        case=f"task-{recorded.task_id}",
        repetition=recorded.trial + 1,
        passed=passed,
        apart=Apart.INFRASTRUCTURE if error else None,
        reason="accepted" if passed else "rewarded less",
        why=str(error or ""),
        score=min(1.0, max(0.0, recorded.reward)),
        attempts=1,
        accepted_at=1 if passed else None,
        usage=Usage(model_calls=sum(said.role == "assistant" for said in recorded.traj)),
    )
    return graded(trial, way_of(rules, ()), rules_of(rules)(trail_of(recorded.traj)), {}) if rules else trial


def token_of(text: str) -> str:
    """Return a text as a run's name."""
    kept = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in text.lower())
    return kept[:NAME].strip("-") or "recorded"
