"""Exit codes, and which outcome or error leads to which."""

from enum import IntEnum

from loopwright.actors.asking import AnswerRefused, NothingAsked
from loopwright.actors.errors import NoWayOn
from loopwright.actors.retrying import NotRetriable
from loopwright.bus.errors import (
    BusUnreachable,
    GoalUnknown,
    IntakeFull,
    LetterUnknown,
    LoopwrightError,
    NotInMemory,
    NotPermitted,
    ServerTooOld,
)
from loopwright.bus.messages import Outcome, Status, StopReason
from loopwright.bus.portable import NamespaceServed, RecordTaken
from loopwright.deploy.apps import AppRefused
from loopwright.deploy.evals.running import LoopNotServed
from loopwright.deploy.evals.runs import RunRefused, RunUnknown
from loopwright.deploy.loopfiles import LoopRefused, LoopUnknown
from loopwright.deploy.marked import FileRefused
from loopwright.deploy.swaps import SwapRefused
from loopwright.tools.errors import InterpreterUnusable, WorkspaceRefused


class Exit(IntEnum):
    """What the program says to the shell."""

    DONE = 0  #: done, converged
    ERROR = 1  #: something went wrong that the goal cannot help
    USAGE = 2  #: the call or the input cannot be worked on
    NOT_CONVERGED = 3  #: the goal ended without converging
    CANCELLED = 4  #: the goal was called off
    NOT_FOUND = 5  #: nothing is on record
    UNREACHABLE = 69  #: the bus cannot be reached, or cannot be used
    TRY_AGAIN = 75  #: the intake is full
    NOT_PERMITTED = 77
    TIMEOUT = 124  #: ``--timeout`` ran out
    INTERRUPTED = 130


def of_outcome(outcome: Outcome) -> Exit:
    """Return the exit code for how a goal ended."""
    match outcome.status, outcome.reason:
        case Status.COMPLETED, _:
            return Exit.DONE
        case Status.CANCELED, _:
            return Exit.CANCELLED
        case Status.REJECTED, _:
            return Exit.USAGE
        case _, StopReason.ERROR | StopReason.NO_ROLE:
            return Exit.ERROR
        case _:
            return Exit.NOT_CONVERGED


def of_error(error: LoopwrightError) -> Exit:
    """Return the exit code for an error."""
    match error:
        case BusUnreachable() | ServerTooOld():
            return Exit.UNREACHABLE
        case IntakeFull():
            return Exit.TRY_AGAIN
        case NotPermitted():
            return Exit.NOT_PERMITTED
        case GoalUnknown() | LetterUnknown() | LoopNotServed() | LoopUnknown() | NotInMemory() | RunUnknown():
            return Exit.NOT_FOUND
        case NothingAsked():
            return Exit.NOT_FOUND
        case AppRefused() | FileRefused() | LoopRefused() | RunRefused() | NamespaceServed() | RecordTaken():
            return Exit.USAGE
        case SwapRefused():
            return Exit.USAGE
        case AnswerRefused() | InterpreterUnusable() | NoWayOn() | WorkspaceRefused() | NotRetriable():
            return Exit.USAGE
        case _:
            return Exit.ERROR
