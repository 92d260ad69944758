"""The live screen of a goal: drawn on a terminal, told in lines where there is none. Always on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console, Group
from rich.live import Live as LiveDisplay
from rich.table import Table
from rich.text import Text

from loopwright.actors.unserved import nobody_serves
from loopwright.deploy.board import Board, sparkline

REFRESH = 8
"""Times a second."""


class Screen:
    """Shows a board as it changes."""

    def __init__(self, console: Console, display: LiveDisplay | None) -> None:
        self._console = console
        self._display = display
        self._where = ""
        self._began = monotonic()
        self._told: tuple[object, ...] = ()

    def where(self, text: str) -> None:
        """Say where the bus is, and how code is shut in."""
        self._where = text
        if self._display is None:
            self._console.print(f"bus {text}", highlight=False, soft_wrap=True)

    def show(self, board: Board) -> None:
        """Show the board: redraw it, or tell a line when something that matters has changed."""
        if self._display is not None:
            self._display.update(drawn(board, monotonic() - self._began, self._where))
            return
        news = (board.status, board.best, board.false_successes, board.judged // 10, board.unserved)
        if news != self._told:
            self._told = news
            self._console.print(line(board, monotonic() - self._began), highlight=False, soft_wrap=True)


@contextmanager
def screen() -> Iterator[Screen]:
    """Hold the screen while the body runs; what it showed last stays."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Screen(console, None)
        return
    with LiveDisplay(console=console, refresh_per_second=REFRESH, transient=False) as display:
        yield Screen(console, display)


def score(value: float | None) -> str:
    """Return a score for a person."""
    return "-" if value is None else f"{value:.2f}"


def baseline(board: Board, words: str) -> str:
    """Return the score of the input as it stood, in words around it, where the loop judges that."""
    return "" if board.baseline is None else words.format(score(board.baseline))


def counted(false_successes: int) -> str:
    """Return so many false successes, for a person."""
    return f"{false_successes} false success{'' if false_successes == 1 else 'es'}"


def spend(board: Board) -> str:
    """Return what was spent, as far as it is anything."""
    usage = board.usage
    parts = [f"{usage.candidates:,} candidates"] if usage.candidates else []
    parts.append(f"{usage.worker_seconds:.1f} worker seconds")
    if usage.model_calls:
        parts.append(f"{usage.model_calls} model calls, {usage.tokens_in + usage.tokens_out:,} tokens")
    if usage.tool_calls:
        parts.append(f"{usage.tool_calls} tool calls")
    if usage.cost:
        parts.append(f"${usage.cost:.2f}")
    return ", ".join(parts)


def line(board: Board, seconds: float) -> str:
    """Return the board in one line."""
    parts = [
        f"[{seconds:6.1f} s] {board.status}",
        f"attempt {board.judged} of {board.begun} begun",
        f"score {score(board.score)}, best {score(board.best)}{baseline(board, ' (was {})')}",
        spend(board),
    ]
    if board.false_successes:
        parts.append(counted(board.false_successes))
    return " · ".join([*parts, *map(nobody_serves, board.unserved)])


def drawn(board: Board, seconds: float, where: str) -> Group:
    """Return the board as it is drawn on a terminal."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("goal", f"{board.goal}  {board.loop}  {board.status}  {seconds:.1f} s")
    facts.add_row("attempts", f"{board.judged} judged, {board.begun} begun")
    facts.add_row("score", f"{score(board.score)} now, {score(board.best)} best{baseline(board, ', {} as it was')}")
    if board.curve:
        facts.add_row("curve", Text(sparkline(board.curve), style="green"))
    facts.add_row("spend", spend(board))
    if board.false_successes:
        facts.add_row("false", f"{board.false_successes} passed its evaluators and failed acceptance")
    for name, text in sorted(board.busy.items()):
        facts.add_row(name, Text(text, no_wrap=True, overflow="ellipsis"))
    if board.waiting and not board.busy and board.outcome is None:
        waits = ", ".join(f"{role} ({count})" for role, count in sorted(board.waiting.items()))
        facts.add_row("waiting on", Text(waits, style="yellow"))
    for role in sorted(board.people & board.waiting.keys()) if board.outcome is None else ():
        facts.add_row("asked", Text(f"`loopwright ask {board.goal}` shows what {role} is asked.", style="yellow"))
    for role in board.unserved:
        facts.add_row("missing", Text(nobody_serves(role), style="red"))
    if where:
        facts.add_row("bus", Text(where, style="dim"))
    return Group(facts)
