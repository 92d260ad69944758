"""Every single edit of a program, the likeliest first."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from loopwright.tools.astsearch.catalogue import KINDS
from loopwright.tools.astsearch.change import Change, Kind
from loopwright.tools.astsearch.project import Project
from loopwright.tools.astsearch.scope import Scope
from loopwright.tools.astsearch.suspicion import Suspicion
from loopwright.tools.astsearch.units import Unit, units_of
from loopwright.tools.program import Edit

LIMIT = 20_000
"""How many edits of a program are looked at; the units that are blamed most come first."""
UNIT_LIMIT = 6_000
"""How many edits of one unit are looked at."""


class Ranked(NamedTuple):
    """An edit, and how likely it mends the program."""

    rank: float
    edit: Edit
    note: str
    kind: str


@cache
def kinds_of(name: str) -> tuple[Kind, ...]:
    """Return the kinds of change that nodes of the class of that name can undergo."""
    return tuple(one for one in KINDS if issubclass(getattr(ast, name), one.nodes))


def enumerate_edits(project: Project, lines: Mapping[str, Mapping[int, float]], limit: int = LIMIT) -> list[Ranked]:
    """Return up to `limit` edits, ranked by the weight of their kind times (0.3 + 0.7 x suspicion)."""
    suspicion = Suspicion(lines, project)
    units = [unit for path in project.sources for unit in units_of(project.sources[path])]
    blamed = sorted(((suspicion.of_unit(unit), unit) for unit in units), key=lambda pair: -pair[0])
    found: list[tuple[float, Change, Unit, str]] = []
    for value, unit in blamed:
        if value > 0 and len(found) < limit:
            best = sorted(_edits_of(unit, project, suspicion), key=lambda one: -one[0])
            found += best[: min(UNIT_LIMIT, limit - len(found))]
    found.sort(key=lambda one: -one[0])
    return [_ranked(*one) for one in found]


def _edits_of(unit: Unit, project: Project, suspicion: Suspicion) -> Iterator[tuple[float, Change, Unit, str]]:
    for scope in unit.scopes(project):
        for node in (scope.owner, *scope.nodes):
            if isinstance(node, (ast.expr, ast.stmt, ast.excepthandler)) and not is_documentation(node):
                value = suspicion.of_node(unit, node, scope.owner)
                yield from _edits_at(node, scope, unit, value)


def is_documentation(node: ast.AST) -> bool:
    """Tell whether a statement is but a text."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _edits_at(node: ast.AST, scope: Scope, unit: Unit, value: float) -> Iterator[tuple[float, Change, Unit, str]]:
    weight = 0.3 + 0.7 * value if value > 0 else 0.05
    for one in kinds_of(type(node).__name__):
        for change in one.changes(node, scope):
            yield one.weight * change.factor * weight, change, unit, one.name


def _ranked(rank: float, change: Change, unit: Unit, kind: str) -> Ranked:
    source = unit.source
    edit = trimmed(change, source.path, source.text)
    line = source.text.count("\n", 0, edit.start) + 1
    return Ranked(rank, edit, f"{source.path}:{line} {change.what}", kind)


def trimmed(change: Change, path: str, text: str) -> Edit:
    """Return the change without what it leaves as it is at its ends."""
    old, new = text[change.start : change.end], change.text
    head = _shared(old, new)
    tail = _shared(old[head:][::-1], new[head:][::-1])
    end = change.end - tail
    return Edit(path=path, start=change.start + head, end=end, text=new[head : len(new) - tail])


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    for index, (first, second) in enumerate(zip(one, other, strict=False)):
        if first != second:
            return index
    return min(len(one), len(other))
