"""Reading an SQLite database, and nothing else: no write, no other file, no query without an end.

The file is opened read-only, an authorizer lets only reads pass, and a progress handler ends what takes too long.
"""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from pydantic import JsonValue

from loopwright.tools.errors import ToolError

READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
"""What a query may do."""
STEPS = 10_000
"""Steps of SQLite's machine between two looks at the clock."""
ROWS = 1000
"""Rows that are read."""


class QueryFailed(ToolError):
    """A query cannot be answered."""


def query(
    path: Path, sql: str, parameters: Mapping[str, JsonValue] | Sequence[JsonValue] = (), *, seconds: float = 5.0
) -> list[list[JsonValue]]:
    """Return the rows of a query, at most 1,000. It blocks: call it in a thread.

    Raises:
        QueryFailed: there is no such database, the query is wrong or would write, or it takes longer than `seconds`.
    """
    if not path.is_file():
        raise QueryFailed(f"there is no database {path}")
    end = time.monotonic() + seconds
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
            base.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in READS else sqlite3.SQLITE_DENY)
            base.set_progress_handler(lambda: time.monotonic() > end, STEPS)
            return [list(map(plain, row)) for row in base.execute(sql, parameters).fetchmany(ROWS)]
    except (sqlite3.Error, sqlite3.Warning) as error:
        late = f" (it may take {seconds:g} seconds)" if time.monotonic() > end else ""
        raise QueryFailed(f"{path.name} does not answer {sql!r}: {error}{late}") from error


def plain(value: object) -> JsonValue:
    """Return a value of SQLite as JSON; bytes as hexadecimal digits."""
    return value.hex() if isinstance(value, bytes) else value  # type: ignore[return-value]  # the rest is JSON
