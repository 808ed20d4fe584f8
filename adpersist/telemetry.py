"""Structured logs: events in the past tense with ids and counts, never a value of an attribute, a cookie or a key."""

import logging
import sys

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(*, level: str, as_json: bool) -> None:
    """Send events to standard error, as text for people or a JSON object a line for machines."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def logger(room: str) -> structlog.types.FilteringBoundLogger:
    """A logger that names its room."""
    log: structlog.types.FilteringBoundLogger = structlog.get_logger(room=room)
    return log
