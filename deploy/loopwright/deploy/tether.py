"""Run a program that dies when the process that started it dies, however that happens.

``python -m loopwright.deploy.tether PARENT SIGNAL PROGRAM ...`` asks the kernel for the signal at the parent's death
(prctl(2), PR_SET_PDEATHSIG, which survives execve) and becomes the program. Linux only; elsewhere it just runs it.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def tethered(command: list[str], *, signal: int) -> list[str]:
    """Return the command that runs `command` on a tether to this process."""
    return [sys.executable, "-m", "loopwright.deploy.tether", str(os.getpid()), str(signal), *command]


def main() -> None:
    """Tie this process to its parent, and become the program."""
    parent, signal, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal), 0, 0, 0)
        if os.getppid() != int(parent):
            return  # it died before the kernel was asked
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
