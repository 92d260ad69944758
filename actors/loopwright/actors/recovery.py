"""What a failed attempt leads to, by the class of its failure: a table that a loop may change."""

from enum import StrEnum

from loopwright.bus.messages import FailureClass, StopReason


class Recovery(StrEnum):
    """What a failure leads to."""

    AGAIN = "again"  #: another attempt, until too many have failed in a row
    ESCALATE = "escalate"  #: the next rung of the ladder, or the end behind the last
    REPLAN = "replan"  #: a new plan where there is a planner; else another attempt, or the end for what is missing
    REJECT = "reject"  #: the goal ends at once: it cannot be worked on as it was given
    STOP = "stop"  #: the goal ends at once


RECOVERIES: dict[FailureClass, Recovery] = {
    FailureClass.TRANSIENT: Recovery.AGAIN,
    FailureClass.MISUSE: Recovery.AGAIN,
    FailureClass.TIMEOUT: Recovery.AGAIN,
    FailureClass.CRASHED: Recovery.AGAIN,
    FailureClass.UNREADABLE: Recovery.AGAIN,
    FailureClass.SICK: Recovery.AGAIN,
    FailureClass.CALLED_OFF: Recovery.AGAIN,
    FailureClass.SPENT: Recovery.AGAIN,
    FailureClass.STUCK: Recovery.ESCALATE,
    FailureClass.EXHAUSTED: Recovery.ESCALATE,
    FailureClass.MISSING: Recovery.REPLAN,
    FailureClass.POLICY: Recovery.STOP,
    FailureClass.IN_DOUBT: Recovery.STOP,
}
"""What a loop does whose design says nothing else."""
AT_ONCE = frozenset({Recovery.REPLAN, Recovery.REJECT, Recovery.STOP})
"""What one failure is enough for."""
FIXED = {
    FailureClass.IN_DOUBT: "nobody knows whether it happened, so a person must look: it stops.",
    FailureClass.CALLED_OFF: "another attempt has won, so nothing comes of it.",
    FailureClass.SPENT: "the budget says when it is over: another attempt is made as long as there is any.",
    FailureClass.EXHAUSTED: "there is nothing left to try, so trying again is no way out: it escalates.",
}
"""Failures that a loop may not lead elsewhere, and why."""
REASONS = {FailureClass.TIMEOUT: StopReason.STEP_TIMEOUT, FailureClass.STUCK: StopReason.REPETITION}
"""Why a goal has ended that failures of a class have ended; else because of an error."""


def reason_of(kind: FailureClass) -> StopReason:
    """Return why a goal has ended that failures of this class have ended."""
    return REASONS.get(kind, StopReason.ERROR)
