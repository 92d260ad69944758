"""Reading a database: only reading, and only for so long."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from loopwright.tools.sqlite import QueryFailed, query

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "shop?.db"
    with closing(sqlite3.connect(path)) as opened:
        opened.executescript("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, x'ff'), (NULL, 'text'), (1.5, '');")
    return path


def test_rows_come_as_json(base: Path) -> None:
    assert query(base, "SELECT a, b FROM t") == [[1, "ff"], [None, "text"], [1.5, ""]]
    assert query(base, "SELECT count(*) FROM t WHERE a = :a", {"a": 1}) == [[1]]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (1, 2)",
        "DROP TABLE t",
        "ATTACH ':memory:' AS other",
        "PRAGMA journal_mode = WAL",
        "SELECT 1; SELECT 2",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
    ],
)
def test_what_is_no_read_is_refused(base: Path, statement: str) -> None:
    before = base.read_bytes()
    with pytest.raises(QueryFailed, match="does not answer"):
        query(base, statement)
    assert base.read_bytes() == before


def test_a_query_without_an_end_is_ended(base: Path) -> None:
    with pytest.raises(QueryFailed, match=r"interrupted \(it may take 0.1 seconds\)"):
        query(base, ENDLESS, seconds=0.1)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(QueryFailed, match="there is no database"):
        query(tmp_path / "none.db", "SELECT 1")
    assert not (tmp_path / "none.db").exists()
