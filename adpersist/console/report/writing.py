"""Reports as files: a page and its JSON, for their owner only."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adpersist.console.report.heal import ended_document
from adpersist.console.report.page import page
from adpersist.errors import AdpersistError, ConfigError
from adpersist.journal.journal import Journal
from adpersist.restore.outcome import RestoreOutcome
from adpersist.system.files import durable_file
from adpersist.telemetry import logger

log = logger("report")


def write_page(document: dict[str, Any], path: Path) -> None:
    """Write the page alone, in place of what had the name.

    Raises:
        ConfigError: It cannot be written there.
    """
    try:
        _write(path, page(document))
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}", hint="Name a file in a directory you may write to."
        ) from error


def write_report(document: dict[str, Any], directory: Path) -> Path:
    """Write both into a directory, which is made where it is missing; returns where the page is.

    Raises:
        OSError: They cannot be written.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = document["number"]
    which = "part" if document["in_part"] else "unfinished" if number is None else f"{number:04}"
    target = directory / f"heal-{which}-{datetime.fromtimestamp(time.time(), UTC):%Y%m%dT%H%M%SZ}.html"
    _write(target.with_suffix(".json"), json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    _write(target, page(document))
    return target


class ReportWriter:
    """Writes the report of every restore that ends; a report that cannot be written stops nothing, and is told.

    Args:
        directory: Where to.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, journal: Journal, outcome: RestoreOutcome) -> None:
        """Write it."""
        try:
            path = write_report(ended_document(journal, outcome.account), self._directory)
        except (OSError, AdpersistError) as error:
            # what was restored is restored, and its account is in the journal
            words = getattr(error, "strerror", None) or str(error)
            log.warning("report.not_written", directory=str(self._directory), error=words)
            sys.stderr.write(
                f"adpersist: no report could be written to {str(self._directory)!r}: {words}\n"
                "  `adpersist report` tells it again from the journal.\n"
            )
            return
        log.info("report.written", path=str(path))


def _write(path: Path, text: str) -> None:
    with durable_file.replaced(path) as file:
        file.write(text.encode("utf-8", errors="backslashreplace"))
