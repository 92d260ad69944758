"""The fork server: imports pytest once, and forks one child an order.

The first message lays down the program and the limits; every further one is an order, answered when its child has
ended one way or another and nothing it started is left.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Any

from . import child, command, frames, keeper, preload
from .run import Live, Run
from .workshop import Workshop

LEARN = 20.0  # seconds the libraries of the program may take to be imported once


class Server:
    """Answers orders, each by a child."""

    def __init__(self, streams: tuple[int, int], setup: dict[str, Any]) -> None:
        self.streams = streams
        self.limits = setup["limits"]
        self.workshop = Workshop(setup["room"], setup.pop("archive"), setup["keep"])
        self._resident = not any(os.path.basename(name) == "conftest.py" for name in self.workshop.files)

    def serve(self) -> None:
        """Answer orders until the other side goes away."""
        while (order := self.next()) is not None:
            if "words" in order:
                self.answer(order, command.live)
                continue
            if self._resident and child.PYTEST and order["lean"] and not order["explain"]:
                self._resident = False
                self.workshop.lay_out({})
                child.runner.stay(self, order)
                self.workshop.clear()
            self.answer(order, child.live)

    def next(self) -> dict[str, Any] | None:
        """Return the next order, or None when there will be none."""
        return frames.receive(self.streams[0])

    def answer(self, order: dict[str, Any], live: Live) -> None:
        """Have a child `live` one order, and answer it; then learn from what it had to import."""
        answer = Run(order, self.limits, self.workshop, self.streams, live).serve()
        frames.send(self.streams[1], answer)
        modules = [name for event in answer["events"] for name in event.get("modules", ())]
        if modules:
            preload.learn(modules, LEARN)
            settle()


def main() -> None:
    """Set up what the first message asks for, and serve."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    streams = _private(0), _private(1)
    keeper.settle_in()
    setup = frames.receive(streams[0])
    if setup is None:
        return
    server = Server(streams, setup)
    version = preload.everything()
    hello = {"python": sys.version.split()[0], "pytest": version, "alone": keeper.alone()}
    frames.send(streams[1], hello)
    _quiet(2)
    settle()
    server.serve()


def settle() -> None:
    """Spare the children the copying of memory that the garbage collector would touch."""
    gc.collect()
    gc.freeze()


def _private(fd: int) -> int:
    """Move a standard stream where no child finds it."""
    moved = os.dup(fd)
    _quiet(fd)
    return moved


def _quiet(fd: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, fd)
    os.close(null)
