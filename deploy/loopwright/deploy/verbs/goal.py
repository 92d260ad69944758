"""``loopwright goal``: submit, show, watch, explain, cancel and list goals."""

import json
import logging
import os
import sys
from pathlib import Path

import click
from pydantic import JsonValue

from loopwright.bus.messages import Limits
from loopwright.bus.names import is_token
from loopwright.deploy import blaming, checking, goals, logs, travelling
from loopwright.deploy.swaps import Confirm, Swap
from loopwright.deploy.verbs.calling import run
from loopwright.deploy.verbs.options import (
    app_option,
    json_option,
    limits_options,
    sandbox_option,
    token,
)
from loopwright.tools.sandbox import SANDBOX


@click.group()
def goal() -> None:
    """Submit, show, watch, explain, cancel and list goals."""
    logs.configure(logging.CRITICAL)


timeout_option = click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), help="Seconds to wait for the end; then exit code 124."
)


def input_of(text: str) -> dict[str, JsonValue]:
    """Return a goal's input: JSON as it is, ``@FILE``, ``-`` for standard input, or plain text.

    Raises:
        BadParameter: it cannot be read, or begins as JSON does and is none: a slip of the hand, and no text.
    """
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text()
        except OSError as error:
            raise click.BadParameter(f"{text[1:]} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise click.BadParameter(f"{text[1:]} cannot be read: it is not UTF-8") from None
    try:
        found = json.loads(text)
    except ValueError as error:
        if text.lstrip().startswith(("{", "[")):
            raise click.BadParameter(f"it begins as JSON does and is none: {error}.") from None
        return {"text": text}
    return found if isinstance(found, dict) else {"data": found}


def namespace(ctx: click.Context, option: click.Parameter, given: str) -> str:
    """Return a name that a namespace can have."""
    if not is_token(given):
        raise click.BadParameter(f"{given!r} can be none: use a-z, 0-9, _ and -, at most 63.")
    return given


def swap_of(ctx: click.Context, option: click.Parameter, given: str | None) -> Swap | None:
    """Return what is to be swapped for what."""
    if given is None:
        return None
    what, equals, other = given.partition("=")
    if not (what and equals and other):
        raise click.BadParameter(f"{given!r} has not the form WHAT=OTHER, as in clerk=mended.")
    return Swap(what, other)


@goal.command()
@click.argument("loop")
@click.argument("input_", metavar="INPUT", default="{}")
@click.option("--goal", "goal_", metavar="ID", help="The goal's id; the same id twice is one goal.")
@limits_options
@click.option("--untrusted", is_flag=True, help="You do not vouch for INPUT: what is made of it is labelled so.")
@click.option("--watch", is_flag=True, help="Follow it to its end.")
@json_option
@click.pass_context
def submit(
    ctx: click.Context,
    /,
    loop: str,
    input_: str,
    goal_: str | None,
    untrusted: bool,
    watch: bool,
    json_: bool,
    **limits: float | None,
) -> None:
    """Publish a goal for LOOP with INPUT (JSON, @FILE, - or text), and print its id."""
    bounds = Limits.model_validate(limits)
    run(ctx, goals.submit, loop, input_of(input_), goal_, bounds, untrusted, watch, json_)


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
@click.option("--opinion", is_flag=True, help="Ask a model for a second opinion; it is shown the record.")
@click.option("--model", help="Name of the model to ask.", envvar="LOOPWRIGHT_MODEL")
@click.option("--confirm", is_flag=True, help="Replay GOAL from the fault on with one component swapped.")
@click.option(
    "--swap",
    metavar="WHAT=OTHER",
    callback=swap_of,
    help="What for what: ROLE=MODULE, model=NAME, attempts=9.",
)
@app_option
@sandbox_option
@json_option
@click.pass_context
def blame(
    ctx: click.Context,
    goal_: str,
    opinion: bool,
    model: str | None,
    confirm: bool,
    swap: Swap | None,
    apps: tuple[str, ...],
    sandbox: str,
    json_: bool,
) -> None:
    """Show whose fault it was: where it was introduced, who missed it, where it was found.

    Everything is worked out from what is on record, and the numbers are places in it: `goal watch` shows them. Only
    --opinion asks a model, at OPENAI_BASE_URL or with OPENAI_API_KEY; what it thinks stands beside the rest.

    --confirm puts it to the test: what came before the fault counts as it is, and the rest is really done again, by
    the workers of --app in this process, with another component: a role or a tool of another module (--swap
    ROLE=MODULE, --swap TOOL=MODULE), another model or loop, another limit. Where the goal is met then, and is not
    without the swap, the blame is confirmed. Without --swap a bound is raised, a service gets another chance, and
    acceptance judges in the place of an evaluator. It stays within the goal's limits, what was spent included; models
    are asked and paid, and tools that write do write.
    """
    if opinion and not (os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL")):
        raise click.UsageError("--opinion asks a model: set OPENAI_API_KEY, or OPENAI_BASE_URL.")
    if apps and not (confirm or swap):
        raise click.UsageError("--app names workers: add --confirm to have them put the blame to the test.")
    os.environ[SANDBOX] = sandbox
    run(ctx, blaming.blame, goal_, json_, opinion, model, Confirm(swap, apps) if confirm or swap else None)


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
@json_option
@click.pass_context
def cancel(ctx: click.Context, goal_: str, why: str, json_: bool) -> None:
    """Call GOAL off, and print how it ended. A goal that has ended stays as it is."""
    run(ctx, goals.cancel, goal_, why, json_)


@goal.command()
@click.argument("goal_", metavar="GOAL")
@click.option("--at", "seq", type=click.IntRange(1), required=True, help="A place in it, as `goal watch` shows them.")
@click.option("--loop", callback=token, help="Go on with this loop as it is now.  [default: as GOAL has it pinned]")
@click.option("--model", metavar="NAME", help="The model that its workers ask, unless they name one themselves.")
@click.option("--input", "input_", help="Another input: JSON, @FILE, - or text.  [default: that of GOAL]")
@click.option("--goal", "new", metavar="ID", help="The new goal's id; the same id twice is one goal.")
@limits_options
@json_option
@click.pass_context
def fork(
    ctx: click.Context,
    /,
    goal_: str,
    seq: int,
    loop: str | None,
    model: str | None,
    input_: str | None,
    new: str | None,
    json_: bool,
    **limits: float | None,
) -> None:
    """Publish a goal that goes on from where GOAL stood at a place of its record, and print its id.

    What was said by then counts, and is not copied; what was under way is ordered anew, and its calls are made again.
    What was spent stays counted, the deadline starts anew, and the blackboard is empty. What was settled by then stays
    as it was judged, also where --input is another. Limits that are not given are those of GOAL.
    """
    changes = travelling.Changes(
        loop, model or None, input_of(input_) if input_ is not None else {}, Limits.model_validate(limits)
    )
    run(ctx, travelling.fork, goal_, seq, changes, new, json_)


@goal.command()
@click.argument("one", metavar="GOAL")
@click.argument("other", metavar="OTHER")
@json_option
@click.pass_context
def diff(ctx: click.Context, one: str, other: str, json_: bool) -> None:
    """Show where the trajectories of GOAL and OTHER part, and what that cost."""
    run(ctx, travelling.diff, one, other, json_)


@goal.command()
@click.argument("goal_", metavar="GOAL")
@click.option("--workers", is_flag=True, help="Run the workers' and the evaluators' code again as well.")
@app_option
@sandbox_option
@json_option
@click.pass_context
def replay(ctx: click.Context, goal_: str, workers: bool, apps: tuple[str, ...], sandbox: str, json_: bool) -> None:
    """Make every decision on GOAL once more by today's code, and show which come out otherwise; then exit code 3.

    Nobody is asked and nothing is written: what was heard then is read from the record. With --workers each order goes
    to today's handler, those of --app included, and its calls are answered from the record, as is what it reads of
    memory and of the past; a call that is not there is where it goes another way, and there it is stopped. What a
    handler does past its step is really done.
    """
    if apps and not workers:
        raise click.UsageError("--app names workers: add --workers to have their code run again.")
    os.environ[SANDBOX] = sandbox
    run(ctx, travelling.replay, goal_, workers, apps, json_)


@goal.command()
@click.argument("goal_", metavar="GOAL")
@click.option("-o", "--output", "to", type=click.Path(dir_okay=False, path_type=Path), help="The file.  [default: -]")
@json_option
@click.pass_context
def export(ctx: click.Context, goal_: str, to: Path | None, json_: bool) -> None:
    """Write all that is on record of GOAL as JSON Lines that need nothing else.

    With -o a line tells what the file holds, with --json as JSON; else the record itself is printed.
    """
    run(ctx, travelling.export, goal_, to, json_)


@goal.command()
@click.argument("goal_", metavar="GOAL")
@click.option(
    "--rules", type=click.Path(dir_okay=False, path_type=Path), help="A YAML file with rules; a suite's will do."
)
@click.option("--by", "roles", multiple=True, metavar="ROLE", help="An evaluator that judges it; may be repeated.")
@app_option
@sandbox_option
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    goal_: str,
    rules: Path | None,
    roles: tuple[str, ...],
    apps: tuple[str, ...],
    sandbox: str,
    json_: bool,
) -> None:
    """Say which rules the trajectory of GOAL breaks, and what evaluators say of what it ended with.

    Nothing may change after a cancellation, and no goal is met over a failed part, whatever --rules says. The
    evaluators are those of --app, asked as in a loop. Ends with 3 if a rule is broken or an evaluator refuses.
    """
    os.environ[SANDBOX] = sandbox
    run(ctx, checking.check, goal_, rules, roles, apps, json_)


@goal.command("import")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--ns", default="imported", show_default=True, callback=namespace, help="Where it is put.")
@json_option
@click.pass_context
def import_(ctx: click.Context, path: Path, ns: str, json_: bool) -> None:
    """Put the record in FILE, which `goal export` wrote, on this bus, and print its name here.

    It goes to a namespace where nobody acts on it: show, watch, why, blame, check, diff, export and replay find it
    as NS/GOAL.
    """
    run(ctx, travelling.import_, path, ns, json_)


@goal.command("ls")
@json_option
@click.pass_context
def ls(ctx: click.Context, json_: bool) -> None:
    """List the goals on record, the newest first."""
    run(ctx, goals.ls, json_)
