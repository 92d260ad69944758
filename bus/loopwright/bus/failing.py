"""How an attempt fails, and whose fault that can be."""

from enum import StrEnum


class FailureClass(StrEnum):
    """Why an attempt has nothing to show; decides what happens next."""

    TRANSIENT = "transient"  #: the same may well succeed later
    MISUSE = "misuse"  #: the answer was unusable; saying so may help
    MISSING = "missing"  #: the input lacks something that no retry brings
    POLICY = "policy"  #: not allowed, or no credentials: stop
    TIMEOUT = "timeout"  #: it took longer than the step may
    EXHAUSTED = "exhausted"  #: there is nothing left to try
    STUCK = "stuck"  #: it did the same again and again, and nothing new came of it
    CRASHED = "crashed"  #: every process that took it died, or it raised what nobody expected
    UNREADABLE = "unreadable"  #: the answer could not be understood
    SICK = "sick"  #: an evaluator contradicts itself, or cannot tell: its verdicts mean nothing
    CALLED_OFF = "called_off"  #: another attempt at the same step has won
    SPENT = "spent"  #: what it may spend is spent
    IN_DOUBT = "in_doubt"  #: it may or may not have happened, and nobody can tell: a person must look


class FaultClass(StrEnum):
    """Whose a fault is. A closed set; that nobody can tell is an answer."""

    MODEL = "model"  #: what a model said: invented, contradictory, not in the form that was asked for
    AGENT = "agent"  #: a worker's own code: it crashed, or lost or altered what went between model and tools
    LOOP = "loop"  #: the design, or the goal itself: bounds too tight, an input that cannot be worked on
    TOOL = "tool"  #: a tool's own code, or what it answered
    ENVIRONMENT = "environment"  #: what all of them need: services, credentials, network, somebody in every role
    EVALUATOR = "evaluator"  #: who judges: it broke down, contradicted itself, or saw nothing
    UNKNOWN = "unknown"  #: the record does not tell
