"""Twenty public broken programs, each repaired through the whole system; prints a table.

The cases are the QuixBugs programs in ../shared/data (MIT); without them the benchmark skips. Run it with
``uv run pytest tests/benchmarks -m quixbugs -s``. It takes minutes.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.quixbugs

DATA = Path(__file__).parents[3] / "shared" / "data" / "quixbugs"
SECONDS = 60
EXPECTED = 19
"""Programs of twenty that are to be repaired within SECONDS each, with two workers."""

if not (DATA / "programs.jsonl").exists():
    pytest.skip(f"the QuixBugs cases are not at {DATA}", allow_module_level=True)

CASES = {case["name"]: case for case in map(json.loads, (DATA / "programs.jsonl").read_text().splitlines())}
SUPPORT = json.loads((DATA / "support.json").read_text())


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    program: str
    repaired: bool
    candidates: int
    seconds: float
    whole_seconds: float
    edit: str


@pytest.fixture(scope="module")
def table() -> Iterator[list[Row]]:
    rows: list[Row] = []
    yield rows
    print(f"\n{'program':28} {'repaired':8} {'candidates':>10} {'seconds':>8} {'in all':>7}  edit")
    for row in rows:
        repaired = "yes" if row.repaired else "no"
        numbers = f"{row.candidates:>10} {row.seconds:>8.1f} {row.whole_seconds:>7.1f}"
        print(f"{row.program:28} {repaired:8} {numbers}  {row.edit}")
    print(f"{sum(row.repaired for row in rows)} of {len(rows)} repaired")


def laid_out(case: dict[str, str], folder: Path) -> Path:
    files = {
        f"python_programs/{case['name']}.py": case["program"],
        f"tests/test_{case['name']}.py": case["pytest"],
        "tests/node.py": SUPPORT["node"],
        "tests/load_testdata.py": SUPPORT["load_testdata"],
        "conftest.py": SUPPORT["conftest"],
    }
    if case["json_testcases"]:
        files[f"json_testcases/{case['name']}.json"] = case["json_testcases"]
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def repaired(folder: Path) -> dict[str, object]:
    words = ["run", "repair", str(folder), "--json", "--apply", "--workers", "2", "--deadline", str(SECONDS)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LOOPWRIGHT_"))}
    done = subprocess.run(
        [sys.executable, "-m", "loopwright.deploy", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS + 60,
        check=False,
    )
    assert done.stdout, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def passes(folder: Path) -> bool:
    """Run the tests as anybody would, outside of the system under test."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests"]
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_public_program_is_tried(name: str, tmp_path: Path, table: list[Row]) -> None:
    folder = laid_out(CASES[name], tmp_path)
    began = time.monotonic()
    outcome = repaired(folder)
    whole = time.monotonic() - began
    claimed = outcome["status"] == "completed"
    usage = outcome["usage"]
    assert isinstance(usage, dict)
    row = Row(name, claimed, usage["candidates"], float(str(outcome["seconds"])), whole, str(outcome["edit"] or "-"))
    table.append(row)
    if claimed:
        assert passes(folder), f"{name} is called repaired, and its tests fail"


def test_as_many_are_repaired_as_expected(table: list[Row]) -> None:
    if len(table) < len(CASES):
        pytest.skip("only some of the programs were tried")
    assert sum(row.repaired for row in table) >= EXPECTED
