"""What an edit may draw on: the names, expressions and conditions in sight of one function."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from loopwright.tools.astsearch.project import Project
from loopwright.tools.astsearch.shapes import Shape, likeness, shape_of, shapes_of_names
from loopwright.tools.astsearch.source import FUNCTIONS, Function, Source

LOOPS = (ast.For, ast.AsyncFor, ast.While)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
NO_CODE = ("annotation", "returns", "type_params", "type_comment")
"""The parts of a tree that do nothing when the program runs."""


def unique[T](values: Iterable[T]) -> tuple[T, ...]:
    """Return the values once each, in the order of their first appearance."""
    return tuple(dict.fromkeys(values))


def walk_own(owner: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function in the order they are written, without those of functions and classes in it."""
    for name, value in ast.iter_fields(owner):
        if name in NO_CODE:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
            if isinstance(child, ast.AST) and not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                yield from walk_own(child)


def parameters(function: Function | ast.Lambda) -> tuple[str, ...]:
    """Return the names of the parameters, in order."""
    every = function.args
    given = [*every.posonlyargs, *every.args, every.vararg, *every.kwonlyargs, every.kwarg]
    return tuple(one.arg for one in given if one is not None)


@dataclass(eq=False)
class Scope:
    """What is in sight of one function, or of the statements outside of any."""

    source: Source
    project: Project
    owner: ast.AST
    """A function, or the class or module whose own statements are meant."""
    around: tuple[Function, ...] = ()
    """The functions in which this one is defined, the nearest first."""
    kindred: ast.ClassDef | None = None
    """The class this is a method of."""
    _shapes: dict[str, Shape] = field(default_factory=dict[str, Shape])

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """The function's own nodes."""
        return tuple(walk_own(self.owner))

    @cached_property
    def function(self) -> Function | None:
        """The function itself, if it is one."""
        return self.owner if isinstance(self.owner, FUNCTIONS) else None

    @cached_property
    def asynchronous(self) -> bool:
        """Whether `await` may stand here."""
        return isinstance(self.owner, ast.AsyncFunctionDef)

    @cached_property
    def bound(self) -> tuple[str, ...]:
        """Names this function binds itself, other than parameters."""
        inner = {n.id for c in self.nodes if isinstance(c, ast.comprehension) for n in _names(c.target)}
        stored = (n.id for n in self.nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        return unique(name for name in stored if name not in inner)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The parameters but for `self` and `cls`."""
        return tuple(name for name in parameters(self.function) if name not in ("self", "cls")) if self.function else ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Variables that can be read here: this function's, then those around it."""
        outer = (name for f in self.around for name in (*parameters(f), *Scope(self.source, self.project, f).bound))
        return unique((*self.parameters, *self.bound, *outer))

    def names_at(self, node: ast.AST) -> tuple[str, ...]:
        """Variables that can be read at `node`, those of a comprehension around it included."""
        inner: list[str] = []
        for above in self.source.ancestors(node):
            if isinstance(above, COMPREHENSIONS):
                inner += [n.id for c in above.generators for n in _names(c.target)]
            if isinstance(above, ast.Lambda):
                inner += parameters(above)
            if isinstance(above, ast.stmt):
                break
        return unique((*inner, *self.names))

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """What the names look like."""
        found: dict[str, Shape] = {}
        for owner in reversed((self.owner, *self.around)):
            found.update(shapes_of_names(owner))
        return found

    def shape(self, node: ast.expr) -> Shape:
        """Return what `node` looks like here."""
        if isinstance(node, ast.Name):
            return self.shapes.get(node.id, Shape.UNKNOWN)
        return shape_of(node)

    def likeness(self, node: ast.expr, name: str) -> float:
        """Return how readily variable `name` is taken for `node`."""
        return likeness(self.shape(node), self.shapes.get(name, Shape.UNKNOWN))

    @cached_property
    def expressions(self) -> dict[str, ast.expr]:
        """The expressions of the function and of those around it, by their text: the ingredients."""
        found: dict[str, ast.expr] = {}
        for owner in (self.owner, *self.around):
            for node in walk_own(owner):
                if isinstance(node, ast.expr) and self._is_ingredient(node):
                    found.setdefault(self.source.segment(node), node)
        return found

    def _is_ingredient(self, node: ast.expr) -> bool:
        """Tell whether the expression is worth putting elsewhere."""
        parent = self.source.parent(node)
        if isinstance(node, ast.Constant) and (isinstance(parent, (ast.Expr, ast.JoinedStr)) or node.value is ...):
            return False
        if isinstance(parent, ast.FormattedValue) and isinstance(node, ast.JoinedStr):
            return False
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(parent, ast.Call) and parent.func is node:
            return False
        unfit = (ast.Starred, ast.Slice, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.FormattedValue)
        return not isinstance(node, unfit) and self._length(node) <= 80

    def _length(self, node: ast.expr) -> int:
        start, end = self.source.span(node)
        return end - start

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """The atoms of the conditions of the function and of those around it."""
        return unique(
            self.source.segment(atom)
            for owner in (self.owner, *self.around)
            for node in walk_own(owner)
            for atom in atoms(node)
        )

    @cached_property
    def asked(self) -> frozenset[tuple[str, str]]:
        """Variables whose membership in another one is tested: ``x in seen``."""
        return frozenset(
            (node.left.id, node.comparators[0].id)
            for node in self.nodes
            if isinstance(node, ast.Compare)
            and isinstance(node.left, ast.Name)
            and isinstance(node.ops[0], (ast.In, ast.NotIn))
            and isinstance(node.comparators[0], ast.Name)
        )

    @cached_property
    def results(self) -> tuple[str, ...]:
        """What the function returns, as it is written."""
        values = (node.value for node in self.nodes if isinstance(node, ast.Return))
        return unique(self.source.segment(value) if value else "None" for value in values)

    @cached_property
    def generates(self) -> bool:
        """Whether the function is a generator."""
        return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in self.nodes)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The attributes that the class's methods set or read on `self`, but for its methods."""
        return self.project.fields_of(self.kindred) if self.kindred else ()

    @cached_property
    def methods(self) -> tuple[Function, ...]:
        """The methods of the class this is a method of."""
        return tuple(f for f in self.kindred.body if isinstance(f, FUNCTIONS)) if self.kindred else ()


def _names(target: ast.expr) -> Iterator[ast.Name]:
    yield from (node for node in ast.walk(target) if isinstance(node, ast.Name))


def atoms(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the simple conditions that `node` tests."""
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield from _simple(test)
        case ast.comprehension(ifs=tests):
            for test in tests:
                yield from _simple(test)


def _simple(test: ast.expr) -> Iterator[ast.expr]:
    if isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from _simple(value)
    elif not isinstance(test, ast.Constant):
        yield test
