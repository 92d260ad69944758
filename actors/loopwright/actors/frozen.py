"""Frozen values of the orchestrator's own record."""

from pydantic import ConfigDict

from loopwright.bus.values import Value


class Frozen(Value):
    """A frozen value of the orchestrator's own record."""

    model_config = ConfigDict(frozen=True)
