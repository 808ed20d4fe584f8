"""The key, and whether there is another one of it."""

from collections.abc import Iterator
from pathlib import Path

from adpersist.agent import connections
from adpersist.agent.doctor.finding import Finding, bad, ok, warning
from adpersist.config import Config
from adpersist.journal.keys.key_file import exposure, read_key_file

ABOUT = "key"
COPY = "key copy"


def examine_key(config: Config, copy: Path | None) -> Iterator[Finding]:
    """That it can be read, that nobody else reads it, and that it is not the only one.

    Args:
        config: Names it.
        copy: A file that is said to be a copy; None: nobody said where one is.

    Raises:
        ConfigError: It cannot be had.
    """
    key, file = connections.key(config), config.key.file
    open_to = exposure(file) if file else None
    if open_to is not None:
        yield bad(ABOUT, open_to.says, open_to.mend)
    else:
        yield ok(ABOUT, f"key {key.key_id}, {f'in {file}' if file else config.key.vault or 'from the environment'}")
    if config.key.vault:
        yield ok(COPY, "the key stays in its vault, which keeps it")
    elif copy is None:
        yield warning(
            COPY,
            "nobody has shown a copy of the key: without it the journal is lost with this machine",
            f"Copy {file or 'ADPERSIST_KEY'} to another place, and prove it: `adpersist doctor --key-copy PATH`.",
        )
    else:
        yield _judged(key.key_id, file, copy)


def _judged(wanted: str, file: Path | None, copy: Path) -> Finding:
    found = read_key_file(copy).key_id
    if found != wanted:
        return bad(COPY, f"{copy} is a copy of another key, {found}", f"Copy {file or 'ADPERSIST_KEY'} there again.")
    if file is not None and copy.stat().st_dev == file.stat().st_dev:
        return warning(
            COPY,
            f"{copy} is a copy, and lies on the disk that the key itself lies on",
            "Keep one where neither this machine nor whoever breaks into it reaches.",
        )
    return ok(COPY, f"{copy} is a copy")
