"""``loopwright run repair PATH``: a program with failing tests goes in, one that passes them comes out."""

import logging
import os
from pathlib import Path

import anyio
import click

from loopwright.bus.messages import KEPT
from loopwright.deploy import logs
from loopwright.deploy.repairing import Repair, repair_program
from loopwright.deploy.verbs.options import attempts_option, deadline_option, sandbox_option


@click.group()
def run() -> None:
    """Run a main job from start to end, with all it needs."""


@run.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--apply", "apply_", is_flag=True, help="Write the repair into PATH; otherwise it stays untouched.")
@click.option("--json", "json_", is_flag=True, help="Print the outcome as one JSON document; progress is on stderr.")
@click.option(
    "--accept",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Tests that the generator never sees; a repair that fails them is a false success, and the loop goes on.",
)
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that run tests.  [default: 2]")
@click.option(
    "--python",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Interpreter that runs the program, where it has no .venv.  [default: the one that runs loopwright]",
)
@click.option("--test-timeout", type=click.FloatRange(0, KEPT, min_open=True), help="Seconds one test may take.")
@deadline_option
@attempts_option
@click.option(
    "--generator",
    type=click.Choice(["auto", "search", "model"]),
    default="auto",
    show_default=True,
    help="Who proposes; auto asks a model where OPENAI_API_KEY, --model or --base-url is given.",
)
@click.option("--model", help="Name of the model to ask.", envvar="LOOPWRIGHT_MODEL")
@click.option("--base-url", help="An OpenAI-compatible endpoint.", envvar="OPENAI_BASE_URL")
@sandbox_option
@click.pass_context
def repair(ctx: click.Context, /, path: Path, **options: object) -> None:
    """Make the failing tests of the program in PATH pass.

    With nothing configured it runs a NATS server, an orchestrator and workers of its own, and finds the repair by
    search. Where LOOPWRIGHT_NATS_URL is set, the goal goes to the fleet there; --workers adds processes to it.
    """
    logs.configure(logging.CRITICAL)
    wanted = Repair.model_validate({"path": path, "apply": options.pop("apply_")} | options)
    url, key = os.environ.get("LOOPWRIGHT_NATS_URL"), os.environ.get("OPENAI_API_KEY")
    ctx.exit(anyio.run(repair_program, wanted, url, key))
