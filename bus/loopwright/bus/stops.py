"""How a goal stands, and why it ended."""

from enum import StrEnum


class Status(StrEnum):
    """Where a goal stands, in A2A's words."""

    WORKING = "working"
    INPUT_REQUIRED = "input_required"  #: a person is asked
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    REJECTED = "rejected"


class StopReason(StrEnum):
    """Why a goal ended. A closed list."""

    ACCEPTED = "accepted"  #: the goal is met
    DEADLINE = "deadline"  #: its time ran out
    STEP_TIMEOUT = "step_timeout"  #: attempt after attempt ran out of time
    ATTEMPTS = "attempts"  #: no attempts are left
    TOKENS = "tokens"  #: the token budget is spent
    STEPS = "steps"  #: no work may be handed out any more
    TOOL_CALLS = "tool_calls"  #: no tool may be called any more
    COST = "cost"  #: the money is spent
    PLATEAU = "plateau"  #: the score stopped improving, or there is nothing left to try
    OSCILLATION = "oscillation"  #: attempts went round in a circle
    REPETITION = "repetition"  #: the same was done again and again, and the same came of it
    HOPS = "hops"  #: the chain of messages is too long
    NO_ROLE = "no_role"  #: a step waits for a role that nobody serves
    REJECTED = "rejected"  #: it cannot be worked on as it was given
    CANCELLED = "cancelled"  #: somebody called it off
    ERROR = "error"  #: something that more attempts will not mend
