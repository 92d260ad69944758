"""The options that several verbs share."""

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
