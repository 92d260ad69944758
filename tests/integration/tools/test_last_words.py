"""What a test's process says just before it ends is heard, however slowly we look."""

import subprocess
import sys
from pathlib import Path

DYING_WHILE_WE_LOOK_AWAY = """
import json, os, sys
from loopwright.tools.harness.run import Run

gate, opens = os.pipe()


class Workshop:
    root = sys.argv[1]

    def lay_out(self, changed): ...

    def clear(self): ...

    @property
    def room(self):  # asked for between two looks at the pipe: the child speaks and dies meanwhile
        os.write(opens, b"x")
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        return self.root


def live(pipe, parent, root, order, limits):
    os.read(gate, 1)
    os.write(pipe, json.dumps({"token": order["token"], "event": "case", "id": "t"}).encode() + b"\\n")
    os._exit(0)


order = {"changed": {}, "wall": 30, "seconds": 30, "collect_seconds": 30}
limits = {"output_bytes": 1 << 20, "processes": 99, "memory_bytes": 1 << 40, "file_bytes": 1 << 30}
answer = Run(order, limits, Workshop(), os.pipe(), live).serve()
print(answer["why"], [event["event"] for event in answer["events"]])
"""


def test_a_test_that_ends_between_two_looks_did_not_crash(tmp_path: Path) -> None:
    # In a process of its own: the harness kills all that descends from it.
    command = [sys.executable, "-c", DYING_WHILE_WE_LOOK_AWAY, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout == " ['case']\n"
