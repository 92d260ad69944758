"""Changes of what a function gives back, takes, awaits and catches."""

import ast
from itertools import pairwise

from loopwright.tools.astsearch.blocks import insertion, room_for
from loopwright.tools.astsearch.change import Change, Changes, brief, replace
from loopwright.tools.astsearch.precedence import Level
from loopwright.tools.astsearch.project import nearest
from loopwright.tools.astsearch.scope import Scope, parameters, unique
from loopwright.tools.astsearch.shapes import Shape
from loopwright.tools.astsearch.source import Function

MUTABLE = (ast.List, ast.Dict, ast.Set)


def change_return(node: ast.Return, scope: Scope) -> Changes:
    """Return something else: another result of the function, a variable, a usual value."""
    if node.value is None:
        start, end = scope.source.span(node)
        for rank, name in enumerate((*scope.bound, *scope.parameters)[:8]):
            yield Change(start, end, f"return {name}", f"return → return {name}", 0.9**rank)
        return
    text = scope.source.segment(node.value)
    listed = [f"[{name}]" for name in scope.names[:4]]
    values = unique((*scope.results, "True", "False", "None", "0", "[]", "''", "{}", "-1", "1", *listed))
    for rank, value in enumerate(value for value in values if value != text):
        yield replace(node.value, value, scope, f"return {brief(text)} → return {brief(value)}", 0.95**rank)


def return_test(node: ast.Return, scope: Scope) -> Changes:
    """Return whether something holds where `True` or `False` is returned outright."""
    match node.value:
        case ast.Constant(value=True | False):
            pass
        case _:
            return
    for rank, text in enumerate(scope.conditions[:6]):
        yield replace(node.value, text, scope, factor=0.8 * 0.93**rank)
    for name in scope.names[:8]:
        shape = scope.shapes.get(name, Shape.UNKNOWN)
        if shape in (Shape.NUMBER, Shape.UNKNOWN):
            yield replace(node.value, f"{name} == 0", scope)
        if shape is not Shape.NUMBER:
            yield replace(node.value, f"not {name}", scope)
            yield replace(node.value, f"bool({name})", scope, factor=0.6)


def not_result(node: ast.Return, scope: Scope) -> Changes:
    """Return the contrary of a truth."""
    if node.value is not None and isinstance(node.value, (ast.Call, ast.Name, ast.Attribute, ast.BoolOp)):
        yield replace(node.value, f"not {scope.source.part(node.value, Level.NOT)}", scope)


def add_return(node: Function, scope: Scope) -> Changes:
    """Return something at the end of a function that falls off it."""
    last = node.body[-1]
    if isinstance(last, (ast.Return, ast.Raise)) or scope.generates or node.name == "__init__":
        return
    whole = any(isinstance(n, ast.Return) and n.value for n in scope.nodes)
    values = [(name, 0.9) for name in scope.bound[::-1][:4]]
    values += [(f"self.{field}", 0.6) for field in scope.fields[:6]]
    values += [("self", 1.2 if _is_chained(scope) else 0.6)] if scope.kindred else []
    values += [(name, 0.6) for name in ("None", "False", "True", *scope.parameters[:3])]
    for rank, (value, factor) in enumerate(dict(values).items()):
        if change := insertion(last, f"return {value}", scope.source, after=True):
            yield change.scaled(factor * (1.0 if not whole else 0.8) * 0.96**rank)


def _is_chained(scope: Scope) -> bool:
    """Tell whether other methods of the class return the object itself."""
    returned = (n.value for f in scope.methods for n in ast.walk(f) if isinstance(n, ast.Return))
    return any(isinstance(value, ast.Name) and value.id == "self" for value in returned)


def return_expression(node: ast.Expr, scope: Scope) -> Changes:
    """Return, await or raise what is worked out and thrown away."""
    if isinstance(node.value, ast.Constant) or scope.function is None:
        return
    start, _ = scope.source.span(node)
    text = brief(scope.source.segment(node))
    if not isinstance(node.value, (ast.Yield, ast.YieldFrom)):
        yield Change(start, start, "return ", f"return {text}")
        yield Change(start, start, "yield ", f"yield {text}", 0.3)
        yield Change(start, start, "yield from ", f"yield from {text}", 0.4)
    match node.value:
        case ast.Call(func=ast.Name(id=name)) if name.endswith(("Error", "Exception")):
            yield Change(start, start, "raise ", f"raise {text}", 1.5)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if name in scope.names:
            if method not in ("append", "extend", "add", "update", "sort", "insert", "clear", "remove"):
                yield Change(start, start, f"{name} = ", f"{name} = {text}", 0.9)
        case ast.Call(args=[ast.Name(id=name), *_]):
            yield Change(start, start, f"{name} = ", f"{name} = {text}", 0.9)


def return_assigned(node: ast.Assign, scope: Scope) -> Changes:
    """Return what is assigned to a variable."""
    if scope.function is not None and not scope.generates:
        start, end = scope.source.span(node)
        text = f"return {scope.source.segment(node.value)}"
        yield Change(start, end, text, f"{brief(scope.source.text[start:end])} → {brief(text)}")


def yield_or_return(node: ast.stmt, scope: Scope) -> Changes:
    """Exchange `yield`, `yield from` and `return`."""
    match node:
        case ast.Expr(value=ast.Yield(value=value) | ast.YieldFrom(value=value) as old) if value is not None:
            words = ("yield", "yield from") if isinstance(old, ast.Yield) else ("yield from", "yield")
            start, end = scope.source.span(node)
            text = scope.source.segment(value)
            for word in (words[1], "return"):
                factor = 1.0 if word != "return" else 0.3
                yield Change(start, end, f"{word} {text}", f"{words[0]} → {word} {brief(text)}", factor)
        case ast.Return(value=value) if value is not None and scope.generates:
            start, end = scope.source.span(node)
            text = scope.source.segment(value)
            yield Change(start, end, f"yield from {text}", f"return → yield from {brief(text)}")
            yield Change(start, end, f"yield {text}", f"return → yield {brief(text)}")


def add_await(node: ast.Call, scope: Scope) -> Changes:
    """Wait for a coroutine."""
    if not scope.asynchronous or isinstance(scope.source.parent(node), ast.Await):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    known = any(isinstance(f, ast.AsyncFunctionDef) for f in scope.project.callables.get(name, []))
    start, end = scope.source.span(node)
    parent = scope.source.parent(node)
    text = f"await {scope.source.text[start:end]}"
    if isinstance(parent, (ast.Attribute, ast.Subscript)):
        text = f"({text})"
    factor = 1.0 if known else 0.9 if name in ("sleep", "gather", "wait", "wait_for", "join", "get", "put") else 0.3
    yield replace(node, text, scope, factor=factor)


def drop_await(node: ast.Await, scope: Scope) -> Changes:
    """Do not wait for what is no coroutine."""
    yield replace(node, scope.source.segment(node.value), scope)


def fresh_default(node: Function, scope: Scope) -> Changes:
    """Make a list, set or mapping anew at each call instead of once at the definition."""
    named = [*node.args.posonlyargs, *node.args.args]
    pairs = list(zip(named[len(named) - len(node.args.defaults) :], node.args.defaults, strict=True))
    pairs += [(arg, value) for arg, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if value]
    body = node.body[1:] if isinstance(node.body[0], ast.Expr) and len(node.body) > 1 else node.body
    room = room_for(body[0], scope.source)
    for argument, value in pairs:
        if room is None or not (isinstance(value, MUTABLE) or _builds(value)):
            continue
        start, end = scope.source.span(value)
        fresh = scope.source.text[start:end]
        text = f"{argument.arg} = {fresh} if {argument.arg} is None else {argument.arg}"
        change = insertion(body[0], text, scope.source, after=False)
        if change:
            between = scope.source.text[end : change.start]
            yield Change(
                start, change.end, f"None{between}{change.text}", f"fresh {fresh} for {argument.arg} at each call"
            )


def _builds(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("list", "dict", "set")


def change_handler(node: ast.ExceptHandler, scope: Scope) -> Changes:
    """Catch another exception, or several."""
    if node.type is None:
        return
    text = scope.source.segment(node.type)
    raised = [name for name in scope.project.classes if name.endswith(("Error", "Exception", "Failure"))]
    for rank, name in enumerate(unique((*EXCEPTIONS, *nearest(text, raised)[:5]))):
        if name != text:
            yield replace(node.type, name, scope, f"except {text} → except {name}", 0.95**rank)
            if not isinstance(node.type, ast.Tuple):
                both = f"({text}, {name})"
                yield replace(node.type, both, scope, f"except {text} → except {both}", 0.9 * 0.95**rank)


EXCEPTIONS = ("KeyError", "ValueError", "TypeError", "IndexError", "AttributeError", "LookupError", "StopIteration",
              "ZeroDivisionError", "OSError", "TimeoutError", "Exception")  # fmt: skip
"""What is caught in practice."""


def change_raised(node: ast.Raise, scope: Scope) -> Changes:
    """Raise another exception."""
    target = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    if target is None:
        return
    text = scope.source.segment(target)
    raised = [name for name in scope.project.classes if name.endswith(("Error", "Exception", "Failure"))]
    for rank, name in enumerate(unique((*nearest(text, raised)[:5], *EXCEPTIONS))):
        if name != text:
            yield replace(target, name, scope, f"raise {text} → raise {name}", 0.95**rank)


def handler_way_out(node: ast.ExceptHandler, scope: Scope) -> Changes:
    """Raise again, go on or return where an exception is swallowed."""
    if scope.function is None or not isinstance(node.body[-1], (ast.Pass, ast.Expr, ast.Assign)):
        return
    for text in ("raise", "return None", "return False", "continue"):
        if change := insertion(node.body[-1], text, scope.source, after=True):
            yield change


def change_default(node: Function, scope: Scope) -> Changes:
    """Give a parameter another default, or one that had none."""
    for argument in node.args.args[len(node.args.args) - len(node.args.defaults) - 1 :][:1]:
        if argument.arg not in ("self", "cls") and len(node.args.defaults) < len(node.args.args):
            _, end = scope.source.span(argument)
            for text in ("None", "0", "''"):
                yield Change(end, end, f"={text}", f"{argument.arg}={text}", 0.5)
    for value in (*node.args.defaults, *(v for v in node.args.kw_defaults if v)):
        for text in ("None", "0", "1", "True", "False", "''"):
            if text != scope.source.segment(value):
                yield replace(value, text, scope, factor=0.6)


def parameter_order(node: Function, scope: Scope) -> Changes:
    """Take two parameters in the other order."""
    named = [arg for arg in node.args.args if arg.arg not in ("self", "cls") and arg.annotation is None]
    for one, other in pairwise(named):
        (a, b), (c, d) = scope.source.span(one), scope.source.span(other)
        text = scope.source.text
        yield Change(a, d, text[c:d] + text[b:c] + text[a:b], f"swap parameters {one.arg} and {other.arg}")


def decorate(node: Function, scope: Scope) -> Changes:
    """Mark a method as property, static or of the class, or take such a mark away."""
    for decorator in node.decorator_list:
        start, end = scope.source.span(decorator)
        line = scope.source.line_start(start)
        yield Change(line, scope.source.line_end(end), "", f"drop @{brief(scope.source.text[start:end])}")
    if scope.kindred is None or node.decorator_list or (room := room_for(node, scope.source)) is None:
        return
    start = scope.source.line_start(scope.source.span(node)[0])
    first = parameters(node)[:1]
    marks = ("property",) if len(parameters(node)) == 1 else ()
    for mark in (*marks, "classmethod" if first == ("cls",) else "staticmethod"):
        yield Change(start, start, f"{room}@{mark}{scope.source.newline}", f"add @{mark} to {node.name}()")


def unpack(node: ast.expr, scope: Scope) -> Changes:
    """Hand over the items of a sequence one by one, or the sequence itself."""
    match node, scope.source.places.get(node):
        case ast.Starred(value=value), (ast.Call() | ast.List() | ast.Tuple(), _):
            yield replace(node, scope.source.segment(value), scope)
        case ast.Name(ctx=ast.Load()), (ast.Call(func=ast.Name(id=name)), "args") if name not in (
            "len",
            "range",
            "isinstance",
        ):
            if scope.shape(node) in (Shape.LIST, Shape.TUPLE, Shape.UNKNOWN):
                yield replace(node, f"*{node.id}", scope)


def targets(node: ast.Assign, scope: Scope) -> Changes:
    """Assign to the item or field instead, exchange the sides, or bind in two steps what was bound at once."""
    source = scope.source
    start, end = source.span(node)
    match node:
        case ast.Assign(targets=[ast.Name() | ast.Attribute() | ast.Subscript() as target], value=value):
            if isinstance(value, (ast.Name, ast.Attribute, ast.Subscript)):
                text = f"{source.segment(value)} = {source.segment(target)}"
                yield Change(start, end, text, f"{brief(source.text[start:end])} → {brief(text)}")
            if isinstance(target, ast.Name) and scope.kindred and target.id in scope.fields:
                yield Change(start, start, "self.", f"self.{target.id} = …", 1.5)
        case ast.Assign(targets=[ast.Tuple(elts=left)], value=ast.Tuple(elts=right)) if len(left) == len(right) == 2:
            first = f"{source.segment(left[0])} = {source.segment(right[0])}"
            second = f"{source.segment(left[1])} = {source.segment(right[1])}"
            if room := room_for(node, source):
                yield Change(start, end, f"{first}{source.newline}{room}{second}", "assign one after the other")
                yield Change(start, end, f"{second}{source.newline}{room}{first}", "assign one after the other")


def merge_assignments(node: ast.Assign, scope: Scope) -> Changes:
    """Assign two variables at once: ``a = b`` and ``b = a`` → ``a, b = b, a``."""
    source = scope.source
    parent, name = source.places[node]
    block = getattr(parent, name)
    index = block.index(node)
    match block[index : index + 2]:
        case [ast.Assign(targets=[one], value=first), ast.Assign(targets=[other], value=second)]:
            if isinstance(first, ast.Tuple) or isinstance(second, ast.Tuple):
                return
            left = f"{source.segment(one)}, {source.segment(other)}"
            right = f"{source.segment(first)}, {source.segment(second)}"
            start, end = source.span(node)[0], source.span(block[index + 1])[1]
            yield Change(start, end, f"{left} = {right}", f"assign {left} at once")


def declare(node: Function, scope: Scope) -> Changes:
    """Say that a variable is the one outside: `nonlocal` or `global`."""
    body = node.body[1:] if isinstance(node.body[0], ast.Expr) and len(node.body) > 1 else node.body
    outer = {name for f in scope.around for name in (*parameters(f), *Scope(scope.source, scope.project, f).bound)}
    module = Scope(scope.source, scope.project, scope.source.tree).bound
    for word, names in (("nonlocal", outer), ("global", module)):
        for name in (one for one in scope.bound if one in names):
            if change := insertion(body[0], f"{word} {name}", scope.source, after=False):
                yield change
