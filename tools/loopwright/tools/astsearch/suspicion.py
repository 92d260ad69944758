"""How suspicious each place of a program is, from what its tests reached."""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from loopwright.tools.astsearch.project import Project
from loopwright.tools.astsearch.source import FUNCTIONS
from loopwright.tools.astsearch.units import Unit
from loopwright.tools.program import Edit

UNKNOWN = 0.5
"""How suspicious everything is when the tests tell nothing."""
INHERITED = 0.8
"""How much of its readers' suspicion a constant, a default or a signature takes over."""


@dataclass(eq=False)
class Suspicion:
    """The suspiciousness of lines, and what follows from it for other places."""

    lines: Mapping[str, Mapping[int, float]]
    project: Project
    _readers: dict[str, float] = field(default_factory=dict[str, float])

    @cached_property
    def tells(self) -> bool:
        """Whether the tests blame anything at all."""
        return any(value > 0 for known in self.lines.values() for value in known.values())

    def line(self, path: str, numbers: Iterable[int]) -> float | None:
        """Return the highest suspicion of some lines; None when none of them was reached."""
        known = self.lines.get(path, {})
        return max((known[number] for number in numbers if number in known), default=None)

    def of_unit(self, unit: Unit) -> float:
        """Return how suspicious a unit is."""
        if not self.tells:
            return UNKNOWN
        own = self.line(unit.source.path, unit.lines) or 0.0
        return own if isinstance(unit.node, FUNCTIONS) else max(own, self._inherited(unit))

    def _inherited(self, unit: Unit) -> float:
        """Return the suspicion of the lines that read what a statement outside of functions binds."""
        bound = (n.id for n in ast.walk(unit.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        return INHERITED * max((self.readers.get(name, 0.0) for name in bound), default=0.0)

    @cached_property
    def readers(self) -> dict[str, float]:
        """The highest suspicion of the lines that read a name or an attribute, by that name."""
        found: dict[str, float] = {}
        for path, source in self.project.sources.items():
            known = self.lines.get(path, {})
            for node in ast.walk(source.tree):
                name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
                value = known.get(getattr(node, "lineno", 0), 0.0)
                if name and value > found.get(name, 0.0):
                    found[name] = value
        return found

    def of_node(self, unit: Unit, node: ast.AST, owner: ast.AST) -> float:
        """Return how suspicious a place in a unit is."""
        if not self.tells:
            return UNKNOWN
        path = unit.source.path
        if not isinstance(unit.node, FUNCTIONS):
            return self.of_unit(unit)
        if node is owner or self._in_signature(unit, node, owner):
            return INHERITED * (self.line(path, range(owner.lineno, (owner.end_lineno or 0) + 1)) or 0.0)  # type: ignore[attr-defined]
        return self._nearest(unit, node) or 0.0

    def _nearest(self, unit: Unit, node: ast.AST) -> float | None:
        """Return the suspicion of the node's own lines, or of the nearest statement around it."""
        for one in (node, *unit.source.ancestors(node)):
            if isinstance(one, ast.expr | ast.stmt | ast.excepthandler):
                found = self.line(unit.source.path, heading(one))
                if found is not None or isinstance(one, ast.stmt):
                    return found
        return None

    def _in_signature(self, unit: Unit, node: ast.AST, owner: ast.AST) -> bool:
        """Tell whether a node stands in the head of a function."""
        body = getattr(owner, "body", None)
        first = body[0].lineno if isinstance(owner, FUNCTIONS) and isinstance(body, list) else 0
        return getattr(node, "lineno", first) < first


def heading(node: ast.expr | ast.stmt | ast.excepthandler) -> range:
    """Return the lines of a node, but for the blocks in it."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
        return range(node.lineno, max(node.lineno + 1, body[0].lineno))
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def moved(lines: Mapping[int, float], edit: Edit, before: str) -> dict[int, float]:
    """Return the suspicion of the lines of a file after `edit` of the text `before`."""
    first = before.count("\n", 0, edit.start) + 1
    gone, new = before.count("\n", edit.start, edit.end), edit.text.count("\n")
    touched = [lines[number] for number in range(first, first + gone + 1) if number in lines]
    kept = {number if number <= first else number + new - gone: value for number, value in lines.items()
            if not first < number <= first + gone}  # fmt: skip
    fresh = {number: max(touched) for number in range(first, first + new + 1)} if touched else {}
    return {**kept, **fresh}
