"""What can go wrong between actors.

LoopwrightError
└── BusError
    ├── BusUnreachable   no server answers at the address
    ├── ServerTooOld     the server lacks what durable loops need
    ├── IntakeFull       the queue of goals takes no more for now
    ├── GoalExists       the goal's id was accepted before
    ├── GoalUnknown      nothing is on record for the goal
    ├── GuardLost        another writer was there first
    ├── NotPermitted     the server denies this subject to us
    └── Unreadable       a message cannot be understood
"""


class LoopwrightError(Exception):
    """Base of everything this project raises on purpose."""


class BusError(LoopwrightError):
    """The bus could not do what it was asked."""
