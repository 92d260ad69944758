"""``loopwright orchestrator`` and ``loopwright worker ROLE``: one actor, one process. ``worker ls``: who is there."""

import logging
import sys
from pathlib import Path
from typing import Any

import anyio
import click

from loopwright.deploy import logs, processes
from loopwright.deploy.serving import run_orchestrator, run_worker
from loopwright.deploy.verbs.options import app_option, loop_option

FAST = {"use_uvloop": sys.platform != "win32"}
"""An actor spends its life in the event loop: uvloop's is twice as fast."""
LS = "ls"
"""The word behind `worker` that is no role."""


@click.command()
@app_option
@loop_option
def orchestrator(apps: tuple[str, ...], loops: tuple[Path, ...]) -> None:
    """Run one orchestrator process. Start as many as you like: they share the work without election."""
    logs.configure()
    anyio.run(run_orchestrator, apps, loops, backend_options=FAST)


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON Lines.")
@click.pass_context
def ls(ctx: click.Context, json_: bool) -> None:
    """List the processes that are there, orchestrators and workers, with the roles they serve."""
    logs.configure(logging.CRITICAL)
    ctx.exit(anyio.run(processes.ls, json_))


class RolesOrLs(click.Command):
    """A command that takes roles, and hands over to `ls` where that is the first word."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the words behind the verb."""
        if args[:1] == [LS]:
            return ls.make_context(f"{info_name} {LS}", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)


@click.command(cls=RolesOrLs)
@click.argument("roles", nargs=-1, required=True)
@app_option
@click.option("--hands", default=1, show_default=True, type=click.IntRange(1, 1000), help="Steps at once, each role.")
@click.option(
    "--sandbox",
    type=click.Choice(["bwrap", "limits", "auto"]),
    default="bwrap",
    show_default=True,
    envvar="LOOPWRIGHT_SANDBOX",
    help="How code is shut in; bwrap refuses to start where bubblewrap does not work.",
)
def worker(roles: tuple[str, ...], apps: tuple[str, ...], hands: int, sandbox: str) -> None:
    """Run one worker process for ROLES, for example: loopwright worker test accept.

    `loopwright worker ls` lists the processes that are there.
    """
    if LS in roles:
        raise click.UsageError(f"No role can be called {LS}: `loopwright worker {LS}` lists the processes.")
    logs.configure()
    anyio.run(run_worker, roles, apps, hands, sandbox, backend_options=FAST)
