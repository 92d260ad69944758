"""What kind of thing an expression looks like, so that unlike things are swapped last."""

import ast
from enum import StrEnum


class Shape(StrEnum):
    """What a value seems to be, from how it is written."""

    NUMBER = "number"
    TEXT = "text"
    LIST = "list"
    MAPPING = "mapping"
    SET = "set"
    TUPLE = "tuple"
    TRUTH = "truth"
    NOTHING = "nothing"
    UNKNOWN = "unknown"


BUILT: dict[str, Shape] = {
    "len": Shape.NUMBER,
    "int": Shape.NUMBER,
    "float": Shape.NUMBER,
    "sum": Shape.NUMBER,
    "abs": Shape.NUMBER,
    "round": Shape.NUMBER,
    "ord": Shape.NUMBER,
    "str": Shape.TEXT,
    "repr": Shape.TEXT,
    "chr": Shape.TEXT,
    "list": Shape.LIST,
    "sorted": Shape.LIST,
    "dict": Shape.MAPPING,
    "defaultdict": Shape.MAPPING,
    "Counter": Shape.MAPPING,
    "set": Shape.SET,
    "frozenset": Shape.SET,
    "tuple": Shape.TUPLE,
    "bool": Shape.TRUTH,
    "any": Shape.TRUTH,
    "all": Shape.TRUTH,
    "isinstance": Shape.TRUTH,
}
"""What the calls of these give; annotations name their shape by the same words."""

METHODS: dict[str, Shape] = {
    "append": Shape.LIST,
    "extend": Shape.LIST,
    "insert": Shape.LIST,
    "add": Shape.SET,
    "discard": Shape.SET,
    "setdefault": Shape.MAPPING,
    "items": Shape.MAPPING,
    "keys": Shape.MAPPING,
    "values": Shape.MAPPING,
    "split": Shape.TEXT,
    "strip": Shape.TEXT,
    "startswith": Shape.TEXT,
    "endswith": Shape.TEXT,
    "lower": Shape.TEXT,
    "upper": Shape.TEXT,
}
"""What has a method of that name."""

SHAPES: dict[type[ast.expr], Shape] = {
    ast.List: Shape.LIST,
    ast.ListComp: Shape.LIST,
    ast.Dict: Shape.MAPPING,
    ast.DictComp: Shape.MAPPING,
    ast.Set: Shape.SET,
    ast.SetComp: Shape.SET,
    ast.Tuple: Shape.TUPLE,
    ast.JoinedStr: Shape.TEXT,
    ast.Compare: Shape.TRUTH,
}


def shape_of(node: ast.expr) -> Shape:
    """Return what `node` looks like by itself."""
    match node:
        case ast.Constant(value=value):
            return shape_of_constant(value)
        case ast.Call(func=ast.Name(id=name)):
            return BUILT.get(name, Shape.UNKNOWN)
        case ast.UnaryOp(op=ast.Not()):
            return Shape.TRUTH
        case ast.UnaryOp():
            return Shape.NUMBER
        case ast.BinOp(op=ast.Sub() | ast.FloorDiv() | ast.Div() | ast.Pow()):
            return Shape.NUMBER
        case ast.BinOp(left=left, right=right):
            return shape_of(left) if shape_of(left) is shape_of(right) else Shape.UNKNOWN
        case _:
            return SHAPES.get(type(node), Shape.UNKNOWN)


def shape_of_constant(value: object) -> Shape:
    """Return what a literal is."""
    if value is None:
        return Shape.NOTHING
    if isinstance(value, bool):
        return Shape.TRUTH
    if isinstance(value, int | float):
        return Shape.NUMBER
    return Shape.TEXT if isinstance(value, str) else Shape.UNKNOWN


def shapes_of_names(owner: ast.AST) -> dict[str, Shape]:
    """Return what the names in `owner` look like, by how they are first bound, annotated or used."""
    found: dict[str, Shape] = {}
    for node in ast.walk(owner):
        for name, shape in _told(node):
            if shape not in (Shape.UNKNOWN, Shape.NOTHING):
                found.setdefault(name, shape)
    return found


def _told(node: ast.AST) -> list[tuple[str, Shape]]:
    """Return what one node says about names."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return [(name, shape_of(value))]
        case ast.arg(arg=name, annotation=ast.Name(id=kind) | ast.Subscript(value=ast.Name(id=kind))):
            return [(name, BUILT.get(kind, Shape.UNKNOWN))]
        case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"))):
            return [(name, Shape.NUMBER)]
        case ast.For(target=ast.Tuple(elts=[ast.Name(id=name), *_]), iter=ast.Call(func=ast.Name(id="enumerate"))):
            return [(name, Shape.NUMBER)]
        case ast.Attribute(value=ast.Name(id=name), attr=method):
            return [(name, METHODS.get(method, Shape.UNKNOWN))]
        case _:
            return []


def likeness(first: Shape, second: Shape) -> float:
    """Return how readily the one is taken for the other: 1 for like, less for unlike."""
    if Shape.UNKNOWN in (first, second):
        return 0.9
    return 1.0 if first is second else 0.45
