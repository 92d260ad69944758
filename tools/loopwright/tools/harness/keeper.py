"""Nothing that a trial starts outlives it, and it may not start too much.

In a pid namespace of our own we are process 1: nobody inside can kill us, orphans become our children, and
``kill(-1)`` reaches all of them at once, faster than a fork bomb grows. Without one we make ourselves the reaper
of orphans and look for descendants in /proc.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import time
from typing import Any

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
FILES = 20_000  # how many files a trial may leave lying about: each costs the kernel a kilobyte
PAGE = resource.getpagesize()


def prctl(option: int, value: int) -> None:
    """Set one attribute of this process; a kernel or interpreter without it is left as it is."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def alone() -> bool:
    """Tell whether this process is the first of its own pid namespace."""
    return os.getpid() == 1


def settle_in() -> None:
    """Become what no child can stop, look into, or escape from."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a handled signal is the only one that reaches process 1
    prctl(PR_SET_DUMPABLE, 0)  # closes /proc/1/mem and /proc/1/fd to the children
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def leave_home(limits: dict[str, Any], parent: int) -> None:
    """Put the limits on this process, which has just been forked from `parent`."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    prctl(PR_SET_DUMPABLE, 1)
    if not alone():
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    _cap(resource.RLIMIT_AS, limits["memory_bytes"])
    _cap(resource.RLIMIT_CPU, max(1, int(limits["cpu_seconds"])))
    _cap(resource.RLIMIT_FSIZE, limits["file_bytes"])
    _cap(resource.RLIMIT_CORE, 0)
    _cap(resource.RLIMIT_NOFILE, 512)


def _cap(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def strays() -> list[int]:
    """Return the processes that are there because of us."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    me = os.getpid()
    if alone():
        return [pid for pid in pids if pid != me]
    parents = {pid: _parent(pid) for pid in pids}
    ours = {me}
    while found := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= found
    return sorted(ours - {me})


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/stat", "rb") as stat:
        return int(stat.read().rpartition(b")")[2].split()[1])
    return 0


def kill_all(patience: float = 5.0) -> bool:
    """Kill and reap every stray, and tell whether all are gone."""
    end = time.monotonic() + patience
    while _reap():
        _kill_once()
        if not _reap():
            break
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


def _kill_once() -> None:
    if alone():
        _signal(-1, signal.SIGKILL)
        return
    still: set[int] = set()
    while moving := set(strays()) - still:  # what is stopped does not fork while we look for the others
        for pid in moving:
            _signal(pid, signal.SIGSTOP)
        still |= moving
    for pid in still:
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _reap() -> bool:
    """Collect the dead, and tell whether any child is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def excess(limits: dict[str, Any], folder: str) -> str | None:
    """Name the limit on all processes together that is exceeded now, if one is."""
    pids = strays()
    if len(pids) > limits["processes"]:
        return "processes"
    if len(pids) > 1 and sum(map(_resident, pids)) > 2 * limits["memory_bytes"]:
        return "memory"
    return "files" if _crowded(folder, limits["file_bytes"]) else None


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/statm", "rb") as statm:
        _, resident, shared = statm.read().split()[:3]
        return (int(resident) - int(shared)) * PAGE
    return 0


def _crowded(folder: str, room: int) -> bool:
    if alone():  # the folder is a file system of its own, with a size
        usage = os.statvfs(folder)
        return usage.f_files - usage.f_ffree > FILES
    size = count = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(where, name)).st_blocks * 512
            count += 1
        if size > room or count > FILES:
            return True
    return False
