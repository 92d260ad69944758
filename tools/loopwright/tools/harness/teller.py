"""What a child tells its parent while it runs tests: one JSON line an event.

``start``     a test begins; the parent's hard limit counts from here
``case``      a test has ended: id, status, seconds, message, lines
``broken``    a file of tests could not be collected: id, message, lines
``collected`` all files were read: ids, lines run by the imports
``problem``   nothing can be run at all: text
``late``      the imports took too long: lines
``end``       nothing more will come
"""

from __future__ import annotations

import json
import os
import signal
import time
import traceback
from types import FrameType
from typing import Any

from . import preload
from .lines import LineWatch, Watch

TAIL = 2000  # characters of a report that are kept


class Teller:
    """Holds the pipe to the parent, the clock of the running test, and its lines."""

    def __init__(self, pipe: int, token: str, root: str, seconds: float, watch: Watch) -> None:
        self.pipe = pipe
        self.token = token
        self.root = root
        self.seconds = seconds
        self.watch = watch
        self.current: str | None = None
        self._pid = os.getpid()
        self._began = time.monotonic()

    def say(self, event: str, **facts: Any) -> None:
        """Send one event; a process forked off by a test has nothing to say and ends here."""
        if os.getpid() != self._pid:
            os._exit(0)
        rest = memoryview((json.dumps({"token": self.token, "event": event, **facts}) + "\n").encode())
        while rest:
            rest = rest[os.write(self.pipe, rest) :]

    def collecting(self, seconds: float) -> None:
        """Give the imports `seconds`."""
        signal.signal(signal.SIGALRM, self._expired)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        self._began = time.monotonic()
        self.watch.start()

    def collected(self, ids: list[str]) -> None:
        """Tell that the imports are done, and which tests will be run."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        seconds = time.monotonic() - self._began
        self.say("collected", ids=ids, lines=self.watch.take(), seconds=seconds)

    def broken(self, name: str, message: str) -> None:
        """Tell that a file of tests could not be collected."""
        self.say("broken", id=name, message=message[-TAIL:], lines=self.watch.take())

    def begin(self, name: str) -> None:
        """Tell that a test begins, and start its clock."""
        self.current = name
        self.say("start", id=name)
        self._began = time.monotonic()
        signal.signal(signal.SIGALRM, self._expired)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def finish(self, status: str, message: str = "") -> None:
        """Stop the clock, and tell how the test ended."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._close(status, message)
        if "MemoryError" in message:
            os._exit(0)  # what else has failed for lack of memory nobody knows; the rest is run in a new process

    def end(self, status: int, complaint: str = "") -> None:
        """Tell that the run is over, with pytest's exit status and what it complained of."""
        modules = preload.installed_modules() if isinstance(self.watch, LineWatch) else []
        self.say("end", exit=status, text=complaint, modules=modules)

    def _close(self, status: str, message: str) -> None:
        seconds = time.monotonic() - self._began
        name, self.current = self.current, None
        lines = self.watch.take()
        self.say("case", id=name, status=status, seconds=seconds, message=message[-TAIL:], lines=lines)

    def _expired(self, _signal: int, frame: FrameType | None) -> None:
        """End this process: after an interrupted test its state can no longer be trusted."""
        if self.current is None:
            self.say("late", lines=self.watch.take())
        else:
            self._close("timeout", f"did not end within {self.seconds:g} s\n{self._whereabouts(frame)}")
        os._exit(0)

    def _whereabouts(self, frame: FrameType | None) -> str:
        stack = [entry for entry in traceback.extract_stack(frame) if entry.filename.startswith(self.root)]
        return "".join(traceback.format_list(stack[-8:]))
