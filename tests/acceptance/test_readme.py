"""The README as a stranger follows it: every command in it is run, every snippet is executed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from loopwright.bus import connect
from loopwright.bus.subjects import table
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.M | re.S)
COMMANDS = [line for language, block in BLOCKS if language == "bash" for line in block.splitlines() if line.strip()]
SNIPPETS = [block for language, block in BLOCKS if language == "python"]
SETUP = "pip install uv && "
ACTORS = re.compile(r"loopwright (up|orchestrator|worker)\b")
"""Commands that run until they are told to stop."""
TESTS = "uv run pytest"
"""Commands that would run this very test."""
PATIENCE = 120


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LOOPWRIGHT_"))}
    # What the README calls `uv run` has been synchronised by whoever runs the tests.
    return kept | {"UV_NO_SYNC": "1", "PYTHONPATH": ""} | more


def shell(command: str, **more: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("uv", path=os.environ.get("PATH")) is None:
        command = command.replace("uv run loopwright", f"{sys.executable} -m loopwright.deploy")
    return subprocess.run(
        ["bash", "-c", command.removeprefix(SETUP)],
        cwd=ROOT,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The README's `up` with its example app, on a free port."""
    home = tmp_path_factory.mktemp("readme")
    (home / "roots.py").write_text(next(snippet for snippet in SNIPPETS if "ROOTS" in snippet))
    port = free_port()
    words = [sys.executable, "-m", "loopwright.deploy", "up", "--app", "roots", "--port", str(port)]
    log = home / "log"
    with log.open("w") as err:
        process = subprocess.Popen([*words, "--workers", "1"], cwd=home, env=environment(), stderr=err)
        try:
            while "Ctrl-C stops" not in log.read_text():
                assert process.poll() is None, log.read_text()
            yield f"nats://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


def test_the_table_of_subjects_is_the_one_that_the_code_has() -> None:
    written = re.search(r"<!-- subjects -->\n(.*?)\n<!-- /subjects -->", README, re.S)
    assert written is not None
    assert written[1] == table()


def test_every_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?://)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("command", [each for each in COMMANDS if "run repair" in each])
def test_a_main_job_of_the_readme_is_done(command: str) -> None:
    done = shell(command)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_goal_commands_of_the_readme_work_in_their_order(bus: str) -> None:
    for command in (each for each in COMMANDS if re.search("loopwright (goal|loop|doctor)", each)):
        done = shell(command, LOOPWRIGHT_NATS_URL=bus)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_the_suite_of_the_readme_is_run_and_compared(bus: str, tmp_path: Path) -> None:
    for command in (each for each in COMMANDS if "loopwright eval" in each):
        done = shell(f"{command} --runs {tmp_path}", LOOPWRIGHT_NATS_URL=bus)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "pass^2" in done.stdout


@pytest.mark.parametrize("command", [each for each in COMMANDS if re.search("loopwright (orchestrator|worker)", each)])
def test_an_actor_of_the_readme_serves_until_it_is_told_to_stop(command: str, bus: str) -> None:
    words = [sys.executable, "-m", "loopwright.deploy", *command.partition("loopwright ")[2].split()]
    sandbox = {"LOOPWRIGHT_SANDBOX": "auto"}
    process = subprocess.Popen(
        words, env=environment(LOOPWRIGHT_NATS_URL=bus, **sandbox), stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        assert any(".ready" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_no_command_of_the_readme_is_left_out() -> None:
    def is_run(command: str) -> bool:
        told = command.removeprefix(SETUP)
        return bool(ACTORS.search(told) or re.search("loopwright (run repair|goal|loop|eval|doctor)", told))

    assert [each for each in COMMANDS if not is_run(each)] == [SETUP + TESTS]


async def test_the_lines_of_python_publish_a_goal_and_follow_it(
    bus: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOOPWRIGHT_NATS_URL", bus)
    given = {
        "PROGRAM": "def double(number):\n    return number + 2\n",
        "TESTS": "from gcd import double\n\n\ndef test_it():\n    assert double(3) == 6\n    assert double(5) == 10\n",
    }
    imported, body = SNIPPETS[0].split("\n\n", 1)
    exec(f"{imported}\nasync def main():\n{textwrap.indent(body, '    ')}", given)
    with anyio.fail_after(PATIENCE):
        await given["main"]()  # type: ignore[operator]
    assert "passed every evaluator" in capsys.readouterr().out


async def test_the_loop_of_the_readme_converges(bus: str) -> None:
    async with connect(bus) as goals:
        run = await goals.submit("roots", {"number": 9})
        with anyio.fail_after(PATIENCE):
            outcome = await run.outcome()
    assert (outcome.status, outcome.best, outcome.attempts) == ("completed", {"root": 3}, 3)
