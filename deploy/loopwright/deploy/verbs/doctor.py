"""``loopwright doctor``: whether all is well, and what to do if not."""

import json
import logging

import anyio
import click

from loopwright.deploy import logs
from loopwright.deploy.checkup import Finding, examine
from loopwright.deploy.exits import Exit
from loopwright.deploy.telling import versioned


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(ctx: click.Context, json_: bool) -> None:
    """Say whether all is well here and on the bus, and what to do if not."""
    logs.configure(logging.CRITICAL)
    findings = anyio.run(examine)
    if json_:
        click.echo(json.dumps([versioned(finding.__dict__) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(line(finding))
    bad = [finding for finding in findings if not finding.well]
    ctx.exit(Exit.UNREACHABLE if any(each.what == "bus" for each in bad) else Exit.ERROR if bad else Exit.DONE)


def line(finding: Finding) -> str:
    """Return a finding for a person."""
    return f"{'ok ' if finding.well else 'BAD'}  {finding.what:<10} {finding.said}"
