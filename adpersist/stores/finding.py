"""From a store URL to the journals that lie there. Writes nothing, and needs no more than the right to read."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adpersist.errors import AdpersistError, ConfigError, StoreError
from adpersist.stores import memory
from adpersist.stores.registry import FORMS, parts
from adpersist.stores.sqlite import store as sqlite_store
from adpersist.stores.sqlite.file import has_wal
from adpersist.stores.sqlite.schema import APPLICATION_ID
from adpersist.system.backoff import Backoff

_MAGIC: Final = b"SQLite format 3\0"
_APPLICATION_AT: Final = 68
"""Where a database says whose it is ([SQLITE-FORMAT] 1.3.17)."""

_OURS: Final = APPLICATION_ID.to_bytes(4, "big")

_COSMOS: Final = ".cosmos.azure.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A journal that lies in a store, or a file that may hold some.

    Attributes:
        url: The store's, as :func:`~adpersist.stores.registry.open_store` takes it.
        journal: Its id; empty: which ones lie there cannot be told.
        error: Why not.
    """

    url: str
    journal: str
    error: AdpersistError | None = None


def find_journals(
    url: str, *, backoff: Backoff | None = None, environment: Mapping[str, str] = os.environ
) -> list[Found]:
    """Every journal of a store, those included whose head is lost.

    Args:
        url: As for :func:`~adpersist.stores.registry.open_store`; behind ``sqlite://`` also a directory, whose stores
            are found in it and in the directories right below.
        backoff: How patient; None for the default.
        environment: Where credentials are looked for.

    Raises:
        ConfigError: The URL or a credential cannot be used.
        NoJournalError: There is no such file, directory or table.
        StoreError: It cannot be read; of several files one that cannot be is listed instead.
    """
    patience = backoff or Backoff()
    scheme, rest = parts(url)
    match scheme:
        case "memory":
            return [Found(url=url, journal=each) for each in memory.journals_in(rest)]
        case "sqlite":
            return _in_files(rest, patience)
        case "azure" | "azurite":
            return _in_table(scheme, rest, patience, environment)
        case _:
            raise ConfigError(f"not a store URL: {url!r}", hint=f"Use one of {FORMS}, or a directory of SQLite stores.")


def _in_table(scheme: str, rest: str, patience: Backoff, environment: Mapping[str, str]) -> list[Found]:
    from adpersist.stores.azure import access  # the SDK takes half a second to load
    from adpersist.stores.azure.tables import journals_in

    address = access.address(scheme, rest, environment)
    in_order = not address.endpoint.endswith(_COSMOS)
    with closing(access.connect(address, access.Credentials(address, environment).current)) as client:
        found = patience.call(lambda: journals_in(client, location=address.location, in_order=in_order))
    return [Found(url=address.location, journal=each) for each in found]


def _in_files(rest: str, patience: Backoff) -> list[Found]:
    path = Path(re.sub("^/+", "/", rest))
    if not rest or "\0" in rest:
        raise ConfigError(f"no file or directory in the store URL 'sqlite://{rest}'", hint=f"Use one of {FORMS}.")
    if not path.is_dir():
        return [Found(url=f"sqlite://{path}", journal=each) for each in _in_file(path, patience)]
    found: list[Found] = []
    for file, marked in _stores_below(path):
        try:
            found += [Found(url=f"sqlite://{file}", journal=each) for each in _in_file(file, patience)]
        except AdpersistError as error:  # the other files are listed all the same
            if not marked and isinstance(error, ConfigError):
                continue  # another program's database
            found.append(Found(url=f"sqlite://{file}", journal="", error=error))
    return found


def _in_file(path: Path, patience: Backoff) -> list[str]:
    return patience.call(lambda: sqlite_store.journals_in(path))


def _stores_below(directory: Path) -> Iterator[tuple[Path, bool]]:
    """Files that are, or may be, stores, whatever their names; True: it bears our mark, or cannot be looked into."""
    try:
        files = sorted(each for pattern in ("*", "*/*") for each in directory.glob(pattern) if each.is_file())
    except OSError as error:
        raise StoreError(f"{directory} cannot be read: {error.strerror}", hint="Check its permissions.") from error
    for file in files:
        try:
            with file.open("rb") as opened:
                begin = opened.read(_APPLICATION_AT + len(_OURS))
        except OSError:
            if file.suffix == ".db":
                yield file, True  # opening it as a store tells why it cannot be read
            continue
        mark = begin[_APPLICATION_AT:]
        # while a new file is written to, its mark is in the write-ahead log still
        if begin.startswith(_MAGIC) and (mark == _OURS or (mark == bytes(len(_OURS)) and has_wal(file))):
            yield file, mark == _OURS
