"""What a process logs."""

import os
import subprocess
import sys

import pytest

CRASH = """
import structlog
from loopwright.deploy import logs

def handler(key):
    raise ValueError("the model said no")

logs.configure()
try:
    handler("sk-" + "secret")
except ValueError as error:
    structlog.get_logger().warning("step.crashed", exc_info=error)
"""


@pytest.mark.parametrize("on_terminal", [True, False])
def test_a_crash_is_logged_with_its_place_and_without_the_values_of_variables(on_terminal: bool) -> None:
    reader, writer = os.openpty() if on_terminal else os.pipe()
    with open(reader, "rb", buffering=0) as said:
        subprocess.run([sys.executable, "-c", CRASH], stderr=writer, timeout=30, check=True)
        log = said.read(65_536)
        os.close(writer)
    assert b"step.crashed" in log
    assert b"the model said no" in log
    assert b"handler" in log
    assert b"sk-secret" not in log
