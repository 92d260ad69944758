"""What an exception shows of what went wrong: of which kind it is, whose, and with which status.

Libraries wrap what they meet, so the causes behind an exception are looked at as well. What a tool's own code raises is
the tool's; what the network, a service or the machine does to it is the environment's.
"""

import errno
import socket
from collections.abc import Iterator

from loopwright.bus.errors import BusUnreachable
from loopwright.bus.messages import FailureClass, FaultClass, Source
from loopwright.tools.errors import Misuse, ToolFailed
from loopwright.tools.model import ModelBusy, ModelRefused

DEEP = 8
"""Causes behind each other that are looked at."""
OUT_OF_ORDER = (ConnectionError, BusUnreachable, socket.gaierror, MemoryError)
"""What nobody's code can help."""
ERRNO = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS, errno.EHOSTUNREACH}
    | {errno.ENETUNREACH, errno.ENETDOWN}
)
"""What the machine says when it has no more to give."""
CREDENTIALS = frozenset({401, 402, 403})
LATER = frozenset({408, 425, 429})
HTTP = range(100, 600)


def source_of(error: BaseException, name: str, *, whose: FaultClass = FaultClass.TOOL, call: str = "") -> Source:
    """Return where an error came from that `name` raised; `whose` it is unless it shows something else."""
    met = list(causes(error))
    status = next((found for each in met if (found := status_of(each)) is not None), None)
    kind, fault = judged(met, status, whose)
    return Source(fault=fault, kind=kind, name=name, call=call, status=status)


def judged(met: list[BaseException], status: int | None, whose: FaultClass) -> tuple[FailureClass, FaultClass]:
    """Return of which kind a chain of errors is, and whose."""
    if status in CREDENTIALS:
        return FailureClass.POLICY, FaultClass.ENVIRONMENT
    if status is not None and (status in LATER or 500 <= status < 600):
        return FailureClass.TRANSIENT, FaultClass.ENVIRONMENT
    for each in met:
        match each:
            case Misuse():
                return FailureClass.MISUSE, FaultClass.UNKNOWN
            case ToolFailed():
                return FailureClass.MISUSE, whose
            case ModelBusy():
                return FailureClass.TRANSIENT, FaultClass.ENVIRONMENT
            case ModelRefused():
                return FailureClass.POLICY, FaultClass.AGENT if status == 400 else FaultClass.ENVIRONMENT
            case TimeoutError():
                return FailureClass.TIMEOUT, whose
            case _ if isinstance(each, OUT_OF_ORDER) or getattr(each, "errno", None) in ERRNO:
                return FailureClass.TRANSIENT, FaultClass.ENVIRONMENT
    return FailureClass.CRASHED, whose


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those behind it, the outermost first."""
    found: BaseException | None = error
    for _ in range(DEEP):
        if found is None:
            return
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error carries, or the exit code of a process; None if it has neither."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "status"):
            if type(found := getattr(holder, name, None)) is int and found in HTTP:
                return int(found)
    if type(code := getattr(error, "returncode", None)) is int:
        return int(code)
    code = getattr(error, "code", None)
    return int(code) if type(code) is int and code in HTTP else None
