"""What can go wrong when an agent touches the world.

ToolError
├── Misuse              a tool is called with arguments that do not fit
├── ToolFailed          a tool that changes things says no
│   └── Denied          a person says no to a call
├── EditMismatch        an edit does not fit the text it is meant for
├── SandboxUnavailable  the isolation that was asked for cannot be had here
├── WorkspaceRefused    a folder cannot be packed, unpacked or written back safely
├── InterpreterUnusable the Python that was asked for is not one
├── PricesRefused       the file of prices cannot be used
└── BenchBroken         the tests of a program cannot be run at all
"""

from typing import NamedTuple

from loopwright.bus.errors import LoopwrightError


class ToolError(LoopwrightError):
    """A tool could not do what it was asked."""


class Problem(NamedTuple):
    """What is wrong with one argument."""

    where: str
    """The argument, and the place inside it."""
    why: str


class Misuse(ToolError):
    """A tool is called with arguments that do not fit. Nothing was done; whoever chose them can be told why."""

    def __init__(self, tool: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{tool} cannot be called so: " + "; ".join(f"{each.where}: {each.why}" for each in problems))
        self.tool = tool
        self.problems = problems


class ToolFailed(ToolError):
    """A tool that changes things says no, and nothing has happened; it may be called again."""

    def __init__(self, tool: str, why: str) -> None:
        super().__init__(f"{tool} failed: {why}")
        self.tool = tool
        self.why = why


class Denied(ToolFailed):
    """A person says no to a call, and nothing has happened; asked for the same again, the same is said."""

    def __init__(self, tool: str, person: str, why: str) -> None:
        ToolError.__init__(self, f"{tool} was not approved by {person}" + (f": {why}" if why else ""))
        self.tool = tool
        self.person = person
        self.why = why


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
