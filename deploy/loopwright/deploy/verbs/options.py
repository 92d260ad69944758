"""The options that several verbs share."""

from collections.abc import Callable
from pathlib import Path

import click

from loopwright.bus.messages import FIGURE, KEPT
from loopwright.bus.names import is_token


def token[T: (str | None, tuple[str, ...])](ctx: click.Context, option: click.Parameter, given: T) -> T:
    """Return names that can stand in a subject, and so match no others."""
    for each in (given,) if isinstance(given, str) else given or ():
        if not is_token(each):
            raise click.BadParameter(f"{each!r} can be none: use a-z, 0-9, _ and -, at most 63.")
    return given


deadline_option = click.option(
    "--deadline", type=click.FloatRange(0, KEPT, min_open=True), help="Seconds until the goal ends."
)
attempts_option = click.option(
    "--attempts", type=click.IntRange(1, FIGURE), help="Attempts until the goal ends; one at a plan counts."
)
count = click.IntRange(1, FIGURE)
seconds = click.FloatRange(0, KEPT, min_open=True)
LIMITS = (
    deadline_option,
    click.option("--step-timeout", type=seconds, help="Seconds that one worker may take over one attempt."),
    attempts_option,
    click.option("--patience", type=count, help="Proposals without a better score until the loop counts as stuck."),
    click.option("--width", type=click.IntRange(1, 64), help="Attempts that may be under way at once."),
    click.option("--tokens", type=count, help="Tokens, in and out, of the goal and of all goals below it."),
    click.option("--cost", type=click.FloatRange(0, FIGURE, min_open=True), help="US dollars, likewise."),
    click.option("--tool-calls", type=count, help="Tool calls, likewise."),
    click.option("--steps", type=count, help="Pieces of work handed out, evaluations included, likewise."),
    click.option("--all-attempts", type=count, help="Attempts of the goal and of all goals below it."),
)
"""An option for each limit that a goal may set for itself, named as it is."""


def limits_options[C: Callable[..., None]](command: C) -> C:
    """Give a command an option for each limit."""
    for option in reversed(LIMITS):
        command = option(command)
    return command


sandbox_option = click.option(
    "--sandbox",
    type=click.Choice(["auto", "bwrap", "limits"]),
    default="auto",
    show_default=True,
    envvar="LOOPWRIGHT_SANDBOX",
    help="How the code is shut in; auto takes bubblewrap where it works, and says so where it does not.",
)
app_option = click.option(
    "--app", "apps", multiple=True, metavar="MODULE", help="A module with your loops and workers; may be repeated."
)
loop_option = click.option(
    "--loop",
    "loops",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A YAML or TOML file with a loop of yours; may be repeated.",
)
json_option = click.option("--json", "json_", is_flag=True, help="Print JSON.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
