"""The pieces a file is made of: its functions and methods, and each statement outside of them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from loopwright.tools.astsearch.blocks import lines_of
from loopwright.tools.astsearch.project import Project
from loopwright.tools.astsearch.scope import Scope
from loopwright.tools.astsearch.source import FUNCTIONS, Function, Source


@dataclass(eq=False)
class Unit:
    """An outermost function, or a statement of a module's or a class's own."""

    source: Source
    node: ast.stmt
    kindred: ast.ClassDef | None = None
    """The class it stands in."""

    @cached_property
    def span(self) -> tuple[int, int]:
        """Offsets of the unit's whole lines, or of itself when it shares a line."""
        return lines_of(self.node, self.source) or self.source.span(self.node)

    @property
    def lines(self) -> range:
        """The numbers of its lines."""
        return range(self.node.lineno, (self.node.end_lineno or self.node.lineno) + 1)

    def scopes(self, project: Project) -> Iterator[Scope]:
        """Yield what is in sight of the unit, and of each function defined in it."""
        yield Scope(self.source, project, self.node, kindred=self.kindred)
        for node in ast.walk(self.node):
            if isinstance(node, FUNCTIONS) and node is not self.node:
                yield Scope(self.source, project, node, self._around(node), self._class_of(node))

    def _around(self, node: Function) -> tuple[Function, ...]:
        return tuple(above for above in self.source.ancestors(node) if isinstance(above, FUNCTIONS))

    def _class_of(self, node: Function) -> ast.ClassDef | None:
        return next((above for above in self.source.ancestors(node) if isinstance(above, ast.ClassDef)), None)


def units_of(source: Source) -> list[Unit]:
    """Return the units of a file, in their order."""
    return list(_units(source, source.tree.body, None))


def _units(source: Source, body: list[ast.stmt], kindred: ast.ClassDef | None) -> Iterator[Unit]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _units(source, node.body, node)
        else:
            yield Unit(source, node, kindred)
