"""Logs: events on stderr, JSON lines where a machine reads them."""

import logging
import sys

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import ExceptionRenderer, JSONRenderer
from structlog.tracebacks import ExceptionDictTransformer

from loopwright.actors.at_work import tell_order


def configure(level: int = logging.INFO) -> None:
    """Send log events to stderr: readable on a terminal, JSON lines elsewhere.

    A traceback shows no variables: there are keys among them, and whatever a goal is about.
    """
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            tell_order,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if on_terminal else [ExceptionRenderer(ExceptionDictTransformer(show_locals=False))]),
            ConsoleRenderer(exception_formatter=plain_traceback) if on_terminal else JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # The client logs every failed attempt to reconnect with a traceback; we say it once ourselves.
    logging.getLogger("nats").setLevel(logging.CRITICAL)
