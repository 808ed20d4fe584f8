"""Files that others on this machine may get at: by reading them they learn a secret, by writing to them they rule us.

Told and never refused: credentials come with such modes from clouds and their tools, and no domain controller is kept
closed for one.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from adpersist.agent.doctor.finding import Finding, ok, warning
from adpersist.config import Config
from adpersist.stores.registry import private_parts
from adpersist.system.files.private_files import Exposure, exposure
from adpersist.telemetry import logger

PRIVATE: Final = "private files"

_CREDENTIAL_FILES: Final = (
    "ADPERSIST_AZURE_SAS_FILE",
    "ADPERSIST_AZURE_ACCOUNT_KEY_FILE",
    "ADPERSIST_AZURE_CONNECTION_STRING_FILE",
)
_ENVIRONMENT: Final = "environment"
"""Beside the configuration: what the units read credentials from."""

log = logger("agent")


def examine_private_files(config: Config, place: Path) -> Iterator[Finding]:
    """Whether configuration, witness and credentials are their owner's alone.

    Args:
        config: Names them.
        place: The configuration's file.
    """
    found = list(exposed_beside(config, place))
    yield from (warning(PRIVATE, each.says, each.mend) for each in found)
    if not found:
        yield ok(PRIVATE, "configuration, witness and credentials are their owner's alone")


def warn_of_exposed(config: Config, place: Path) -> None:
    """Tell in the log of every file that others may get at, key and store included; a process says each once.

    What is not there yet is waited for elsewhere.

    Raises:
        ConfigError: The store's URL carries a credential, or names no file.
    """
    for path, what in private_parts(config.store.url):
        _tell_of(_found(path, what))
    if config.key.file is not None:
        _tell_of(_found(config.key.file, "the key file"))
    _tell_of(exposed_beside(config, place))


def _tell_of(found: Iterable[Exposure]) -> None:
    for each in found:
        _tell(each)


@cache
def _tell(found: Exposure) -> None:
    log.warning("file.exposed", reason=found.says, mend=found.mend)


def exposed_beside(config: Config, place: Path, environment: Mapping[str, str] = os.environ) -> Iterator[Exposure]:
    """What others may get at, key and store left out; what is not there is nobody's.

    Args:
        config: Names the files.
        place: The configuration's file.
        environment: Names files of credentials.
    """
    # a webhook's address is all it takes to post there, and a command's words may hold anything
    told = bool(config.alerts.webhook or config.alerts.command)
    yield from _found(place, "the configuration", secret=told)
    yield from _found(place.parent, "the configuration's directory")
    yield from _found(place.parent / _ENVIRONMENT, "the units' environment")
    if config.key.file is not None:
        yield from _found(config.key.file.parent, "the key file's directory")
    if config.journal.witness is not None:
        yield from _found(config.journal.witness, "the witness", secret=False)
        yield from _found(config.journal.witness.parent, "the witness's directory")
    if config.directory.password_file is not None:
        yield from _found(config.directory.password_file, "the password file")
    if config.alerts.webhook_secret_file is not None:
        yield from _found(config.alerts.webhook_secret_file, "the webhook's secret")
    for name in _CREDENTIAL_FILES:
        if environment.get(name):
            yield from _found(Path(environment[name]), f"the file of {name}")


def _found(path: Path, what: str, *, secret: bool = True) -> Iterator[Exposure]:
    try:
        found = exposure(path, what, secret=secret)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        found = Exposure(says=f"{what} {path} cannot be looked at: {error.strerror}", mend="adpersist doctor, as root")
    if found is not None:
        yield found
