"""A file that a person wrote by hand, and what is said of its mistakes."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from loopwright.deploy.marked import FileRefused, read_marked


class Shelf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    books: list[dict[str, int]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("books:\n  - pages: 3\n  - pages: x\n", ":3:5: books.1.pages: it should be a valid integer"),
        ("books: []\n\nshelves: 1\n", ":3:1: shelves is unknown."),
        ("# nothing\nbook: []\n", ":2:1: books is missing."),
        ("books: []\nbooks: []\n", ':2:1: found duplicate key "books"'),
        ("books: [1\nshelves: 2\n", ":2:8: expected ',' or ']'"),
        ("books: !!python/object:os.system x\n", ":1:8: could not determine a constructor"),
        ("", ": it holds no names and values; there is books"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "shelf.yaml"
    path.write_text(text)
    with pytest.raises(FileRefused) as refused:
        read_marked(path).validated(Shelf)
    assert f"{path}{said}" in str(refused.value)


@pytest.mark.parametrize("name", ["shelf.yaml", "shelf.toml"])
def test_a_file_nested_too_deep_is_refused_and_not_a_traceback(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("books = " * (name == "shelf.toml") + "[" * 2_000)
    with pytest.raises(FileRefused, match="nested too deep"):
        read_marked(path)


def test_a_date_stays_text_and_so_does_no(tmp_path: Path) -> None:
    path = tmp_path / "dates.yaml"
    path.write_text("when: 2024-05-01\nanswer: no\ncount: 3\n")
    assert read_marked(path).data == {"when": "2024-05-01", "answer": "no", "count": 3}


@pytest.mark.parametrize(("body", "said"), [(None, "cannot be read"), (b"\xff", "not UTF-8")])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, body: bytes | None, said: str) -> None:
    path = tmp_path / "shelf.yaml"
    if body is not None:
        path.write_bytes(body)
    with pytest.raises(FileRefused, match=said):
        read_marked(path)
