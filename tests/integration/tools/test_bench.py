"""The bench, with real programs of every shape, in the best sandbox there is."""

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from textwrap import dedent

from loopwright.tools.bench import Bench
from loopwright.tools.program import Case, Survey
from loopwright.tools.sandbox import SandboxLevel

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
