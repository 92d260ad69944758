"""``loopwright orchestrator`` and ``loopwright worker ROLE``: one actor, one process."""

import sys

import anyio
import click

from loopwright.deploy import logs
from loopwright.deploy.serving import run_orchestrator, run_worker
from loopwright.deploy.verbs.options import app_option

FAST = {"use_uvloop": sys.platform != "win32"}
"""An actor spends its life in the event loop: uvloop's is twice as fast."""


@click.command()
@app_option
def orchestrator(apps: tuple[str, ...]) -> None:
    """Run one orchestrator process. Start as many as you like: they share the work without election."""
    logs.configure()
    anyio.run(run_orchestrator, apps, backend_options=FAST)


@click.command()
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
    """Run one worker process for ROLES, for example: loopwright worker test accept."""
    logs.configure()
    anyio.run(run_worker, roles, apps, hands, sandbox, backend_options=FAST)
