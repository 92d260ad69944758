"""Standard output for tables: as wide as the terminal, and wide enough for any row where there is none."""

from rich.console import Console

WIDE = 140
"""Columns where nobody's screen is the measure."""


def stdout() -> Console:
    """Return the console that tables are printed on."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)
