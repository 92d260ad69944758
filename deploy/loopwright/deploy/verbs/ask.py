"""``loopwright ask``, ``approve``, ``deny`` and ``answer``: what people are asked, and what they say."""

import logging
import re

import click
from pydantic import JsonValue

from loopwright.actors.kept import readable
from loopwright.bus.envelope import parse_json
from loopwright.bus.errors import Unreadable
from loopwright.deploy import asking, logs
from loopwright.deploy.verbs.calling import run
from loopwright.deploy.verbs.options import json_option, token


def digest(ctx: click.Context, option: click.Parameter, given: str) -> str:
    """Return the beginning of a digest that is long enough to mean one thing."""
    if not re.fullmatch("[0-9a-f]{8,64}", given):
        raise click.BadParameter(f"{given!r} is none: give at least eight of the digits that `loopwright ask` shows.")
    return given


goal_argument = click.argument("goal", metavar="GOAL", callback=token)
digest_argument = click.argument("digest", metavar="DIGEST", callback=digest)


@click.command()
@click.argument("goal", metavar="[GOAL]", required=False, callback=token)
@json_option
@click.pass_context
def ask(ctx: click.Context, goal: str | None, json_: bool) -> None:
    """Show what people are asked by all goals, or in full by GOAL. --json prints JSON Lines."""
    logs.configure(logging.CRITICAL)
    run(ctx, asking.ask, goal, json_)


@click.command()
@goal_argument
@digest_argument
@click.option("--why", default="", help="Kept on record.")
@json_option
@click.pass_context
def approve(ctx: click.Context, goal: str, digest: str, why: str, json_: bool) -> None:
    """Pass what GOAL asks a person to judge: exactly that which has this DIGEST, as `loopwright ask` shows it."""
    logs.configure(logging.CRITICAL)
    run(ctx, asking.judge, goal, digest, True, why, json_)


@click.command()
@goal_argument
@digest_argument
@click.option("--why", default="", help="Whoever makes the next attempt is told.")
@json_option
@click.pass_context
def deny(ctx: click.Context, goal: str, digest: str, why: str, json_: bool) -> None:
    """Refuse what GOAL asks a person to judge: exactly that which has this DIGEST, as `loopwright ask` shows it."""
    logs.configure(logging.CRITICAL)
    run(ctx, asking.judge, goal, digest, False, why, json_)


@click.command()
@goal_argument
@digest_argument
@click.argument("answer", metavar="ANSWER")
@json_option
@click.pass_context
def answer(ctx: click.Context, goal: str, digest: str, answer: str, json_: bool) -> None:
    """Answer what GOAL asks a person with ANSWER, which is JSON or text."""
    logs.configure(logging.CRITICAL)
    run(ctx, asking.answer, goal, digest, value_of(answer), json_)


def value_of(text: str) -> JsonValue:
    """Return an answer: JSON as it is, or text."""
    text = readable(text)
    try:
        return parse_json(text.encode())
    except Unreadable:
        return text
