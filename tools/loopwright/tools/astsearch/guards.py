"""Guards put in: ``if condition: way out``, drawn from the function itself."""

import ast
from collections.abc import Iterator

from loopwright.tools.astsearch.blocks import insertion, room_for, step_of
from loopwright.tools.astsearch.change import Change, Changes, brief
from loopwright.tools.astsearch.scope import LOOPS, Scope, parameters, unique
from loopwright.tools.astsearch.shapes import Shape
from loopwright.tools.astsearch.source import Function

WORTHWHILE = 0.25
"""Below this a condition and a way out are not tried together: there are too many such pairs."""


def guard(node: ast.stmt, scope: Scope) -> Changes:
    """Leave the function, or the round of the loop, on a condition."""
    function = scope.function
    if function is None or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return
    first = node is function.body[0] or (node in function.body[:2] and _is_docstring(function.body[0]))
    for condition, likely in _conditions(node, scope, first=first):
        for way_out, factor in _ways_out(node, scope):
            if likely * factor >= WORTHWHILE and (change := guarded(node, condition, way_out, scope)):
                yield change.scaled(likely * factor)


def guarded(node: ast.stmt, condition: str, way_out: str, scope: Scope) -> Change | None:
    """Return the change that puts the guard before `node`."""
    room = room_for(node, scope.source)
    if room is None:
        return None
    text = f"if {condition}:{scope.source.newline}{room}{step_of(scope)}{way_out}"
    change = insertion(node, text, scope.source, after=False)
    return change.told(f"insert if {brief(condition)}: {brief(way_out)}") if change else None


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _conditions(node: ast.stmt, scope: Scope, *, first: bool) -> Iterator[tuple[str, float]]:
    """Yield conditions that may have been forgotten before `node`."""
    names = list(scope.parameters if first else unique((*_used(node), *scope.parameters)))[:5]
    for rank, name in enumerate(names):
        likely = 0.95**rank
        shape = scope.shapes.get(name, Shape.UNKNOWN)
        if shape is not Shape.NUMBER:
            yield f"not {name}", likely
            yield f"{name} is None", likely * 0.9
            yield name, likely * 0.4
            yield f"len({name}) <= 1", likely * 0.4
        if shape in (Shape.NUMBER, Shape.UNKNOWN):
            for test, factor in (("== 0", 0.7), ("<= 0", 0.7), ("< 0", 0.7), ("== 1", 0.5), ("<= 1", 0.5)):
                yield f"{name} {test}", likely * factor
    yield from ((text, 0.6) for text in scope.conditions[:6])
    bound = unique((*_used(node), *scope.parameters))[:5]
    for one in bound:
        for other in bound:
            if one != other:
                yield f"{one} in {other}", 0.35
                yield f"{one} not in {other}", 0.3
                if one < other:
                    yield f"{one} == {other}", 0.35
                yield f"{one} > {other}", 0.3
    yield from ((f"{'' if flag else 'not '}self.{field}", 0.4) for field in scope.fields[:4] for flag in (0, 1))


def _used(node: ast.stmt) -> tuple[str, ...]:
    """Return the variables that the head of a statement reads."""
    heads = [node] if not hasattr(node, "body") else [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)]
    found = [n.id for head in heads for n in ast.walk(head) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    called = [n.func.id for h in heads for n in ast.walk(h) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    return unique(name for name in found if name not in called and name != "self")


def _ways_out(node: ast.stmt, scope: Scope) -> list[tuple[str, float]]:
    """Return the statements that end what is going on, the likeliest first."""
    found: list[tuple[str, float]] = []
    if any(isinstance(above, LOOPS) for above in scope.source.ancestors(node)):
        found += [("continue", 0.9), ("break", 0.6)]
    if scope.generates:
        return [*found, ("return", 0.9)]
    values = [value for value in scope.results if len(value) < 60]
    found += [
        (f"return {value}" if value != "None" else "return", 0.9 * 0.9**rank) for rank, value in enumerate(values[:5])
    ]
    usual = ("", "0", "[]", "None", "False", "''", "True", "1", "{}", *scope.parameters[:3])
    new = [value for value in usual if value not in values]
    found += [(f"return {value}".rstrip(), 0.5 * 0.93**rank) for rank, value in enumerate(new)]
    raised = (scope.source.segment(n) for n in scope.nodes if isinstance(n, ast.Raise))
    found += [(text, 0.6) for text in unique(raised) if "\n" not in text][:2]
    return [*found, *((f"raise {name}", 0.25) for name in ("ValueError", "KeyError"))]


def guard_here(node: ast.stmt, scope: Scope) -> Changes:
    """Do a statement only on a condition."""
    room = room_for(node, scope.source)
    if (
        not isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.Return))
        or room is None
        or scope.function is None
    ):
        return
    if _is_docstring(node):
        return
    start, _ = scope.source.span(node)
    for condition, factor in _worth_asking(node, scope):
        text = f"if {condition}:{scope.source.newline}{room}{step_of(scope)}"
        yield Change(start, start, text, f"only if {brief(condition)}: {brief(scope.source.segment(node), 30)}", factor)


def _worth_asking(node: ast.stmt, scope: Scope) -> Iterator[tuple[str, float]]:
    names = _used(node)[:4]
    for name in names:
        yield name, 0.8
        yield f"{name} is not None", 0.8
        yield f"not {name}", 0.5
        for other in unique((*names, *scope.names))[:8]:
            if other != name and scope.shapes.get(other) is not Shape.NUMBER:
                yield f"{name} not in {other}", 0.7
                yield f"{name} in {other}", 0.5
            if other != name and scope.shapes.get(other, Shape.UNKNOWN) in (Shape.NUMBER, Shape.UNKNOWN):
                yield f"{name} != {other}", 0.3
                yield f"{name} > {other}", 0.3
    for text in scope.conditions[:8]:
        yield text, 0.7
        yield f"not ({text})", 0.5
    yield from ((f"{'' if flag else 'not '}self.{field}", 0.4) for field in scope.fields[:4] for flag in (0, 1))


def convert_parameter(node: Function, scope: Scope) -> Changes:
    """Begin with a parameter cleaned, copied or filled in."""
    body = node.body[1:] if _is_docstring(node.body[0]) and len(node.body) > 1 else node.body
    for name in (one for one in parameters(node) if one not in ("self", "cls")):
        for form in ("{0} = list({0})", "{0} = dict({0})", "{0} = {0}.copy()", "{0} = {0}.strip()", "{0} = {0}.lower()",
                     "{0} = sorted({0})", "{0} = {0} or []", "{0} = {0} or {{}}", "{0} = set({0})", "{0} = abs({0})",
                     "{0} = str({0})", "{0} = int({0})"):  # fmt: skip
            change = insertion(body[0], form.format(name), scope.source, after=False)
            if change:
                yield change
