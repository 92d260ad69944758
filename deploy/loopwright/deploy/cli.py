"""The command line: every verb is imported only when it is called, so that help is quick."""

import importlib
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version

import click

UNREAD = 1
"""What a program ends with whose reader has gone: click says so, too, where it hears of it first."""
VERBS = {
    "run": "loopwright.deploy.verbs.run:run",
    "up": "loopwright.deploy.verbs.up:up",
    "orchestrator": "loopwright.deploy.verbs.actors:orchestrator",
    "worker": "loopwright.deploy.verbs.actors:worker",
    "goal": "loopwright.deploy.verbs.goal:goal",
    "ask": "loopwright.deploy.verbs.ask:ask",
    "approve": "loopwright.deploy.verbs.ask:approve",
    "deny": "loopwright.deploy.verbs.ask:deny",
    "answer": "loopwright.deploy.verbs.ask:answer",
    "eval": "loopwright.deploy.verbs.eval:eval_",
    "loop": "loopwright.deploy.verbs.loop:loop",
    "memory": "loopwright.deploy.verbs.memory:memory",
    "dead": "loopwright.deploy.verbs.dead:dead",
    "doctor": "loopwright.deploy.verbs.doctor:doctor",
}
HELP = {
    "run": "Run a main job from start to end, with all it needs.",
    "up": "Run a bus, an orchestrator and workers in this terminal.",
    "orchestrator": "Run one orchestrator process.",
    "worker": "Run one worker process for one or more roles; `worker ls` lists who is there.",
    "goal": "Submit, show, watch, explain, cancel and list goals.",
    "ask": "Show what people are asked.",
    "approve": "Pass exactly what a person was asked about.",
    "deny": "Refuse exactly what a person was asked about.",
    "answer": "Answer a question that a person was asked.",
    "eval": "Run a suite of goals again and again, and say what came of it.",
    "loop": "Check loop files, and draw loops.",
    "memory": "List, show, search and forget what goals have taught; look at a goal's blackboard.",
    "dead": "List, show, retry and drop dead letters.",
    "doctor": "Say whether all is well, and what to do if not.",
}


class Verbs(click.Group):
    """A group that knows its verbs' names, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb."""
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs with their help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, HELP[name]) for name in VERBS])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("loopwright"), prog_name="loopwright")
def loopwright() -> None:
    """Run agent loops that converge, on one NATS server and nothing else.

    All commands find the bus at LOOPWRIGHT_NATS_URL, by default nats://127.0.0.1:4222.
    """


def main() -> None:
    """Run the command line; an error is one sentence, never a traceback."""
    try:
        code = loopwright(prog_name="loopwright", standalone_mode=False)  # what a verb hands to ctx.exit()
        sys.stdout.flush()
        sys.exit(code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - what was not raised on purpose is raised again
        sys.exit(explained(error))


def explained(error: Exception) -> int:
    """Print the one sentence of an error that was raised on purpose, and return its exit code.

    Raises:
        Exception: it was not raised on purpose: a bug, which is shown whole.
    """
    from loopwright.bus.errors import LoopwrightError  # noqa: PLC0415 - only needed when something is wrong
    from loopwright.deploy.exits import of_error  # noqa: PLC0415

    told = list(flattened(error))
    if any(isinstance(each, BrokenPipeError) for each in told):
        return unread()
    known = [each for each in told if isinstance(each, LoopwrightError)]
    if not known:
        raise error
    click.echo(f"loopwright: {known[0]}", err=True)
    for each in told:
        if not isinstance(each, LoopwrightError):
            click.echo(f"loopwright: besides, {type(each).__name__}: {each}", err=True)
    return int(of_error(known[0]))


def unread() -> int:
    """Return the exit code of a program whose reader has gone, as that of `goal watch my-goal | head` has.

    What is left to be written goes nowhere, so that nothing is said of it at the end either.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return UNREAD


def flattened(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in a group of errors, however deep."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from flattened(each)
    else:
        yield error
