"""From a configuration to open things: the DC, the key, the store, the journal."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from adpersist.config import Config
from adpersist.errors import ConfigError, KeyMissingError
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_encryption import KeyEncryption
from adpersist.journal.keys.key_file import VARIABLE, key_from_environment, key_line_in, read_key_file, read_key_line
from adpersist.journal.witness_file import WitnessFile
from adpersist.model.journal.head import Identity
from adpersist.stores.port import Store
from adpersist.stores.registry import open_adapter, open_store
from adpersist.system.backoff import Backoff
from adpersist.system.secrecy import leave_no_core
from adpersist.telemetry import logger

if TYPE_CHECKING:  # a command that reads the journal alone loads nothing that speaks to a DC or to monitoring
    from adpersist.agent.health.agent_health import AgentHealth
    from adpersist.directory.domain_controller import DomainController
    from adpersist.directory.ldap.connection import Login
    from adpersist.files.local_files import LocalFiles

log = logger("agent")

PASSWORD_VARIABLE: Final = "ADPERSIST_DIRECTORY_PASSWORD"  # noqa: S105 - a name


def connect(
    config: Config, *, patience_s: float = 0, meanwhile: Callable[[], None] = lambda: None
) -> "DomainController":
    """The DC the configuration names; one that is starting is waited for.

    Args:
        config: Names it.
        patience_s: How long it may take until it answers.
        meanwhile: Called before every try; what it raises ends the wait.
    """
    if not config.directory.url:
        raise ConfigError(
            "no directory is configured",
            hint="Set [directory] url, ADPERSIST_DIRECTORY_URL or --directory.",
        )
    from adpersist.directory.domain_controller import DomainController

    who = login(config)

    def connected() -> DomainController:
        meanwhile()
        return DomainController.connect(config.directory.url, who)

    return Backoff(budget_s=patience_s, first_s=0.1).call(connected)


def login(config: Config, environment: Mapping[str, str] = os.environ) -> "Login":
    """Who asks, where the DC is reached over the network.

    Raises:
        ConfigError: The password file cannot be read.
    """
    from adpersist.directory.ldap.connection import Login

    section = config.directory
    password = environment.get(PASSWORD_VARIABLE, "")
    if section.password_file is not None and not password:
        try:
            password = section.password_file.read_text(encoding="utf-8-sig").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the password file {section.password_file} cannot be read: {error}") from error
    return Login(user=section.user, password=password, ca_file=section.ca_file)


def key(config: Config, environment: Mapping[str, str] = os.environ) -> KeyEncryption:
    """The key-encryption key: of the file, of the vault, or else of the environment.

    Raises:
        KeyMissingError: None is configured and the environment has none, or what is there is none.
        ConfigError: Two are configured, or what it takes to ask a vault is not installed.
    """
    leave_no_core()
    if config.key.file is not None and config.key.vault:
        raise ConfigError("both [key] file and [key] vault are set", hint="Leave the one the journal was sealed with.")
    if config.key.file is not None:
        return read_key_file(config.key.file)
    if config.key.vault:
        return vault_key(config.key.vault, config.key.vault_algorithm)
    if not environment.get(VARIABLE, "").strip():
        raise KeyMissingError(
            "no key is configured",
            hint="Set [key] file or [key] vault, ADPERSIST_KEY_FILE, ADPERSIST_KEY_VAULT or ADPERSIST_KEY.",
        )
    return key_from_environment(environment)


def key_text(config: Config, environment: Mapping[str, str] = os.environ) -> str:
    """The line that is the key, of the file or of the environment; :func:`key` proved that it is one.

    Raises:
        KeyMissingError: The file cannot be read any more.
    """
    if config.key.file is None:
        return key_line_in(environment.get(VARIABLE, ""), source=f"the environment variable {VARIABLE}")
    return read_key_line(config.key.file)


def vault_key(url: str, algorithm: str) -> KeyEncryption:
    """A key that stays in its vault."""
    from adpersist.journal.keys.key_vault import VaultKey  # the SDK takes its time to load

    return VaultKey(url, algorithm=algorithm)


def store(config: Config, identity: Identity | None, health: "AgentHealth | None" = None) -> Store:
    """The journal's place in the store: the configured journal, else the one that belongs to the DC.

    Args:
        config: Names it.
        identity: The DC's; None where it cannot be asked.
        health: Told how the store fares.
    """
    if not config.store.url:
        raise ConfigError("no store is configured", hint="Set [store] url, ADPERSIST_STORE_URL or --store.")
    journal = config.journal.id or (journal_id(identity) if identity else "")
    if not journal:
        raise ConfigError(
            "the configuration does not say which journal to read, and the directory cannot be asked",
            hint="Set [journal] id; `adpersist init` writes it.",
        )
    environment = {**os.environ, "ADPERSIST_STORE_PLAINTEXT": "true"} if config.store.plaintext else os.environ
    if health is None:
        return open_store(config.store.url, journal=journal, environment=environment)
    from adpersist.agent.health.metered_store import MeteredStore

    return MeteredStore(open_adapter(config.store.url, journal=journal, environment=environment), health)


def journal(config: Config, identity: Identity | None, health: "AgentHealth | None" = None) -> Journal:
    """The open journal; see :func:`store`."""
    expected = config.journal.id or (journal_id(identity) if identity else None)
    witness = WitnessFile(config.journal.witness) if config.journal.witness else None
    opened = Journal.open(store(config, identity, health), key(config), expected=expected, witness=witness)
    if (to := opened.head.gone_to) is not None:
        log.warning("journal.moved", to=to, last=opened.head.seq)
    return opened


def local_files(config: Config, dc: "DomainController") -> "LocalFiles | None":
    """SYSVOL and the local databases of the DC; None: they are left alone, or cannot be reached, which is told.

    Raises:
        ConfigError: The configured smb.conf is not that of this DC, or has what cannot be captured.
    """
    if config.files.sysvol == "off" or not dc.privileged:
        return None
    from adpersist.files.local_files import LocalFiles, NoFilesError

    try:
        found = LocalFiles.beside(config.directory.url, config.files.smb_conf)
        return replace(found, restores_smb_conf=config.files.restore_smb_conf)
    except NoFilesError as error:
        if config.files.smb_conf is not None:
            raise
        log.warning("files.not_captured", reason=error.message)
        return None


@contextmanager
def connected_journal(
    config: Config, health: "AgentHealth | None" = None
) -> "Iterator[tuple[DomainController, Journal]]":
    """The configured DC and its journal, for as long as the block lasts.

    Raises:
        ConfigError, DirectoryError, StoreError, IntegrityError: One of them cannot be opened.
    """
    dc = connect(config)
    try:
        opened = journal(config, dc.identity, health)
        try:
            yield dc, opened
        finally:
            opened.close()
    finally:
        dc.close()
