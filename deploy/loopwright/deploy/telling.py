"""What a verb says on stdout: a sentence for a person, or all of it as JSON that names its version."""

import json
from collections.abc import Mapping
from typing import Any

import click

SCHEMA_VERSION = 1


def tell(told: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """Print what a verb has to say."""
    click.echo(json.dumps(versioned(told)) if as_json else sentence)


def versioned(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told, with the version of its names."""
    return {"schema_version": SCHEMA_VERSION, **told}
