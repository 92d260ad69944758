"""Bad input on every subject of a fleet of real processes: it is rejected and counted, and our goals go on.

A million messages: ``uv run pytest tests/fuzz -m campaign -s``, or ``uv run python -m tests.fuzz --seed 7``.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def campaign(messages: int, seed: int, seconds: int) -> str:
    command = [sys.executable, "-m", "tests.fuzz", "--messages", str(messages), "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"seed {seed}: {done.stdout}{done.stderr}"
    return done.stdout


def test_a_thousand_messages_of_bad_input_hurt_nobody() -> None:
    campaign(1_000, 1, 120)


@pytest.mark.campaign
def test_a_million_messages_of_bad_input_hurt_nobody() -> None:
    print(campaign(1_000_000, 1, 7_200))
