"""How a verb is called: what is asked first, and what its job says to the shell."""

import sys
from collections.abc import Callable

import anyio
import click

from loopwright.deploy.exits import Exit


def run(ctx: click.Context, job: Callable[..., object], *words: object) -> None:
    """Run a verb, and end with its exit code."""
    ctx.exit(anyio.run(job, *words))  # type: ignore[arg-type]


def refuse_unless_sure(ctx: click.Context, question: str, *, yes: bool) -> None:
    """Ask whoever sits at the terminal; where nobody does, --yes is needed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here: add --yes.")
    if not click.confirm(question, err=True):
        click.echo("Nothing was changed.", err=True)
        ctx.exit(Exit.ERROR)
