"""The order that a task is at work on, which each line says that it logs meanwhile."""

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

from loopwright.bus.messages import StepOrder

AT_WORK: ContextVar[StepOrder | None] = ContextVar("at_work", default=None)
"""One variable for all that is told of an order: it is set for each step, and looked at for a line only."""


def tell_order(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return a line of the log with what it is about; what it says of that itself counts. A structlog processor."""
    if (order := AT_WORK.get()) is not None:
        for name in ("goal", "attempt", "role"):
            line.setdefault(name, getattr(order, name))
    return line
