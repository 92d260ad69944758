"""Logs: events on stderr, JSON lines where a machine reads them."""

import logging
import sys

import structlog

from loopwright.actors.at_work import tell_order


def configure(level: int = logging.INFO) -> None:
    """Send log events to stderr: readable on a terminal, JSON lines elsewhere."""
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            tell_order,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if on_terminal else [structlog.processors.dict_tracebacks]),
            structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # The client logs every failed attempt to reconnect with a traceback; we say it once ourselves.
    logging.getLogger("nats").setLevel(logging.CRITICAL)
