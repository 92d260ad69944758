"""``loopwright goal``: submit, show, watch, explain, cancel and list goals."""

import json
import logging
import sys
from pathlib import Path

import click
from pydantic import JsonValue

from loopwright.deploy import blaming, goals, logs
from loopwright.deploy.verbs.calling import run
from loopwright.deploy.verbs.options import attempts_option, deadline_option, json_option


@click.group()
def goal() -> None:
    """Submit, show, watch, explain, cancel and list goals."""
    logs.configure(logging.CRITICAL)


timeout_option = click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), help="Seconds to wait for the end; then exit code 124."
)


def input_of(text: str) -> dict[str, JsonValue]:
    """Return a goal's input: JSON as it is, ``@FILE``, ``-`` for standard input, or plain text."""
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(f"{text[1:]} cannot be read: {error}") from None
    try:
        found = json.loads(text)
    except ValueError:
        return {"text": text}
    return found if isinstance(found, dict) else {"data": found}


@goal.command()
@click.argument("loop")
@click.argument("input_", metavar="INPUT", default="{}")
@click.option("--goal", "goal_", metavar="ID", help="The goal's id; the same id twice is one goal.")
@deadline_option
@attempts_option
@click.option("--watch", is_flag=True, help="Follow it to its end.")
@json_option
@click.pass_context
def submit(
    ctx: click.Context,
    loop: str,
    input_: str,
    goal_: str | None,
    deadline: float | None,
    attempts: int | None,
    watch: bool,
    json_: bool,
) -> None:
    """Publish a goal for LOOP with INPUT (JSON, @FILE, - or text), and print its id."""
    run(ctx, goals.submit, loop, input_of(input_), goal_, deadline, attempts, watch, json_)


@goal.command()
@click.argument("goal_", metavar="GOAL")
@json_option
@click.pass_context
def show(ctx: click.Context, goal_: str, json_: bool) -> None:
    """Show where GOAL stands, or how it ended."""
    run(ctx, goals.show, goal_, json_)


@goal.command()
@click.argument("goal_", metavar="GOAL")
@json_option
@click.pass_context
def why(ctx: click.Context, goal_: str, json_: bool) -> None:
    """Say in one sentence why GOAL ended as it did, whose fault that was, and what to do."""
    run(ctx, blaming.why, goal_, json_)


@goal.command()
@click.argument("goal_", metavar="GOAL")
@json_option
@click.pass_context
def blame(ctx: click.Context, goal_: str, json_: bool) -> None:
    """Show whose fault it was: where it was introduced, who missed it, where it was found.

    Everything is worked out from what is on record, and the numbers are places in it: `goal watch` shows them.
    """
    run(ctx, blaming.blame, goal_, json_)


@goal.command()
@click.argument("goal_", metavar="GOAL")
@timeout_option
@json_option
@click.pass_context
def watch(ctx: click.Context, goal_: str, timeout: float | None, json_: bool) -> None:
    """Show the whole trajectory of GOAL from the start, and follow it to its end. --json prints JSON Lines."""
    run(ctx, goals.watch, goal_, timeout, json_)


@goal.command()
@click.argument("goal_", metavar="GOAL")
@click.option("--why", default="", help="Kept on record.")
@click.pass_context
def cancel(ctx: click.Context, goal_: str, why: str) -> None:
    """Call GOAL off. A goal that has ended stays as it is."""
    run(ctx, goals.cancel, goal_, why)


@goal.command("ls")
@json_option
@click.pass_context
def ls(ctx: click.Context, json_: bool) -> None:
    """List the goals on record, the newest first."""
    run(ctx, goals.ls, json_)
