"""Changes of comparisons and of what conditions are joined from."""

import ast
from collections.abc import Iterable

from loopwright.tools.astsearch.change import Changes, brief, replace
from loopwright.tools.astsearch.precedence import Level
from loopwright.tools.astsearch.scope import Scope, unique
from loopwright.tools.astsearch.shapes import Shape

SIGNS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
BOUNDARY = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
"""With or without the border itself."""
OPPOSITE = {
    "<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==",
    "is": "is not", "is not": "is", "in": "not in", "not in": "in",
}  # fmt: skip
MIRRORED = {"<": (">",), "<=": (">=",), ">": ("<",), ">=": ("<=",)}
LOOSER = {
    "==": (">=", "<=", "is", "in"), "!=": ("<", ">", "is not", "not in"), "is": ("==",), "is not": ("!=",),
    "in": ("==",), "not in": ("!=",), "<": ("!=", "=="), ">": ("!=", "=="), "<=": ("==",), ">=": ("==",),
}  # fmt: skip
SHIFTED = {"==": ("<= 1", "< 2", ">= 1", "> 0", "< 0"), "!=": ("> 1", ">= 1", "> 0")}
"""What is written for ``== 0`` and ``!= 0`` when more than nothing is meant."""


def boundary(node: ast.Compare, scope: Scope) -> Changes:
    """Take the border in, or leave it out."""
    for index, sign in enumerate(_signs(node)):
        yield from _signed(node, index, [BOUNDARY[sign]] if sign in BOUNDARY else [], scope)


def opposite(node: ast.Compare, scope: Scope) -> Changes:
    """Test for the contrary."""
    for index, sign in enumerate(_signs(node)):
        yield from _signed(node, index, [OPPOSITE[sign]], scope)


def mirrored(node: ast.Compare, scope: Scope) -> Changes:
    """Compare the other way round."""
    for index, sign in enumerate(_signs(node)):
        yield from _signed(node, index, MIRRORED.get(sign, ()), scope)


def looser(node: ast.Compare, scope: Scope) -> Changes:
    """Compare by another relation altogether: ``is`` for ``==``, ``in`` for ``==``."""
    for index, sign in enumerate(_signs(node)):
        yield from _signed(node, index, LOOSER.get(sign, ()), scope)


def zero_to_one(node: ast.Compare, scope: Scope) -> Changes:
    """Compare with more than nothing: ``== 0`` → ``<= 1``."""
    match node:
        case ast.Compare(ops=[op], comparators=[ast.Constant(value=0)]):
            left = scope.source.segment(node.left)
            for tail in SHIFTED.get(SIGNS[type(op)], ()):
                yield replace(node, f"{left} {tail}", scope)


def _signs(node: ast.Compare) -> list[str]:
    return [SIGNS[type(op)] for op in node.ops]


def _signed(node: ast.Compare, index: int, signs: Iterable[str], scope: Scope) -> Changes:
    """Write other signs between two neighbours of a comparison."""
    values = (node.left, *node.comparators)
    start, end = scope.source.span(values[index])[1], scope.source.span(values[index + 1])[0]
    between = scope.source.text[start:end]
    old = SIGNS[type(node.ops[index])]
    if old not in between:
        return
    for rank, sign in enumerate(signs):
        text = scope.source.segment(node)
        here = start - scope.source.span(node)[0]
        changed = text[:here] + between.replace(old, sign, 1) + text[here + len(between) :]
        yield replace(node, changed, scope, factor=0.9**rank)


def swap_and_or(node: ast.BoolOp, scope: Scope) -> Changes:
    """Ask for both instead of either, or the other way round."""
    word, level = (" or ", Level.OR) if isinstance(node.op, ast.And) else (" and ", Level.AND)
    yield replace(node, word.join(scope.source.part(value, level + 1) for value in node.values), scope)


def drop_condition(node: ast.BoolOp, scope: Scope) -> Changes:
    """Leave one of several conditions out."""
    word, level = (" and ", Level.AND) if isinstance(node.op, ast.And) else (" or ", Level.OR)
    for value in node.values:
        rest = [scope.source.part(other, level + 1) for other in node.values if other is not value]
        yield replace(node, word.join(rest), scope, f"drop the condition {brief(scope.source.segment(value))}")


def swap_conditions(node: ast.BoolOp, scope: Scope) -> Changes:
    """Ask the second of two conditions first."""
    word, level = (" and ", Level.AND) if isinstance(node.op, ast.And) else (" or ", Level.OR)
    values = [scope.source.part(value, level + 1) for value in node.values]
    yield replace(node, word.join([*values[1:], values[0]]), scope)


def is_test(node: ast.expr, scope: Scope) -> bool:
    """Tell whether `node` is asked for its truth."""
    match scope.source.places.get(node):
        case (ast.If() | ast.While() | ast.IfExp() | ast.Assert(), "test") | (ast.comprehension(), "ifs"):
            return True
        case (ast.UnaryOp(op=ast.Not()) | ast.BoolOp(), _):
            return True
        case _:
            return False


def negate(node: ast.expr, scope: Scope) -> Changes:
    """Test for the contrary of a condition that is no comparison."""
    if isinstance(node, (ast.Compare, ast.UnaryOp)) or not is_test(node, scope):
        return
    if isinstance(node, ast.Constant):
        return
    yield replace(node, f"not {scope.source.part(node, Level.NOT)}", scope)


def drop_not(node: ast.UnaryOp, scope: Scope) -> Changes:
    """Leave a negation out."""
    if isinstance(node.op, ast.Not):
        yield replace(node, scope.source.segment(node.operand), scope)


def ask_for_any(node: ast.Call, scope: Scope) -> Changes:
    """Ask for none instead of all: ``any(…)`` → ``not any(…)``."""
    match node:
        case ast.Call(func=ast.Name(id="any" | "all")) if not _negated(node, scope):
            yield replace(node, f"not {scope.source.segment(node)}", scope, factor=0.8)


def _negated(node: ast.expr, scope: Scope) -> bool:
    parent = scope.source.parent(node)
    return isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)


def none_or_empty(node: ast.expr, scope: Scope) -> Changes:
    """Tell apart what is missing from what is empty: ``x`` → ``x is not None``."""
    source = scope.source
    match node:
        case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call() if is_test(node, scope):
            text = source.segment(node)
            if _negated(node, scope):
                parent = source.parent(node)
                if isinstance(parent, ast.expr):
                    yield replace(parent, f"{text} is None", scope)
            else:
                yield replace(node, f"{text} is not None", scope)
                yield replace(node, f"len({text}) > 1", scope, factor=0.3)
        case ast.Compare(left=left, ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            yield replace(node, source.segment(left), scope)
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            yield replace(node, f"not {source.part(left, Level.NOT)}", scope)


def guard_prefix(node: ast.expr, scope: Scope) -> Changes:
    """Make sure there is something before looking into it: ``a.b`` → ``a is not None and a.b``."""
    returned = isinstance(node, ast.Compare) and isinstance(scope.source.parent(node), ast.Return)
    if not (returned or is_test(node, scope)) or isinstance(node, ast.BoolOp):
        return
    text = scope.source.segment(node)
    for base in unique(scope.source.segment(b) for b in _bases(node)):
        yield replace(node, f"{base} is None or {text}", scope)
        yield replace(node, f"{base} is not None and {text}", scope)
        yield replace(node, f"not {base} or {text}", scope, factor=0.8)
        yield replace(node, f"{base} and {text}", scope, factor=0.9)


def _bases(node: ast.expr) -> list[ast.expr]:
    """Return what `node` looks into."""
    bases = [
        inner.value
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Attribute, ast.Subscript)) and isinstance(inner.value, (ast.Name, ast.Attribute))
    ]
    return [base for base in bases if not (isinstance(base, ast.Name) and base.id in ("self", "cls"))]


def join_condition(node: ast.expr, scope: Scope) -> Changes:
    """Strengthen or weaken a test by another condition of the function, or by a variable."""
    match scope.source.places.get(node):
        case (ast.If() | ast.While() | ast.IfExp(), "test") | (ast.comprehension(), "ifs"):
            pass
        case _:
            return
    text = scope.source.segment(node)
    both, either = scope.source.part(node, Level.AND), scope.source.part(node, Level.OR)
    for other, factor in _joinable(scope):
        if other in text:
            continue
        tight = f"({other})" if " or " in other or " if " in other else other
        yield replace(node, f"{both} and {tight}", scope, factor=factor)
        yield replace(node, f"{either} or {other}", scope, factor=factor)
        if f"not {other}" not in text:
            yield replace(node, f"{both} and not {_negatable(other)}", scope, factor=factor * 0.9)
            yield replace(node, f"{either} or not {_negatable(other)}", scope, factor=factor * 0.9)


def _joinable(scope: Scope) -> list[tuple[str, float]]:
    """Return the conditions in sight with their likelihoods."""
    found = [(text, 1.0) for text in scope.conditions[:8]]
    shapes = {name: scope.shapes.get(name) for name in scope.names[:8]}
    found += [(name, 1.1 if shape is Shape.TRUTH else 0.8) for name, shape in shapes.items() if shape != Shape.NUMBER]
    numbers = [
        n.id for loop in scope.nodes if isinstance(loop, ast.For) for n in [loop.target] if isinstance(n, ast.Name)
    ]
    found += [(f"({one} or {other})", 1.0) for one in numbers[:3] for other in numbers[:3] if one < other]
    found += [(f"{one} != {other}", 0.7) for one in numbers[:3] for other in numbers[:3] if one < other]
    found += [(f"self.{name}", 0.5) for name in scope.fields[:8]]
    return list(dict(reversed(found)).items())[::-1]


def _negatable(text: str) -> str:
    return text if text.replace(".", "").replace("_", "").isalnum() or text.endswith(")") else f"({text})"
