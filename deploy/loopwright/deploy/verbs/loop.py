"""``loopwright loop``: check loop files, and draw loops."""

import logging
from pathlib import Path

import click

from loopwright.deploy import logs, loops
from loopwright.deploy.verbs.options import app_option, json_option


@click.group()
def loop() -> None:
    """Check loop files, and draw loops."""
    logs.configure(logging.CRITICAL)


@loop.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@app_option
@json_option
@click.pass_context
def check(ctx: click.Context, files: tuple[Path, ...], apps: tuple[str, ...], json_: bool) -> None:
    """Tell everything that is wrong with loop FILEs, each fault with its line and column; then exit code 2.

    With --app also the roles that nobody in these modules serves.
    """
    ctx.exit(loops.check(files, apps, json_))


@loop.command()
@click.argument("name", metavar="NAME|FILE")
@app_option
@json_option
def show(name: str, apps: tuple[str, ...], json_: bool) -> None:
    """Draw a loop as a mermaid flowchart, from a loop file or by the NAME that it has in a module."""
    loops.show(name, apps, json_)
