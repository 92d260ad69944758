"""The filter is run here as the kernel would, instruction by instruction."""

import errno
import struct

import pytest

from loopwright.tools import seccomp

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS


def judge(machine: str, number: int, argument: int = 0, architecture: int | None = None) -> int:
    """Return what the filter for `machine` says of one call."""
    architecture = seccomp.ARCHITECTURES[machine] if architecture is None else architecture
    data = struct.pack("=IIQ6Q", number, architecture, 0, argument, 0, 0, 0, 0, 0)
    code = list(struct.iter_unpack("=HBBI", seccomp.assemble(machine)))
    place = register = 0
    while True:
        operation, jump_true, jump_false, value = code[place]
        place += 1
        match operation:
            case 0x20:
                (register,) = struct.unpack_from("=I", data, value)
            case 0x15:
                place += jump_true if register == value else jump_false
            case 0x35:
                place += jump_true if register >= value else jump_false
            case 0x45:
                place += jump_true if register & value else jump_false
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(operation)


MACHINES = pytest.mark.parametrize(("machine", "column"), [("x86_64", 0), ("aarch64", 1)])


@MACHINES
@pytest.mark.parametrize("call", seccomp.DENIED)
def test_a_dangerous_call_is_not_permitted(machine: str, column: int, call: str) -> None:
    assert judge(machine, seccomp.DENIED[call][column]) == EPERM


@MACHINES
@pytest.mark.parametrize(("family", "verdict"), [(1, EPERM), (2, ALLOW), (10, ALLOW), (16, EPERM), (40, EPERM)])
def test_only_sockets_of_the_internet_are_made(machine: str, column: int, family: int, verdict: int) -> None:
    assert judge(machine, seccomp.SOCKET[column], family) == verdict


@MACHINES
def test_pairs_of_sockets_are_left_to_asyncio(machine: str, column: int) -> None:
    assert judge(machine, (53, 199)[column], 1) == ALLOW


@MACHINES
def test_processes_and_threads_are_made_but_no_namespaces(machine: str, column: int) -> None:
    fork, thread, user_namespace = 17, 0x003D0F00, 0x10000000 | 17
    clone = seccomp.CLONE[column]
    assert [judge(machine, clone, flags) for flags in (fork, thread, user_namespace)] == [ALLOW, ALLOW, EPERM]
    assert judge(machine, seccomp.CLONE3[column]) == ENOSYS


@MACHINES
def test_calls_of_another_architecture_are_deadly(machine: str, column: int) -> None:
    assert judge(machine, 0, architecture=0x40000003) == KILL


def test_the_second_table_of_x86_64_is_closed() -> None:
    assert judge("x86_64", 0x40000000 | 101) == EPERM


@MACHINES
def test_ordinary_calls_pass(machine: str, column: int) -> None:
    read, write, exit_group = ((0, 1, 231), (63, 64, 94))[column]
    assert [judge(machine, number) for number in (read, write, exit_group)] == [ALLOW] * 3


def test_no_number_stands_for_two_calls() -> None:
    for column in (0, 1):
        numbers = [numbers[column] for numbers in seccomp.DENIED.values()]
        assert len(numbers) == len(set(numbers))


def test_other_processors_have_no_filter() -> None:
    assert not seccomp.supported("riscv64")
    with pytest.raises(KeyError):
        seccomp.assemble("riscv64")
