"""Where tables are printed."""

import io
from contextlib import redirect_stdout

from rich.table import Table

from loopwright.deploy.stdout import stdout


def test_the_longest_id_of_a_goal_is_not_cut_off_in_a_pipe() -> None:
    table = Table("goal", "loop", "status", "reason", "score", "attempts", "opened", box=None, pad_edge=False)
    table.add_row("g" * 63, "haiku", "completed", "accepted", "0.90", "12", "2026-11-28T05:47:21+00:00")
    with redirect_stdout(io.StringIO()) as printed:
        stdout().print(table)
    assert "g" * 63 in printed.getvalue()
