"""What a NATS server must be able to do, and what its settings promise."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

NEEDED = (2, 12, 0)
"""The first version with timers that the broker holds."""
SYNC = re.compile(r"sync_interval:(always|(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+)")
"""The tag in which a server tells its `sync_interval`, which no client can ask for."""

UNTOLD = (
    "the server does not tell whether it survives a power cut: see sync_interval in its configuration (2m unless set),"
    ' and say it there as a tag, server_tags: ["sync_interval:2m"]'
)


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


def sync_in(tags: Iterable[object]) -> str:
    """Return the `sync_interval` that a server tells in its tags; empty where it tells none."""
    found = (SYNC.fullmatch(str(tag)) for tag in tags)
    return next((match[1] for match in found if match), "")


def guarantee(sync: str, replicas: int, *, on_disk: bool = True) -> str:
    """Return in one sentence what an acknowledged message survives.

    `sync` is the server's `sync_interval` as its tag tells it, such as ``always`` or ``2m``, and empty where it tells
    none; whether that is so no client can find out. `replicas` is on how many nodes the least copied stream is kept.
    """
    spare = (replicas - 1) // 2
    nodes = "its server" if replicas == 1 else "all its nodes"
    survives = ([f"the loss of {spare} of {replicas} nodes"] if spare else []) + ["the crash of any process"]
    lost = "" if spare else f"the loss of {"its server's disk" if replicas == 1 else "a node's disk"}"
    but = f", not {lost}" if lost else ""
    if not on_disk:
        return f"an acknowledged message is kept in memory: a stop of {nodes} loses it"
    if not sync:
        return f"{survived(survives)}{but}; {UNTOLD}"
    told = f"as the server's tag sync_interval:{sync} tells"
    if sync == "always":
        comma = "," if spare else ""
        return f"{survived(survives)}{comma} and, {told}, a power cut of {nodes}{but}"
    if lost:
        return f"{survived(survives)}, not {lost}, nor a power cut of {nodes} within {sync}, {told}"
    lag = "nor of one while another lags behind"
    return f"{survived(survives)}, not a power cut of several nodes within {sync}, {lag}, {told}"


def survived(what: list[str]) -> str:
    """Return the beginning of the sentence: all that an acknowledged message survives."""
    *others, last = what
    return f"an acknowledged message survives {f'{", ".join(others)} and ' if others else ''}{last}"
