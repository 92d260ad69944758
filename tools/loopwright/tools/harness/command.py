"""The forked child that runs one command instead of tests: limits on, output read up to a cap, its end told."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import traceback
from typing import Any

from . import keeper
from .lines import Watch
from .teller import Teller

TICK = 0.05  # seconds between two looks whether the command has ended
CHUNK = 1 << 16  # bytes of output that are read at once


def live(pipe: int, parent: int, root: str, order: dict[str, Any], limits: dict[str, Any]) -> None:
    """Run one command in the program's folder, and end the process."""
    try:
        keeper.leave_home(limits, parent)
        os.chdir(root)
        teller = Teller(pipe, order["token"], root, 0, Watch())
        try:
            teller.say("end", **_run(order["words"], order["keep"]))
        except (OSError, ValueError) as error:
            teller.say("problem", text=f"{order['words'][0]} cannot be started: {error}")
    except BaseException:  # noqa: BLE001 (it must not return into the server)
        traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(0)


def _run(words: list[str], keep: int) -> dict[str, Any]:
    """Run a command to its end, and return its exit status and the end of what it said."""
    with (
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
        selectors.DefaultSelector() as waiting,
    ):
        said = {"out": b"", "err": b""}
        for name, stream in (("out", process.stdout), ("err", process.stderr)):
            waiting.register(stream, selectors.EVENT_READ, name)  # type: ignore[arg-type]
        while waiting.get_map():
            ready = waiting.select(TICK)
            if not ready and process.poll() is not None:
                break  # what it has left running holds its output open, and is killed with the run
            for key, _ in ready:
                data = os.read(key.fd, CHUNK)
                said[key.data] = (said[key.data] + data)[-keep:]  # a report has what matters at its end
                if not data:
                    waiting.unregister(key.fileobj)
        status = process.wait()
    return {"exit": status, **{name: body.decode(errors="replace") for name, body in said.items()}}
