"""Changes of subscripts, slices, displays, comprehensions and texts."""

import ast
import re
from itertools import pairwise

from loopwright.tools.astsearch.change import Change, Changes, brief, replace
from loopwright.tools.astsearch.names import is_plain_string
from loopwright.tools.astsearch.precedence import Level
from loopwright.tools.astsearch.scope import Scope
from loopwright.tools.astsearch.shapes import Shape

EMPTY = ("[]", "{}", "''", "0", "None", "[[]]", "()", "set()")


def add_slice(node: ast.expr, scope: Scope) -> Changes:
    """Take a part of a sequence: ``xs`` → ``xs[1:]``."""
    if not isinstance(node, (ast.Name, ast.Attribute)) or not isinstance(node.ctx, ast.Load):
        return
    if scope.shape(node) not in (Shape.LIST, Shape.TEXT, Shape.TUPLE, Shape.UNKNOWN):
        return
    if not _is_sequence_place(node, scope):
        return
    text = scope.source.segment(node)
    for tail in ("[1:]", "[:-1]", "[:]", "[::-1]", "[0]", "[-1]", "[1]"):
        yield replace(node, text + tail, scope)
    for name in scope.names_at(node)[:8]:
        if name != text and scope.shapes.get(name, Shape.UNKNOWN) in (Shape.NUMBER, Shape.UNKNOWN):
            for tail in (f"[{name}:]", f"[:{name}]", f"[{name}]"):
                yield replace(node, text + tail, scope, factor=0.85)


def _is_sequence_place(node: ast.expr, scope: Scope) -> bool:
    match scope.source.places.get(node):
        case (ast.Call(), "args") | (ast.For() | ast.comprehension(), "iter") | (ast.Return() | ast.Assign(), "value"):
            return True
        case (ast.BinOp() | ast.Compare() | ast.keyword() | ast.Tuple() | ast.List() | ast.Starred(), _):
            return True
        case _:
            return False


def drop_subscript(node: ast.Subscript, scope: Scope) -> Changes:
    """Take the whole sequence instead of a part of it."""
    if isinstance(node.ctx, ast.Load):
        yield replace(node, scope.source.segment(node.value), scope)


def change_slice(node: ast.Subscript, scope: Scope) -> Changes:
    """Leave a border out, exchange the borders, or look from the other end."""
    match node:
        case ast.Subscript(slice=ast.Slice(lower=lower, upper=upper, step=step)):
            base = scope.source.segment(node.value)
            low, high = (scope.source.segment(one) if one else "" for one in (lower, upper))
            pairs = [
                ("", high),
                (low, ""),
                (high, low),
                (low or "1", high or "-1"),
                (low, high or "-1"),
                (low or "1", high),
            ]
            for one, other in pairs:
                yield replace(node, f"{base}[{one}:{other}]", scope)
            if step is None:
                yield replace(node, f"{base}[{low}:{high}:-1]", scope, factor=0.6)
            yield from _slice_names(node, base, (low, high), scope)


def _slice_names(node: ast.Subscript, base: str, borders: tuple[str, str], scope: Scope) -> Changes:
    low, high = borders
    for name in scope.names_at(node)[:6]:
        if scope.shapes.get(name, Shape.UNKNOWN) in (Shape.NUMBER, Shape.UNKNOWN) and name != base:
            if not low:
                yield replace(node, f"{base}[{name}:{high}]", scope, factor=0.6)
            if not high:
                yield replace(node, f"{base}[{low}:{name}]", scope, factor=0.6)


def change_index(node: ast.Subscript, scope: Scope) -> Changes:
    """Look at the first, the last, or a slice instead of an item; exchange the parts of a key."""
    match node:
        case ast.Subscript(slice=ast.Slice()):
            return
        case ast.Subscript(slice=ast.Tuple(elts=[first, second])):
            texts = scope.source.segment(second), scope.source.segment(first)
            yield replace(node.slice, ", ".join(texts), scope)
        case ast.Subscript(value=value, slice=index, ctx=ast.Load()):
            base, text = scope.source.segment(value), scope.source.segment(index)
            for tail in (f"[-{text}]", f"[{text}:]", f"[:{text}]", "[-1]", "[0]"):
                if f"[{text}]" != tail and "--" not in tail:
                    yield replace(node, base + tail, scope)


def nested_subscript(node: ast.Subscript, scope: Scope) -> Changes:
    """Exchange the indices of a table: ``grid[x][y]`` → ``grid[y][x]``."""
    match node:
        case ast.Subscript(value=ast.Subscript(value=base, slice=first), slice=second):
            if not isinstance(first, ast.Slice) and not isinstance(second, ast.Slice):
                one, other = scope.source.segment(second), scope.source.segment(first)
                yield replace(node, f"{scope.source.segment(base)}[{one}][{other}]", scope)


def change_range(node: ast.Call, scope: Scope) -> Changes:
    """Begin, end or step elsewhere."""
    match node:
        case ast.Call(func=ast.Name(id="range"), args=[stop], keywords=[]):
            text = scope.source.segment(stop)
            yield replace(node, f"range(1, {text})", scope)
            yield replace(node, f"range(1, {scope.source.part(stop, Level.SUM)} + 1)", scope)
            yield replace(node, f"range({scope.source.part(stop, Level.SUM)} - 1, -1, -1)", scope, factor=0.7)
        case ast.Call(func=ast.Name(id="range"), args=[start, stop], keywords=[]):
            first, last = scope.source.segment(start), scope.source.part(stop, Level.SUM)
            yield replace(node, f"range({last})", scope, factor=0.6)
            yield replace(node, f"range({first}, {last}, -1)", scope, factor=0.6)
            yield replace(node, f"range({last} - 1, {scope.source.part(start, Level.SUM)} - 1, -1)", scope, factor=0.6)


def loop_over(node: ast.expr, scope: Scope) -> Changes:
    """Loop over positions or pairs, or over the things themselves."""
    match scope.source.places.get(node):
        case (ast.For() as loop, "iter") if isinstance(loop.target, ast.Tuple):
            forms: tuple[str, ...] = ("enumerate({})", "{}.items()", "zip({0}, {0}[1:])")
        case (ast.For() | ast.comprehension(), "iter"):
            forms = (
                "range(len({}))",
                "sorted({})",
                "list({})",
                "reversed({})",
                "{}.values()",
                "range({})",
                "{}.copy()",
            )
        case _:
            return
    match node:
        case ast.Call(func=ast.Name(id="enumerate" | "list" | "sorted" | "reversed" | "range")):
            return
    text = scope.source.part(node, Level.ATOM)
    for rank, form in enumerate(forms):
        yield replace(node, form.format(text), scope, factor=0.93**rank)


def swap_elements(node: ast.expr, scope: Scope) -> Changes:
    """Exchange two elements of a tuple or a list."""
    if not isinstance(node, (ast.Tuple, ast.List)) or not 2 <= len(node.elts) <= 5:
        return
    for first, one in enumerate(node.elts):
        for other in node.elts[first + 1 :]:
            (a, b), (c, d) = scope.source.span(one), scope.source.span(other)
            text = scope.source.text
            swapped = text[c:d] + text[b:c] + text[a:b]
            yield Change(a, d, swapped, f"swap {brief(text[a:b], 20)} and {brief(text[c:d], 20)}")


def wrap_display(node: ast.expr, scope: Scope) -> Changes:
    """Put a value into a list of its own, or take it out; return an empty thing of another kind."""
    text = scope.source.segment(node)
    match scope.source.places.get(node):
        case (ast.Return() | ast.Assign() | ast.Yield(), "value") | (ast.BinOp(), _) | (ast.Call(), "args"):
            pass
        case _:
            return
    match node:
        case ast.List(elts=[only]):
            yield replace(node, scope.source.segment(only), scope, factor=0.8)
        case ast.List(elts=[]) | ast.Dict(keys=[]) | ast.Tuple(elts=[]) | ast.Constant(value=None | "" | 0 | False):
            for rank, empty in enumerate(EMPTY):
                if empty != text:
                    yield replace(node, empty, scope, factor=0.93**rank)
    if not isinstance(node, (ast.Starred, ast.Tuple)) and text not in EMPTY[4:]:
        yield replace(node, f"[{text}]", scope, factor=0.8)


def list_to_tuple(node: ast.expr, scope: Scope) -> Changes:
    """Build a tuple for a list, a set for a list, or the other way round."""
    match node:
        case ast.List(elts=[_, *_] as elements, ctx=ast.Load()):
            inner = scope.source.segment(node)[1:-1]
            yield replace(node, f"({inner}{',' if len(elements) == 1 else ''})", scope)
        case ast.Tuple(elts=[_, _, *_], ctx=ast.Load()) if scope.source.segment(node)[:1] == "(":
            yield replace(node, f"[{scope.source.segment(node)[1:-1]}]", scope)
        case ast.ListComp():
            inner = scope.source.segment(node)[1:-1]
            yield replace(node, f"{{{inner}}}", scope)
        case ast.SetComp():
            yield replace(node, f"[{scope.source.segment(node)[1:-1]}]", scope)


def filter_comprehension(node: ast.expr, scope: Scope) -> Changes:
    """Keep only what meets a condition, or drop a condition of a comprehension."""
    if not isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        return
    last = node.generators[-1]
    for test in last.ifs:
        start, end = scope.source.span(test)
        before = scope.source.text[:start].rstrip().rstrip("(")
        begin = before.rfind("if")
        yield Change(len(before[:begin].rstrip()), end, "", f"drop if {brief(scope.source.text[start:end])}")
    names = [n.id for n in ast.walk(last.target) if isinstance(n, ast.Name)]
    texts = [*names, *(f"{name} is not None" for name in names), *(f"{name} > 0" for name in names)]
    texts += [f"{name} not in {other}" for name in names for other in scope.names[:6]]
    texts += [f"{name} != {other}" for name in names for other in scope.names[:6]]
    _, end = scope.source.span(last.ifs[-1] if last.ifs else last.iter)
    word = "and" if last.ifs else "if"
    for rank, text in enumerate((*texts, *scope.conditions[:6])):
        yield Change(end, end, f" {word} {text}", f"add {word} {brief(text)}", 0.96**rank)


def conditional(node: ast.IfExp, scope: Scope) -> Changes:
    """Exchange the two values of a conditional expression, or take one of them."""
    body, test, orelse = (scope.source.segment(part) for part in (node.body, node.test, node.orelse))
    yield replace(node, f"{orelse} if {test} else {body}", scope)
    yield replace(node, body, scope, factor=0.6)
    yield replace(node, orelse, scope, factor=0.6)


def make_conditional(node: ast.expr, scope: Scope) -> Changes:
    """Return or assign a value only where there is one: ``x`` → ``x if xs else 0``."""
    match scope.source.places.get(node):
        case (ast.Return() | ast.Assign(), "value") if not isinstance(node, (ast.Constant, ast.IfExp, ast.Tuple)):
            pass
        case _:
            return
    text = scope.source.part(node, Level.OR)
    used = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in scope.names]
    for name in dict.fromkeys(used):
        for rank, empty in enumerate(("None", "0", "[]", "''")):
            yield replace(node, f"{text} if {name} else {empty}", scope, factor=0.85**rank)
    for rank, empty in enumerate(("None", "0", "[]", "''", "{}")):
        yield replace(node, f"{text} or {empty}", scope, factor=0.6 * 0.85**rank)


def clamp(node: ast.expr, scope: Scope) -> Changes:
    """Keep a number within a border: ``x`` → ``max(x, 0)``."""
    match scope.source.places.get(node):
        case (ast.Return() | ast.Assign() | ast.AugAssign(), "value") | (ast.Call(), "args") | (ast.Tuple(), "elts"):
            pass
        case _:
            return
    if (
        not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        or isinstance(node, (ast.Constant, ast.Starred))
        or scope.shape(node) not in (Shape.NUMBER, Shape.UNKNOWN)
    ):
        return
    text = scope.source.segment(node)
    yield replace(node, f"max(0, {text})", scope)
    yield replace(node, f"max(1, {text})", scope, factor=0.5)
    for name in scope.names_at(node)[:8]:
        if name != text and scope.shapes.get(name, Shape.UNKNOWN) in (Shape.NUMBER, Shape.UNKNOWN):
            yield replace(node, f"max({name}, {text})", scope, factor=0.8)
            yield replace(node, f"min({name}, {text})", scope, factor=0.8)
    paths = [one for one, found in scope.expressions.items() if isinstance(found, (ast.Attribute, ast.Subscript))]
    for other in (one for one in paths[:6] if one != text):
        yield replace(node, f"max({other}, {text})", scope, factor=0.7)
        yield replace(node, f"min({other}, {text})", scope, factor=0.7)


def change_text(node: ast.Constant, scope: Scope) -> Changes:
    """Write a text in other letters, with or without a blank, or nothing at all."""
    if not is_plain_string(node, scope) or len(str(node.value)) > 60:
        return
    value = str(node.value)
    forms = [value.strip(), value.lower(), value.upper(), value + " ", " " + value, "", " ", ", ", ",", "\n"]
    forms += [value[:-1], value[1:], value + "\n"]
    for rank, text in enumerate(dict.fromkeys(forms)):
        if text != value:
            yield replace(node, repr(text), scope, factor=0.94**rank)


FORMATS = re.compile(r"%[YymdHIMSpjBbAaZfU]")
SIBLING_FORMATS = {
    "%m": ("%M", "%d", "%b"), "%M": ("%m",), "%d": ("%m", "%D", "%j"), "%y": ("%Y",), "%Y": ("%y",),
    "%H": ("%I",), "%I": ("%H",), "%S": ("%s", "%f"), "%b": ("%B", "%m"), "%B": ("%b",), "%a": ("%A",), "%A": ("%a",),
}  # fmt: skip


def change_date_format(node: ast.Constant, scope: Scope) -> Changes:
    """Write another field into the format of a date."""
    if not is_plain_string(node, scope):
        return
    start, end = scope.source.span(node)
    for match in FORMATS.finditer(scope.source.text, start, end):
        for other in SIBLING_FORMATS.get(match.group(), ()):
            yield Change(*match.span(), other, f"{match.group()} → {other}")
    for one, next_one in pairwise(FORMATS.finditer(scope.source.text, start, end)):
        between = scope.source.text[one.end() : next_one.start()]
        text = next_one.group() + between + one.group()
        yield Change(one.start(), next_one.end(), text, f"swap {one.group()} and {next_one.group()}")


SPECIFICATIONS = {"d": (".2f", "02d"), "f": (".2f", ".1f"), ".1f": (".2f",), ".2f": (".1f", ".3f"), ".0f": (".2f",)}


def change_format(node: ast.FormattedValue, scope: Scope) -> Changes:
    """Show a value in another way, or another value, within an f-string."""
    source = scope.source
    _, end = source.span(node.value)
    text = source.text
    match node.format_spec:
        case ast.JoinedStr(values=[ast.Constant(value=str(spec))]):
            at = text.find(":", end)
            for other in (*SPECIFICATIONS.get(spec, ()), *_nearby_specifications(spec)):
                yield Change(at + 1, at + 1 + len(spec), other, f"format {spec} → {other}")
        case None if text[end : end + 1] == "}":
            for other in ("!r", ":.2f", ":02d", ":02", ":.1f"):
                yield Change(end, end, other, f"format with {other}", 0.6)
    if text[end : end + 2] == "!r":
        yield Change(end, end + 2, "", "drop !r")
    if isinstance(node.value, ast.Name):
        start, end = source.span(node.value)
        for name in scope.names_at(node.value)[:8]:
            if name != node.value.id:
                yield Change(start, end, name, f"{{{node.value.id}}} → {{{name}}}", 0.9)


def _nearby_specifications(spec: str) -> list[str]:
    """Return the format with another alignment, or another width."""
    swapped = [spec.replace(one, other, 1) for one in "<>^" for other in "<>^" if one in spec and one != other]
    numbers = re.findall(r"\d+", spec)
    widths = [spec.replace(n, str(int(n) + step), 1) for n in numbers[:1] for step in (1, -1) if int(n) + step >= 0]
    return swapped + widths
