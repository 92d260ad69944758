"""When two candidates are the same program, however they are written."""

import ast
import warnings
from collections.abc import Mapping
from functools import lru_cache

from loopwright.tools.astsearch.source import Source, parse
from loopwright.tools.astsearch.units import units_of
from loopwright.tools.program import Candidate, Edit

type Fingerprint = frozenset[tuple[str, int, str]]
"""What differs from the original: path, number of the unit, and how the unit reads without its formatting."""


@lru_cache(maxsize=4096)
def normal_form(text: str) -> str | None:
    """Return how a unit reads without formatting and comments, or None when it is no Python."""
    whole = f"class _:\n{text}" if text[:1] in (" ", "\t") else text
    try:
        tree = parse(whole)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(tree, "candidate", "exec", dont_inherit=True)
        return ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError):
        return None


class Fingerprints:
    """Tells candidates apart by what they are, not by how they are written."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._texts = {path: source.text for path, source in sources.items()}
        self._spans = {path: [unit.span for unit in units_of(source)] for path, source in sources.items()}

    def of(self, candidate: Candidate) -> Fingerprint | None:
        """Return what tells `candidate` from the original, or None when it is no program, or the original."""
        texts, spans = dict(self._texts), dict(self._spans)
        touched: dict[tuple[str, int], None] = {}
        for edit in candidate.edits:
            if edit.path not in texts or edit.end > len(texts[edit.path]):
                return None
            number = self._unit(edit, texts[edit.path], spans[edit.path])
            if number is None:
                return None
            texts[edit.path] = applied(edit, texts[edit.path])
            spans[edit.path] = _shifted(spans[edit.path], number, edit)
            touched[edit.path, number] = None
        return self._difference(texts, spans, list(touched))

    def _unit(self, edit: Edit, text: str, spans: list[tuple[int, int]]) -> int | None:
        """Return the number of the unit that still is Python after `edit`."""
        for number, (start, end) in enumerate(spans):
            if start <= edit.start and edit.end <= end:
                changed = text[start : edit.start] + edit.text + text[edit.end : end]
                if normal_form(changed) is not None:
                    return number
        return None

    def _difference(
        self, texts: dict[str, str], spans: dict[str, list[tuple[int, int]]], touched: list[tuple[str, int]]
    ) -> Fingerprint | None:
        found: set[tuple[str, int, str]] = set()
        for path, number in touched:
            now = normal_form(texts[path][slice(*spans[path][number])])
            if now is None:
                return None
            if now != normal_form(self._texts[path][slice(*self._spans[path][number])]):
                found.add((path, number, now))
        return frozenset(found) or None


def applied(edit: Edit, text: str) -> str:
    """Return `text` after `edit`."""
    return text[: edit.start] + edit.text + text[edit.end :]


def _shifted(spans: list[tuple[int, int]], number: int, edit: Edit) -> list[tuple[int, int]]:
    """Return where the units lie after an edit of one of them."""
    by = len(edit.text) - (edit.end - edit.start)
    start, end = spans[number]
    return [*spans[:number], (start, end + by), *((a + by, b + by) for a, b in spans[number + 1 :])]
