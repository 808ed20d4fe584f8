"""Structured logs: events in the past tense with ids and counts, never a value of an attribute, a cookie or a key.

structlog is loaded for the first event that is told: most commands tell none.
"""

import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@dataclass(frozen=True, slots=True)
class _Settings:
    level: int = logging.NOTSET
    as_json: bool | None = None
    """None: structlog is left as whoever uses this as a library has set it up."""


_settings = _Settings()
_in_force = _Settings()
"""What structlog has been told."""


def configure(*, level: str, as_json: bool) -> None:
    """Send events to standard error, as text for people or a JSON object a line for machines."""
    global _settings  # noqa: PLW0603 - one process, one log
    _settings = _Settings(_LEVELS[level], as_json)


def is_for_machines() -> bool:
    """The log is JSON lines, which nobody takes to be sentences."""
    return bool(_settings.as_json)


def logger(room: str) -> "Logger":
    """A logger that names its room."""
    return Logger(room)


class Logger:
    """One room's events. Every fact is a number, a name or an id."""

    def __init__(self, room: str) -> None:
        self._room = room

    def debug(self, event: str, **facts: object) -> None:
        """What only who looks for a defect wants to know."""
        self._tell(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: object) -> None:
        """What happened."""
        self._tell(logging.INFO, event, facts)

    def warning(self, event: str, **facts: object) -> None:
        """What somebody should look into."""
        self._tell(logging.WARNING, event, facts)

    def error(self, event: str, **facts: object) -> None:
        """What ended the process."""
        self._tell(logging.ERROR, event, facts)

    def _tell(self, level: int, event: str, facts: dict[str, object]) -> None:
        if level >= _settings.level:
            _configured(self._room).log(level, event, **facts)


def _configured(room: str) -> "structlog.types.FilteringBoundLogger":
    global _in_force  # noqa: PLW0603 - as above
    import structlog

    if _in_force != _settings and _settings.as_json is not None:
        renderer: structlog.types.Processor = (
            structlog.processors.JSONRenderer()
            if _settings.as_json
            else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        )
        shown = () if _settings.as_json else (_visible,)
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                *shown,
                renderer,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(_settings.level),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
            cache_logger_on_first_use=False,
        )
        _in_force = _settings
    log: structlog.types.FilteringBoundLogger = structlog.get_logger(room=room)
    return log


def _visible(_logger: object, _level: str, facts: "structlog.types.EventDict") -> "structlog.types.EventDict":
    """A name somebody else gave neither colours a terminal nor turns its lines around; what has a space in it structlog
    shows so by itself."""
    return {
        key: repr(value)[1:-1]
        if isinstance(value, str) and not value.isprintable() and len(value.split()) == 1
        else value
        for key, value in facts.items()
    }
