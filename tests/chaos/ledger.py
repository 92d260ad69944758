"""The outside ledger: what handlers really did, told by themselves on a file and not on the bus.

A line is one write to a file opened for appending, so lines of many processes do not mix, and what was written
before a kill -9 is there: the kernel has it.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple

VARIABLE = "CHAOS_LEDGER"
"""Names the file, in a process that is to write on it."""

type What = Literal["began", "paid", "shipped", "completed"]


class Work(NamedTuple):
    """One attempt at a step, or one evaluation of it."""

    goal: str
    step: str
    attempt: int
    role: str


@dataclass(frozen=True, slots=True)
class Line:
    """Something that happened outside of the bus."""

    at: float
    """Seconds since the epoch, by the clock of this machine."""
    what: What
    work: Work
    pid: int
    key: str = ""
    """Tells one shipment from every other."""


def note(what: What, work: Work, key: str = "") -> None:
    """Put on the ledger what has happened just now."""
    line = json.dumps(asdict(Line(time.time(), what, work, os.getpid(), key)))
    fd = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, line.encode() + b"\n")
    finally:
        os.close(fd)


def size(path: Path) -> int:
    """Return how many bytes have been written so far."""
    return path.stat().st_size if path.exists() else 0


def read(path: Path, behind: int = 0) -> list[Line]:
    """Return every line so far, in the order of their writing, that stands behind so many bytes."""
    if not path.exists():
        return []
    with path.open() as ledger:
        ledger.seek(behind)
        told = [json.loads(line) for line in ledger]
    return [Line(**each | {"work": Work(*each["work"])}) for each in told]


def has_key(path: Path, key: str) -> bool:
    """Tell whether a shipment is on the ledger; quickly, for whoever asks may be killed any moment."""
    return path.exists() and json.dumps(key).encode() in path.read_bytes()


def open_work(lines: Sequence[Line]) -> dict[Work, int]:
    """Return the work that was begun and not completed, with the process that began it last."""
    held: dict[Work, int] = {}
    for line in lines:
        if line.what == "began":
            held[line.work] = line.pid
        elif line.what == "completed":
            held.pop(line.work, None)
    return held
