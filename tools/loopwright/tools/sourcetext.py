"""Python source as text and as bytes, and back without a change: encoding, byte order mark and line ends are kept."""

import codecs
import difflib
import io
import tokenize
from collections.abc import Iterator, Mapping


def decode(body: bytes) -> str | None:
    """Return the text of a source file as PEP 263 has it, line ends as they are; None if it is no Python source."""
    try:
        return body.decode(_encoding(body))
    except (SyntaxError, LookupError, UnicodeDecodeError):
        return None


def encode(text: str, like: bytes = b"") -> bytes:
    """Return `text` as the bytes of a source file that replaces `like`.

    A coding line in `text` decides; else `like`'s encoding; else UTF-8. What does not fit falls back to UTF-8.
    """
    try:
        encoding = _encoding(text.encode(errors="surrogatepass"))
        if encoding == "utf-8" and like.startswith(codecs.BOM_UTF8):
            encoding = "utf-8-sig"
        return text.encode(encoding)
    except (SyntaxError, LookupError, UnicodeEncodeError):
        return text.encode(errors="surrogatepass")


def _encoding(body: bytes) -> str:
    return tokenize.detect_encoding(io.BytesIO(body).readline)[0]


def unified_diff(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return what changed between two sets of files as ``git diff`` writes it; empty when nothing did.

    Files of `before` that `after` does not name are unchanged; files only in `after` are new.
    """
    return "".join(
        line
        for path in sorted(after)
        if before.get(path) != after[path]
        for line in _file_diff(path, before.get(path), after[path])
    )


def _file_diff(path: str, old: str | None, new: str) -> Iterator[str]:
    source = "/dev/null" if old is None else f"a/{path}"
    yield f"diff --git a/{path} b/{path}\n"
    if old is None:
        yield "new file mode 100644\n"
    for line in difflib.unified_diff(_lines(old or ""), _lines(new), source, f"b/{path}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    """Split at line feeds only, as git does: a form feed does not end a line."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
