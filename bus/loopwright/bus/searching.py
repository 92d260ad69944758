"""The search among lessons: an index in memory of what the bucket holds, brought up to date by each search.

The bucket is the record. The index proposes, in the order of BM25 (SQLite's FTS5, with English word stems), and each
proposal is looked up before it is handed out: so what has expired, was forgotten or pushed out is never found, whoever
else's clock is wrong. Nothing runs between two searches.
"""

import re
import sqlite3
from collections.abc import Sequence

import anyio
import anyio.lowlevel
import anyio.to_thread

from loopwright.bus.answers import PERSISTENCE, translated
from loopwright.bus.buckets import last_in, place
from loopwright.bus.connection import Bus
from loopwright.bus.lessons import lesson, read_lesson
from loopwright.bus.memories import UNTRUSTED, Lesson
from loopwright.bus.reading import read_all
from loopwright.bus.stored import Stored
from loopwright.bus.streams import LESSONS, LESSONS_STREAM

MOST_WORDS = 64
"""Different words of a question that are looked for, the first ones."""
FRESH = 24 * 3600.0
"""Seconds after which the index is made anew: it hears only between searches of what has gone."""
AT_ONCE = 500
"""Lessons that are taken in before others in the process have their turn."""
LAG = 0.05
"""Seconds between two looks at a replica that is behind."""
TABLE = """CREATE VIRTUAL TABLE lessons USING fts5(
    text, key UNINDEXED, labels UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2')"""


def question(text: str) -> str:
    """Return a text as FTS5 asks for it: whatever has any of its words, whatever else stands in it."""
    words = list(dict.fromkeys(re.findall(r"\w+", text.casefold())))[:MOST_WORDS]
    return " OR ".join(f'"{word}"' for word in words)


class Index:
    """What the lessons of a namespace say, word by word. Close it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._lock = anyio.Lock()
        self._db: sqlite3.Connection | None = None
        self._made = 0.0
        self._seen = 0
        self._rows: dict[str, int] = {}
        """The place of each key's last word, which is its row as well."""

    def close(self) -> None:
        """Let go of the index."""
        if self._db is not None:
            self._db.close()
            self._db = None

    async def search(
        self, text: str, labels: Sequence[str] = (), limit: int = 5, *, trusted_only: bool = False
    ) -> list[Lesson]:
        """Return the lessons that speak most of what `text` speaks of, and have all these labels, the best one first.

        Without a text, the newest first. With `trusted_only` those are left out that nobody vouches for.

        Raises:
            BusUnreachable: no answer for a minute.
        """
        async with self._lock:
            await self._catch_up()
            while True:
                told = (text, labels, limit, trusted_only)
                keys = await anyio.to_thread.run_sync(self.match, *told)  # common words take a while
                found = {key: await lesson(self._bus, key) for key in keys}
                for key in (key for key in keys if found[key] is None):
                    self.drop(key)
                if all(found.values()):
                    return [each for each in found.values() if each is not None]

    async def _catch_up(self) -> None:
        """Take in what was written since the last search."""
        everything = f"{place(LESSONS, self._bus.ns)}.*"
        if self._db is None or anyio.current_time() - self._made > FRESH:
            self.begin()
        with translated(self._bus.nc, "reading the lessons"), anyio.fail_after(PERSISTENCE):
            while (last := await last_in(self._bus, LESSONS_STREAM, everything)) and last.seq > self._seen:
                news = await read_all(self._bus.nc, self._bus.js, LESSONS_STREAM, [everything], after=self._seen)
                for count, stored in enumerate(news, 1):
                    self.take(stored)
                    if count % AT_ONCE == 0:
                        await anyio.lowlevel.checkpoint()
                await anyio.sleep(0 if news else LAG)

    def begin(self) -> None:
        """Begin with an empty index."""
        self.close()
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)  # one at a time
        self._db.execute(TABLE)
        self._made, self._seen, self._rows = anyio.current_time(), 0, {}

    def take(self, stored: Stored) -> None:
        """Take in one word of the bucket."""
        self._seen = stored.seq
        key = stored.subject.rpartition(".")[2]
        self.drop(key)
        found = read_lesson(stored)
        if found is not None:
            self._rows[key] = stored.seq
            labels = [*found.labels, *([UNTRUSTED] if found.is_untrusted else [])]
            row = (stored.seq, found.text, key, f" {' '.join(labels)} ")
            self.db.execute("INSERT INTO lessons(rowid, text, key, labels) VALUES (?, ?, ?, ?)", row)

    def drop(self, key: str) -> None:
        """Forget what was said under a key."""
        if (row := self._rows.pop(key, None)) is not None:
            self.db.execute("DELETE FROM lessons WHERE rowid = ?", (row,))

    def match(self, text: str, labels: Sequence[str], limit: int, trusted_only: bool = False) -> list[str]:
        """Return the keys that the index proposes, the best one first."""
        asked = question(text)
        if text.strip() and not asked:
            return []
        wanted = [*(["lessons MATCH ?"] if asked else []), *("instr(labels, ?) > 0" for _ in labels)]
        wanted += [f"instr(labels, ' {UNTRUSTED} ') = 0"] if trusted_only else []
        where = f"WHERE {' AND '.join(wanted)} " if wanted else ""
        order = "bm25(lessons), rowid DESC" if asked else "rowid DESC"
        told = [*([asked] if asked else []), *(f" {label} " for label in labels), limit]
        rows = self.db.execute(f"SELECT key FROM lessons {where}ORDER BY {order} LIMIT ?", told)
        return [str(key) for (key,) in rows]

    @property
    def db(self) -> sqlite3.Connection:
        """The index itself, which has begun."""
        assert self._db is not None, "`begin` first"
        return self._db
