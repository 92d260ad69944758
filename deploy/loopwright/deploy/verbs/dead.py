"""``loopwright dead``: list, show, retry and drop dead letters."""

import logging

import click

from loopwright.deploy import dead as letters
from loopwright.deploy import logs
from loopwright.deploy.verbs.calling import refuse_unless_sure, run
from loopwright.deploy.verbs.options import json_option, token, yes_option


@click.group()
def dead() -> None:
    """List, show, retry and drop dead letters: messages that nobody could understand or survive."""
    logs.configure(logging.CRITICAL)


role_option = click.option("--role", metavar="ROLE", callback=token, help="Only letters of this role.")
goal_option = click.option("--goal", metavar="GOAL", callback=token, help="Only letters about this goal.")
number_argument = click.argument("number", metavar="N", type=click.IntRange(1))


@dead.command("ls")
@role_option
@goal_option
@json_option
@click.pass_context
def ls(ctx: click.Context, role: str | None, goal: str | None, json_: bool) -> None:
    """List the dead letters, the oldest first. --json prints JSON Lines."""
    run(ctx, letters.ls, role, goal, json_)


@dead.command()
@number_argument
@json_option
@click.pass_context
def show(ctx: click.Context, number: int, json_: bool) -> None:
    """Show all of dead letter N: the reason, the message as it came, and what is on record of its attempt."""
    run(ctx, letters.show, number, json_)


@dead.command()
@number_argument
@yes_option
@json_option
@click.pass_context
def retry(ctx: click.Context, number: int, yes: bool, json_: bool) -> None:
    """Try again what dead letter N is about, remove the letter, and print the goal that goes on.

    A goal that could not be read, a cancellation and a timer are published again as they came. A step has its failure
    on record for ever, so its goal is submitted anew, under an id that ends in -retry-N.
    """
    refuse_unless_sure(ctx, f"Try again what dead letter {number} is about?", yes=yes)
    run(ctx, letters.retry, number, json_)


@dead.command()
@click.argument("numbers", metavar="[N]...", nargs=-1, type=click.IntRange(1))
@click.option("--all", "all_", is_flag=True, help="Every letter, or with --role and --goal every one of those.")
@role_option
@goal_option
@yes_option
@json_option
@click.pass_context
def drop(
    ctx: click.Context,
    numbers: tuple[int, ...],
    all_: bool,
    role: str | None,
    goal: str | None,
    yes: bool,
    json_: bool,
) -> None:
    """Remove dead letters for good."""
    if bool(numbers) == all_:
        raise click.UsageError("Name the letters by their numbers, or say --all.")
    if not all_ and (role or goal):
        raise click.UsageError("--role and --goal go with --all.")
    refuse_unless_sure(ctx, f"Drop {which(numbers, role, goal)} for good?", yes=yes)
    if all_:
        run(ctx, letters.drop_all, role, goal, json_)
    else:
        run(ctx, letters.drop, numbers, json_)


def which(numbers: tuple[int, ...], role: str | None, goal: str | None) -> str:
    """Return the letters that are meant, in words."""
    if numbers:
        return f"dead letter{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
    of_role, of_goal = (f" of the role {role}" if role else ""), (f" about the goal {goal}" if goal else "")
    return f"every dead letter{of_role}{of_goal}"
