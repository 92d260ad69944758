"""What a NATS server must be able to do, and what its settings promise."""

import re
from urllib.parse import urlsplit

NEEDED = (2, 12, 0)
"""The first version with timers that the broker holds."""


def version_of(text: str) -> tuple[int, int, int]:
    """Return the numbers in a version such as ``2.12.0-RC.1``; zeros where there are none."""
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else (0, 0, 0)


def is_new_enough(text: str) -> bool:
    """Tell whether a server of this version will do."""
    return version_of(text) >= NEEDED


def without_secrets(url: str) -> str:
    """Return the address without the user, password or token in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else url
