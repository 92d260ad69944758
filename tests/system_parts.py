"""What the system has to bring for a test."""

import os
from typing import NoReturn

import pytest


def lacking(reason: str) -> NoReturn:
    """Skip a test for want of a system part; in the gate, which installs them all, it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"the gate has to bring what this test needs: {reason}")
    pytest.skip(reason)
