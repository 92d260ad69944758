"""Conversations of agents that were recorded elsewhere, with the turn that people blame, and whom we would blame.

Files are JSON Lines: `history` has the turns, each with `content` and a `name` or a `role`. A role may say to whom the
turn goes, ``Lead (-> Reader)``, as Magentic-One writes it, and a turn that begins with ``exitcode: 1`` is what a
process printed, as AutoGen writes it. `mistake_agent` and `mistake_step` are what people found; they are compared
exactly, where a search for one text inside the other would find step 3 in step 31.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loopwright.actors.faults import Fault
from loopwright.actors.faults.foreign import Said, accuse
from loopwright.bus.misfit import misfit
from loopwright.deploy.evals.runs import RunRefused

NEAR = 3
"""Turns beside the one that people blame that still help whoever looks."""
PRINTED = re.compile(r"\s*exitcode: (\d+)")
ADDRESSED = re.compile(r"(?P<agent>.+?) \((?:-> (?P<to>.+)|.*)\)")


class RecordedTurn(BaseModel):
    """One turn as it is recorded."""

    model_config = ConfigDict(frozen=True)

    content: str = ""
    role: str = ""
    name: str | None = None

    def said(self) -> Said:
        """Return what was said, by whom, and to whom."""
        printed = PRINTED.match(self.content)
        status = int(printed[1]) if printed else None
        if self.name:
            return Said(self.name, self.content, status=status)
        addressed = ADDRESSED.fullmatch(self.role)
        if addressed is None:
            return Said(self.role, self.content, status=status)
        return Said(addressed["agent"], self.content, to=addressed["to"], status=status)


class RecordedConversation(BaseModel):
    """A conversation as it is recorded, with what people found."""

    model_config = ConfigDict(frozen=True)

    history: tuple[RecordedTurn, ...] = Field(min_length=1)
    mistake_agent: str | None = None
    mistake_step: int | None = None


@dataclass(frozen=True)
class Accused:
    """Whom we blame in one conversation, and whether people agree."""

    case: str
    turns: int
    fault: Fault
    agent: bool | None
    """Whether it is the agent that people blame; None where they were not asked."""
    off: int | None
    """Turns between ours and theirs."""


@dataclass(frozen=True)
class Agreement:
    """How often people agree, over the conversations of one file that they were asked about."""

    suite: str
    labelled: int
    agent: float
    step: float
    near: float


def accused_in(path: Path) -> list[Accused]:
    """Return whom we blame in each conversation of a file.

    Raises:
        RunRefused: it cannot be read; the sentence says in which line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise RunRefused(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RunRefused(f"{path} cannot be read: it is not UTF-8") from None
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    return [accused(f"{path.stem}-{number}", read(line, f"{path}:{number}")) for number, line in numbered]


def read(line: str, place: str) -> RecordedConversation:
    """Return the conversation in a line.

    Raises:
        RunRefused: there is none.
    """
    try:
        return RecordedConversation.model_validate_json(line)
    except ValidationError as error:
        raise RunRefused(f"{place} is no recorded conversation: {misfit(error)}") from None


def accused(case: str, recorded: RecordedConversation) -> Accused:
    """Return whom we blame in a conversation, set against whom people blame; we are not told before."""
    said = [turn.said() for turn in recorded.history]
    fault = accuse(said)
    agent = None if recorded.mistake_agent is None else fault.who == recorded.mistake_agent
    off = None if recorded.mistake_step is None else abs(fault.evidence[0] - recorded.mistake_step)
    return Accused(case, len(said), fault, agent, off)


def agreement(suite: str, found: Iterable[Accused]) -> Agreement:
    """Return how often people agree."""
    labelled = [each for each in found if each.agent is not None and each.off is not None]
    count = len(labelled)
    agent, step = sum(bool(each.agent) for each in labelled), sum(each.off == 0 for each in labelled)
    near = sum(each.off is not None and each.off <= NEAR for each in labelled)
    return Agreement(suite, count, *(figure / count if count else 0.0 for figure in (agent, step, near)))


def conversations_at(path: Path) -> Sequence[Path]:
    """Return the files of conversations in a place; none where there are recorded runs."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    return [each for each in files if each.suffix == ".jsonl"]
