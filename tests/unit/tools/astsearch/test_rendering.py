"""An edit changes as little text as it can, whatever the file is written like."""

import ast
import difflib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopwright.tools.astsearch import Search
from loopwright.tools.astsearch.enumeration import enumerate_edits
from loopwright.tools.astsearch.project import Project, read_sources
from loopwright.tools.astsearch.source import Source
from loopwright.tools.program import Candidate, Survey, apply_edits


def changed(text: str, note: str) -> list[str]:
    """Return the texts that the edits of that note make of a file."""
    edits = enumerate_edits(Project(read_sources({"a.py": text})), {})
    found = [apply_edits({"a.py": text}, Candidate(edits=(one.edit,)))["a.py"] for one in edits if one.note == note]
    return list(dict.fromkeys(found))


def test_offsets_count_characters_not_bytes() -> None:
    text = "def f(größe, ä):\n    return 'äöü' + str(größe < ä)  # Größe\n"
    wanted = "def f(größe, ä):\n    return 'äöü' + str(größe <= ä)  # Größe\n"
    assert changed(text, "a.py:2 größe < ä → größe <= ä") == [wanted]


def test_a_statement_put_in_ends_its_line_as_the_file_does() -> None:
    text = "def f(xs):\r\n\tn = 0\r\n\treturn xs\r\n"
    assert changed(text, "a.py:3 insert n += 1") == ["def f(xs):\r\n\tn = 0\r\n\tn += 1\r\n\treturn xs\r\n"]


def test_a_guard_is_indented_as_the_file_is() -> None:
    text = "def f(xs):\n\tn = xs[0]\n\treturn n\n"
    assert changed(text, "a.py:2 insert if not xs: return") == [
        "def f(xs):\n\tif not xs:\n\t\treturn\n\tn = xs[0]\n\treturn n\n"
    ]


def test_a_file_without_a_last_line_end_can_be_added_to() -> None:
    assert changed("def f(x):\n    y = x", "a.py:2 insert return y") == ["def f(x):\n    y = x\n    return y"]


def test_comments_and_layout_elsewhere_stay() -> None:
    text = "def f(a, b):\n    return min(a,   # first\n               b)  # second\n"
    (after,) = changed(text, "a.py:2 min() → max()")
    assert after == text.replace("min", "max")


def test_a_byte_order_mark_shifts_nothing() -> None:
    assert changed("\ufeffLIMIT = 3\n", "a.py:1 3 → 4") == ["\ufeffLIMIT = 4\n"]


def test_parentheses_are_written_only_where_the_place_needs_them() -> None:
    text = "def f(a, b):\n    return a * b\n"
    assert changed(text, "a.py:2 b → b + 1")[0].endswith("return a * (b + 1)\n")
    assert changed("def f(a):\n    return a\n", "a.py:2 a → a + 1")[0].endswith("return a + 1\n")


def test_the_only_statement_of_a_block_is_replaced_by_pass() -> None:
    text = "def f(a):\n    if a:\n        a.close()\n"
    assert changed(text, "a.py:3 delete a.close()") == ["def f(a):\n    if a:\n        pass\n"]


def test_an_argument_that_is_a_bare_generator_keeps_the_calls_parentheses() -> None:
    text = "def f(a):\n    return any(x for x in a)\n"
    source = Source.of("a.py", text)
    generator = next(node for node in ast.walk(source.tree) if isinstance(node, ast.GeneratorExp))
    assert source.segment(generator) == "x for x in a"


def test_a_one_line_mistake_is_mended_by_a_one_line_diff() -> None:
    text = "def f(a, b):\n    '''Add.'''\n\n    return a - b  # the sum\n"
    (after,) = changed(text, "a.py:4 a - b → a + b")
    diff = [line for line in difflib.ndiff(text.splitlines(), after.splitlines()) if line[0] in "+-"]
    assert diff == ["-     return a - b  # the sum", "+     return a + b  # the sum"]


NAMES = st.sampled_from(["a", "b", "größe", "self.x"])
SIGNS = st.sampled_from(["+", "*", "<", "and", "in", "**", "//"])
EXPRESSIONS = st.recursive(
    NAMES | st.sampled_from(["1", "'t'", "[]", "None", "f'{a:3}'", "a[1:]", "b['ä']"]),
    lambda inner: st.one_of(
        st.tuples(inner, SIGNS, inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda text: f"len({text})"),
        inner.map(lambda text: f"[x for x in {text} if x]"),
        inner.map(lambda text: f"({text} if a else b)"),
        inner.map(lambda text: f"(not {text})"),
        st.tuples(inner, inner).map(lambda pair: f"max({pair[0]},\n        {pair[1]})"),
    ),
    max_leaves=5,
)
STATEMENTS = EXPRESSIONS.flatmap(
    lambda text: st.sampled_from(
        [
            f"    a = {text}\n",
            f"    return {text}  # ö\n",
            f"    for b in {text}:\n        a.append(b)\n",
            f"    if {text}:\n        return a\n    else:\n        b += 1\n",
            f"    while {text}: b = a; a = b\n",
            f"    try:\n        a = {text}\n    except KeyError: pass\n",
            f"    await g({text})\n",
        ]
    )
)
PROGRAMS = st.lists(STATEMENTS, min_size=1, max_size=3).map(
    lambda body: "class C:\n  async def f(self, a, b=[]):\n" + "".join(body) + "\ndef g(x): return x\n"
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(PROGRAMS, st.sampled_from(["\n", "\r\n"]))
def test_every_candidate_applies_compiles_and_differs(text: str, newline: str) -> None:
    sources = {"a.py": text.replace("\n", newline)}
    search = Search(sources, Survey())
    seen = {ast.unparse(ast.parse(text))}
    for candidate in search.next(40).candidates:
        (after,) = apply_edits(sources, candidate).values()
        compile(after, "a.py", "exec")
        form = ast.unparse(ast.parse(after))
        assert form not in seen
        seen.add(form)


@pytest.mark.parametrize("text", ["", "x = (\n", "\x00", "# only a comment\n"])
def test_a_file_that_offers_nothing_is_no_error(text: str) -> None:
    assert not Search({"a.py": text}, Survey()).next(5)
