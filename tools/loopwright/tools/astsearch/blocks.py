"""Where statements stand in the text: their lines, their indentation, the gaps between them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from loopwright.tools.astsearch.change import Change, brief
from loopwright.tools.astsearch.scope import Scope
from loopwright.tools.astsearch.source import BLOCKS, Source


@dataclass(frozen=True)
class Block:
    """Statements that follow one another at one indentation."""

    statements: tuple[ast.stmt, ...]


def blocks_of(scope: Scope) -> Iterator[Block]:
    """Yield the blocks of a function, the outermost first."""
    for node in (scope.owner, *scope.nodes):
        for name in BLOCKS:
            found = getattr(node, name, None)
            if isinstance(found, list) and found and (node is scope.owner or not _is_definition(node)):
                yield Block(tuple(found))


def _is_definition(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


def first_offset(node: ast.stmt, source: Source) -> int:
    """Return where a statement begins, its decorators included."""
    decorators = getattr(node, "decorator_list", [])
    return source.line_start(source.span(decorators[0])[0]) if decorators else source.span(node)[0]


def room_for(node: ast.stmt, source: Source) -> str | None:
    """Return the indentation of `node`, or None when something stands before it on its line."""
    offset = first_offset(node, source)
    start = source.line_start(offset)
    if getattr(node, "decorator_list", []):
        offset += len(source.text[start:]) - len(source.text[start:].lstrip(" \t"))
    before = source.text[start:offset]
    return before if not before.strip() else None


def lines_of(node: ast.stmt, source: Source) -> tuple[int, int] | None:
    """Return the span of the whole lines of `node`, or None when it shares one with another statement."""
    if room_for(node, source) is None:
        return None
    _, last = source.span(node)
    end = source.line_end(last)
    rest = source.text[last:end].strip()
    if rest and not rest.startswith("#"):
        return None
    return source.line_start(first_offset(node, source)), end


def insertion(node: ast.stmt, text: str, source: Source, *, after: bool) -> Change | None:
    """Return the change that puts the statement `text` before or behind `node`, as it is indented."""
    room, lines = room_for(node, source), lines_of(node, source)
    if room is None or lines is None:
        return None
    told = f"insert {brief(text)}"
    if not after:
        return Change(lines[0], lines[0], f"{room}{text}{source.newline}", told)
    end = lines[1]
    closed = source.text[:end].endswith(("\n", "\r"))
    return Change(end, end, f"{'' if closed else source.newline}{room}{text}{source.newline if closed else ''}", told)


def step_of(scope: Scope) -> str:
    """Return by how much a block is indented further than what it belongs to."""
    for node in (scope.owner, *scope.nodes):
        body = getattr(node, "body", None)
        if isinstance(node, ast.stmt) and isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            outer, inner = room_for(node, scope.source), room_for(body[0], scope.source)
            if outer is not None and inner is not None and inner.startswith(outer) and inner != outer:
                return inner[len(outer) :]
    return "    "
