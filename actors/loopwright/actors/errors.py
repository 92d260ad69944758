"""What can go wrong inside a step.

LoopwrightError
├── StepFailed   the attempt has nothing to show
│   ├── RaceLost another attempt at the same step has won
│   └── Moved    another has written on the board since; read it again, or have another attempt do so
├── Retriable    the same step may well succeed later
├── LeaseLost    another worker holds the attempt now
└── NoWayOn      no goal can go on from that place of another's record
"""

from loopwright.bus.errors import LoopwrightError
from loopwright.bus.messages import Failure, FailureClass, Source, Usage


class StepFailed(LoopwrightError):
    """The attempt has nothing to show, and why; the loop decides what that means."""

    def __init__(
        self, kind: FailureClass, message: str, usage: Usage | None = None, *, source: Source | None = None
    ) -> None:
        super().__init__(message)
        self.failure = Failure(kind=kind, message=message, source=source)
        self.usage = usage or Usage()


class RaceLost(StepFailed):
    """Another attempt at the same step has won: nothing is to be begun here any more."""

    def __init__(self) -> None:
        super().__init__(FailureClass.CALLED_OFF, "another attempt at the same step has won")


class Moved(StepFailed):
    """Another has written under a key of the board since it was read: read it again, and decide again."""

    def __init__(self, key: str, expected: int, found: int) -> None:
        there = f"at revision {found}" if found else "empty"
        super().__init__(
            FailureClass.TRANSIENT,
            f"{key} on the board is {there}, and was expected at {expected}: another has written since."
            " Read it again, and decide again.",
        )
        self.key = key
        self.revision = found
        """Where it is now; 0 if nothing stands there."""


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


class NoWayOn(LoopwrightError):
    """No goal can go on from that place of another's record; the sentence says why, and from where one could."""
