"""What an exception shows: of which kind it is, whose, and with which status."""

import errno
import socket
import subprocess

import pytest

from loopwright.bus.messages import FailureClass, FaultClass
from loopwright.tools import ToolFailed
from loopwright.tools.model import ModelBusy, ModelRefused
from loopwright.tools.symptoms import source_of


class Answered(Exception):
    """What HTTP clients raise: the status stands on the response."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.response = type("Response", (), {"status_code": status})()


def wrapped(error: Exception) -> Exception:
    outer = RuntimeError("the client gave up")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "kind", "whose", "status"),
    [
        (KeyError("x"), FailureClass.CRASHED, FaultClass.TOOL, None),
        (TimeoutError(), FailureClass.TIMEOUT, FaultClass.TOOL, None),
        (ToolFailed("pay", "no"), FailureClass.MISUSE, FaultClass.TOOL, None),
        (ConnectionRefusedError(), FailureClass.TRANSIENT, FaultClass.ENVIRONMENT, None),
        (socket.gaierror(), FailureClass.TRANSIENT, FaultClass.ENVIRONMENT, None),
        (OSError(errno.ENOSPC, "full"), FailureClass.TRANSIENT, FaultClass.ENVIRONMENT, None),
        (wrapped(ConnectionResetError()), FailureClass.TRANSIENT, FaultClass.ENVIRONMENT, None),
        (Answered(503), FailureClass.TRANSIENT, FaultClass.ENVIRONMENT, 503),
        (wrapped(Answered(401)), FailureClass.POLICY, FaultClass.ENVIRONMENT, 401),
        (Answered(404), FailureClass.CRASHED, FaultClass.TOOL, 404),
        (subprocess.CalledProcessError(2, "ls"), FailureClass.CRASHED, FaultClass.TOOL, 2),
        (ModelBusy("later", wait=1, status=429), FailureClass.TRANSIENT, FaultClass.ENVIRONMENT, 429),
        (ModelRefused("no", status=401), FailureClass.POLICY, FaultClass.ENVIRONMENT, 401),
        (ModelRefused("too long", status=400), FailureClass.POLICY, FaultClass.AGENT, 400),
    ],
)
def test_an_error_tells_its_kind_whose_it_is_and_its_status(
    error: Exception, kind: FailureClass, whose: FaultClass, status: int | None
) -> None:
    source = source_of(error, "fetch", call="c")
    assert (source.kind, source.fault, source.status) == (kind, whose, status)
    assert (source.name, source.call) == ("fetch", "c")
