"""Commands on files, at each level of the sandbox: how they end is told, and nothing gets out."""

import sys
from pathlib import Path

from loopwright.tools.command import CommandRunner, Ran
from loopwright.tools.interpreter import describe
from loopwright.tools.sandbox import Limits, SandboxLevel


def ended(ran: Ran) -> tuple[int | None, str, str, str | None]:
    return ran.exit, ran.out, ran.err, ran.problem


async def test_a_command_sees_its_files_and_how_it_ends_is_told(level: SandboxLevel) -> None:
    program = "import sys; print(open('data/one.txt').read()); sys.exit('no')"
    async with CommandRunner.open(level=level, interpreter=describe(Path(sys.executable))) as held:
        unknown = await held.run(["no-such-linter"], {})
        fork = await held.run(["sh", "-c", "sleep 60 & echo started"], {})
        first = await held.run(["python", "-S", "main.py"], {"main.py": program, "data/one.txt": "one"})
        second = await held.run(["sh", "-c", "ls; kill -9 $$"], {"only.txt": b"\xff"})
        third = await held.run(["head", "-c", "50000", "/dev/zero"], {})
    assert str(unknown.problem).startswith("no-such-linter cannot be started")
    assert (fork.exit, fork.out) == (0, "started\n")
    assert ended(first) == (1, "one\n", "no\n", None)
    assert ended(second) == (-9, "only.txt\n", "", None)
    assert (third.exit, len(third.out)) == (0, 20_000)


async def test_a_command_that_does_not_end_is_ended() -> None:
    level, limits = SandboxLevel.LIMITS, Limits(wall_seconds=0.3)
    async with CommandRunner.open(level=level, interpreter=describe(Path(sys.executable)), limits=limits) as held:
        slow = await held.run(["sleep", "60"], {})
    assert (slow.exit, slow.problem) == (None, "it did not end within 0.3 seconds")


async def test_a_command_has_no_network_and_none_of_the_hosts_files(bwrap: SandboxLevel, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("planted")
    script = f"cat {secret} /etc/passwd; env; python -c 'import socket; socket.create_connection((\"1.1.1.1\", 53), 1)'"
    async with CommandRunner.open(level=bwrap, interpreter=describe(Path(sys.executable))) as held:
        ran = await held.run(["sh", "-c", script], {})
    assert ran.exit != 0
    assert "planted" not in ran.out + ran.err
    assert "root:" not in ran.out
    assert "Network is unreachable" in ran.err
