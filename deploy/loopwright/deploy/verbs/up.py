"""``loopwright up``: a bus, an orchestrator and workers, all in one terminal."""

import logging
import os
from pathlib import Path

import anyio
import click

from loopwright.deploy import logs
from loopwright.deploy.together import bring_up
from loopwright.deploy.verbs.options import app_option, loop_option, sandbox_option
from loopwright.tools.sandbox import Policy


@click.command()
@app_option
@loop_option
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Processes for each role.")
@click.option(
    "--orchestrators", default=1, show_default=True, type=click.IntRange(1, 16), help="Orchestrator processes."
)
@click.option("--port", default=4222, show_default=True, type=click.IntRange(1, 65535), help="Port of the bundled bus.")
@click.option(
    "--store",
    default=".loopwright/nats",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the bundled bus keeps its streams.",
)
@sandbox_option
def up(
    apps: tuple[str, ...],
    loops: tuple[Path, ...],
    workers: int,
    orchestrators: int,
    port: int,
    store: Path,
    sandbox: Policy,
) -> None:
    """Run a bus, an orchestrator and workers for every role, until Ctrl-C.

    Where LOOPWRIGHT_NATS_URL is set, no bus is started.
    """
    logs.configure(logging.INFO)
    url = os.environ.get("LOOPWRIGHT_NATS_URL")
    anyio.run(lambda: bring_up(apps, loops, url, workers, orchestrators, port, store, sandbox))
