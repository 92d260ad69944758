"""``loopwright dead``: list, show, retry and drop dead letters."""

import logging
import sys
from collections.abc import Callable

import anyio
import click

from loopwright.bus.names import is_token
from loopwright.deploy import dead as letters
from loopwright.deploy import logs
from loopwright.deploy.exits import Exit
from loopwright.deploy.verbs.options import json_option


@click.group()
def dead() -> None:
    """List, show, retry and drop dead letters: messages that nobody could understand or survive."""
    logs.configure(logging.CRITICAL)


def token(ctx: click.Context, option: click.Parameter, given: str | None) -> str | None:
    """Return a name that can be a role's or a goal's; it must not match others."""
    if given is not None and not is_token(given):
        raise click.BadParameter(f"{given!r} can be none: use a-z, 0-9, _ and -, at most 63.")
    return given


role_option = click.option("--role", metavar="ROLE", callback=token, help="Only letters of this role.")
goal_option = click.option("--goal", metavar="GOAL", callback=token, help="Only letters about this goal.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
number_argument = click.argument("number", metavar="N", type=click.IntRange(1))


def run(ctx: click.Context, job: Callable[..., object], *words: object) -> None:
    """Run a verb, and end with its exit code."""
    ctx.exit(anyio.run(job, *words))  # type: ignore[arg-type]


def refuse_unless_sure(ctx: click.Context, question: str, *, yes: bool) -> None:
    """Ask whoever sits at the terminal; where nobody does, --yes is needed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here: add --yes.")
    if not click.confirm(question, err=True):
        click.echo("Nothing was changed.", err=True)
        ctx.exit(Exit.ERROR)


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
