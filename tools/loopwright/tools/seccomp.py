"""The system calls that sandboxed code has no business making, as a filter for the kernel.

Assembled by hand: one comparison a call, in the kernel's classic BPF. Refused calls fail with EPERM, so that a
program sees an error and not its death; ``clone3`` hides its flags from filters and is answered with ENOSYS, upon
which the C library falls back to ``clone``.
"""

import errno
import platform
import struct

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCH_AT, _ARGUMENT_AT = 0, 4, 16

#: The kernel's name of each architecture, in the audit subsystem.
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_X32_BIT = 0x40000000  # x86_64 calls by their numbers in the x32 table
_NEW_NAMESPACES = 0x7E020080  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET, TIME
_FAMILIES = (2, 10)  # AF_INET and AF_INET6, which find an empty network; AF_UNIX, AF_VSOCK and the like find the host

#: Numbers on x86_64 and on aarch64.
DENIED: dict[str, tuple[int, int]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),  # memory that no limit counts
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setns": (308, 268),
    "shmget": (29, 194),  # memory that no limit counts
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
SOCKET, CLONE, CLONE3 = (41, 198), (56, 220), (435, 435)


def supported(machine: str | None = None) -> bool:
    """Tell whether there is a filter for `machine`, by default this one."""
    return (machine or platform.machine()) in ARCHITECTURES


def assemble(machine: str | None = None) -> bytes:
    """Return the filter for `machine`, by default this one, as ``bwrap --seccomp`` reads it.

    Raises:
        KeyError: there is no filter for this architecture.
    """
    machine = machine or platform.machine()
    column = 0 if machine == "x86_64" else 1
    refused = _ERRNO | errno.EPERM
    code = _op(_LOAD, _ARCH_AT)
    code += _op(_JUMP_EQUAL, ARCHITECTURES[machine], 1, 0) + _op(_RETURN, _KILL)
    code += _op(_LOAD, _NUMBER_AT)
    if machine == "x86_64":
        code += _op(_JUMP_AT_LEAST, _X32_BIT, 0, 1) + _op(_RETURN, refused)
    for numbers in DENIED.values():
        code += _when(numbers[column], _op(_RETURN, refused))
    code += _when(CLONE3[column], _op(_RETURN, _ERRNO | errno.ENOSYS))
    code += _when(CLONE[column], _without_namespaces(refused))
    code += _when(SOCKET[column], _known_family(refused))
    return code + _op(_RETURN, _ALLOW)


def _op(code: int, value: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, jump_true, jump_false, value)


def _when(number: int, then: bytes) -> bytes:
    """Run `then`, which must return, for the call with `number`."""
    return _op(_JUMP_EQUAL, number, 0, len(then) // 8) + then


def _without_namespaces(refused: int) -> bytes:
    flags = _op(_LOAD, _ARGUMENT_AT) + _op(_JUMP_BITS, _NEW_NAMESPACES, 0, 1)
    return flags + _op(_RETURN, refused) + _op(_RETURN, _ALLOW)


def _known_family(refused: int) -> bytes:
    tests = b"".join(_op(_JUMP_EQUAL, family, 0, 1) + _op(_RETURN, _ALLOW) for family in _FAMILIES)
    return _op(_LOAD, _ARGUMENT_AT) + tests + _op(_RETURN, refused)
