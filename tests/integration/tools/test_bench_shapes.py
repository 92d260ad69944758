"""The bench, and the shapes that programs and their tests come in: what is run, and what is said where it cannot."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from loopwright.tools.bench import Bench
from loopwright.tools.program import Case
from loopwright.tools.sandbox import Limits

OpenBench = Callable[..., AbstractAsyncContextManager[Bench]]


def statuses(cases: tuple[Case, ...]) -> dict[str, str]:
    return {case.id: str(case.status) for case in cases}


SHAPES: dict[str, dict[str, str]] = {
    "src layout": {
        "pyproject.toml": '[project]\nname = "thing"\nversion = "1"\n',
        "src/thing/__init__.py": "from .core import double\n",
        "src/thing/core.py": "def double(x):\n    return 2 * x\n",
        "tests/test_thing.py": "from thing import double\n\ndef test_it():\n    assert double(2) == 4\n",
    },
    "package with tests inside": {
        "thing/__init__.py": "",
        "thing/core.py": "def double(x):\n    return 2 * x\n",
        "thing/tests/__init__.py": "",
        "thing/tests/test_it.py": "from ..core import double\n\ndef test_it():\n    assert double(2) == 4\n",
    },
    "unittest": {
        "thing.py": "def double(x):\n    return 2 * x\n",
        "test_thing.py": """
            import unittest
            from thing import double

            class TestDouble(unittest.TestCase):
                def setUp(self):
                    self.two = 2

                def test_it(self):
                    self.assertEqual(double(self.two), 4)
        """,
    },
    "fixtures and options": {
        "pytest.ini": """
            [pytest]
            addopts = -ra --strict-markers -x
            filterwarnings = error
            asyncio_default_fixture_loop_scope = function
            markers = slow: takes long
        """,
        "conftest.py": "import pytest\n\n@pytest.fixture\ndef two():\n    yield 2\n",
        "thing.py": "def double(x):\n    return 2 * x\n",
        "tests/conftest.py": "import pytest\n\n@pytest.fixture(scope='module')\ndef four():\n    return 4\n",
        "tests/test_thing.py": """
            import pytest
            from thing import double

            @pytest.mark.slow
            class TestIt:
                def test_it(self, two, four, tmp_path, capsys, monkeypatch):
                    print("seen")
                    assert capsys.readouterr().out == "seen\\n"
                    assert double(two) == four
        """,
    },
    "async tests": {
        "pytest.ini": "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n",
        "thing.py": "import asyncio\n\nasync def double(x):\n    await asyncio.sleep(0)\n    return 2 * x\n",
        "test_thing.py": "from thing import double\n\nasync def test_it():\n    assert await double(2) == 4\n",
    },
    "a name of the standard library": {
        "calendar.py": "def double(x):\n    return 2 * x\n",
        "test_thing.py": "from calendar import double\n\ndef test_it():\n    assert double(2) == 4\n",
    },
    "names of the harness": {
        "server.py": "from lines import double\n",
        "lines.py": "def double(x):\n    return 2 * x\n",
        "test_thing.py": "from server import double\n\ndef test_it():\n    assert double(2) == 4\n",
    },
    "options of what is switched off": {
        "pytest.ini": "[pytest]\naddopts = --ff -p cacheprovider\ncache_dir = .cache\n",
        "thing.py": "def double(x):\n    return 2 * x\n",
        "test_thing.py": "from thing import double\n\ndef test_it():\n    assert double(2) == 4\n",
    },
    "a server of its own": {
        "thing.py": "import socket\n\ndef double(x):\n    return 2 * x\n",
        "test_thing.py": """
            import asyncio
            from thing import double

            def test_it():
                async def run():
                    async def answer(reader, writer):
                        writer.write(bytes([double(2)]))
                        writer.close()
                    server = await asyncio.start_server(answer, "127.0.0.1", 0)
                    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                    assert await reader.read() == b"\\x04"
                    writer.close()
                    server.close()
                asyncio.run(run())
        """,
    },
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_programs_come_in_many_shapes(open_bench: OpenBench, shape: str) -> None:
    files = SHAPES[shape]
    changed = next(name for name, text in files.items() if "2 * x" in text)
    async with open_bench(files) as bench:
        survey = await bench.survey()
        assert survey.problem is None
        assert [str(case.status) for case in survey.cases] == ["passed"], survey.cases[0].message
        assert any(line > 1 for line in survey.suspicion[changed])
        spoiled = await bench.trial({changed: files[changed].replace("2 * x", "3 * x")})
        restored = await bench.trial({changed: files[changed]})
    assert (spoiled.passed, spoiled.score) == (False, 0.0)
    assert restored.passed


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"thing.py": "x = 1\n"}, "no tests were found"),
        (
            {"test_it.py": "import nothing_of_this_name\n"},
            "test_it.py cannot be collected: ModuleNotFoundError: No module named 'nothing_of_this_name'",
        ),
        (
            {"test_it.py": "def test_it(:\n    pass\n"},
            "test_it.py cannot be collected: SyntaxError: invalid syntax (line 1)",
        ),
        (
            {"pytest.ini": "[pytest]\naddopts = --no-such-option\n", "test_it.py": "def test_it():\n    pass\n"},
            "pytest cannot run the tests: unrecognized arguments: --no-such-option",
        ),
        ({"test_it.py": "import os\nos._exit(0)\n"}, "importing the tests took its process down"),
    ],
)
async def test_a_survey_says_why_no_verdict_can_be_had(
    open_bench: OpenBench, files: dict[str, str], problem: str
) -> None:
    async with open_bench(files) as bench:
        survey = await bench.survey()
    assert survey.problem == problem


async def test_a_broken_conftest_is_named(open_bench: OpenBench) -> None:
    files = {"conftest.py": "import nothing_of_this_name\n", "test_it.py": "def test_it():\n    pass\n"}
    async with open_bench(files) as bench:
        survey = await bench.survey()
    assert survey.problem is not None
    assert "ModuleNotFoundError: No module named 'nothing_of_this_name'" in survey.problem


async def test_a_broken_file_of_tests_counts_as_failing_while_others_remain(open_bench: OpenBench) -> None:
    files = {
        "good.py": "x = 1\n",
        "bad.py": "import nothing_of_this_name\n",
        "test_good.py": "from good import x\n\ndef test_good():\n    assert x == 1\n",
        "test_bad.py": "from bad import x\n\ndef test_bad():\n    assert x == 1\n",
    }
    async with open_bench(files) as bench:
        survey = await bench.survey()
        repaired = await bench.trial({"bad.py": "x = 1\n"}, first=[case.id for case in survey.failing])
    assert survey.problem is None
    assert statuses(survey.cases) == {"test_bad.py": "error", "test_good.py::test_good": "passed"}
    assert statuses(repaired.cases) == {"test_good.py::test_good": "passed", "test_bad.py::test_bad": "passed"}
    assert repaired.passed


async def test_skipped_tests_count_for_nothing_but_hide_no_failure(open_bench: OpenBench) -> None:
    tests = """
        import pytest
        from thing import value

        @pytest.mark.skip
        def test_skipped():
            assert False

        @pytest.mark.xfail
        def test_known():
            assert False

        def test_it():
            assert value() == 2
    """
    async with open_bench({"thing.py": "def value():\n    return 2\n", "test_it.py": tests}) as bench:
        survey = await bench.survey()
        cheat = await bench.trial({"thing.py": "import pytest\n\ndef value():\n    pytest.skip('no')\n"})
    assert list(statuses(survey.cases).values()) == ["skipped", "skipped", "passed"]
    assert survey.score == 1.0
    assert (cheat.passed, cheat.score) == (False, 0.0)


async def test_only_the_tests_asked_for_are_run(open_bench: OpenBench) -> None:
    files = {"a/test_a.py": "def test_a():\n    pass\n", "b/test_b.py": "def test_b():\n    pass\n"}
    async with open_bench(files, tests=["a"]) as bench:
        survey = await bench.survey()
        trial = await bench.trial({})
    assert list(statuses(survey.cases)) == list(statuses(trial.cases)) == ["a/test_a.py::test_a"]


async def test_lines_run_in_threads_are_seen(open_bench: OpenBench) -> None:
    files = {
        "thing.py": "def work(out):\n    out.append(1)\n",
        "test_it.py": """
            import threading
            from thing import work

            def test_it():
                out = []
                thread = threading.Thread(target=work, args=(out,))
                thread.start()
                thread.join()
                assert out == [2]
        """,
    }
    async with open_bench(files) as bench:
        survey = await bench.survey()
    assert survey.suspicion["thing.py"] == {1: 0.5, 2: 1.0}


async def test_a_run_has_an_end(open_bench: OpenBench) -> None:
    tests = "import time\n\n" + "".join(f"def test_{n}():\n    time.sleep(0.4)\n\n" for n in range(10))
    async with open_bench({"test_it.py": tests}, limits=Limits(wall_seconds=1.0)) as bench:
        trial = await bench.trial({})
    assert not trial.passed
