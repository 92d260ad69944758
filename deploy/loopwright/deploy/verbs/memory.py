"""``loopwright memory``: list, show, search and forget lessons, and look at a goal's board."""

import logging

import click

from loopwright.deploy import logs
from loopwright.deploy import memory as remembered
from loopwright.deploy.verbs.calling import refuse_unless_sure, run
from loopwright.deploy.verbs.options import json_option, token, yes_option


@click.group()
def memory() -> None:
    """List, show, search and forget lessons: what goals have taught each other. --goal looks at a goal's blackboard."""
    logs.configure(logging.CRITICAL)


label_option = click.option(
    "--label", "labels", metavar="LABEL", multiple=True, callback=token, help="Only lessons with it; may be repeated."
)
goal_option = click.option("--goal", metavar="GOAL", help="On the blackboard of this goal.")


trusted_option = click.option(
    "--trusted-only", is_flag=True, help="Leave out those that nobody vouches for: they have the label untrusted."
)


@memory.command("ls")
@goal_option
@label_option
@trusted_option
@json_option
@click.pass_context
def ls(ctx: click.Context, goal: str | None, labels: tuple[str, ...], trusted_only: bool, json_: bool) -> None:
    """List the lessons, the newest first, or what stands on a goal's blackboard. --json prints JSON Lines."""
    if goal and (labels or trusted_only):
        raise click.UsageError("A blackboard is shown whole: leave out --goal, or --label and --trusted-only.")
    if goal:
        run(ctx, remembered.ls_board, goal, json_)
    run(ctx, remembered.ls, labels, trusted_only, json_)


@memory.command()
@click.argument("key", metavar="KEY", callback=token)
@goal_option
@json_option
@click.pass_context
def show(ctx: click.Context, key: str, goal: str | None, json_: bool) -> None:
    """Show all of a lesson, or every word that was said under KEY on a goal's blackboard."""
    if goal:
        run(ctx, remembered.show_board, key, goal, json_)
    run(ctx, remembered.show, key, json_)


@memory.command()
@click.argument("text")
@label_option
@trusted_option
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many at most.")
@json_option
@click.pass_context
def search(ctx: click.Context, text: str, labels: tuple[str, ...], trusted_only: bool, limit: int, json_: bool) -> None:
    """List the lessons that speak of what TEXT speaks of, the best one first. --json prints JSON Lines."""
    run(ctx, remembered.search, text, labels, limit, trusted_only, json_)


@memory.command()
@click.argument("keys", metavar="KEY...", nargs=-1, required=True, callback=token)
@yes_option
@json_option
@click.pass_context
def forget(ctx: click.Context, keys: tuple[str, ...], yes: bool, json_: bool) -> None:
    """Forget lessons for good. What a step has seen of them stays on its goal's record."""
    refuse_unless_sure(ctx, f"Forget {', '.join(keys)} for good?", yes=yes)
    run(ctx, remembered.forget, keys, json_)
