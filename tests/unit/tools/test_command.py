"""The files that a command is run on."""

import pytest

from loopwright.tools.command import bodies_of
from loopwright.tools.errors import WorkspaceRefused


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", "a/../../b", "", "."])
def test_a_file_whose_name_leads_out_is_refused(name: str) -> None:
    with pytest.raises(WorkspaceRefused, match="is not a path below the folder"):
        bodies_of({name: "x"})


def test_too_much_is_refused_and_text_becomes_bytes() -> None:
    assert bodies_of({"./a": "é", "b": b"\xff"}) == {"a": b"\xc3\xa9", "b": b"\xff"}
    with pytest.raises(WorkspaceRefused, match="hold more than 20 MB"):
        bodies_of({"a": bytes(21 << 20)})
