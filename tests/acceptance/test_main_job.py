"""The main job: what it prints, what it leaves alone, what it writes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
from typing import TYPE_CHECKING

import anyio
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.conftest import Station, Terminal

GCD = {
    "gcd.py": "def gcd(a: int, b: int) -> int:\n    if b == 0:\n        return a\n    return gcd(a % b, b)\n",
    "test_gcd.py": (
        "from gcd import gcd\n\n\n"
        "def test_nothing_is_shared():\n    assert gcd(13, 0) == 13\n\n\n"
        "def test_much_is_shared():\n    assert gcd(35, 21) == 7\n"
    ),
}
REPAIRED = GCD["gcd.py"].replace("gcd(a % b, b)", "gcd(b, a % b)")
DIFF = """\
--- a/gcd.py
+++ b/gcd.py
@@ -1,4 +1,4 @@
 def gcd(a: int, b: int) -> int:
     if b == 0:
         return a
-    return gcd(a % b, b)
+    return gcd(b, a % b)
"""
OUTCOME = {
    "goal", "loop", "status", "reason", "why", "score", "baseline", "best", "best_attempt", "attempts", "steps",
    "seconds", "usage", "fault", "evidence", "unverified", "curve", "false_successes", "schema_version", "set_aside",
    "untrusted",
}  # fmt: skip
"""The fields of the outcome document."""
COLOUR = "\x1b["
NOWHERE = "nats://127.0.0.1:9"


async def test_failing_tests_go_in_and_a_diff_comes_out(terminal: Terminal) -> None:
    program = terminal.write("gcd", GCD)

    done = await terminal.run("run", "repair", str(program))

    assert done.code == 0
    assert DIFF in done.out
    assert "completed (accepted): Attempt 1 passed every evaluator." in done.out
    assert "The folder is untouched; --apply writes the change." in done.out
    assert files_in(program) == GCD
    assert re.search(r"working · attempt \d+ of \d+ begun · score", done.err)
    assert "sandbox" in done.err.splitlines()[0], "progress and the level in force are on stderr"
    assert COLOUR not in done.out + done.err
    assert list(terminal.temporary.iterdir()) == []


async def test_apply_writes_exactly_the_diff_and_json_is_one_document(terminal: Terminal, station: Station) -> None:
    program = terminal.write("gcd", GCD)

    done = await terminal.on(station.url).run("run", "repair", "gcd", "--apply", "--json")

    document = done.document
    assert done.code == 0
    assert document.keys() == OUTCOME | {"diff", "applied", "edit", "witnesses"}
    assert document["diff"].endswith(DIFF)
    assert (document["status"], document["reason"], document["applied"]) == ("completed", "accepted", True)
    assert (document["score"], document["baseline"], document["witnesses"], document["fault"]) == (1.0, 0.5, 2, None)
    assert files_in(program) == GCD | {"gcd.py": REPAIRED}


async def test_a_repair_that_fails_acceptance_is_a_false_success_and_the_loop_goes_on(
    terminal: Terminal, station: Station
) -> None:
    program, acceptance = terminal.copy(), terminal.copy("cart-acceptance")
    before = files_in(program)

    done = await terminal.on(station.url).run("run", "repair", str(program), "--accept", str(acceptance), "--json")

    document = done.document
    assert done.code == 0
    assert (document["status"], document["unverified"]) == ("completed", "")
    assert document["false_successes"] >= 1
    assert "+    sending = shipping(payable) if cart.items else 0" in document["diff"].splitlines()
    assert document["best"]["hidden"] == 6
    assert "false success" in done.err
    assert files_in(program) == before


async def test_a_terminal_shows_the_live_screen(terminal: Terminal) -> None:
    program = terminal.copy()

    code, shown = await on_a_terminal(terminal, "run", "repair", str(program))

    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert code == 0
    assert COLOUR in shown
    for row in (
        r"goal +g[0-9a-f]{20} +repair +working +[\d.]+ s",
        r"attempts +\d+ judged, \d+ begun",
        r"score +[\d.]+ now, [\d.]+ best, 0\.87 as it was",
        r"curve +[▁▂▃▄▅▆▇█]+",
        r"spend +\d+ candidates, [\d.]+ worker seconds",
        r"\S+-\d+ +(search|test) \d+: ",
        r"bus +nats://127\.0\.0\.1:\d+, sandbox \w+",
    ):
        assert re.search(row, text), row
    assert "completed (accepted)" in text


@pytest.mark.parametrize("quiet", ["NO_COLOR", "TERM"])
async def test_colour_can_be_refused(terminal: Terminal, quiet: str) -> None:
    code, shown = await on_a_terminal(terminal.on(NOWHERE), "doctor", **{quiet: "dumb"})

    assert code == 69
    assert COLOUR not in shown


def files_in(program: Path) -> dict[str, str]:
    """The program's own files, with their texts."""
    return {
        str(path.relative_to(program)): path.read_text()
        for path in sorted(program.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }


async def on_a_terminal(terminal: Terminal, *words: str, **environment: str) -> tuple[int, str]:
    """Run the program on a terminal of 120 columns, and return its exit code and all that it drew."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    told = {"TERM": "xterm-256color"} | environment
    async with terminal.start(*words, on=theirs, **told) as program:
        os.close(theirs)
        drawn = bytearray()
        try:
            with anyio.fail_after(60):
                while True:
                    await anyio.wait_readable(ours)
                    drawn += os.read(ours, 65_536)
        except OSError:  # how Linux says that nobody has the terminal open any more
            code = await program.process.wait()
        finally:
            os.close(ours)
    return code, drawn.decode(errors="replace")
