"""What can go wrong when an agent touches the world.

ToolError
├── EditMismatch        an edit does not fit the text it is meant for
├── SandboxUnavailable  the isolation that was asked for cannot be had here
├── WorkspaceRefused    a folder cannot be packed, unpacked or written back safely
├── InterpreterUnusable the Python that was asked for is not one
└── BenchBroken         the tests of a program cannot be run at all
"""

from loopwright.bus.errors import LoopwrightError


class ToolError(LoopwrightError):
    """A tool could not do what it was asked."""


class EditMismatch(ToolError):
    """An edit does not fit the text it is meant for."""

    def __init__(self, path: str, start: int, end: int) -> None:
        super().__init__(f"the edit of {path}[{start}:{end}] does not fit the program it is meant for")


class SandboxUnavailable(ToolError):
    """The isolation that was asked for cannot be had here."""


class WorkspaceRefused(ToolError):
    """A folder cannot be packed or unpacked safely."""


class InterpreterUnusable(ToolError):
    """The interpreter a program should run under is not one."""

    def __init__(self, executable: object, why: str) -> None:
        super().__init__(f"{executable} cannot run the program: {why}")


class BenchBroken(ToolError):
    """The bench cannot run tests at all: its fork server does not start, or does not answer."""
