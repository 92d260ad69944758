"""Messages on a pipe: four bytes of length, then JSON."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

HEAD = struct.Struct(">I")


def send(fd: int, message: dict[str, Any]) -> None:
    """Write one whole message to `fd`."""
    body = json.dumps(message).encode()
    rest = memoryview(HEAD.pack(len(body)) + body)
    while rest:
        rest = rest[os.write(fd, rest) :]


def receive(fd: int) -> dict[str, Any] | None:
    """Return the next message from `fd`, or None when the other side has closed it."""
    head = _exactly(fd, HEAD.size)
    body = head and _exactly(fd, HEAD.unpack(head)[0])
    return json.loads(body) if body else None


def _exactly(fd: int, size: int) -> bytes | None:
    parts = []
    while size:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
