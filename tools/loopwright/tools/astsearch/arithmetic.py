"""Changes of numbers, operators and operands."""

import ast

from loopwright.tools.astsearch.change import Change, Changes, brief, replace
from loopwright.tools.astsearch.precedence import OPERATORS, Level
from loopwright.tools.astsearch.scope import Scope, unique
from loopwright.tools.astsearch.shapes import Shape

SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
NODES = {symbol: node for node, symbol in SYMBOLS.items()}
OTHERS = {
    "+": ("-", "*", "|"),
    "-": ("+", "*", "//"),
    "*": ("+", "/", "//", "**", "-"),
    "/": ("//", "*", "%", "-"),
    "//": ("/", "%", "*", "-"),
    "%": ("//", "-", "/"),
    "**": ("*",),
    "&": ("|", "^", "-"),
    "|": ("&", "^", "+"),
    "^": ("&", "|", "**"),
    "<<": (">>", "*"),
    ">>": ("<<", "//"),
}
"""What may be meant by each operator, the likeliest first."""


def swap_operator(node: ast.BinOp, scope: Scope) -> Changes:
    """Write another operator between the same operands."""
    if Shape.TEXT in (scope.shape(node.left), scope.shape(node.right)):
        return
    for rank, symbol in enumerate(OTHERS.get(SYMBOLS.get(type(node.op), ""), ())):
        yield replace(node, joined(node.left, symbol, node.right, scope), scope, factor=0.8**rank)


def joined(left: ast.expr, symbol: str, right: ast.expr, scope: Scope) -> str:
    """Return the text of an operation, with the parentheses it needs."""
    level = OPERATORS[NODES[symbol]]
    tight = Level(level + 1)
    first = scope.source.part(left, tight if symbol == "**" else level)
    return f"{first} {symbol} {scope.source.part(right, level if symbol == '**' else tight)}"


def swap_augmented(node: ast.AugAssign, scope: Scope) -> Changes:
    """Write another operator into an augmented assignment, or a plain assignment in its place."""
    source = scope.source
    start, end = source.span(node)
    target, value = source.segment(node.target), source.segment(node.value)
    for rank, symbol in enumerate((*OTHERS.get(SYMBOLS.get(type(node.op), ""), ()), "")):
        text = f"{target} {symbol}= {value}"
        yield replace_span(start, end, text, f"{brief(source.text[start:end])} → {brief(text)}", 0.8**rank)


def augment(node: ast.Assign, scope: Scope) -> Changes:
    """Add to what is there instead of replacing it: ``total = x`` → ``total += x``."""
    source = scope.source
    match node:
        case ast.Assign(targets=[ast.Name() | ast.Attribute() | ast.Subscript() as target], value=value):
            start, end = source.span(node)
            for rank, symbol in enumerate(("+", "-", "*", "|")):
                text = f"{source.segment(target)} {symbol}= {source.segment(value)}"
                yield replace_span(start, end, text, f"{brief(source.text[start:end])} → {text}", 0.5**rank)


def replace_span(start: int, end: int, text: str, what: str, factor: float = 1.0) -> Change:
    """Return the change that writes `text` over a stretch."""
    return Change(start, end, text, what, factor)


def drop_operand(node: ast.BinOp, scope: Scope) -> Changes:
    """Leave one side of an operation out."""
    yield replace(node, scope.source.segment(node.left), scope)
    yield replace(node, scope.source.segment(node.right), scope)


def swap_operands(node: ast.BinOp, scope: Scope) -> Changes:
    """Write the right side to the left."""
    if isinstance(node.op, (ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)):
        return
    if isinstance(node.op, ast.Add) and Shape.NUMBER in (scope.shape(node.left), scope.shape(node.right)):
        return
    yield replace(node, joined(node.right, SYMBOLS.get(type(node.op), "+"), node.left, scope), scope)


def regroup(node: ast.BinOp, scope: Scope) -> Changes:
    """Move the parentheses: ``a + b * c`` → ``(a + b) * c``."""
    source = scope.source
    inner, outer = SYMBOLS.get(type(node.op)), node
    match node:
        case ast.BinOp(left=left, right=ast.BinOp(left=middle, op=op, right=right)) if inner and type(op) in SYMBOLS:
            text = f"({source.segment(left)} {inner} {source.segment(middle)}) {SYMBOLS[type(op)]} "
            yield replace(outer, text + source.part(right, Level.UNARY), scope)
    match node:
        case ast.BinOp(left=ast.BinOp(left=left, op=op, right=middle), right=right) if inner and type(op) in SYMBOLS:
            text = f"{source.part(left, Level.UNARY)} {SYMBOLS[type(op)]} "
            yield replace(outer, f"{text}({source.segment(middle)} {inner} {source.segment(right)})", scope)


def flip_sign(node: ast.expr, scope: Scope) -> Changes:
    """Write a minus sign, or leave it out."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield replace(node, scope.source.segment(operand), scope)
        case ast.Name() | ast.Call() | ast.Subscript() if _is_amount(node, scope):
            yield replace(node, f"-{scope.source.part(node, Level.UNARY)}", scope, factor=0.6)


def _is_amount(node: ast.expr, scope: Scope) -> bool:
    """Tell whether `node` is read, and may be a number."""
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return False
    if scope.shape(node) not in (Shape.NUMBER, Shape.UNKNOWN):
        return False
    match scope.source.places.get(node):
        case (ast.Call(), "func") | (ast.Attribute() | ast.Subscript() | ast.Await(), "value") | (ast.Expr(), _):
            return False
        case (ast.keyword() | ast.Call() | ast.Return() | ast.Assign() | ast.Slice() | ast.Compare(), _):
            return True
        case (ast.BinOp() | ast.Subscript() | ast.AugAssign() | ast.Tuple(), _):
            return True
        case _:
            return False


def off_by_one(node: ast.expr, scope: Scope) -> Changes:
    """Count one more or one less, where a position or an amount stands."""
    if isinstance(node, (ast.Constant, ast.Starred, ast.JoinedStr)) or not _is_position(node, scope):
        return
    factor = _position_weight(node, scope)
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=ast.Constant(value=1)):
            yield replace(node, scope.source.segment(left), scope, factor=factor)
            other = "-" if isinstance(op, ast.Add) else "+"
            yield replace(node, f"{scope.source.segment(left)} {other} 1", scope, factor=factor * 0.7)
        case _ if scope.shape(node) in (Shape.NUMBER, Shape.UNKNOWN):
            text = scope.source.part(node, Level.SUM)
            yield replace(node, f"{text} + 1", scope, factor=factor)
            yield replace(node, f"{text} - 1", scope, factor=factor)


def _is_position(node: ast.expr, scope: Scope) -> bool:
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return False
    match scope.source.places.get(node):
        case (ast.Call(), "args") | (ast.Slice(), _) | (ast.Compare(), _) | (ast.Return(), _) | (ast.keyword(), _):
            return True
        case (ast.Subscript(), "slice") | (ast.Assign() | ast.AugAssign(), "value"):
            return not isinstance(node, (ast.Slice, ast.Tuple))
        case (ast.Tuple() as parent, _):
            return isinstance(scope.source.parent(parent), ast.Subscript)
        case (ast.BinOp(op=ast.Mult() | ast.Mod() | ast.FloorDiv() | ast.Pow()), _):
            return True
        case _:
            return False


def _position_weight(node: ast.expr, scope: Scope) -> float:
    """Return how likely an error by one is in the place of `node`."""
    match scope.source.places.get(node):
        case (ast.Call(func=ast.Name(id="range")) | ast.Slice() | ast.Subscript() | ast.Tuple(), _):
            return 1.0
        case (ast.Call(), _) if isinstance(node, (ast.Call, ast.Attribute, ast.Subscript)):
            return 0.45
        case (ast.Compare(), _) | (ast.Call(), _) | (ast.BinOp(), _):
            return 0.75
        case _:
            return 0.65


def shift_number(node: ast.Constant, scope: Scope) -> Changes:
    """Write the next or the previous number."""
    if _is_number(node) and not _in_step_of_one(node, scope):
        for rank, step in enumerate((1, -1)):
            yield replace(node, repr(node.value + step), scope, factor=0.95**rank)  # type: ignore[operator]


def _is_number(node: ast.Constant) -> bool:
    return isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _in_step_of_one(node: ast.Constant, scope: Scope) -> bool:
    """Tell whether this is the 1 of ``x + 1``, which `off_by_one` looks after."""
    match scope.source.places.get(node):
        case (ast.BinOp(op=ast.Add() | ast.Sub()) as parent, "right"):
            return node.value == 1 and _is_position(parent, scope)
        case _:
            return False


def other_number(node: ast.Constant, scope: Scope) -> Changes:
    """Write another of the usual numbers, or one that the function knows."""
    if not _is_number(node):
        return
    known = [n.value for n in scope.nodes if isinstance(n, ast.Constant) and _is_number(n)]
    for rank, value in enumerate(unique((*_magnitudes(node.value), 0, 1, -1, *known, 2))[:10]):
        if value != node.value:
            yield replace(node, repr(value), scope, factor=0.93**rank)
    yield replace(node, "float('inf')", scope, factor=0.4)
    yield replace(node, "None", scope, factor=0.4)


def _magnitudes(value: object) -> tuple[float, ...]:
    """Return a number with its decimal point misplaced."""
    if isinstance(value, float):
        return value * 10, value / 10, value * 100, value / 100
    return (value * 10, value // 10, value * 100) if isinstance(value, int) and value >= 10 else ()


def round_up(node: ast.BinOp, scope: Scope) -> Changes:
    """Divide without losing the rest: ``a // b`` → ``-(-a // b)``."""
    if isinstance(node.op, ast.FloorDiv):
        text = f"{scope.source.part(node.left, Level.UNARY)} // {scope.source.part(node.right, Level.UNARY)}"
        yield replace(node, f"-(-{text})", scope)


def number_to_name(node: ast.Constant, scope: Scope) -> Changes:
    """Write a variable where a number stands."""
    if not _is_number(node):
        return
    for rank, name in enumerate(scope.names_at(node)[:12]):
        if scope.shapes.get(name, Shape.UNKNOWN) in (Shape.NUMBER, Shape.UNKNOWN):
            yield replace(node, name, scope, factor=0.96**rank)
        else:
            yield replace(node, f"len({name})", scope, factor=0.7 * 0.96**rank)


def flip_truth(node: ast.Constant, scope: Scope) -> Changes:
    """Write `True` for `False`, or the other way round."""
    if isinstance(node.value, bool):
        yield replace(node, repr(not node.value), scope)


def add_operand(node: ast.expr, scope: Scope) -> Changes:
    """Add, subtract or multiply a variable or another expression of the function."""
    if isinstance(node, ast.Constant | ast.JoinedStr) or not _is_amount_or_list(node, scope):
        return
    shape = scope.shape(node)
    first = scope.source.part(node, Level.SUM)
    for rank, (text, other) in enumerate(_addends(node, scope)):
        if shape is Shape.UNKNOWN or other in (shape, Shape.UNKNOWN):
            factor = 0.97**rank
            yield replace(node, f"{first} + {text}", scope, factor=factor)
            if shape not in (Shape.NUMBER, Shape.UNKNOWN) or other not in (Shape.NUMBER, Shape.UNKNOWN):
                yield replace(node, f"{text} + {first}", scope, factor=factor * 0.9)
                continue
            yield replace(node, f"{first} - {text}", scope, factor=factor)
            if shape is Shape.UNKNOWN:
                yield replace(node, f"{text} + {first}", scope, factor=factor * 0.6)
            yield replace(node, f"{scope.source.part(node, Level.TERM)} * {text}", scope, factor=factor * 0.5)
            yield replace(node, f"{scope.source.part(node, Level.TERM)} % {text}", scope, factor=factor * 0.3)


def _is_amount_or_list(node: ast.expr, scope: Scope) -> bool:
    if isinstance(node, (ast.ListComp, ast.List)):
        return isinstance(scope.source.parent(node), (ast.Return, ast.Assign))
    return _is_amount(node, scope) or (
        isinstance(node, (ast.BinOp, ast.Attribute)) and isinstance(scope.source.parent(node), (ast.Return, ast.Assign))
    )


def _addends(node: ast.expr, scope: Scope) -> list[tuple[str, Shape]]:
    text = scope.source.segment(node)
    names = [(name, scope.shapes.get(name, Shape.UNKNOWN)) for name in scope.names_at(node)[:10] if name != text]
    paths = (ast.Attribute, ast.Subscript)
    names += [(one, Shape.UNKNOWN) for one, found in scope.expressions.items() if isinstance(found, paths)][:8]
    return [one for one in names if one[1] not in (Shape.MAPPING, Shape.SET, Shape.TRUTH)]


def square_or_halve(node: ast.expr, scope: Scope) -> Changes:
    """Multiply a number with itself, or halve it."""
    if isinstance(node, (ast.Name, ast.Subscript)) and _is_amount(node, scope) and scope.shape(node) != Shape.TEXT:
        text = scope.source.segment(node)
        for tail in (" ** 2", " // 2", " * 2", " / 2"):
            yield replace(node, text + tail, scope)
