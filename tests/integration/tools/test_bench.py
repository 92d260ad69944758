"""The bench, with real programs of every shape, in the best sandbox there is."""

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from textwrap import dedent

import pytest

from loopwright.tools.bench import Bench
from loopwright.tools.program import Case, Survey
from loopwright.tools.sandbox import Limits, SandboxLevel

OpenBench = Callable[..., AbstractAsyncContextManager[Bench]]

GCD = """
    def gcd(a, b):
        if b == 0:
            return a
        return gcd(a % b, b)
"""
GCD_FIXED = "def gcd(a, b):\n    return a if b == 0 else gcd(b, a % b)\n"
GCD_TESTS = """
    import pytest
    from gcd import gcd

    @pytest.mark.parametrize(("a", "b", "c"), [(17, 0, 17), (13, 13, 13), (37, 600, 1)])
    def test_gcd(a, b, c):
        assert gcd(a, b) == c
"""
PROGRAM = {"gcd.py": GCD, "test_gcd.py": GCD_TESTS}


def statuses(cases: tuple[Case, ...]) -> dict[str, str]:
    return {case.id: str(case.status) for case in cases}


def message(survey: Survey, name: str) -> str:
    return next(case.message for case in survey.cases if case.id.endswith(name))


async def test_a_survey_tells_how_each_test_ended_and_why(open_bench: OpenBench, level: SandboxLevel) -> None:
    async with open_bench(PROGRAM, level=level) as bench:
        survey = await bench.survey()
    assert survey.problem is None
    assert statuses(survey.cases) == {
        "test_gcd.py::test_gcd[17-0-17]": "passed",
        "test_gcd.py::test_gcd[13-13-13]": "failed",
        "test_gcd.py::test_gcd[37-600-1]": "failed",
    }
    assert "RecursionError: maximum recursion depth exceeded" in message(survey, "[37-600-1]")
    assert max(len(case.message.encode()) for case in survey.cases) <= 2048


async def test_the_line_that_only_failing_tests_run_is_the_most_suspicious(open_bench: OpenBench) -> None:
    async with open_bench(PROGRAM) as bench:
        survey = await bench.survey()
    lines = survey.suspicion["gcd.py"]
    assert sorted(lines, key=lambda line: -lines[line]) == [4, 2, 1, 3]
    assert lines[4] == 1.0
    assert lines[3] == 0.0


async def test_a_repair_passes_every_test(open_bench: OpenBench, level: SandboxLevel) -> None:
    async with open_bench(PROGRAM, level=level) as bench:
        first = [case.id for case in (await bench.survey()).failing]
        trial = await bench.trial({"gcd.py": GCD_FIXED}, first=first)
    assert (trial.passed, trial.score, trial.timed_out, trial.problem) == (True, 1.0, False, None)
    assert set(statuses(trial.cases).values()) == {"passed"}


async def test_a_candidate_that_helps_some_failing_tests_is_run_to_the_end(open_bench: OpenBench) -> None:
    async with open_bench(PROGRAM) as bench:
        first = [case.id for case in (await bench.survey()).failing]
        trial = await bench.trial({"gcd.py": "def gcd(a, b):\n    return a\n"}, first=first)
    assert list(statuses(trial.cases).values()) == ["passed", "passed", "failed"]
    assert (trial.score, trial.passed) == (2 / 3, False)


async def test_tests_behind_hopeless_first_ones_are_not_run(open_bench: OpenBench) -> None:
    async with open_bench(PROGRAM) as bench:
        first = [case.id for case in (await bench.survey()).failing]
        trial = await bench.trial({"gcd.py": "def gcd(a, b):\n    return -1\n"}, first=first)
    assert statuses(trial.cases) == {
        "test_gcd.py::test_gcd[17-0-17]": "not_run",
        "test_gcd.py::test_gcd[13-13-13]": "failed",
        "test_gcd.py::test_gcd[37-600-1]": "failed",
    }
    assert (trial.score, trial.passed, trial.timed_out) == (0.0, False, False)


async def test_hopeless_first_tests_spare_the_other_files(open_bench: OpenBench) -> None:
    files = {**PROGRAM, "test_more.py": "def test_more():\n    assert True\n"}
    async with open_bench(files) as bench:
        first = [case.id for case in (await bench.survey()).failing]
        hopeless = await bench.trial({"gcd.py": "def gcd(a, b):\n    return -1\n"}, first=first)
        repaired = await bench.trial({"gcd.py": GCD_FIXED}, first=first)
    assert statuses(hopeless.cases)["test_more.py::test_more"] == "not_run"
    assert repaired.passed


async def test_a_syntax_error_is_a_problem_of_the_candidate(open_bench: OpenBench) -> None:
    async with open_bench(PROGRAM) as bench:
        trial = await bench.trial({"gcd.py": "def gcd(a, b:\n    return a\n"})
    assert trial.problem is not None
    assert trial.problem.startswith("gcd.py:1: ")
    assert (trial.score, trial.passed) == (0.0, False)


async def test_a_candidate_that_cannot_be_imported_fails_the_tests_of_its_importers(open_bench: OpenBench) -> None:
    files = {**PROGRAM, "test_more.py": "def test_more():\n    assert True\n"}
    async with open_bench(files) as bench:
        trial = await bench.trial({"gcd.py": "import nothing_of_this_name\n"})
    assert statuses(trial.cases) == {
        "test_gcd.py::test_gcd[17-0-17]": "error",
        "test_gcd.py::test_gcd[13-13-13]": "error",
        "test_gcd.py::test_gcd[37-600-1]": "error",
        "test_more.py::test_more": "passed",
    }
    assert trial.score == 0.25


async def test_two_candidates_of_one_size_are_told_apart(open_bench: OpenBench) -> None:
    """Stale bytecode would give the second the verdict of the first."""
    right, wrong = "def gcd(a, b):\n    return (a, 1)[b % 7 == 5]\n", "def gcd(a, b):\n    return (a, 2)[b % 7 == 5]\n"
    async with open_bench(PROGRAM) as bench:
        verdicts = [(await bench.trial({"gcd.py": text})).passed for text in (right, wrong) * 5]
    assert verdicts == [True, False] * 5


async def test_what_a_trial_writes_is_gone_in_the_next(open_bench: OpenBench) -> None:
    tests = """
        import os, pathlib, tempfile

        def test_finds_nothing_of_others():
            for folder in (".", tempfile.gettempdir(), os.path.expanduser("~")):
                assert not pathlib.Path(folder, "left").exists()
                pathlib.Path(folder, "left", "deep").mkdir(parents=True)
                os.chmod(pathlib.Path(folder, "left"), 0)
            assert pathlib.Path("data.txt").read_text() == "data"
            pathlib.Path("data.txt").write_text("spoiled")
    """
    async with open_bench({"test_it.py": tests, "data.txt": "data"}) as bench:
        trials = [await bench.trial({"program.py": "x = 1\n"}) for _ in range(3)]
    assert [trial.passed for trial in trials] == [True] * 3


HANGS = """
    import time

    def wait(n):
        while n != 0:
            n -= 2
"""
HANGS_TESTS = """
    import time
    from waiting import wait

    def test_even():
        wait(4)

    def test_odd():
        wait(3)

    def test_after():
        wait(0)
"""


async def test_a_hanging_test_costs_its_time_and_no_other_test(open_bench: OpenBench, level: SandboxLevel) -> None:
    files = {"waiting.py": HANGS, "test_waiting.py": HANGS_TESTS}
    async with open_bench(files, level=level, test_timeout=0.5) as bench:
        survey = await bench.survey()
    assert list(statuses(survey.cases).values()) == ["passed", "timeout", "passed"]
    assert "did not end within 0.5 s" in message(survey, "test_odd")
    assert "n -= 2" in message(survey, "test_odd") or "while n" in message(survey, "test_odd")
    assert survey.suspicion["waiting.py"][4] > survey.suspicion["waiting.py"][1]


async def test_a_slow_test_is_given_more_time(open_bench: OpenBench) -> None:
    tests = "import time\n\ndef test_slow():\n    time.sleep(1.05)\n\ndef test_fast():\n    pass\n"
    async with open_bench({"test_it.py": tests}) as bench:
        survey = await bench.survey()
        trial = await bench.trial({})
    assert survey.score == 1.0
    assert trial.passed


async def test_a_candidate_that_only_hangs_is_worth_more_time(open_bench: OpenBench) -> None:
    files = {"waiting.py": "def wait(n):\n    pass\n", "test_waiting.py": HANGS_TESTS}
    async with open_bench(files) as bench:
        trial = await bench.trial({"waiting.py": dedent(HANGS)})
        slow = {"waiting.py": "import time\n\ndef wait(n):\n    time.sleep(n % 2 * 0.4)\n"}
        hasty, patient = await bench.trial(slow), await bench.trial(slow, time_scale=4)
    assert (trial.timed_out, trial.passed, trial.problem) == (True, False, None)
    assert statuses(trial.cases)["test_waiting.py::test_odd"] == "timeout"
    assert (hasty.timed_out, hasty.passed) == (True, False)
    assert (patient.timed_out, patient.passed) == (False, True)


async def test_a_candidate_that_hangs_at_import_is_timed_out(open_bench: OpenBench) -> None:
    async with open_bench(PROGRAM) as bench:
        trial = await bench.trial({"gcd.py": "while True:\n    pass\n"})
        after = await bench.trial({"gcd.py": GCD_FIXED})
    assert (trial.timed_out, trial.passed, trial.score) == (True, False, 0.0)
    assert after.passed


SCRIBBLE = """
    import os
    for fd in range(3, 20):
        if os.path.exists(f"/proc/self/fd/{fd}") and "pipe" in os.readlink(f"/proc/self/fd/{fd}"):
            os.write(fd, b'x\\n{}\\n[]\\n{"event": "case"}\\n')
"""
NASTY = {
    "leaves": "import os; os._exit(0)",
    "kills itself": "import os; os.kill(os.getpid(), 9)",
    "segfaults": "import ctypes; ctypes.string_at(0)",
    "exits": "import sys; sys.exit(0)",
    "interrupts": "raise KeyboardInterrupt",
    "closes everything": "import os; os.closerange(0, 100)",
    "forks and goes on": "import os; os.fork(); os.fork()",
    "scribbles": SCRIBBLE,
    "eats memory": "return [0] * 10**10",
    "digs deep": "import os\n    for _ in range(3000): os.mkdir('d'); os.chdir('d')",
    "shuts itself out": "import os; os.mkdir('d'); os.mkdir('d/e'); os.chmod('d', 0); os.chmod('.', 0)",
}


async def test_no_candidate_costs_more_than_its_trial(open_bench: OpenBench) -> None:
    async with open_bench(PROGRAM) as bench:
        afterwards = {}
        for name, body in NASTY.items():
            await bench.trial({"gcd.py": f"def gcd(a, b):\n    {body.strip()}\n"})
            afterwards[name] = (await bench.trial({"gcd.py": GCD_FIXED})).passed
    assert afterwards == dict.fromkeys(NASTY, True)


async def test_a_crash_is_told_from_a_failure_and_loses_no_test(open_bench: OpenBench) -> None:
    tests = "import os\n\ndef test_a():\n    pass\n\ndef test_b():\n    os._exit(3)\n\ndef test_c():\n    pass\n"
    async with open_bench({"test_it.py": tests}) as bench:
        survey = await bench.survey()
    assert list(statuses(survey.cases).values()) == ["passed", "crashed", "passed"]


DEADLY = """
    def gcd(a, b):
        import os, time
        if os.fork() == 0:
            os.setsid()
            os.open({beat!r}, os.O_WRONLY)
            time.sleep(99)
        os.kill(os.getppid(), 9)
        time.sleep(99)
"""


async def test_a_harness_that_dies_is_replaced_and_cleaned_up_after(tmp_path: Path, open_bench: OpenBench) -> None:
    """Only possible at the weaker level, where the harness can be killed."""
    beat = tmp_path / "beat"
    os.mkfifo(beat)
    reading = os.open(beat, os.O_RDONLY | os.O_NONBLOCK)
    async with open_bench(PROGRAM, level=SandboxLevel.LIMITS) as bench:
        await bench.survey()
        trial = await bench.trial({"gcd.py": dedent(DEADLY.format(beat=str(beat)))})
        after = await bench.trial({"gcd.py": GCD_FIXED})
    assert trial.problem == "the run took its sandbox down"
    assert after.passed
    assert os.read(reading, 1) == b""
    os.close(reading)


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
