"""One file of the program under repair: its text, its tree, and how the two lie upon each other."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from loopwright.tools.astsearch.precedence import fits, level_of

type Function = ast.FunctionDef | ast.AsyncFunctionDef
type Place = tuple[ast.AST, str]
"""A node's parent, and the field of the parent it stands in."""

LINE_END = re.compile(r"\r\n|\r|\n")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BYTE_ORDER_MARK, BLANK = "\ufeff", "\f"
"""The parser stumbles over the one; the other takes as many characters and says nothing."""
BLOCKS = ("body", "orelse", "finalbody")


def parse(text: str) -> ast.Module:
    """Return the tree of `text`; what the compiler only warns of is not our concern.

    Raises:
        SyntaxError: it is no Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text.replace(BYTE_ORDER_MARK, BLANK))
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error)) from error


@dataclass(eq=False)
class Source:
    """A parsed file. Offsets count characters of the text, as `Edit` does, not bytes as the tree does."""

    path: str
    text: str
    tree: ast.Module
    lines: list[int] = field(default_factory=list[int])
    """Offset of the first character of every line."""
    places: dict[ast.AST, Place] = field(default_factory=dict[ast.AST, Place])

    @classmethod
    def of(cls, path: str, text: str) -> "Source":
        """Read `text`.

        Raises:
            SyntaxError: it is no Python.
        """
        source = cls(path, text, parse(text))
        source.lines = [0, *(match.end() for match in LINE_END.finditer(text))]
        source.places = {
            child: (parent, name)
            for parent in ast.walk(source.tree)
            for name, value in ast.iter_fields(parent)
            for child in (value if isinstance(value, list) else [value])
            if isinstance(child, ast.AST)
        }
        return source

    @property
    def newline(self) -> str:
        """How this file ends its lines."""
        match = LINE_END.search(self.text)
        return match.group() if match else "\n"

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node that `node` stands in."""
        place = self.places.get(node)
        return place[0] if place else None

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around `node`, the nearest first."""
        parent = self.parent(node)
        while parent is not None:
            yield parent
            parent = self.parent(parent)

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a byte column, as the tree counts them."""
        start = self.lines[line - 1]
        head = self.text[start : start + column].replace(BYTE_ORDER_MARK, BLANK)
        if head.isascii():
            return start + column
        return start + len(head.encode()[:column].decode(errors="ignore"))

    def span(self, node: ast.expr | ast.stmt | ast.excepthandler | ast.arg | ast.keyword) -> tuple[int, int]:
        """Return the offsets of the node's first character and behind its last one."""
        start = self.offset(node.lineno, node.col_offset)
        end = self.offset(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
        if isinstance(node, ast.GeneratorExp) and self._lends_parentheses(node):
            return start + 1, end - 1
        return start, end

    def segment(self, node: ast.expr | ast.stmt | ast.excepthandler | ast.arg | ast.keyword) -> str:
        """Return the text of `node`."""
        start, end = self.span(node)
        return self.text[start:end]

    def _lends_parentheses(self, node: ast.GeneratorExp) -> bool:
        """Tell whether the parentheses are those of a call: ``any(x for x in y)``."""
        parent = self.parent(node)
        return (
            isinstance(parent, ast.Call)
            and parent.end_col_offset == node.end_col_offset
            and (parent.end_lineno == node.end_lineno)
        )

    def part(self, node: ast.expr, level: int) -> str:
        """Return the text of `node`, in parentheses when it binds less tightly than `level`."""
        text = self.segment(node)
        return text if level_of(node, text) >= level else f"({text})"

    def fitted(self, node: ast.expr, text: str) -> str:
        """Return `text`, in parentheses when it could not stand bare in the place of `node`."""
        place = self.places.get(node)
        return text if place is None or fits(text, node, place) or self._enclosed(node) else f"({text})"

    def _enclosed(self, node: ast.expr) -> bool:
        """Tell whether `node` stands in parentheses of its own."""
        parent = self.parent(node)
        if isinstance(parent, ast.Call) and node is not parent.func:
            return False
        start, end = self.span(node)
        before, after = self.text[:start].rstrip()[-1:], self.text[end : end + 200].lstrip()[:1]
        return before == "(" and after == ")"

    def line_start(self, offset: int) -> int:
        """Return the offset at which the line of `offset` begins."""
        low, high = 0, len(self.lines)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.lines[middle] <= offset else (low, middle)
        return self.lines[low]

    def line_end(self, offset: int) -> int:
        """Return the offset behind the line end that follows `offset`."""
        match = LINE_END.search(self.text, offset)
        return match.end() if match else len(self.text)
