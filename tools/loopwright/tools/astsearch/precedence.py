"""How tightly an expression binds, and when it needs parentheses in a new place.

The levels are those of the language reference, section 6.17, from the loosest to the tightest.
"""

import ast
from enum import IntEnum
from functools import lru_cache


class Level(IntEnum):
    """How tightly an expression holds together."""

    ANYTHING = 0
    TUPLE = 1
    YIELD = 2
    TEST = 3  #: lambda, and the conditional expression
    OR = 4
    AND = 5
    NOT = 6
    COMPARE = 7
    BIT_OR = 8
    BIT_XOR = 9
    BIT_AND = 10
    SHIFT = 11
    SUM = 12
    TERM = 13
    UNARY = 14
    POWER = 15
    AWAIT = 16
    ATOM = 17


OPERATORS: dict[type[ast.operator] | type[ast.boolop], Level] = {
    ast.Or: Level.OR,
    ast.And: Level.AND,
    ast.BitOr: Level.BIT_OR,
    ast.BitXor: Level.BIT_XOR,
    ast.BitAnd: Level.BIT_AND,
    ast.LShift: Level.SHIFT,
    ast.RShift: Level.SHIFT,
    ast.Add: Level.SUM,
    ast.Sub: Level.SUM,
    ast.Mult: Level.TERM,
    ast.Div: Level.TERM,
    ast.FloorDiv: Level.TERM,
    ast.Mod: Level.TERM,
    ast.MatMult: Level.TERM,
    ast.Pow: Level.POWER,
}

LEVELS: dict[type[ast.expr], Level] = {
    ast.NamedExpr: Level.ANYTHING,
    ast.Slice: Level.ANYTHING,
    ast.Starred: Level.TUPLE,
    ast.Yield: Level.YIELD,
    ast.YieldFrom: Level.YIELD,
    ast.Lambda: Level.TEST,
    ast.IfExp: Level.TEST,
    ast.Compare: Level.COMPARE,
    ast.Await: Level.AWAIT,
}

PLACES: dict[tuple[type[ast.AST], str], Level] = {
    (ast.Call, "args"): Level.TEST,
    (ast.Call, "func"): Level.ATOM,
    (ast.keyword, "value"): Level.TEST,
    (ast.Attribute, "value"): Level.ATOM,
    (ast.Subscript, "value"): Level.ATOM,
    (ast.Subscript, "slice"): Level.TUPLE,
    (ast.Slice, "lower"): Level.TEST,
    (ast.Slice, "upper"): Level.TEST,
    (ast.Slice, "step"): Level.TEST,
    (ast.comprehension, "iter"): Level.OR,
    (ast.comprehension, "ifs"): Level.OR,
    (ast.IfExp, "body"): Level.OR,
    (ast.IfExp, "test"): Level.OR,
    (ast.IfExp, "orelse"): Level.TEST,
    (ast.Compare, "left"): Level.BIT_OR,
    (ast.Compare, "comparators"): Level.BIT_OR,
    (ast.Await, "value"): Level.ATOM,
    (ast.Starred, "value"): Level.BIT_OR,
    (ast.Return, "value"): Level.TUPLE,
    (ast.Assign, "value"): Level.TUPLE,
    (ast.Expr, "value"): Level.TUPLE,
    (ast.For, "iter"): Level.TUPLE,
}
"""How tightly an expression must hold together to stand bare in a place; `TEST` where none is named."""


def level_of(node: ast.expr, text: str) -> Level:
    """Return how tightly `node`, written as `text`, holds together."""
    match node:
        case ast.BinOp(op=op):
            return OPERATORS[type(op)]
        case ast.BoolOp(op=joint):
            return OPERATORS[type(joint)]
        case ast.UnaryOp(op=ast.Not()):
            return Level.NOT
        case ast.UnaryOp():
            return Level.UNARY
        case ast.GeneratorExp() | ast.Tuple():
            return Level.ATOM if text.startswith("(") else Level.TUPLE
        case _:
            return LEVELS.get(type(node), Level.ATOM)


@lru_cache(maxsize=20_000)
def level_of_text(text: str) -> Level:
    """Return how tightly the expression `text` holds together; a slice and the like hold not at all."""
    if text.isidentifier():
        return Level.ATOM
    try:
        return level_of(ast.parse(f"({text}\n)", mode="eval").body, text)
    except SyntaxError:
        return Level.ANYTHING


def required(node: ast.expr, place: tuple[ast.AST, str]) -> Level:
    """Return how tightly an expression must hold together to stand bare where `node` stands."""
    match place:
        case (ast.BinOp(op=ast.Pow(), left=left), _):
            return Level.AWAIT if node is left else Level.UNARY
        case (ast.BinOp(op=op, left=left), _):
            return Level(OPERATORS[type(op)] + (node is not left))
        case (ast.BoolOp(op=joint), _):
            return Level(OPERATORS[type(joint)] + 1)
        case (ast.UnaryOp(op=ast.Not()), _):
            return Level.NOT
        case (ast.UnaryOp(), _):
            return Level.UNARY
        case (parent, name):
            return PLACES.get((type(parent), name), Level.TEST)


def fits(text: str, node: ast.expr, place: tuple[ast.AST, str]) -> bool:
    """Tell whether `text` can stand bare in the place of `node`."""
    need = required(node, place)
    if need <= Level.TUPLE:
        return True
    return level_of_text(text) >= need
