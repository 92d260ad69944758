"""Programs run under their own interpreter, whether it has pytest or not."""

import venv
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from loopwright.tools.bench import Bench
from loopwright.tools.interpreter import find_interpreter
from loopwright.tools.sandbox import SandboxLevel

OpenBench = Callable[..., AbstractAsyncContextManager[Bench]]

UNITTESTS = {
    "shapes/__init__.py": "",
    "shapes/area.py": "def area(a, b):\n    if a < 0:\n        return 0\n    return a + b\n",
    "tests/test_area.py": """
        import unittest
        from shapes.area import area

        class TestArea(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.side = 3

            def test_square(self):
                self.assertEqual(area(self.side, self.side), 9)

            def test_none(self):
                self.assertEqual(area(0, 0), 0)

            @unittest.skip("later")
            def test_skipped(self):
                self.fail()
    """,
}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A program folder whose own virtual environment has no pytest."""
    folder = tmp_path / "program"
    venv.create(folder / ".venv", with_pip=False, symlinks=True)
    return folder


async def test_unittest_programs_need_no_pytest(bare: Path, open_bench: OpenBench, level: SandboxLevel) -> None:
    async with open_bench(UNITTESTS, interpreter=find_interpreter(bare), level=level) as bench:
        survey = await bench.survey()
        first = [case.id for case in survey.failing]
        repaired = await bench.trial({"shapes/area.py": "def area(a, b):\n    return a * b\n"}, first=first)
        spoiled = await bench.trial({"shapes/area.py": "def area(a, b):\n    return 7\n"}, first=first)
    assert survey.problem is None
    assert {case.id: str(case.status) for case in survey.cases} == {
        "tests/test_area.py::TestArea::test_none": "passed",
        "tests/test_area.py::TestArea::test_skipped": "skipped",
        "tests/test_area.py::TestArea::test_square": "failed",
    }
    assert "AssertionError: 6 != 9" in survey.failing[0].message
    assert survey.suspicion["shapes/area.py"] == pytest.approx({1: 0.354, 2: 0.707, 4: 0.707}, abs=1e-3)
    assert (repaired.passed, repaired.score) == (True, 1.0)
    assert (spoiled.passed, spoiled.score) == (False, 0.0)


@pytest.mark.parametrize("tests", ["import pytest\n\ndef test_it():\n    pass\n", "def test_it():\n    assert True\n"])
async def test_tests_that_need_a_missing_pytest_are_a_clear_problem(
    bare: Path, open_bench: OpenBench, tests: str
) -> None:
    interpreter = find_interpreter(bare)
    async with open_bench({"test_it.py": tests}, interpreter=interpreter) as bench:
        survey = await bench.survey()
    assert survey.problem == f"the tests need pytest, which {interpreter.executable} does not have"
