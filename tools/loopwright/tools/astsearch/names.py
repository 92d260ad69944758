"""Changes of what is named: another variable, another attribute, another expression of the function."""

import ast

from loopwright.tools.astsearch.change import Change, Changes, replace
from loopwright.tools.astsearch.project import nearest
from loopwright.tools.astsearch.scope import Scope, unique
from loopwright.tools.astsearch.shapes import Shape


def swap_variable(node: ast.Name, scope: Scope) -> Changes:
    """Read or bind another variable."""
    match scope.source.places.get(node):
        case (ast.Call(), "func"):
            return
    if isinstance(node.ctx, ast.Del) or node.id in ("self", "cls"):
        return
    names = scope.names_at(node)
    if node.id not in names and isinstance(node.ctx, ast.Load) and node.id[:1].isupper() and not node.id.isupper():
        return
    for rank, name in enumerate(nearest(node.id, [name for name in names if name != node.id])[:14]):
        yield replace(node, name, scope, factor=scope.likeness(node, name) * 0.985**rank)


def swap_constant_name(node: ast.Name, scope: Scope) -> Changes:
    """Read another of the module's constants."""
    if isinstance(node.ctx, ast.Load) and node.id not in scope.names and node.id.isupper():
        others = [name for name in scope.project.constants if name != node.id]
        for rank, name in enumerate(nearest(node.id, others)[:6]):
            yield replace(node, name, scope, factor=0.95**rank)


def swap_attribute(node: ast.Attribute, scope: Scope) -> Changes:
    """Read another attribute of the same thing."""
    _, end = scope.source.span(node)
    called = isinstance(parent := scope.source.parent(node), ast.Call) and parent.func is node
    if called:
        return
    base = ast.unparse(node.value)
    near = nearest(node.attr, (*scope.project.attributes.get(base, ()), *(scope.fields if base == "self" else ())))
    far = nearest(node.attr, scope.project.data_attributes) if base not in ("self", "cls") else ()
    for rank, name in enumerate(unique((*near, *far))[:14]):
        if name != node.attr:
            factor = (1.0 if name in near else 0.8) * 0.97**rank
            yield Change(end - len(node.attr), end, name, f".{node.attr} → .{name}", factor)


def add_self(node: ast.Name, scope: Scope) -> Changes:
    """Read what the object keeps instead of a variable: ``count`` → ``self.count``."""
    if scope.kindred is None or "self" in node.id:
        return
    known = scope.fields if not _called(node, scope) else tuple(f.name for f in scope.methods)
    if node.id in known or f"_{node.id}" in known:
        held = node.id if node.id in known else f"_{node.id}"
        yield replace(node, f"self.{held}", scope)


def drop_self(node: ast.Attribute, scope: Scope) -> Changes:
    """Read a variable instead of what the object keeps."""
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr=name) if name in scope.names:
            yield replace(node, name, scope)


def name_to_field(node: ast.Name, scope: Scope) -> Changes:
    """Read any field of the object where a variable stands."""
    if scope.kindred is None or not isinstance(node.ctx, ast.Load) or _called(node, scope) or node.id == "self":
        return
    for rank, name in enumerate(nearest(node.id, scope.fields)[:6]):
        yield replace(node, f"self.{name}", scope, factor=0.9**rank)


def _called(node: ast.expr, scope: Scope) -> bool:
    parent = scope.source.parent(node)
    return isinstance(parent, ast.Call) and parent.func is node


def add_attribute(node: ast.Name, scope: Scope) -> Changes:
    """Read an attribute that is read from the same thing elsewhere: ``node`` → ``node.value``."""
    if not isinstance(node.ctx, ast.Load) or _called(node, scope) or node.id in ("self", "cls"):
        return
    if isinstance(scope.source.parent(node), (ast.Attribute, ast.Expr)):
        return
    for rank, name in enumerate(scope.project.attributes.get(node.id, ())[:8]):
        factor = 0.3 if name in scope.project.callables else 0.95**rank
        yield replace(node, f"{node.id}.{name}", scope, factor=factor)


def drop_attribute(node: ast.Attribute, scope: Scope) -> Changes:
    """Take the thing itself instead of an attribute of it."""
    if isinstance(node.ctx, ast.Load) and not _called(node, scope) and scope.source.segment(node.value) != "self":
        yield replace(node, scope.source.segment(node.value), scope)


def variable_for_expression(node: ast.expr, scope: Scope) -> Changes:
    """Write a variable where a whole expression stands."""
    if isinstance(node, (ast.Name, ast.Constant)) or not replaceable(node, scope):
        return
    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    shape = scope.shape(node)
    for rank, name in enumerate(scope.names_at(node)[:12]):
        other = scope.shapes.get(name, Shape.UNKNOWN)
        suited = 1.0 if Shape.UNKNOWN in (shape, other) or shape is other else 0.5
        yield replace(node, name, scope, factor=(1.0 if name in used else 0.85) * suited * 0.98**rank)


def ingredient(node: ast.expr, scope: Scope) -> Changes:
    """Write another expression of the same function."""
    if not replaceable(node, scope):
        return
    text = scope.source.segment(node)
    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    for other, found in scope.expressions.items():
        if other == text or isinstance(found, ast.Name):
            continue
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) and not isinstance(
            found, (ast.Attribute, ast.Subscript)
        ):
            continue
        yield replace(node, other, scope, factor=_kinship(node, found, used, scope))


def _kinship(node: ast.expr, other: ast.expr, used: set[str], scope: Scope) -> float:
    """Return how readily `other` is taken for `node`."""
    names = {n.id for n in ast.walk(other) if isinstance(n, ast.Name)}
    shared = bool(names & used)
    alike = type(node) is type(other)
    first, second = scope.shape(node), scope.shape(other)
    suited = 1.0 if Shape.UNKNOWN in (first, second) or first is second else 0.4
    small = 1.0 if len(ast.dump(other)) < 400 else 0.7
    literal = 0.6 if isinstance(other, ast.Constant) else 1.0
    return suited * small * literal * (1.0 if alike and shared else 0.85 if alike else 0.8 if shared else 0.55)


def replaceable(node: ast.expr, scope: Scope) -> bool:
    """Tell whether another expression could stand in the place of `node`."""
    if isinstance(node, (ast.Starred, ast.Slice, ast.Lambda, ast.Await, ast.FormattedValue, ast.NamedExpr)):
        return False
    match scope.source.places.get(node):
        case (ast.Call(), "func") | (ast.JoinedStr() | ast.FormattedValue(), _) | (ast.Expr(), _) | None:
            return False
        case (ast.Attribute(), "value"):
            return isinstance(node, (ast.Call, ast.Subscript, ast.Attribute))
        case (ast.expr() | ast.keyword() | ast.comprehension(), _):
            return True
        case (ast.Assign() | ast.AugAssign() | ast.AnnAssign() | ast.Return() | ast.For() | ast.While(), field):
            return field != "annotation"
        case (ast.If() | ast.Raise(), field):
            return field in ("test", "exc")
        case _:
            return False


def swap_string(node: ast.Constant, scope: Scope) -> Changes:
    """Write another of the file's texts: a key, a state, a separator."""
    if not is_plain_string(node, scope):
        return
    others = [text for text in scope.project.strings[scope.source.path] if text != node.value]
    for rank, text in enumerate(nearest(str(node.value), others)[:10]):
        yield replace(node, repr(text), scope, factor=0.95**rank)


def is_plain_string(node: ast.Constant, scope: Scope) -> bool:
    """Tell whether `node` is a text that is neither documentation nor part of an f-string."""
    return isinstance(node.value, str) and not isinstance(
        scope.source.parent(node), (ast.Expr, ast.JoinedStr, ast.FormattedValue)
    )
