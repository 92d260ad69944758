"""``loopwright eval``: run a suite of goals again and again, and say what came of it."""

import logging
import os
from collections.abc import Callable
from functools import partial, reduce
from pathlib import Path
from typing import Any

import anyio
import click

from loopwright.bus.names import is_token
from loopwright.deploy import evaluating, logs
from loopwright.deploy.evals.conversations import conversations_at
from loopwright.deploy.evals.runs import FOLDER
from loopwright.deploy.evaluating import Wanted
from loopwright.deploy.verbs.options import app_option, json_option, sandbox_option
from loopwright.tools.sandbox import SANDBOX

RUN = "run"
"""What is meant where the first word is a file."""


class SuiteOrVerb(click.Group):
    """A group whose first word may be the file of a suite."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words behind the verb."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [RUN, *args]
        return super().parse_args(ctx, args)


OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--against", metavar="RUN", help="A run, or its file, to compare with; a regression ends with 3."),
    click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML there."),
    click.option(
        "--runs",
        type=click.Path(file_okay=False, path_type=Path),
        default=FOLDER,
        show_default=True,
        help="Where runs are kept.",
    ),
    click.option("--seed", default=0, show_default=True, type=int, help="Of the bootstrapped intervals."),
    json_option,
)


def shown_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options of how a run is shown."""
    return reduce(lambda made, option: option(made), reversed(OPTIONS), verb)


def wanted_of(options: dict[str, Any]) -> Wanted:
    """Return how a run is to be shown."""
    return Wanted(
        runs=options["runs"],
        seed=options["seed"],
        as_json=options["json_"],
        junit=options["junit"],
        against=options["against"],
    )


def run_name(ctx: click.Context, option: click.Parameter, given: str | None) -> str | None:
    """Return the name of a run, which stands in the ids of its goals."""
    if given is not None and not is_token(given):
        raise click.BadParameter(f"{given!r} can be none: use a-z, 0-9, _ and -, at most 63.")
    return given


@click.group("eval", cls=SuiteOrVerb, subcommand_metavar="SUITE | COMMAND [ARGS]...")
def eval_() -> None:
    """Run a suite of goals again and again, and say what came of it: loopwright eval SUITE.yaml -k 8."""
    logs.configure(logging.CRITICAL)


@eval_.command(RUN)
@click.argument("suite", type=click.Path(path_type=Path))
@click.option("-k", "repetitions", default=1, show_default=True, type=click.IntRange(1, 10_000), help="Trials a case.")
@click.option("--run", metavar="RUN", callback=run_name, help="The run's name; one that was begun goes on.")
@click.option(
    "--parallel", type=click.IntRange(1, 1000), help="Goals at once.  [default: as many as the fleet has hands]"
)
@app_option
@sandbox_option
@shown_options
@click.pass_context
def run_(
    ctx: click.Context,
    /,
    suite: Path,
    repetitions: int,
    run: str | None,
    parallel: int | None,
    apps: tuple[str, ...],
    sandbox: str,
    **options: Any,
) -> None:
    """Run every case of SUITE (a YAML file) -k times on the fleet, and print what came of it.

    pass^k is the chance that k trials all pass, pass@k that one of them does. What says nothing of the loop, such as a
    role that nobody served, is counted apart. A suite may name rules that every trajectory must keep, and evaluators
    of --app that judge here what the loop has accepted. Each trial that ends is kept in the file of its run; a run
    that was killed goes on with --run, for its goals have the same ids again. Ends with 0 however many pass, with 3
    where --against finds a regression, and with 1 where nothing is known of a case.
    """
    os.environ[SANDBOX] = sandbox
    wanted = wanted_of(options)
    ctx.exit(anyio.run(partial(evaluating.run_suite, suite, repetitions, run, parallel, wanted, apps)))


@eval_.command()
@click.argument("run")
@shown_options
@click.pass_context
def show(ctx: click.Context, /, run: str, **options: Any) -> None:
    """Print again what came of RUN, the name or the file of one that is kept."""
    ctx.exit(evaluating.show_run(run, wanted_of(options)))


@eval_.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--rules", type=click.Path(dir_okay=False, path_type=Path), help="A YAML file with rules for the conversations."
)
@shown_options
@click.pass_context
def import_(ctx: click.Context, /, path: Path, rules: Path | None, **options: Any) -> None:
    """Print the same of a run that was recorded elsewhere, and keep it: PATH is a τ-bench file, or a folder of them.

    Of conversations that failed, in files whose names end in .jsonl, it prints whom we blame, without any model, and
    how often people agree: exactly on the agent, exactly on the turn, and within three turns of it.
    """
    if conversations := conversations_at(path):
        ctx.exit(evaluating.import_conversations(conversations, wanted_of(options)))
    ctx.exit(evaluating.import_runs(path, rules, wanted_of(options)))
