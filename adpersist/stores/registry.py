"""From a store URL to a store."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from adpersist.errors import ConfigError
from adpersist.stores.limits import check_journal_id
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import Store
from adpersist.stores.retrying import RetryingStore
from adpersist.stores.sqlite.store import SqliteStore
from adpersist.system.backoff import Backoff

FORMS: Final = (
    "sqlite:///path/to/journal.db, azure://<account>/<table>, "
    "azure://<account>.table.cosmos.azure.com/<table>, azurite://127.0.0.1:10002/<table>, memory://<name>"
)

_CREDENTIAL: Final = re.compile(r"[?&]sig=|AccountKey=|SharedAccessSignature=|//[^/]*:[^/]*@|//[^/]*@", re.IGNORECASE)


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

    address = access.address(scheme, rest)
    credentials = access.Credentials(address, environment)
    client = access.connect(address, credentials.current)
    return AzureTableStore(client, journal=journal, location=address.location, renew=credentials.renew)
