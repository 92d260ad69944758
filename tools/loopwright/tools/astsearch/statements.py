"""Changes of whole statements: left out, doubled, moved, indented, put in."""

import ast
from collections.abc import Iterator

from loopwright.tools.astsearch.blocks import Block, blocks_of, insertion, lines_of, room_for
from loopwright.tools.astsearch.change import Change, Changes, brief
from loopwright.tools.astsearch.scope import LOOPS, Scope, unique
from loopwright.tools.astsearch.shapes import Shape

SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Delete)


def delete(node: ast.stmt, scope: Scope) -> Changes:
    """Leave a statement out."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass)):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    factor = 0.1 if isinstance(node, (ast.Assert, ast.Raise, ast.Try, ast.With)) else 0.7
    factor = 1.0 if isinstance(node, (*SIMPLE, ast.Break, ast.Continue)) else factor
    start, end = scope.source.span(node)
    what = f"delete {brief(scope.source.text[start:end])}"
    lines = lines_of(node, scope.source)
    if lines is None or _is_alone(node, scope):
        yield Change(start, end, "pass", what, factor)
    else:
        yield Change(*lines, "", what, factor)


def _is_alone(node: ast.stmt, scope: Scope) -> bool:
    parent, name = scope.source.places[node]
    return len(getattr(parent, name)) == 1


def unwrap_block(node: ast.If | ast.Try | ast.With, scope: Scope) -> Changes:
    """Do what a condition guards in any case."""
    lines = lines_of(node, scope.source)
    if lines is None or not isinstance(node, ast.If) or node.orelse:
        return
    inner = [found for statement in node.body if (found := lines_of(statement, scope.source))]
    if len(inner) == len(node.body):
        text = dedented(scope.source.text[inner[0][0] : inner[-1][1]], node, node.body[0], scope)
        yield Change(*lines, text, f"drop if {brief(scope.source.segment(node.test))}")


def dedented(text: str, outer: ast.stmt, inner: ast.stmt, scope: Scope) -> str:
    """Return lines of `inner` indented as `outer` is."""
    width = scope.source.span(inner)[0] - scope.source.line_start(scope.source.span(inner)[0])
    target = room_for(outer, scope.source) or ""
    return "".join(target + line[width:] if line[:width].isspace() else line for line in text.splitlines(keepends=True))


def swap_neighbours(node: ast.stmt, scope: Scope) -> Changes:
    """Exchange a statement and the next."""
    block, index = _position(node, scope)
    if index + 1 >= len(block):
        return
    first, second = lines_of(node, scope.source), lines_of(block[index + 1], scope.source)
    if first is None or second is None or isinstance(node, (ast.Import, ast.ImportFrom)):
        return
    text = scope.source.text
    after = text[slice(*second)]
    end = "" if after.endswith(("\n", "\r")) else scope.source.newline
    swapped = after + end + text[first[1] : second[0]] + text[slice(*first)]
    yield Change(first[0], second[1], swapped, f"swap {brief(scope.source.segment(node), 30)} with the next statement")


def _position(node: ast.stmt, scope: Scope) -> tuple[list[ast.stmt], int]:
    parent, name = scope.source.places[node]
    block = getattr(parent, name)
    return (block, block.index(node)) if isinstance(block, list) else ([node], 0)


def dedent(node: ast.stmt, scope: Scope) -> Changes:
    """Move the last statement of a block behind the block."""
    block, index = _position(node, scope)
    parent, name = scope.source.places[node]
    if index == 0 or index + 1 != len(block) or not isinstance(parent, (ast.If, *LOOPS, ast.With, ast.Try)):
        return
    lines = lines_of(node, scope.source)
    if lines is None or name != "body":
        return
    shifted = dedented(scope.source.text[slice(*lines)], parent, node, scope)
    _, end = lines_of(parent, scope.source) or lines
    between = scope.source.text[lines[1] : end]
    end_of_line = "" if between.endswith(("\n", "\r")) or not between else scope.source.newline
    yield Change(lines[0], end, between + end_of_line + shifted, f"dedent {brief(scope.source.segment(node))}")


def indent(node: ast.stmt, scope: Scope) -> Changes:
    """Move a statement into the block before it."""
    block, index = _position(node, scope)
    before = block[index - 1] if index else None
    if not isinstance(before, (ast.If, *LOOPS, ast.With)):
        return
    lines, target = lines_of(node, scope.source), room_for(before.body[-1], scope.source)
    if lines is None or target is None or getattr(before, "orelse", []):
        return
    width = len(room_for(node, scope.source) or "")
    text = scope.source.text[slice(*lines)].splitlines(keepends=True)
    shifted = "".join(target + line[width:] if line.strip() else line for line in text)
    yield Change(*lines, shifted, f"indent {brief(scope.source.segment(node))}")


def move(node: ast.stmt, scope: Scope) -> Changes:
    """Move a simple statement before or behind another one of the function."""
    lines = lines_of(node, scope.source)
    if lines is None or not isinstance(node, SIMPLE) or _is_alone(node, scope):
        return
    text = scope.source.segment(node)
    for block in blocks_of(scope):
        for other in block.statements:
            yield from _moved(lines, text, other, block, node, scope)


def _moved(lines: tuple[int, int], text: str, other: ast.stmt, block: Block, node: ast.stmt, scope: Scope) -> Changes:
    """Move a statement before `other`, or behind it where it is the last one."""
    if other is node:
        return
    whole = scope.source.text
    for change in _spots(other, block, text, scope):
        what = f"move {brief(text, 30)} to line {scope.source.text.count(chr(10), 0, change.start) + 1}"
        if change.start <= lines[0]:
            moved = change.text + whole[change.start : lines[0]]
            yield Change(change.start, lines[1], moved, what)
        elif change.start >= lines[1]:
            moved = whole[lines[1] : change.start] + change.text
            yield Change(lines[0], change.start, moved, what)


def _spots(other: ast.stmt, block: Block, text: str, scope: Scope) -> Iterator[Change]:
    before = insertion(other, text, scope.source, after=False)
    if before:
        yield before
    after = insertion(other, text, scope.source, after=True) if other is block.statements[-1] else None
    if after and not isinstance(other, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
        yield after


def insert(node: ast.stmt, scope: Scope) -> Changes:
    """Put in a statement: an assignment between the function's variables, a call that collects, a way out."""
    block, index = _position(node, scope)
    last = index + 1 == len(block)
    leaves = isinstance(node, (ast.Return, ast.Raise, ast.Break, ast.Continue))
    for text, factor in _statements(node, scope):
        if change := insertion(node, text, scope.source, after=False):
            yield change.scaled(factor)
        if last and not leaves and (change := insertion(node, text, scope.source, after=True)):
            yield change.scaled(factor)


def _statements(node: ast.stmt, scope: Scope) -> Iterator[tuple[str, float]]:
    """Yield what may have been forgotten, with its likelihood."""
    if scope.function is None:
        return
    for text in ("continue", "break") if _in_loop(node, scope) else ():
        yield text, 0.15
    yield from _collecting(node, scope)
    yield from _assigning(scope)
    yield from _counting(scope)


def _in_loop(node: ast.stmt, scope: Scope) -> bool:
    return any(isinstance(above, LOOPS) for above in scope.source.ancestors(node))


def _assigning(scope: Scope) -> Iterator[tuple[str, float]]:
    """Yield assignments from one variable to another."""
    many = max(1.0, len(scope.names) / 5)
    for target in scope.bound[:8]:
        for rank, value in enumerate(scope.names[:8]):
            if target != value:
                yield f"{target} = {value}", 0.9 * scope.likeness(ast.Name(target), value) * 0.98**rank / many
    for field in scope.fields[:6]:
        for value in scope.parameters[:4]:
            yield f"self.{field} = {value}", 1.0 if field.strip("_") == value else 0.3 / many


def _counting(scope: Scope) -> Iterator[tuple[str, float]]:
    """Yield steps of counters, of the object's too."""
    counters = [name for name in scope.bound if scope.shapes.get(name) is Shape.NUMBER]
    for name in (*counters[:5], *(f"self.{field}" for field in scope.fields[:6])):
        yield f"{name} += 1", 0.7 if name in counters else 0.35
        yield f"{name} -= 1", 0.35 if name in counters else 0.2
    for field in scope.fields[:6]:
        yield f"self.{field} = None", 0.2
        yield f"self.{field} = 0", 0.2
        yield f"self.{field}.clear()", 0.2
    for other in scope.names[:6]:
        for name in counters[:3]:
            if other not in counters:
                yield f"{name} += {other}", 0.3


COLLECTORS = {Shape.LIST: ("append({})", "extend({})"), Shape.SET: ("add({})",)}


def _collecting(node: ast.stmt, scope: Scope) -> Iterator[tuple[str, float]]:
    """Yield calls that put a variable into a list, a set or a mapping."""
    names = scope.names_at(node)
    things = [(name, scope.shapes.get(name)) for name in names]
    things += [(f"self.{field}", None) for field in scope.fields[:5]]
    for name, shape in things:
        for form in COLLECTORS.get(shape, ()) if shape else ("append({})", "add({})") if "." in name else ():
            for value in names[:8]:
                if value != name:
                    factor = (0.8 if form[0] == "a" else 0.3) * (0.5 if "." in name else 1.0)
                    factor *= 2.0 if (value, name) in scope.asked else 1.0
                    yield f"{name}.{form.format(value)}", factor
        if shape is Shape.LIST:
            yield f"{name}.sort()", 0.4
            yield f"{name}.reverse()", 0.3
            yield f"{name}.pop()", 0.4
        if shape is Shape.MAPPING:
            yield from (
                (f"{name}[{key}] = {value}", 0.4)
                for key in names[:5]
                for value in names[:5]
                if name not in (key, value)
            )


def insert_known(node: ast.stmt, scope: Scope) -> Changes:
    """Put in a statement that the function has elsewhere."""
    for text in _known(scope):
        if change := insertion(node, text, scope.source, after=False):
            yield change
        block, index = _position(node, scope)
        if index + 1 == len(block) and (change := insertion(node, text, scope.source, after=True)):
            yield change


def _known(scope: Scope) -> tuple[str, ...]:
    found = (n for n in scope.nodes if isinstance(n, (ast.Assign, ast.AugAssign, ast.Expr, ast.Return)))
    texts = (
        scope.source.segment(n) for n in found if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))
    )
    return unique(text for text in texts if "\n" not in text and "\r" not in text)[:25]


def insert_block(node: ast.stmt, scope: Scope) -> Changes:
    """Put in a short `if` that the function has elsewhere."""
    block, index = _position(node, scope)
    for known in (n for n in scope.nodes if isinstance(n, ast.If) and not n.orelse and n is not node):
        lines, room = lines_of(known, scope.source), room_for(known, scope.source)
        target = room_for(node, scope.source)
        if lines is None or room is None or target is None or len(text := scope.source.text[slice(*lines)]) > 400:
            continue
        shifted = "".join(target + line[len(room) :] for line in text.splitlines(keepends=True)).strip()
        for after in (False, True) if index + 1 == len(block) else (False,):
            if change := insertion(node, shifted, scope.source, after=after):
                yield change


def insert_call(node: ast.stmt, scope: Scope) -> Changes:
    """Call a method of the object that takes nothing, or one of the caller's parameters."""
    for function in scope.methods:
        if function is scope.owner or function.name.startswith("__"):
            continue
        wants = [arg.arg for arg in function.args.args[1:]]
        fitting = [name for name in wants if name in scope.names]
        if len(fitting) < len(wants) - len(function.args.defaults):
            continue
        awaited = "await " if isinstance(function, ast.AsyncFunctionDef) else ""
        text = f"{awaited}self.{function.name}({', '.join(fitting)})"
        for after in (False, True):
            block, index = _position(node, scope)
            if not after or index + 1 == len(block):
                change = insertion(node, text, scope.source, after=after)
                if change:
                    yield change


def break_or_continue(node: ast.stmt, scope: Scope) -> Changes:
    """Leave the loop instead of going on, or the other way round."""
    if isinstance(node, (ast.Break, ast.Continue, ast.Pass)):
        start, end = scope.source.span(node)
        old = scope.source.text[start:end]
        for other in ("break", "continue", "return"):
            if other != old and (_in_loop(node, scope) or other == "return"):
                yield Change(start, end, other, f"{old} → {other}", 1.0 if other != "return" else 0.4)


def if_or_while(node: ast.If | ast.While, scope: Scope) -> Changes:
    """Repeat what is done once, or do once what is repeated."""
    start, _ = scope.source.span(node)
    for old, new in (("while", "if"), ("if", "while")):
        if scope.source.text.startswith(old, start):
            yield Change(start, start + len(old), new, f"{old} → {new} {brief(scope.source.segment(node.test))}")
    if scope.source.text.startswith("elif", start):
        yield Change(start, start + 4, "if", "elif → if")


def separate_if(node: ast.If, scope: Scope) -> Changes:
    """Join an `if` to the one before it, or run it in any case."""
    block, index = _position(node, scope)
    if index and isinstance(before := block[index - 1], ast.If) and not before.orelse:
        start, _ = scope.source.span(node)
        yield Change(start, start, "el", "if → elif")


def forever(node: ast.While, scope: Scope) -> Changes:
    """Repeat as long as there is something left instead of forever."""
    if isinstance(node.test, ast.Constant):
        start, end = scope.source.span(node.test)
        for name in scope.names[:10]:
            factor = 1.0 if scope.shapes.get(name) in (Shape.LIST, Shape.SET, Shape.MAPPING) else 0.7
            yield Change(start, end, name, f"while {name}", factor)
