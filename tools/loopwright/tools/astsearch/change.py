"""One possible change of one place, as an operator proposes it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

from loopwright.tools.astsearch.scope import Scope
from loopwright.tools.astsearch.source import FUNCTIONS, Function


class Change(NamedTuple):
    """A stretch of the text, what to write there, and how likely that is meant."""

    start: int
    end: int
    text: str
    what: str
    """For a person: ``swap arguments 1 and 2 of area()``."""
    factor: float = 1.0
    """Scales the weight of the kind for this one change."""

    def scaled(self, factor: float) -> Change:
        """Return the change with its likelihood scaled."""
        return self._replace(factor=self.factor * factor)

    def told(self, what: str) -> Change:
        """Return the change told in other words."""
        return self._replace(what=what)


type Changes = Iterator[Change]


class Kind(NamedTuple):
    """A kind of change: how likely it mends a program, and where it can be made."""

    name: str
    weight: float
    """Between 0 and 1: how often bugs are of this kind, for how few tries it costs."""
    nodes: tuple[type[ast.AST], ...]
    changes: Callable[[ast.AST, Scope], Changes]


def kind[N: ast.AST](name: str, weight: float, node_type: type[N], rule: Callable[[N, Scope], Changes]) -> Kind:
    """Return the kind that applies `rule` to nodes of `node_type`, subclasses included."""

    def changes(node: ast.AST, scope: Scope) -> Changes:
        if isinstance(node, node_type):
            yield from rule(node, scope)

    return Kind(name, weight, (node_type,), changes)


def function_kind(name: str, weight: float, rule: Callable[[Function, Scope], Changes]) -> Kind:
    """Return the kind that applies `rule` to functions, asynchronous ones included."""

    def changes(node: ast.AST, scope: Scope) -> Changes:
        if isinstance(node, FUNCTIONS):
            yield from rule(node, scope)

    return Kind(name, weight, FUNCTIONS, changes)


def brief(text: str, limit: int = 48) -> str:
    """Return `text` on one line, cut to `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def replace(node: ast.expr, text: str, scope: Scope, what: str = "", factor: float = 1.0) -> Change:
    """Return the change that writes `text` in the place of `node`, in parentheses where it must."""
    start, end = scope.source.span(node)
    told = what or f"{brief(scope.source.text[start:end])} → {brief(text)}"
    return Change(start, end, scope.source.fitted(node, text), told, factor)
