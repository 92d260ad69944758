"""One order: a fresh folder, one child, its events, and a clean house afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import select
import time
from collections.abc import Callable
from typing import Any

from . import keeper
from .workshop import Workshop

TICK = 0.02  # seconds between two looks at what the child's processes use
GRACE = 0.4  # seconds a child has to notice its own alarm before it is killed

#: What the child does: pipe, parent, the program's folder, the order, the limits.
Live = Callable[[int, int, str, "dict[str, Any]", "dict[str, Any]"], None]


class Run:
    """One order: a fresh folder, one child, its events, and a clean house afterwards."""

    def __init__(
        self, order: dict[str, Any], limits: dict[str, Any], workshop: Workshop, streams: tuple[int, int], live: Live
    ) -> None:
        self.token = os.urandom(8).hex()  # a program that writes into every pipe it finds is not taken for its tests
        self.order = {**order, "token": self.token}
        self.limits = limits
        self.workshop = workshop
        self.streams = streams
        self.live = live
        self.events: list[dict[str, Any]] = []
        self.why = ""
        self._buffer = b""
        self._heard = 0
        self._deadline = 0.0

    def serve(self) -> dict[str, Any]:
        """Run the order, and return what was heard of it."""
        self.workshop.lay_out(self.order["changed"])
        began = time.monotonic()
        reading, writing = os.pipe()
        pid = self._fork(reading, writing)
        os.close(writing)
        try:
            self._follow(reading, pid, began + self.order["wall"])
        finally:
            os.close(reading)
        if not keeper.kill_all():
            os._exit(1)  # some processes cannot be killed: whoever started us throws the sandbox away
        self.workshop.clear()  # now: if that fails, this trial is to blame and not the next
        return {"events": self.events, "why": self.why, "seconds": time.monotonic() - began}

    def _fork(self, reading: int, writing: int) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            for fd in (reading, *self.streams):
                os.close(fd)
            self.live(writing, parent, self.workshop.root, self.order, self.limits)
        return pid

    def _follow(self, reading: int, pid: int, wall: float) -> None:
        """Listen until the child is done, dead, or past a limit; `why` tells which limit."""
        poll = select.poll()
        poll.register(reading, select.POLLIN)
        poll.register(self.streams[0], 0)  # only its hanging up
        self._allow(self.order["collect_seconds"])
        look = time.monotonic() + TICK
        while not self.why:
            dead = _is_dead(pid)  # asked before the pipe: what it said last is in there by then
            ready = dict(poll.poll(0 if dead else TICK * 1000))
            if self.streams[0] in ready:
                keeper.kill_all()
                os._exit(0)
            if reading in ready and not self._listen(reading):
                return
            now = time.monotonic()
            if now > wall:
                self.why = "wall"
            elif now > self._deadline:
                self.why = "timeout"
            elif now > look:
                self.why = keeper.excess(self.limits, self.workshop.room) or ""
                look = now + TICK
            if dead and reading not in ready:
                return

    def _listen(self, reading: int) -> bool:
        """Take in what the child says, and tell whether there may be more."""
        data = os.read(reading, 1 << 16)
        self._heard += len(data)
        if self._heard > self.limits["output_bytes"]:
            self.why = "output"
        *whole, self._buffer = (self._buffer + data).split(b"\n")
        for line in whole:
            if not self._take(line):
                return False
        return bool(data)

    def _take(self, line: bytes) -> bool:
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            event = json.loads(line)
            if event.pop("token") != self.token:
                return True
            name = event["event"]
            self.events.append(event)
            self._allow(self.order["seconds"] if name == "start" else self.order["collect_seconds"])
            return name not in ("end", "problem", "late")
        return True

    def _allow(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds + GRACE


def _is_dead(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return True
