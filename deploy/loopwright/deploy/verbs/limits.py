"""The options that limit a goal, the same wherever one is submitted."""

import click

from loopwright.bus.messages import FIGURE, KEPT

deadline_option = click.option(
    "--deadline", type=click.FloatRange(0, KEPT, min_open=True), help="Seconds until the goal ends."
)
attempts_option = click.option("--attempts", type=click.IntRange(1, FIGURE), help="Attempts until the goal ends.")
