"""Changing the key that opens the journal, in an order that a crash anywhere leaves readable.

The new key is durable before anything is wrapped with it; the journal goes over to it in one step; the configuration
follows. Killed in between, the configuration names the old key, which opens the journal no more: the same command
again sees that the new one does, and brings the configuration up to date.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adpersist import config as configuration
from adpersist.agent import connections
from adpersist.config import Config
from adpersist.errors import ConfigError, WrongKeyError
from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_encryption import KeyEncryption
from adpersist.journal.keys.key_file import VARIABLE, create_key_file, key_from_environment, read_key_file
from adpersist.system.files import durable_file

_SOURCES: Final = ("file", "vault")
"""Keys of ``[key]`` that say where the key is; one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """The key the journal is to go over to, and how the configuration says so.

    Attributes:
        keys: The key.
        source: The key of ``[key]`` that names it; empty: none does, it comes by the environment alone.
        value: What that key of the configuration says.
        created: It was made just now.
        advice: What to set in an environment that decides, as a clause.
    """

    keys: KeyEncryption
    source: str
    value: str
    created: bool
    advice: str


def in_file(path: Path) -> NewKey:
    """The key in a file, which is made when it is not there."""
    path = path.absolute()
    created = not path.exists()
    keys = create_key_file(path) if created else read_key_file(path)
    return NewKey(
        keys=keys, source="file", value=str(path), created=created, advice=f"set ADPERSIST_KEY_FILE to {path}"
    )


def in_variable(name: str, environment: Mapping[str, str] = os.environ) -> NewKey:
    """The key in an environment variable."""
    keys = key_from_environment(environment, name)
    advice = f"set {VARIABLE} to the key that {name} holds"
    return NewKey(keys=keys, source="", value="", created=False, advice=advice)


def in_vault(url: str, algorithm: str) -> NewKey:
    """The key in a vault."""
    keys = connections.vault_key(url, algorithm)
    return NewKey(
        keys=keys, source="vault", value=keys.key_id, created=False, advice=f"set ADPERSIST_KEY_VAULT to {keys.key_id}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFinished:
    """What became of a change of the key.

    Attributes:
        journal: Journal id.
        key_id: Of the only key that opens the journal now.
        retired: Of the key that opens it no more; None: there was no other.
    """

    journal: str
    key_id: str
    retired: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rekeyed:
    """What became of the key.

    Attributes:
        journal: Journal id.
        key_id: Of the key that opens the journal now.
        already: It had been made to open the journal before.
        updated: The configuration file that names the new key now; None when a person has to.
        todo: What a person has to do, as a sentence; empty when nothing.
    """

    journal: str
    key_id: str
    already: bool
    updated: Path | None
    todo: str


def rewrap(config: Config, path: Path, new: NewKey, environment: Mapping[str, str] = os.environ) -> Rekeyed:
    """Wrap the journal's data keys with another key, too; :func:`finish` retires the old one.

    Raises:
        WrongKeyError: Neither the configured key nor the new one opens the journal.
        ConfigError: A key or the configuration cannot be read or written.
    """
    journal, already = _opened(config, new.keys)
    try:
        if not already:
            journal.rotate_key(new.keys, now=time.time())
    finally:
        journal.close()
    updated, todo = _follow(path, new, environment)
    return Rekeyed(journal=journal.id, key_id=new.keys.key_id, already=already, updated=updated, todo=todo)


def _opened(config: Config, new: KeyEncryption) -> tuple[Journal, bool]:
    """The journal, and whether it is the new key that opens it."""
    place = connections.store(config, None)
    try:
        return Journal.open(place, new, expected=config.journal.id or None), True
    except WrongKeyError:
        return Journal.open(place, connections.key(config), expected=config.journal.id or None), False


def finish(config: Config, *, sure: bool, now: float, booted: float) -> KeyFinished:
    """Have the configured key alone open the journal.

    Args:
        config: Names the key that is to stay: the new one.
        sure: A person says that the new key survives a restart.
        now: Unix seconds.
        booted: When this machine was started, the same: what a restart would take away would be gone since then.

    Raises:
        ConfigError: The configured key is not the new one, or nothing shows yet that it survives a restart.
    """
    journal = connections.journal(config, None)
    try:
        wrappers, keys = journal.wrappers, connections.key(config)
        if len(wrappers) == 1:
            return KeyFinished(journal=journal.id, key_id=wrappers[0], retired=None)
        if keys.key_id != wrappers[-1]:
            raise ConfigError(
                f"the configuration names the key {keys.key_id}, the journal is going over to {wrappers[-1]}",
                hint="Bring the new key and the configuration that names it back; or run `key rotate` with it again.",
            )
        since = journal.head.key_changed
        if not sure and (since is None or booted <= since):
            raise ConfigError(
                "nothing shows yet that the new key and the configuration outlive a restart of this machine",
                hint="Take the machine's image anew, restart it, and run this again; or say --yes.",
            )
        journal.finish_key(now=now)
        return KeyFinished(journal=journal.id, key_id=wrappers[-1], retired=wrappers[0])
    finally:
        journal.close()


def booted_at() -> float:
    """Unix seconds when this machine was started."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def require_writable(path: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Find out before anything is changed or made whether the configuration can follow.

    Raises:
        ConfigError: It cannot.
    """
    if _deciding(environment) is not None or not path.exists():
        return
    if not os.access(path.resolve().parent, os.W_OK):
        raise ConfigError(
            f"the configuration {path} cannot be written, so it could not name the new key",
            hint="Run this as who may write it. Nothing was changed.",
        )
    configuration.read(path, lambda text: renamed_key(text, "", ""))


def _deciding(environment: Mapping[str, str]) -> str | None:
    """The variable that overrides what the configuration file says of the key."""
    names = (f"ADPERSIST_KEY_{source.upper()}" for source in _SOURCES)
    return next((name for name in names if environment.get(name)), None)


def _follow(path: Path, new: NewKey, environment: Mapping[str, str]) -> tuple[Path | None, str]:
    """Have the configuration name the new key; where that is the environment's business, say what to do."""
    advice = f"Wherever adpersist is started, {new.advice}."
    deciding = _deciding(environment)
    if deciding is not None:
        keep = deciding == f"ADPERSIST_KEY_{new.source.upper()}"
        return None, advice if keep else f"{advice.removesuffix('.')}, and unset {deciding}."
    if not path.exists():
        return None, advice
    text, renewed = configuration.read(path, lambda text: (text, renamed_key(text, new.source, new.value)))
    if renewed != text:
        _replace(path, renewed)
    return path, "" if new.source else advice


def renamed_key(text: str, source: str, value: str) -> str:
    """The configuration with another key; comments and everything else stay as they are.

    Args:
        text: The configuration.
        source: ``file`` or ``vault``; empty: the key comes by the environment.
        value: What to say there.

    Raises:
        ValueError: The text is no TOML.
    """
    import tomlkit
    from tomlkit.items import AbstractTable, Comment, Null

    document = tomlkit.parse(text)
    sections = [  # several where dotted keys stand apart
        item
        for name, item in document.body
        if name is not None and name.key == "key" and isinstance(item, AbstractTable)
    ]
    said = [
        (section.value.body, number)
        for section in sections
        for number, (name, _) in enumerate(section.value.body)
        if name is not None and name.key in _SOURCES
    ]
    new = tomlkit.string(value)
    if source and said:
        body, number = said.pop(0)
        vars(new.trivia).update(vars(body[number][1].trivia))  # indented, commented and ended as the old one
        body[number] = tomlkit.key(source), new
    elif source and sections:
        sections[0].trivia.trail = sections[0].trivia.trail or "\n"
        sections[0].value.body.insert(0, (tomlkit.key(source), new))
    elif source:
        document["key"] = {source: value}
    for body, number in said:
        trivia = body[number][1].trivia
        body[number] = None, Comment(trivia) if trivia.comment else Null()
    return document.as_string()


def _replace(path: Path, text: str) -> None:
    try:
        with durable_file.replaced(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise ConfigError(
            f"the journal wants the new key now, and the configuration {path} cannot be written: {error.strerror}",
            hint="Name the new one under [key] by hand, or run this again as who may write it.",
        ) from error
