"""Copies of the key: a sheet to keep away from the machine, and the proof that a kept copy is the right one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from adpersist.agent import connections
from adpersist.config import Config
from adpersist.errors import ConfigError
from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_file import read_key_file
from adpersist.system.files import durable_file

_SHEET: Final = """\
ADPERSIST RECOVERY SHEET, made {made}
Who holds this sheet and the store reads every password of the domain.

Domain controller   {dns_name}
Journal             {journal}
Store               {store}
Key id              {key_id}
{others}
The key:

{key}

Name it by {where}, the store and the journal by

[store]
url = "{store}"
[journal]
id = "{journal}"

Then `adpersist check`, `show` and `export` read the journal on any machine, and `adpersist guard` on the domain
controller heals it from there.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverySheet:
    """What reads the journal when everything but the store is gone.

    Attributes:
        journal: Its id.
        dns_name: Of the DC it was taken from.
        store: Its URL.
        key_id: Names the key.
        line: The key itself; empty: it is in a vault, whose URL is its id.
        others: Ids of other keys that open the journal: a change of the key is not finished.
        made: Unix seconds.
    """

    journal: str
    dns_name: str
    store: str
    key_id: str
    line: str
    others: tuple[str, ...]
    made: float

    @property
    def text(self) -> str:
        """For paper."""
        where = "[key] file, in a file of that one line (chmod 600)" if self.line else "[key] vault"
        return _SHEET.format(
            made=datetime.fromtimestamp(self.made, UTC).strftime("%Y-%m-%d %H:%M UTC"),
            dns_name=self.dns_name,
            journal=self.journal,
            store=self.store,
            key_id=self.key_id,
            others="".join(
                f"Also opened by      {each}, until `adpersist key rotate --finish`\n" for each in self.others
            ),
            key=self.line or f"{self.key_id}, which never leaves its vault: keep purge protection on",
            where=where,
        )

    def document(self, *, written: Path | None) -> Mapping[str, Any]:
        """For machines; the key itself is left out where the sheet was written to a file."""
        return {
            "journal": self.journal,
            "dns_name": self.dns_name,
            "store": self.store,
            "key_id": self.key_id,
            "others": list(self.others),
            "key": (self.line or None) if written is None else None,
            "written": None if written is None else str(written),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenCopy:
    """A copy of the key that opens the journal.

    Attributes:
        journal: Journal id.
        key_id: Of the key.
        newest: It is the one that stays when a change of the key is finished.
    """

    journal: str
    key_id: str
    newest: bool


def recovery_sheet(config: Config, *, now: float) -> RecoverySheet:
    """The sheet of the configured journal, made at ``now``, Unix seconds; its key is proven to open it.

    Raises:
        WrongKeyError, KeyMissingError, StoreError: The journal cannot be opened, so a sheet would prove nothing.
    """
    journal, keys, place = _opened(config)
    line = "" if config.key.vault else connections.key_text(config)
    return RecoverySheet(
        journal=journal.id,
        dns_name=journal.head.identity.dns_name,
        store=place,
        key_id=keys,
        line=line,
        others=tuple(each for each in journal.wrappers if each != keys),
        made=now,
    )


def _opened(config: Config) -> tuple[Journal, str, str]:
    """The journal, closed again, the id of the key that opened it, and where it lies."""
    store, keys = connections.store(config, None), connections.key(config)
    try:
        return Journal.open(store, keys, expected=config.journal.id), keys.key_id, store.location
    finally:
        store.close()


def write(sheet: RecoverySheet, path: Path) -> None:
    """Keep the sheet in a file for its owner alone, durable when this returns.

    Raises:
        ConfigError: There is such a file, or it cannot be written.
    """
    try:
        with durable_file.created(path) as file:
            file.write(sheet.text.encode())
    except FileExistsError as error:
        raise ConfigError(f"{path} exists already; a sheet is never overwritten") from error
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", hint="Name another place.") from error


def proven_copy(config: Config, path: Path) -> ProvenCopy:
    """Open the journal with the key in a file: a copy of the key file, or a recovery sheet.

    Raises:
        KeyMissingError: The file cannot be read, or holds no key, or several.
        WrongKeyError: It holds another key than the journal was sealed with.
    """
    keys = read_key_file(path)
    store = connections.store(config, None)
    try:
        journal = Journal.open(store, keys, expected=config.journal.id or None)
    finally:
        store.close()
    return ProvenCopy(journal=journal.id, key_id=keys.key_id, newest=keys.key_id == journal.wrappers[-1])
