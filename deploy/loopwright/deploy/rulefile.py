"""Rules in a YAML file of their own, or in a suite."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from loopwright.actors.rules import WrittenRule
from loopwright.deploy.marked import read_marked


class RuleFile(BaseModel):
    """What is read of the file: its rules."""

    model_config = ConfigDict(frozen=True)

    rules: tuple[WrittenRule, ...]


def read_rules(path: Path) -> tuple[WrittenRule, ...]:
    """Return the rules in a file.

    Raises:
        FileRefused: it has none, or one that means nothing; the error points at the line.
    """
    return read_marked(path).validated(RuleFile).rules
