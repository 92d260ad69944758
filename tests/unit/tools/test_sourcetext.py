import subprocess
from pathlib import Path

import pytest

from loopwright.tools.sourcetext import decode, encode, unified_diff


@pytest.mark.parametrize(
    "body",
    [
        b"x = 1\r\ny = 2\r\n",
        b"# coding: latin-1\nname = '\xe9'\n",
        b"\xef\xbb\xbfx = 1\n",
        "größe = 1\n".encode(),
        b"x = 1\n\n\x0c\ny = 2",
        b"",
    ],
)
def test_a_source_survives_reading_and_writing(body: bytes) -> None:
    text = decode(body)
    assert text is not None
    assert encode(text, body) == body


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"# coding: nothing-of-this-name\n", b"\xe9 = 1\n"])
def test_what_python_cannot_read_is_no_source(body: bytes) -> None:
    assert decode(body) is None


def test_the_byte_order_mark_is_no_part_of_the_text() -> None:
    assert decode(b"\xef\xbb\xbfx = 1\n") == "x = 1\n"


def test_a_letter_the_old_encoding_lacks_makes_it_utf8() -> None:
    assert encode("# coding: latin-1\nx = '\u20ac'\n") == "# coding: latin-1\nx = '\u20ac'\n".encode()


def test_a_diff_reads_as_gits() -> None:
    before = {"a.py": "one\ntwo\nthree\n", "same.py": "x\n"}
    assert unified_diff(before, {"a.py": "one\n2\nthree\n", "same.py": "x\n"}) == (
        "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
    )


def test_no_change_is_no_diff() -> None:
    assert unified_diff({"a.py": "x\n"}, {"a.py": "x\n"}) == ""


BEFORE = {"a.py": "one\ntwo", "d/b.py": "x\r\ny\r\n", "form.py": "a\x0cb\nc\n"}
AFTER = {"a.py": "one\n2\n", "d/b.py": "x\r\nz", "form.py": "a\x0cb\nd\n", "new.py": "n\n"}


def test_git_applies_a_diff(tmp_path: Path) -> None:
    for name, text in BEFORE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, newline="")
    diff = unified_diff(BEFORE, AFTER)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, check=True, input=diff.encode())
    assert {name: (tmp_path / name).read_bytes().decode() for name in AFTER} == AFTER
