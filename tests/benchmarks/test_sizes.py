"""What ended goals in the stream, and goals that wait, cost those that run: nothing that grows.

Run it with ``uv run pytest tests/benchmarks -m sizes -s``; a table up to a million goals, which takes 10 GB and a
quarter of an hour: ``uv run python -m tests.benchmarks.sizes 0 10000 100000 1000000``.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.sizes

ROOT = Path(__file__).parents[2]
FLAT = 1.2
"""How many times the figure of an empty stream counts as flat."""


def is_flat(*words: str) -> None:
    """Measure what an empty stream costs, and a full one, and see that it is the same."""
    command = [sys.executable, "-m", "tests.benchmarks.sizes", *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=True)
    print(done.stdout)
    empty, full = json.loads(done.stdout)
    for figure in ("orchestrator_starts", "worker_starts", "step", "orchestrator", "worker"):
        assert full[figure] < FLAT * empty[figure], figure
    assert full["per_second"] > empty["per_second"] / FLAT


def test_a_hundred_thousand_ended_goals_cost_a_step_nothing() -> None:
    is_flat("0", "100000")


def test_a_full_intake_costs_a_step_nothing() -> None:
    is_flat("--waiting", "99000")
