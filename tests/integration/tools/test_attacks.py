"""The attack set. Each attack is a test of an attacking program: it passes if the attack gets through."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from loopwright.tools.bench import Bench
from loopwright.tools.interpreter import describe
from loopwright.tools.program import Case, CaseStatus, Survey
from loopwright.tools.sandbox import Limits, SandboxLevel

SECRET = "planted-secret-3f1c"

REACHING_OUT = """
import ctypes, os, pathlib, signal, socket, subprocess, sys, time

libc = ctypes.CDLL(None, use_errno=True)

def test_reads_the_users_of_the_host():
    open("/etc/passwd").close()

def test_reads_a_file_of_the_host():
    open({file!r}).close()

def test_lists_the_home_of_root():
    assert set(os.listdir("/root")) - {{".pyenv", ".local", ".venv"}}

def test_finds_the_secret_in_the_environment():
    assert {secret!r} in repr(os.environ) or {secret!r}.encode() in open("/proc/self/environ", "rb").read()

def test_reaches_a_server_on_the_host():
    socket.create_connection(("127.0.0.1", {port}), timeout=2).close()

def test_has_a_way_out_of_its_network():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("192.0.2.1", 9))

def test_writes_to_usr():
    open("/usr/attack", "w").close()

def test_writes_to_its_interpreter():
    open(os.path.join(sys.prefix, "attack"), "w").close()

def test_writes_beside_its_work_folder():
    open("/attack", "w").close()

def test_changes_the_kernels_settings():
    with open("/proc/sys/kernel/core_pattern", "r+") as f:
        f.write(f.read())

def test_makes_a_user_namespace():
    assert libc.unshare(0x10000000) == 0

def test_makes_a_user_namespace_by_clone():
    pid = libc.syscall(56 if os.uname().machine == "x86_64" else 220, 0x10000000 | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    assert pid > 0

def test_mounts():
    assert libc.mount(b"none", b"/sandbox", b"tmpfs", 0, None) == 0

def test_traces():
    assert libc.ptrace(0, 0, 0, 0) == 0

def test_opens_a_unix_socket():
    socket.socket(socket.AF_UNIX).close()

def test_opens_a_socket_to_the_hypervisor():
    socket.socket(40, socket.SOCK_STREAM).close()

def test_opens_memory_that_is_not_counted():
    os.close(os.memfd_create("attack"))

def test_sees_other_processes():
    assert len([name for name in os.listdir("/proc") if name.isdigit()]) > 2

def test_kills_the_harness():
    os.kill(1, signal.SIGKILL)
    os.kill(1, signal.SIGINT)
    os.kill(1, signal.SIGTERM)
    time.sleep(0.1)
    assert os.getppid() != 1

def test_kills_everybody():
    os.kill(-1, signal.SIGKILL)
    time.sleep(0.1)
    assert os.getppid() != 1

def test_reads_the_environment_of_the_harness():
    open("/proc/1/environ", "rb").read()

def test_looks_into_the_harness():
    open("/proc/1/mem", "r+b").close()

def test_speaks_for_the_harness():
    for name in os.listdir("/proc/1/fd"):
        os.close(os.open("/proc/1/fd/" + name, os.O_WRONLY))

def test_has_capabilities():
    status = open("/proc/self/status").read()
    assert any(line.split()[1].strip("0") for line in status.splitlines() if line.startswith(("CapEff", "CapBnd")))
"""

USING_UP = """
import os, signal, sys, time

def test_allocates_a_gigabyte():
    bytearray(1 << 30)

def test_allocates_in_many_processes():
    children = []
    for _ in range(12):
        pid = os.fork()
        if pid == 0:
            block = bytearray(os.urandom(1)) * (300 << 20)
            time.sleep(30)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)

def test_forks_without_end():
    while True:
        os.fork()

def test_writes_one_endless_file():
    with open("endless", "wb") as f:
        while True:
            f.write(bytes(1 << 20))

def test_fills_the_disk_with_many_files():
    for number in range(40):
        with open(f"part{number}", "wb") as f:
            f.write(os.urandom(1 << 20) * 4)
    time.sleep(2)

def test_makes_files_without_end():
    number = 0
    while True:
        os.mkdir(f"d{number}")
        number += 1

def test_prints_without_end():
    while True:
        print("x" * 10000)

def test_loops_without_end():
    while True:
        pass

def test_loops_without_end_and_swallows_everything():
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True:
        try:
            time.sleep(10)
        except BaseException:
            pass

def test_is_there_after_the_others():
    pass
"""

LIMITS = Limits(cpu_seconds=5, memory_bytes=600 << 20, wall_seconds=20, processes=32, file_bytes=32 << 20)


def survey(folder: Path, source: str, level: SandboxLevel) -> Survey:
    (folder / "test_attack.py").write_text(source)

    async def run() -> Survey:
        async with Bench.open(
            folder, interpreter=describe(Path(sys.executable)), level=level, limits=LIMITS, test_timeout=0.6
        ) as bench:
            return await bench.survey()

    return anyio.run(run)


def by_name(found: Survey) -> dict[str, Case]:
    assert found.problem is None
    return {case.id.partition("::")[2]: case for case in found.cases}


def names(source: str) -> list[str]:
    return [line[4:].partition("(")[0] for line in source.splitlines() if line.startswith("def test_")]


@pytest.fixture(scope="module")
def reaching_out(bwrap: SandboxLevel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Case]]:
    folder = tmp_path_factory.mktemp("attack")
    private = tmp_path_factory.mktemp("private") / "file"
    private.write_text(SECRET)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTACK_SECRET", SECRET)
        source = REACHING_OUT.format(file=str(private), secret=SECRET, port=server.getsockname()[1])
        yield by_name(survey(folder, source, bwrap))


@pytest.mark.parametrize("attack", names(REACHING_OUT))
def test_an_attack_on_the_host_fails(reaching_out: dict[str, Case], attack: str) -> None:
    assert reaching_out[attack].status in (CaseStatus.FAILED, CaseStatus.CRASHED), reaching_out[attack]


@pytest.fixture(scope="module")
def using_up(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    if request.param is SandboxLevel.BWRAP:
        request.getfixturevalue("bwrap")
    return by_name(survey(tmp_path_factory.mktemp("attack"), USING_UP, request.param))


@pytest.mark.parametrize("using_up", list(SandboxLevel), ids=str, indirect=True)
@pytest.mark.parametrize("attack", names(USING_UP)[:-1])
def test_an_attack_on_the_machines_means_fails(using_up: dict[str, Case], attack: str) -> None:
    assert using_up[attack].status in (CaseStatus.FAILED, CaseStatus.CRASHED, CaseStatus.TIMEOUT), using_up[attack]


@pytest.mark.parametrize("using_up", list(SandboxLevel), ids=str, indirect=True)
def test_a_harmless_test_survives_its_neighbours(using_up: dict[str, Case]) -> None:
    assert using_up["test_is_there_after_the_others"].status is CaseStatus.PASSED


def test_a_child_does_not_outlive_its_test(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """At the weaker level: with namespaces of its own a child cannot but die."""
    beat = tmp_path / "beat"
    source = f"""
        import os, time

        def test_leaves_a_daemon():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.setsid()
                    fd = os.open({str(beat)!r}, os.O_WRONLY)
                    time.sleep(600)
                os._exit(0)
            time.sleep(0.2)
    """
    os.mkfifo(beat)
    reading = os.open(beat, os.O_RDONLY | os.O_NONBLOCK)
    program = tmp_path / "program"
    program.mkdir()
    lines = [line[8:] for line in source.splitlines()]
    found = survey(program, "\n".join(lines), SandboxLevel.LIMITS)
    assert [case.status for case in found.cases] == [CaseStatus.PASSED]
    assert os.read(reading, 1) == b""  # nobody holds the other end
    os.close(reading)
