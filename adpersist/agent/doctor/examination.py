"""Everything the doctor looks at, in the order in which one thing needs the other."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from adpersist import config as configuration
from adpersist.agent import connections
from adpersist.agent.doctor.controller import examine_controller
from adpersist.agent.doctor.exposed import examine_private_files
from adpersist.agent.doctor.finding import Finding, failed, ok
from adpersist.agent.doctor.keeping import examine_journal
from adpersist.agent.doctor.key import examine_key
from adpersist.agent.doctor.place import examine_place, examine_witness, machine_behind, machine_of
from adpersist.agent.doctor.units import examine_units
from adpersist.config import Config
from adpersist.directory.domain_controller import DomainController
from adpersist.errors import AdpersistError

CONFIGURATION: Final = "configuration"


def examined(path: Path | None, *, key_copy: Path | None = None) -> Iterator[Finding]:
    """Look at everything; what cannot be looked at is a finding too, and keeps nothing else from being looked at.

    Args:
        path: The configuration, where it was named.
        key_copy: A file that is said to be a copy of the key.
    """
    try:
        config = configuration.load(path)
    except AdpersistError as error:
        yield failed(CONFIGURATION, error)
        return
    yield ok(CONFIGURATION, f"{configuration.find(path)} can be used")
    yield from _guarded("key", lambda: examine_key(config, key_copy))
    yield from examine_private_files(config, configuration.find(path))
    yield from _connected(config)
    yield from _guarded("units", lambda: examine_units(config))


def _connected(config: Config) -> Iterator[Finding]:
    try:
        dc = connections.connect(config)
    except AdpersistError as error:
        yield failed("domain controller", error)
        yield from _kept(config, machine_behind(config.directory.url), None)
        return
    try:
        yield from _guarded("domain controller", lambda: examine_controller(dc, config.restore.restart_command))
        yield from _kept(config, machine_of(dc), dc)
    finally:
        dc.close()


def _kept(config: Config, machine: Sequence[Path], dc: DomainController | None) -> Iterator[Finding]:
    yield from _guarded("store", lambda: examine_place(config.store.url, machine))
    yield from _guarded("witness", lambda: examine_witness(config.journal.witness, config.store.url, machine))
    yield from _guarded("journal", lambda: _journal(config, dc))


def _journal(config: Config, dc: DomainController | None) -> Iterator[Finding]:
    journal = connections.journal(config, dc.identity if dc is not None else None)
    try:
        yield from examine_journal(config, dc, journal)
    finally:
        journal.close()


def _guarded(about: str, examine: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from examine()
    except AdpersistError as error:
        yield failed(about, error)
