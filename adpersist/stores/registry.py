"""From a store URL to a store."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from adpersist.errors import ConfigError, StoreFullError
from adpersist.stores.limits import check_journal_id
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import Store
from adpersist.stores.retrying import RetryingStore
from adpersist.stores.sqlite.errors import refused_by_os
from adpersist.stores.sqlite.salvage import Salvaged, damage_in, salvage
from adpersist.stores.sqlite.shrinking import compact, make_room
from adpersist.stores.sqlite.store import SqliteStore
from adpersist.system.backoff import Backoff
from adpersist.system.files.private_files import Exposure, exposure
from adpersist.system.files.real_path import real

FORMS: Final = (
    "sqlite:///path/to/journal.db, azure://<account>/<table>, "
    "azure://<account>.table.cosmos.azure.com/<table>, azurite://127.0.0.1:10002/<table>, memory://<name>"
)

Result = TypeVar("Result")

_CREDENTIAL: Final = re.compile(r"[?&]sig=|AccountKey=|SharedAccessSignature=|//[^/]*:[^/]*@|//[^/]*@", re.IGNORECASE)

_COMPACTING_PATIENCE_S: Final = 10.0
"""How long whoever writes meanwhile is waited for, at each step."""


def open_store(
    url: str,
    *,
    journal: str,
    backoff: Backoff | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Store:
    """The store a URL names, with patience around it; nothing is sent or created before it is used.

    Args:
        url: One of :data:`FORMS`, without credentials.
        journal: The journal's id, 32 lower-case hexadecimal digits.
        backoff: How patient; None for the default.
        environment: Where credentials are looked for.

    Raises:
        ConfigError: The URL, the id or a credential cannot be used; the hint tells the forms.
    """
    return RetryingStore(open_adapter(url, journal=journal, environment=environment), backoff)


def open_adapter(url: str, *, journal: str, environment: Mapping[str, str] = os.environ) -> Store:
    """As :func:`open_store`, but everything is tried once and an unknown outcome is the caller's to settle."""
    check_journal_id(journal)
    scheme, rest = parts(url)
    match scheme:
        case "memory":
            return MemoryStore(rest, journal=journal)
        case "sqlite":
            return SqliteStore(_path(rest), journal=journal)
        case "azure" | "azurite":
            return _azure(scheme, rest, journal, environment)
        case _:
            raise ConfigError(f"not a store URL: {url!r}", hint=f"Use one of {FORMS}.")


def with_room_made(url: str, act: Callable[[], Result], *, spare_prune: bool = False) -> tuple[Result, bool]:
    """What something returns, and whether a full store gave its reserve up for that.

    Args:
        url: The store's.
        act: Safe to repeat: what stopped in the middle, as the store was full, is done once more in the reserve's room.
        spare_prune: It makes no room itself: half of the reserve stays for a prune.

    Raises:
        StoreFullError: It is full, and there is no reserve, or it did not suffice.
    """
    try:
        return act(), False
    except StoreFullError:
        scheme, rest = parts(url)
        if scheme != "sqlite" or not make_room(_path(rest), spare_prune=spare_prune):
            raise
        return act(), True


def damage_below(url: str) -> str | None:
    """What is wrong with what a store keeps a journal in, below the journal; None: nothing. Reads all of it.

    Raises:
        AdpersistError: It cannot be looked at.
    """
    scheme, rest = parts(url)
    return damage_in(_path(rest)) if scheme == "sqlite" else None


def salvaged(url: str) -> Salvaged | None:
    """Write what a store keeps a journal in anew, where that is damaged, with what can be read of it.

    Returns:
        What was kept of it; None: it is sound, or none of ours to mend.

    Raises:
        StoreError: It is in use, or there is no room.
        IntegrityError: Nothing of a journal is left.
    """
    if damage_below(url) is None:
        return None
    return salvage(_path(parts(url)[1]))


def compacted(url: str, *, progress: Callable[[int], None]) -> int:
    """Give what is free in a store's file back to the disk.

    Args:
        url: The store's.
        progress: Told the bytes that are still to go, now and then.

    Returns:
        By how many bytes it is smaller.

    Raises:
        ConfigError: The store has no file.
        StoreError: It is full, in use, or not there; nothing was lost.
    """
    scheme, rest = parts(url)
    if scheme != "sqlite":
        raise ConfigError(f"{url} has no file that could shrink", hint="Leave --compact out: what went takes no room.")
    return compact(_path(rest), busy_timeout_s=_COMPACTING_PATIENCE_S, progress=progress)


def private_parts(url: str) -> Sequence[tuple[Path, str]]:
    """What is to be its owner's alone of a store, and what it is, for people; empty where it is not on this machine.

    Raises:
        ConfigError: The URL carries a credential, or names no file.
    """
    scheme, rest = parts(url)
    if scheme != "sqlite":
        return ()
    path = _path(rest)
    folders = dict.fromkeys((real(path).parent, path.parent))  # in either the file can be swapped
    return (path, "the journal"), *((folder, "the journal's directory") for folder in folders)


def exposed_parts(url: str) -> Iterator[Exposure]:
    """Files of a store that somebody else on this machine may get at, and the directory, in which files can be swapped.

    Raises:
        StoreError: They cannot be looked at.
    """
    for each, what in private_parts(url):
        try:
            found = exposure(each, what) if each.exists() else None
        except OSError as error:
            raise refused_by_os(error, each) from error
        if found is not None:
            yield found


def parts(url: str) -> tuple[str, str]:
    """Scheme and rest of a store URL; the scheme is empty where there is none.

    Raises:
        ConfigError: It carries a credential.
    """
    if _CREDENTIAL.search(url):
        raise ConfigError(  # the URL is not repeated: it would land in logs
            "the store URL carries a credential",
            hint="Credentials come by environment or file: ADPERSIST_AZURE_SAS, ADPERSIST_AZURE_ACCOUNT_KEY or "
            "ADPERSIST_AZURE_CONNECTION_STRING, each also with _FILE.",
        )
    scheme, separator, rest = url.partition("://")
    return (scheme, rest) if separator else ("", url)


def _path(rest: str) -> Path:
    """Everything behind ``sqlite://`` is the path; a leading ``//`` (SQLAlchemy's way) collapses to ``/``."""
    path = re.sub(r"^/+", "/", rest)
    if not path or path.endswith("/") or "\0" in path:
        raise ConfigError(f"no file in the store URL 'sqlite://{rest}'", hint=f"Use one of {FORMS}.")
    return Path(path)


def _azure(scheme: str, rest: str, journal: str, environment: Mapping[str, str]) -> Store:
    from adpersist.stores.azure import access  # the SDK takes half a second to load
    from adpersist.stores.azure.tables import AzureTableStore

    address = access.address(scheme, rest, environment)
    credentials = access.Credentials(address, environment)
    client = access.connect(address, credentials.current)
    return AzureTableStore(client, journal=journal, location=address.location, renew=credentials.renew)
