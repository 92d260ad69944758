"""Which lines of the program run, test by test."""

from __future__ import annotations

import os
import sys
import threading
from types import CodeType, FrameType
from typing import Any

Lines = dict[str, list[int]]


class Watch:
    """Notes nothing: trials need no lines."""

    def start(self) -> None:
        """Do nothing."""

    def take(self) -> Lines:
        """Return no lines."""
        return {}


class LinesByFile(Watch):
    """Gathers the lines that run in some files since the last `take`."""

    def __init__(self, root: str, names: list[str]) -> None:
        self._names = {os.path.join(root, name): name for name in names}
        self._seen: dict[str, set[int]] = {}

    def take(self) -> Lines:
        """Return the lines seen since the last call, and begin anew."""
        seen, self._seen = self._seen, {}
        return {self._names[path]: sorted(lines) for path, lines in seen.items()}

    def _note(self, path: str, line: int) -> None:
        self._seen.setdefault(path, set()).add(line)


if sys.version_info >= (3, 12):  # noqa: UP036 (the program's interpreter may be older than ours)
    TOOL = 3  # 0 to 2 are for debuggers, coverage and profilers, which the program may use
    EVENTS = sys.monitoring.events

    class LineWatch(LinesByFile):
        """Sees every line once a test, in all threads, at next to no cost."""

        def start(self) -> None:
            """Begin to watch."""
            sys.monitoring.use_tool_id(TOOL, "loopwright")
            sys.monitoring.register_callback(TOOL, EVENTS.PY_START, self._on_start)
            sys.monitoring.register_callback(TOOL, EVENTS.LINE, self._on_line)
            sys.monitoring.set_events(TOOL, EVENTS.PY_START)

        def take(self) -> Lines:
            """Return the lines seen since the last call, and begin anew."""
            lines = super().take()
            sys.monitoring.restart_events()
            return lines

        def _on_start(self, code: CodeType, _offset: int) -> Any:
            if code.co_filename in self._names:
                sys.monitoring.set_local_events(TOOL, code, EVENTS.LINE)
            return sys.monitoring.DISABLE

        def _on_line(self, code: CodeType, line: int) -> Any:
            self._note(code.co_filename, line)
            return sys.monitoring.DISABLE

else:

    class LineWatch(LinesByFile):
        """Sees every line through the trace function, in all threads."""

        def start(self) -> None:
            """Begin to watch."""
            threading.settrace(self._on_call)
            sys.settrace(self._on_call)

        def _on_call(self, frame: FrameType, _event: str, _arg: Any) -> Any:
            return self._on_line if frame.f_code.co_filename in self._names else None

        def _on_line(self, frame: FrameType, event: str, _arg: Any) -> Any:
            if event == "line":
                self._note(frame.f_code.co_filename, frame.f_lineno)
            return self._on_line
