"""What can go wrong inside a step.

LoopwrightError
├── StepFailed   the attempt has nothing to show
├── Retriable    the same step may well succeed later
└── LeaseLost    another worker holds the attempt now
"""

from loopwright.bus.errors import LoopwrightError
from loopwright.bus.messages import Failure, FailureClass, Usage


class StepFailed(LoopwrightError):
    """The attempt has nothing to show, and why; the loop decides what that means."""

    def __init__(self, kind: FailureClass, message: str, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.failure = Failure(kind=kind, message=message)
        self.usage = usage or Usage()


class Retriable(LoopwrightError):
    """The same step may well succeed later, here or elsewhere."""

    def __init__(self, reason: str, *, wait: float) -> None:
        super().__init__(reason)
        self.wait = wait
        """Seconds to wait before the next try."""


class LeaseLost(LoopwrightError):
    """Another worker holds the attempt now: nothing that is done here counts any more."""

    def __init__(self) -> None:
        super().__init__("another worker holds this attempt now")
