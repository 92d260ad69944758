"""What the catalogue can mend: each pair is a broken program and what a person would make of it."""

import ast
import re

import pytest

from loopwright.tools.astsearch.catalogue import KINDS
from loopwright.tools.astsearch.enumeration import enumerate_edits
from loopwright.tools.astsearch.project import Project, read_sources
from loopwright.tools.program import Candidate, apply_edits


def squeezed(text: str) -> str:
    """Return a text without what a program's layout adds to it."""
    return re.sub(r"[\s()'\"]", "", text)


def can_become(broken: str, repaired: str) -> bool:
    """Tell whether one edit makes the program what it should be."""
    sources = {"a.py": broken}
    wanted = ast.unparse(ast.parse(repaired))
    for one in enumerate_edits(Project(read_sources(sources)), {}):
        text = apply_edits(sources, Candidate(edits=(one.edit,)))["a.py"]
        if squeezed(text) == squeezed(wanted) and ast.unparse(ast.parse(text)) == wanted:
            return True
    return False


def lines(*text: str) -> str:
    return "\n".join(text) + "\n"


def body(*text: str) -> str:
    """Return a function of four variables around some statements."""
    return lines("def f(items, limit, name, node):", *(f"    {line}" for line in text))


EXPRESSIONS = [
    ("limit < 3", "limit <= 3"),
    ("limit < 3", "limit >= 3"),
    ("limit < 3", "limit > 3"),
    ("limit == 0", "limit <= 1"),
    ("name == 'a' and limit", "name == 'a' or limit"),
    ("name == 'a' and limit", "limit"),
    ("not items", "items"),
    ("any(x for x in items)", "all(x for x in items)"),
    ("limit + 1", "limit"),
    ("limit - len(items)", "limit + len(items)"),
    ("limit / 2", "limit // 2"),
    ("limit // 2", "-(-limit // 2)"),
    ("limit - 2 * 3", "(limit - 2) * 3"),
    ("limit - node", "node - limit"),
    ("items[limit]", "items[limit - 1]"),
    ("items[1:]", "items[:]"),
    ("items[limit]", "items.get(limit, 0)"),
    ("range(limit)", "range(1, limit + 1)"),
    ("range(limit)", "range(limit + 1)"),
    ("max(items)", "min(items)"),
    ("max(items)", "max(items, default=0)"),
    ("sorted(items)", "sorted(items, reverse=True)"),
    ("f(items, limit, name, node)", "f(limit, items, name, node)"),
    ("items.append(name)", "items.extend(name)"),
    ("name.strip()", "name"),
    ("name", "name.strip()"),
    ("name == node.name", "node is None or name == node.name"),
    ("node.left", "node"),
    ("(items, limit)", "(limit, items)"),
    ("[]", "[[]]"),
    ("True", "limit == 0"),
    ("1 if items else 0", "0 if items else 1"),
    ("limit", "max(0, limit)"),
    ("[x for x in items]", "[x for x in items if x is not None]"),
    ("f'{limit:.1f}'", "f'{limit:.2f}'"),
    ("f'{limit}:{node}'", "f'{limit:02d}:{node}'"),
    ("'%m:%d'", "'%d:%m'"),
    ("1.5", "15.0"),
    ("grid[limit][node]", "grid[node][limit]"),
]


@pytest.mark.parametrize(("broken", "repaired"), EXPRESSIONS)
def test_an_expression_is_mended_by_one_edit(broken: str, repaired: str) -> None:
    assert can_become(body(f"return {broken}"), body(f"return {repaired}"))


STATEMENTS = [
    ("total = limit\nreturn total", "total += limit\nreturn total"),
    ("limit += 1\nreturn limit", "limit -= 1\nreturn limit"),
    ("items.sort()\nitems.pop()", "items.pop()\nitems.sort()"),
    ("items.sort()\nitems.pop()", "items.sort()"),
    ("for x in items:\n  limit += x\n  return limit", "for x in items:\n  limit += x\nreturn limit"),
    ("for x in items:\n  limit += x\nname = x", "for x in items:\n  limit += x\n  name = x"),
    ("if limit:\n  return 1\nreturn 0", "while limit:\n  return 1\nreturn 0"),
    ("while True:\n  items.pop()", "while items:\n  items.pop()"),
    ("for x in items:\n  break", "for x in items:\n  continue"),
    ("return items[0]", "if not items:\n  return None\nreturn items[0]"),
    ("total = 0\nfor x in items:\n  print(x)", "total = 0\nfor x in items:\n  print(x)\n  total += 1"),
    ("total = limit", "total = limit\nreturn total"),
    ("items.index(name)", "return items.index(name)"),
    ("yield node", "yield from node"),
    ("limit = node\nnode = limit", "limit, node = node, limit"),
    ("try:\n  return 1\nexcept KeyError:\n  pass", "try:\n  return 1\nexcept ValueError:\n  pass"),
    ("raise KeyError(name)", "raise ValueError(name)"),
    ("seen = set()\nif name in seen:\n  return 1", "seen = set()\nif name in seen:\n  return 1\nseen.add(name)"),
    ("items.append(name)", "if name not in items:\n  items.append(name)"),
    ("return name.split()", "name = name.lower()\nreturn name.split()"),
]


@pytest.mark.parametrize(("broken", "repaired"), STATEMENTS)
def test_a_statement_is_mended_by_one_edit(broken: str, repaired: str) -> None:
    assert can_become(body(*broken.split("\n")), body(*repaired.split("\n")))


PROGRAMS = [
    (
        "class A:\n    def __init__(self, x=[]):\n        self.x = x\n",
        "class A:\n    def __init__(self, x=None):\n        x = [] if x is None else x\n        self.x = x\n",
    ),
    (
        "class A:\n    def __init__(self):\n        self.n = 0\n\n    def up(self):\n        n = self.n + 1\n",
        "class A:\n    def __init__(self):\n        self.n = 0\n\n    def up(self):\n        self.n = self.n + 1\n",
    ),
    (
        "import asyncio\n\nasync def f():\n    return 1\n\nasync def g():\n    return f()\n",
        "import asyncio\n\nasync def f():\n    return 1\n\nasync def g():\n    return await f()\n",
    ),
    (
        "from datetime import timedelta\nHOUR = timedelta(minutes=1)\n",
        "from datetime import timedelta\nHOUR = timedelta(hours=1)\n",
    ),
    (
        "def f():\n    n = 0\n\n    def g():\n        n = 1\n    g()\n",
        "def f():\n    n = 0\n\n    def g():\n        nonlocal n\n        n = 1\n    g()\n",
    ),
    ("class S:\n    ON = 1\n    OFF = 2\n\nFIRST = S.ON\n", "class S:\n    ON = 1\n    OFF = 2\n\nFIRST = S.OFF\n"),
    ("TABLE = {'h': 360}\n", "TABLE = {'h': 3600}\n"),
]


@pytest.mark.parametrize(("broken", "repaired"), PROGRAMS)
def test_a_program_is_mended_by_one_edit(broken: str, repaired: str) -> None:
    assert can_become(broken, repaired)


def test_every_kind_has_a_name_of_its_own_and_a_weight() -> None:
    assert len({one.name for one in KINDS}) == len(KINDS)
    assert all(0 < one.weight <= 1 for one in KINDS)


def test_what_only_silences_a_test_comes_behind_what_changes_a_meaning() -> None:
    source = body("assert limit > 3", "return limit")
    notes = [one.note for one in enumerate_edits(Project(read_sources({"a.py": source})), {})]
    silenced = next(rank for rank, note in enumerate(notes) if "delete assert" in note)
    assert "a.py:2 limit > 3 → limit >= 3" in notes[:5]
    assert silenced > len(notes) // 2
