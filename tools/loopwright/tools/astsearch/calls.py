"""Changes of calls: which function, with which arguments, in what order."""

import ast

from loopwright.tools.astsearch.change import Change, Changes, brief, replace
from loopwright.tools.astsearch.precedence import Level
from loopwright.tools.astsearch.project import nearest
from loopwright.tools.astsearch.scope import Scope, parameters, unique
from loopwright.tools.astsearch.source import Function

SIBLINGS = (
    ("min", "max"),
    ("any", "all"),
    ("sorted", "list", "reversed"),
    ("int", "float", "round"),
    ("list", "tuple", "set", "iter"),
    ("str", "repr", "int"),
    ("append", "extend", "insert", "add"),
    ("add", "update", "discard"),
    ("extend", "append"),
    ("update", "add"),
    ("remove", "discard", "pop"),
    ("pop", "popleft", "get"),
    ("append", "appendleft"),
    ("startswith", "endswith"),
    ("strip", "lstrip", "rstrip"),
    ("lower", "upper", "casefold", "title", "capitalize"),
    ("lstrip", "removeprefix"),
    ("rstrip", "removesuffix"),
    ("find", "rfind", "index", "count"),
    ("split", "rsplit", "partition", "splitlines"),
    ("partition", "rpartition"),
    ("ljust", "rjust", "center", "zfill"),
    ("keys", "values", "items"),
    ("isdigit", "isalpha", "isalnum", "isnumeric"),
    ("union", "intersection", "difference", "symmetric_difference"),
    ("issubset", "issuperset"),
    ("floor", "ceil", "trunc"),
    ("bisect_left", "bisect_right"),
    ("insort_left", "insort_right"),
    ("heappushpop", "heapreplace"),
    ("nlargest", "nsmallest"),
    ("match", "search", "fullmatch"),
    ("permutations", "combinations", "product"),
    ("chain", "zip", "product"),
    ("zip", "zip_longest"),
    ("deepcopy", "copy"),
    ("loads", "dumps"),
    ("encode", "decode"),
    ("weekday", "isoweekday"),
    ("now", "utcnow", "today"),
    ("gather", "wait"),
    ("get", "setdefault", "pop"),
    ("seconds", "total_seconds"),
    ("isinstance", "issubclass"),
    ("hasattr", "getattr"),
)
"""Functions and methods of the standard library that are taken for one another."""


def swap_arguments(node: ast.Call, scope: Scope) -> Changes:
    """Hand two arguments over in the other order."""
    for first in range(len(node.args)):
        for second in range(first + 1, len(node.args)):
            yield _exchanged(node, node.args[first], node.args[second], scope, 0.85 ** (second - first - 1)).told(
                f"swap arguments {first + 1} and {second + 1} of {_name(node, scope)}"
            )
    for first, one in enumerate(node.keywords):
        for other in node.keywords[first + 1 :]:
            if one.arg and other.arg:
                change = _exchanged(node, one.value, other.value, scope, 0.6)
                yield change.told(f"swap {one.arg} and {other.arg} of {_name(node, scope)}")


def rotate_arguments(node: ast.Call, scope: Scope) -> Changes:
    """Hand the arguments over one place further on."""
    if len(node.args) < 3:
        return
    texts = [scope.source.segment(arg) for arg in node.args]
    for turned in ([*texts[1:], texts[0]], [texts[-1], *texts[:-1]]):
        start, end = scope.source.span(node.args[0])[0], scope.source.span(node.args[-1])[1]
        yield Change(start, end, ", ".join(turned), f"rotate the arguments of {_name(node, scope)}")


def _exchanged(whole: ast.expr, one: ast.expr, other: ast.expr, scope: Scope, factor: float) -> Change:
    """Return the change that lets two parts of an expression change places."""
    source = scope.source
    (a, b), (c, d) = sorted((source.span(one), source.span(other)))
    text = source.text[c:d] + source.text[b:c] + source.text[a:b]
    return Change(a, d, text, f"swap parts of {brief(source.segment(whole))}", factor)


def _name(node: ast.Call, scope: Scope) -> str:
    return f"{brief(scope.source.segment(node.func), 30)}()"


def drop_argument(node: ast.Call, scope: Scope) -> Changes:
    """Leave an argument out."""
    texts = _argument_texts(node, scope)
    if len(texts) < 2 and not node.keywords:
        return
    for index, text in enumerate(texts):
        rest = [*texts[:index], *texts[index + 1 :]]
        yield _called(node, rest, scope, f"drop argument {brief(text, 30)} of {_name(node, scope)}")


def _argument_texts(node: ast.Call, scope: Scope) -> list[str]:
    parts: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    return [scope.source.segment(part) for part in parts]


def _called(node: ast.Call, arguments: list[str], scope: Scope, what: str, factor: float = 1.0) -> Change:
    start, end = scope.source.span(node.func)[1], scope.source.span(node)[1]
    return Change(start, end, f"({', '.join(arguments)})", what, factor)


def add_argument(node: ast.Call, scope: Scope) -> Changes:
    """Hand over one more argument: a parameter of the callee by its name, or an option of a known function."""
    texts = _argument_texts(node, scope)
    for name in _missing(node, scope):
        for rank, value in enumerate(nearest(name, scope.names_at(node))[:4]):
            text = f"{name}={value}"
            yield _called(node, [*texts, text], scope, f"add {text} to {_name(node, scope)}", 0.7**rank)
    for option in OPTIONS.get(_last_name(node.func), ()):
        if option.split("=")[0] not in {keyword.arg for keyword in node.keywords}:
            yield _called(node, [*texts, option], scope, f"add {option} to {_name(node, scope)}", 0.9)


OPTIONS = {
    "sorted": ("reverse=True", "key=len", "key=str", "key=lambda item: item[0]", "key=lambda item: item[1]"),
    "sort": ("reverse=True", "key=len", "key=lambda item: item[0]", "key=lambda item: item[1]"),
    "max": ("default=0", "default=None", "key=len"),
    "min": ("default=0", "default=None", "key=len"),
    "next": ("None",),
    "get": ("0", "None", "[]", "''"),
    "pop": ("0", "None"),
    "enumerate": ("1",),
    "zip": ("strict=True",),
    "split": ("' '", "','"),
    "getattr": ("None",),
    "gather": ("return_exceptions=True",),
    "sum": ("0",),
    "join": (),
    "dumps": ("sort_keys=True",),
    "int": ("2", "10", "16"),
    "round": ("2",),
}
"""What a call may be short of."""


def _missing(node: ast.Call, scope: Scope) -> list[str]:
    """Return the parameters that the call leaves to their defaults, or forgets."""
    given = {keyword.arg for keyword in node.keywords}
    found: list[str] = []
    for function in scope.project.callables.get(_last_name(node.func), [])[:2]:
        known = [name for name in parameters(function) if name not in ("self", "cls")]
        found += [name for name in known[len(node.args) :] if name not in given]
    return found[:3]


def _last_name(func: ast.expr) -> str:
    match func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def rename_keyword(node: ast.Call, scope: Scope) -> Changes:
    """Hand a value over under another name."""
    callees = scope.project.callables.get(_last_name(node.func), [])
    known = [name for function in callees[:2] for name in parameters(function)] or KEYWORDS.get(
        _last_name(node.func), []
    )
    given = {keyword.arg for keyword in node.keywords}
    for keyword in node.keywords:
        if keyword.arg is None:
            continue
        start, _ = scope.source.span(keyword)
        for name in unique(name for name in known if name not in given):
            yield Change(start, start + len(keyword.arg), name, f"{keyword.arg}= → {name}= in {_name(node, scope)}")


KEYWORDS = {
    "timedelta": ["days", "hours", "minutes", "seconds", "weeks", "milliseconds"],
    "replace": ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo"],
}
"""Keywords of the standard library that are taken for one another."""


def sibling_function(node: ast.Call, scope: Scope) -> Changes:
    """Call another function that goes by a like name or does a like thing."""
    name = _last_name(node.func)
    if not name:
        return
    _, end = scope.source.span(node.func)
    for rank, other in enumerate(_siblings(node, name, scope)):
        yield Change(end - len(name), end, other, f"{name}() → {other}()", 0.93**rank)


def _siblings(node: ast.Call, name: str, scope: Scope) -> list[str]:
    listed = [other for group in SIBLINGS if name in group for other in group]
    if isinstance(node.func, ast.Name):
        inner = [f.name for f in scope.around] + [f.name for f in scope.project.functions.values() if _takes(f, node)]
        listed += nearest(name, inner)
    elif isinstance(node.func.value, ast.Name) and node.func.value.id in ("self", "cls"):  # type: ignore[attr-defined]
        listed += nearest(name, [f.name for f in scope.methods if _takes(f, node) and f.name != "__init__"])
    else:
        base = ast.unparse(node.func.value)  # type: ignore[attr-defined]
        listed += nearest(name, scope.project.attributes.get(base, ()))
    return [other for other in unique(listed) if other != name]


def _takes(function: Function, node: ast.Call) -> bool:
    """Tell whether `function` could be called with as many arguments."""
    every = function.args
    most = len(parameters(function)) - (parameters(function)[:1] in (("self",), ("cls",)))
    return bool(every.vararg) or len(node.args) + len(node.keywords) <= most


def unwrap(node: ast.Call, scope: Scope) -> Changes:
    """Take the argument, or what the method was called on, instead of the call."""
    parent = scope.source.parent(node)
    if isinstance(parent, ast.Expr):
        return
    for argument in node.args[:3]:
        if not isinstance(argument, ast.Starred):
            text = scope.source.segment(argument)
            yield replace(node, text, scope, f"unwrap {_name(node, scope)}", 1.0 if len(node.args) == 1 else 0.6)
    if isinstance(node.func, ast.Attribute):
        text = scope.source.segment(node.func.value)
        yield replace(node, text, scope, f"drop .{node.func.attr}()", 0.8)


def call_or_not(node: ast.expr, scope: Scope) -> Changes:
    """Call what is only named, or name what is called without arguments."""
    text = scope.source.segment(node)
    match node:
        case ast.Call(func=func, args=[], keywords=[]):
            yield replace(node, scope.source.segment(func), scope)
        case ast.Attribute(ctx=ast.Load()) if not _is_called(node, scope):
            yield replace(node, f"{text}()", scope, factor=1.0 if node.attr in scope.project.callables else 0.4)
        case ast.Name(ctx=ast.Load()) if not _is_called(node, scope) and node.id in scope.project.callables:
            yield replace(node, f"{text}()", scope)


def _is_called(node: ast.expr, scope: Scope) -> bool:
    parent = scope.source.parent(node)
    return isinstance(parent, ast.Call) and parent.func is node


def duplicate_argument(node: ast.Call, scope: Scope) -> Changes:
    """Hand the same argument over twice, in the place of another one."""
    for one in node.args:
        for other in node.args:
            if one is not other and not isinstance(one, ast.Starred) and not isinstance(other, ast.Starred):
                yield replace(other, scope.source.segment(one), scope)


def insert_argument(node: ast.Call, scope: Scope) -> Changes:
    """Hand a variable over before the other arguments, or behind them, where the callee takes one more."""
    callees = scope.project.callables.get(_last_name(node.func), [])
    if not any(_takes(f, ast.Call(node.func, [*node.args, node.func], node.keywords)) for f in callees):
        return
    texts = [scope.source.segment(argument) for argument in node.args]
    keywords = [scope.source.segment(keyword) for keyword in node.keywords]
    for name in scope.names_at(node)[:8]:
        what = f"add argument {name} to {_name(node, scope)}"
        yield _called(node, [*texts, name, *keywords], scope, what)
        yield _called(node, [name, *texts, *keywords], scope, what, 0.7)


def argument_is_callers(node: ast.Call, scope: Scope) -> Changes:
    """Hand the caller's own parameter on, where a like-named one is meant for the callee's."""
    for function in scope.project.callables.get(_last_name(node.func), [])[:1]:
        known = [name for name in parameters(function) if name not in ("self", "cls")]
        for argument, name in zip(node.args, known, strict=False):
            if name in scope.names and scope.source.segment(argument) != name:
                yield replace(argument, name, scope)


def wrap_call(node: ast.expr, scope: Scope) -> Changes:
    """Put a call around a value: a conversion, a copy, an order, a length."""
    if not _wrappable(node, scope):
        return
    text = scope.source.segment(node)
    shape = scope.shape(node)
    for name, factor in WRAPPERS:
        if not text.startswith(f"{name}("):
            told = f"wrap {brief(text)} in {name}()"
            yield replace(node, f"{name}({text})", scope, told, factor * SUITED.get((name, shape), 1.0))
    for name in [f.name for f in scope.project.functions.values() if len(parameters(f)) == 1][:6]:
        yield replace(node, f"{name}({text})", scope, f"wrap {brief(text)} in {name}()", 0.6)
    for function in scope.methods:
        if len(parameters(function)) == 2 and function.name[:2] != "__":
            told = f"wrap {brief(text)} in self.{function.name}()"
            yield replace(node, f"self.{function.name}({text})", scope, told, 0.6)


WRAPPERS = (
    ("list", 0.9), ("int", 0.9), ("str", 0.9), ("sorted", 0.8), ("len", 0.8), ("abs", 0.8), ("set", 0.7),
    ("float", 0.6), ("tuple", 0.5), ("dict", 0.5), ("reversed", 0.5), ("bool", 0.5), ("sum", 0.4),
)  # fmt: skip
SUITED: dict[tuple[str, str], float] = {
    ("int", "text"): 0.9, ("abs", "text"): 0.1, ("abs", "list"): 0.1, ("int", "list"): 0.1, ("float", "list"): 0.1,
    ("str", "text"): 0.1, ("list", "number"): 0.1, ("len", "number"): 0.1, ("sorted", "number"): 0.1,
    ("set", "number"): 0.1, ("tuple", "number"): 0.1, ("dict", "number"): 0.05, ("reversed", "number"): 0.05,
    ("dict", "list"): 0.3, ("sum", "number"): 0.05, ("dict", "text"): 0.05,
}  # fmt: skip


def _wrappable(node: ast.expr, scope: Scope) -> bool:
    """Tell whether `node` is a value that is read, and no part of a path to one."""
    if isinstance(
        node, (ast.Constant, ast.JoinedStr, ast.Starred, ast.Slice, ast.Lambda, ast.Await, ast.FormattedValue)
    ):
        return False
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or isinstance(node, (ast.Compare, ast.BoolOp)):
        return False
    match scope.source.places.get(node):
        case (ast.Call(), "func") | (ast.Attribute() | ast.Await() | ast.FormattedValue(), "value") | (ast.Expr(), _):
            return False
        case (ast.expr() | ast.keyword() | ast.Assign() | ast.Return() | ast.For() | ast.comprehension(), _):
            return True
        case _:
            return False


def wrap_method(node: ast.expr, scope: Scope) -> Changes:
    """Call a method on a value: clean a text, copy a list, look up the items."""
    if not _wrappable(node, scope) or isinstance(node, (ast.BinOp, ast.IfExp)):
        return
    text = scope.source.part(node, Level.ATOM)
    for method, shapes, factor in METHODS:
        shape = str(scope.shape(node))
        if shape in shapes or shape == "unknown":
            scaled = factor if shape in shapes else factor * 0.7
            yield replace(node, f"{text}.{method}", scope, f"add .{method} to {brief(text)}", scaled)


METHODS = (
    ("strip()", ("text",), 1.0),
    ("lower()", ("text",), 0.9),
    ("copy()", ("list", "mapping", "set"), 0.9),
    ("items()", ("mapping",), 0.9),
    ("values()", ("mapping",), 0.7),
    ("split()", ("text",), 0.6),
    ("upper()", ("text",), 0.5),
    ("keys()", ("mapping",), 0.3),
)
"""Methods that are forgotten, and what has them."""


def get_or_index(node: ast.expr, scope: Scope) -> Changes:
    """Look a key up with a default, or without one: ``d[k]`` → ``d.get(k, 0)``."""
    match node:
        case ast.Subscript(value=value, slice=key, ctx=ast.Load()) if not isinstance(key, ast.Slice):
            base, name = scope.source.part(value, Level.ATOM), scope.source.segment(key)
            for rank, default in enumerate(("", ", 0", ", []", ", ''", ", {}", ", 1")):
                yield replace(node, f"{base}.get({name}{default})", scope, factor=0.9**rank)
        case ast.Call(func=ast.Attribute(attr="get", value=value), args=[key, *rest]):
            base, name = scope.source.segment(value), scope.source.segment(key)
            yield replace(node, f"{base}[{name}]", scope, factor=0.6)
            for rank, default in enumerate(("0", "[]", "''", "1", "{}", "None", "False", name)):
                text = f"{base}.get({name}, {default})"
                if not rest or default != scope.source.segment(rest[0]):
                    yield replace(node, text, scope, factor=0.9**rank)
