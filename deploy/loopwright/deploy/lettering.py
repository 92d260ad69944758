"""A dead letter in words for a person, and as JSON for a program."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue
from pydantic_core import from_json

from loopwright.bus import Entry
from loopwright.bus.letters import Letter
from loopwright.deploy.entries import plain, sentence_of
from loopwright.deploy.telling import SCHEMA_VERSION
from loopwright.deploy.visible import visible

BINARY_SHOWN = 1024
"""Bytes of a binary body that a person is shown; --json has them all."""
SUMMARY = 200
"""Characters of a message that has no sentence of its own."""


@dataclass(frozen=True)
class Opened:
    """A letter with what had to be fetched for it."""

    letter: Letter
    body: bytes | None
    """None where the object store does not have it."""
    goal: str
    """The goal whose history it is."""
    history: Sequence[Entry]
    """What is on record of the attempt, and how its goal ended."""


def facts(letter: Letter) -> dict[str, JsonValue]:
    """Return what is known of a letter from its outside."""
    return {
        "schema_version": SCHEMA_VERSION,
        "letter": letter.number,
        "buried": letter.buried.isoformat(),
        "role": letter.role,
        "goal": letter.goal,
        "step": letter.step,
        "attempt": int(letter.attempt) if letter.attempt.isdecimal() else None,
        "deliveries": letter.deliveries,
        "reason": letter.reason,
        "worker": letter.worker,
        "subject": letter.subject,
        "sequence": letter.sequence,
        "stored": letter.stored.isoformat() if letter.stored else None,
    }


def document(opened: Opened) -> dict[str, JsonValue]:
    """Return all of a letter as JSON."""
    said, encoding = decoded(opened.body)
    history: list[JsonValue] = [plain(entry) for entry in opened.history]
    return facts(opened.letter) | {
        "headers": dict(opened.letter.headers),
        "encoding": encoding,
        "body": said,
        "history_of": opened.goal,
        "history": history,
    }


def decoded(body: bytes | None) -> tuple[JsonValue, str]:
    """Return a body as JSON can hold it, and how: as JSON, text, base64, or missing."""
    if body is None:
        return None, "missing"
    try:
        said: JsonValue = from_json(body, allow_inf_nan=False)
    except ValueError:
        pass
    else:
        return said, "json"
    try:
        return body.decode(), "text"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"


def rows(letters: Sequence[Letter], now: datetime) -> list[str]:
    """Return one line for each letter, in columns."""
    table = [("letter", "age", "role", "goal", "step", "taken", "reason")]
    return columns(table + [cells(letter, now) for letter in letters])


def columns(table: Sequence[Sequence[str]]) -> list[str]:
    """Return one line for each row, its cells below each other."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)][:-1]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in table
    ]


def cells(letter: Letter, now: datetime) -> tuple[str, ...]:
    """Return what a list shows of a letter."""
    place = f"{letter.step}/{letter.attempt}" if letter.attempt else letter.step
    taken = f"{letter.deliveries}x" if letter.deliveries else "-"
    age, reason = age_in_words(now - letter.buried), letter.reason or "no reason given"
    return str(letter.number), age, letter.role, letter.goal, visible(place), taken, visible(reason)


def age_in_words(age: timedelta) -> str:
    """Return an age in its largest unit."""
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def in_words(opened: Opened) -> str:
    """Return all of a letter for a person."""
    letter = opened.letter
    told = {
        "letter": str(letter.number),
        "reason": letter.reason or "no reason given",
        "buried": f"{letter.buried:%Y-%m-%d %H:%M:%S} by {letter.worker or 'an unknown process'} ({letter.role})",
        "subject": letter.subject or "unknown",
        "stored": stored_in_words(letter),
        "handed out": handed_out(letter.deliveries),
    }
    told |= {name: value for name, value in letter.headers.items() if name not in told}
    width = max(map(len, told))
    head = [f"{name:>{width}}  {visible(value)}" for name, value in told.items()]
    return "\n".join([*head, "", *body_in_words(opened.body), *history_in_words(opened)])


def handed_out(deliveries: int) -> str:
    """Return how often a message was given to a process."""
    return {0: "nobody knows how often", 1: "once"}.get(deliveries, f"{deliveries} times, the last time to be buried")


def stored_in_words(letter: Letter) -> str:
    """Return when and where the broker stored what became a letter."""
    at = f"{letter.stored:%Y-%m-%d %H:%M:%S}" if letter.stored else "at an unknown time"
    return f"{at}, message {letter.sequence}" if letter.sequence else at


def body_in_words(body: bytes | None) -> list[str]:
    """Return the lines of a body: JSON with indents, text as it is, binary in hexadecimal."""
    said, encoding = decoded(body)
    if body is None:
        return ["Its body is not in the object store any more."]
    if not body:
        return ["It has no body."]
    head = f"Body, {len(body):,} bytes:"
    if encoding == "json":
        return [head, json.dumps(said, indent=2)]
    if encoding == "text":
        return [head, visible(str(said))]
    lines = [f"{at:08x}  {dumped(body[at : at + 16])}" for at in range(0, min(len(body), BINARY_SHOWN), 16)]
    left = len(body) - BINARY_SHOWN
    return [head, *lines, *([f"… {left:,} bytes more; --json has them all"] if left > 0 else [])]


def dumped(line: bytes) -> str:
    """Return sixteen bytes in hexadecimal, and as far as they are letters."""
    letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
    return f"{line.hex(' '):<47}  {letters}"


def history_in_words(opened: Opened) -> list[str]:
    """Return what is on record of a letter's attempt, one line an entry."""
    if not opened.history:
        return []
    about = f"attempt {opened.letter.attempt} of " if opened.letter.attempt else ""
    lines = ["", f"On record for {about}{opened.goal}:"]
    lines += [f"{entry.seq:>8}  {entry.time:%H:%M:%S}  {visible(said_by(entry))}" for entry in opened.history]
    if not any(entry.subject.kind == "event" for entry in opened.history):
        lines.append(f"{'':>8}  {opened.goal} has not ended")
    return lines


def said_by(entry: Entry) -> str:
    """Return what an entry says in one line, whatever kind it is of."""
    if entry.message is None:
        return f"{entry.subject.kind}: cannot be read"
    said = sentence_of(entry) or f"{entry.subject.kind}: {entry.message.model_dump_json(exclude_defaults=True)}"
    return said if len(said) <= SUMMARY else f"{said[:SUMMARY]}…"
