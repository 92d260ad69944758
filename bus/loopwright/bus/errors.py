"""What can go wrong between actors.

LoopwrightError
├── BusError
│   ├── BusUnreachable   no server answers at the address
│   ├── ServerTooOld     the server lacks what durable loops need
│   ├── NotPermitted     the server denies us what we asked
│   ├── Refused          the server will not store what we wrote
│   ├── IntakeFull       the queue of goals takes no more for now
│   ├── GoalUnknown      nothing is on record for the goal
│   ├── LetterUnknown    there is no dead letter of that number
│   ├── NotInMemory      nothing is remembered under that key
│   └── GuardLost        another writer was there first
└── Unreadable           a message cannot be understood
"""

SENTENCE = 1000
"""Characters of a reason; a reason travels in headers and in outcomes, and must fit."""


class LoopwrightError(Exception):
    """Base of everything this project raises on purpose."""


class BusError(LoopwrightError):
    """The bus could not do what it was asked."""


class BusUnreachable(BusError):
    """No server answers at the address."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"No NATS server answers at {url} ({why}). Start one, or set LOOPWRIGHT_NATS_URL to one that runs."
        )


class ServerTooOld(BusError):
    """The server lacks what durable loops need."""

    def __init__(self, version: str, needed: str) -> None:
        super().__init__(
            f"The NATS server is version {version}; Loopwright needs {needed} or newer for timers that the broker"
            " holds. Get it from https://nats.io/download, or leave LOOPWRIGHT_NATS_URL unset to use the bundled one."
        )


class NotPermitted(BusError):
    """The server denies us what we asked."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The NATS server refuses: {what}. Check the user or token in LOOPWRIGHT_NATS_URL.")


class Refused(BusError):
    """The server will not store what we wrote."""

    def __init__(self, subject: str, why: str) -> None:
        super().__init__(f"The NATS server refuses a message on {subject}: {why}.")


class IntakeFull(BusError):
    """The queue of goals takes no more for now."""

    def __init__(self, stream: str) -> None:
        super().__init__(f"The queue of goals ({stream}) is full. Try again later, or start more orchestrators.")


class GoalUnknown(BusError):
    """Nothing is on record for the goal."""

    def __init__(self, goal: str) -> None:
        super().__init__(f"Nothing is on record for the goal {goal}. `loopwright goal ls` shows what is.")


class LetterUnknown(BusError):
    """There is no dead letter of that number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no dead letter {number}. `loopwright dead ls` shows which there are.")


class NotInMemory(BusError):
    """Nothing is remembered under that key."""

    def __init__(self, key: str, goal: str | None = None) -> None:
        where, of_goal = (f"on the board of the goal {goal}", f" --goal {goal}") if goal else ("among the lessons", "")
        super().__init__(f"There is no {key} {where}. `loopwright memory ls{of_goal}` shows what there is.")


class GuardLost(BusError):
    """Another writer was there first; reload and decide again."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"{subject} was written by another before us")


class Unreadable(LoopwrightError):
    """A message cannot be understood; the reason is one sentence, however much of the message it quotes."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason if len(reason) <= SENTENCE else f"{reason[:SENTENCE]}…")
