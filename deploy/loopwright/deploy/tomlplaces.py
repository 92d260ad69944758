"""Where a TOML text says what it says: the standard library reads such a text, and forgets the places.

Only for a text that has been read already: what is no TOML is not noticed here.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

type Where = tuple[str | int, ...]

WORDS = re.compile(
    r"""
      (?P<passed>[\ \t\r]+|\#[^\n]*)
    | (?P<newline>\n)
    | (?P<text>\"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
    | (?P<mark>[\[\]{}=,.])
    | (?P<bare>[^\s\[\]{}=,."'\#]+)
    """,
    re.VERBOSE | re.DOTALL,
)


class Place(NamedTuple):
    """A place in a text; both count from one."""

    line: int
    column: int


class Word(NamedTuple):
    """A piece of a text."""

    kind: str
    text: str
    place: Place

    @property
    def name(self) -> str:
        """What it says as a key."""
        return str(tomllib.loads(f"name = {self.text}")["name"]) if self.kind == "text" else self.text


END = Word("newline", "\n", Place(0, 0))


def words_of(text: str) -> Iterator[Word]:
    """Yield the pieces of a text, without what is passed over."""
    line, began = 1, 0
    for found in WORDS.finditer(text):
        kind = str(found.lastgroup)
        if kind != "passed":
            yield Word(kind, found[0], Place(line, found.start() - began + 1))
        if newlines := found[0].count("\n"):
            line += newlines
            began = found.start() + found[0].rindex("\n") + 1


@dataclass
class Scan:
    """One way through a text."""

    words: list[Word]
    at: int = 0
    table: Where = ()
    """Where the keys of the next lines belong."""
    items: dict[Where, int] = field(default_factory=dict[Where, int])
    """How many tables each array of tables has so far."""
    places: dict[Where, Place] = field(default_factory=dict[Where, Place])

    @property
    def next(self) -> Word:
        """The piece that comes next."""
        return self.words[self.at] if self.at < len(self.words) else END

    def take(self, count: int = 1) -> None:
        """Go on."""
        self.at += count

    def run(self) -> None:
        """Go to the end, line by line."""
        while self.at < len(self.words):
            if self.next.text == "[":
                self.header()
            elif self.next.kind == "newline":
                self.take()
            else:
                self.entry(self.table)

    def header(self) -> None:
        """Note ``[table]``, or ``[[array]]`` with one table more."""
        brackets = 1 + (self.words[self.at + 1].text == "[")
        self.take(brackets)
        keys = self.keys()
        self.take(brackets)
        where = self.lead((), keys[:-1])
        where = (*where, keys[-1].name)
        if brackets == 2:
            number = self.items.get(where, 0)
            self.items[where] = number + 1
            self.places.setdefault(where, keys[-1].place)
            where = (*where, number)
        self.places[where] = keys[-1].place
        self.table = where

    def lead(self, where: Where, keys: list[Word]) -> Where:
        """Return where dotted keys lead, noting each that is new; an array of tables leads into its last."""
        for key in keys:
            where = (*where, key.name)
            self.places.setdefault(where, key.place)
            if where in self.items:
                where = (*where, self.items[where] - 1)
        return where

    def keys(self) -> list[Word]:
        """Take the keys of a dotted name."""
        taken = []
        while self.next.kind in {"bare", "text"}:
            taken.append(self.next)
            self.take()
            if self.next.text == ".":
                self.take()
        return taken

    def entry(self, table: Where) -> None:
        """Note ``key = value``."""
        where = self.lead(table, self.keys())
        self.take()  # =
        self.value(where)

    def value(self, where: Where) -> None:
        """Take a value, and note the keys and items in it."""
        if self.next.text == "[":
            self.array(where)
        elif self.next.text == "{":
            self.inline(where)
        else:
            while self.next.kind != "newline" and self.next.text not in {",", "]", "}"}:
                self.take()

    def array(self, where: Where) -> None:
        """Note the items of an array."""
        self.take()
        number = 0
        while self.next.text != "]":
            if self.next.kind == "newline" or self.next.text == ",":
                self.take()
                continue
            self.places[*where, number] = self.next.place
            self.value((*where, number))
            number += 1
        self.take()

    def inline(self, where: Where) -> None:
        """Note the keys of an inline table."""
        self.take()
        while self.next.text != "}":
            if self.next.kind == "newline" or self.next.text == ",":
                self.take()
            else:
                self.entry(where)
        self.take()


def places_in_toml(text: str) -> dict[Where, Place]:
    """Return the place of every key and item in a TOML text that is well formed, by the way to it."""
    scan = Scan(list(words_of(text)), places={(): Place(1, 1)})
    scan.run()
    return scan.places
