"""What tells one output, or one failure, from every other: a few digits that stay the same in any process."""

import hashlib
import json
import re

from loopwright.bus.plain import JsonValue

DIGITS = 8
"""Hexadecimal digits; among the few outputs that are compared with each other, no two share them by chance."""
READ = 4_000
"""Characters of a text that count."""
IN_ORDER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False)
"""Writes the same JSON in one way only; JSON holds nothing that holds itself."""
CHANGING = re.compile(
    r"0x[0-9a-fA-F]+"  # where something lies in memory
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.+Z]*"
    r"|\b\d+\.\d+"  # what was measured
    r"|\b\d+ ?(?:ms|s|sec|seconds)\b"
    r"|/(?:private/)?(?:var/)?tmp/\S+"
)
"""What is another at every run, though the failure is the same. Whole numbers stay: they count something."""


def of_output(output: JsonValue) -> str:
    """Return what tells an output: the same for the same JSON, in whatever order its keys stand."""
    return digest(IN_ORDER.encode(output))


def of_failure(who: str, text: str) -> str:
    """Return what tells a failure by who found it and what was said, but for times, places and measures."""
    return digest(f"{who}\n{CHANGING.sub('#', text[:READ])}")


def together(one: str, other: str) -> str:
    """Return what tells two failures found together, in whatever order they were found."""
    return f"{int(one or '0', 16) ^ int(other or '0', 16):0{DIGITS}x}"


def digest(text: str) -> str:
    """Return the digits of a text."""
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=DIGITS // 2).hexdigest()
