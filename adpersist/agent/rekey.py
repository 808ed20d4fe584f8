"""Changing the key that opens the journal, in an order that a crash anywhere leaves readable.

The new key is durable before anything is wrapped with it; the journal goes over to it in one step; the configuration
follows. Killed in between, the configuration names the old key, which opens the journal no more: the same command
again sees that the new one does, and brings the configuration up to date.
"""

import json
import os
import re
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adpersist.agent import access
from adpersist.config import Config
from adpersist.errors import ConfigError, WrongKeyError
from adpersist.journal.keyfile import VARIABLE, create_key_file, read_key_file
from adpersist.journal.keys import KeyEncryption
from adpersist.journal.writer import Journal

_SECTION: Final = re.compile(r"^\s*\[\s*([^\]]+?)\s*\]")
_FILE: Final = re.compile(r"^\s*(#\s*)?file\s*=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rekeyed:
    """What became of the key.

    Attributes:
        journal: Journal id.
        key_id: Of the key that opens the journal now.
        created: The key file was made just now.
        already: The journal had gone over to it before.
        updated: The configuration file that names the new key now; None when a person has to.
        todo: What a person has to do, as a sentence; empty when nothing.
    """

    journal: str
    key_id: str
    created: bool
    already: bool
    updated: Path | None
    todo: str


def rewrap(config: Config, path: Path, new_file: Path, environment: Mapping[str, str] = os.environ) -> Rekeyed:
    """Wrap the journal's data keys with the key in ``new_file``, which is made when it is not there.

    Raises:
        WrongKeyError: Neither the configured key nor the new one opens the journal.
        ConfigError: A key or the configuration cannot be read or written.
    """
    new_file = new_file.absolute()
    _writable(path, environment)
    created = not new_file.exists()
    new = create_key_file(new_file) if created else read_key_file(new_file)
    journal, already = _opened(config, new)
    try:
        if not already:
            journal.rotate_key(new, now=time.time())
    finally:
        journal.close()
    updated, todo = _follow(path, new_file, environment)
    return Rekeyed(journal=journal.id, key_id=new.key_id, created=created, already=already, updated=updated, todo=todo)


def _opened(config: Config, new: KeyEncryption) -> tuple[Journal, bool]:
    """The journal, and whether it is the new key that opens it."""
    place = access.store(config, None)
    try:
        return Journal.open(place, new), True
    except WrongKeyError:
        return Journal.open(place, access.key(config)), False


def _writable(path: Path, environment: Mapping[str, str]) -> None:
    """Find out before anything is changed whether the configuration can follow."""
    if _by_environment(environment):
        return
    if path.exists() and not os.access(path.parent, os.W_OK):
        raise ConfigError(
            f"the configuration {path} cannot be written, so it could not name the new key",
            hint="Run this as who may write it. Nothing was changed.",
        )


def _by_environment(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("ADPERSIST_KEY_FILE") or environment.get(VARIABLE))


def _follow(path: Path, new_file: Path, environment: Mapping[str, str]) -> tuple[Path | None, str]:
    """Have the configuration name the new key; where that is the environment's business, say what to do."""
    if environment.get("ADPERSIST_KEY_FILE"):
        return None, f"Set ADPERSIST_KEY_FILE to {new_file} wherever adpersist is started."
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if not tomllib.loads(text).get("key", {}).get("file") and environment.get(VARIABLE):
        return None, f"Set {VARIABLE} to the line in {new_file}, or ADPERSIST_KEY_FILE to its path, wherever it is set."
    renewed = renamed_key(text, new_file)
    if tomllib.loads(renewed) != _expected(text, new_file):
        return None, f'Set `file = "{new_file}"` under [key] in {path} by hand: its form was not understood.'
    if renewed != text:
        _replace(path, renewed)
    return path, ""


def renamed_key(text: str, new_file: Path) -> str:
    """The configuration with another key file; comments and everything else stay as they are."""
    line = f"file = {json.dumps(str(new_file), ensure_ascii=False)}"
    lines = text.splitlines()
    section, below, commented = "", None, None
    for number, each in enumerate(lines):
        found = _SECTION.match(each)
        if found is not None:
            section = found[1]
            below = number if section == "key" else below
        elif section == "key" and (said := _FILE.match(each)) is not None:
            if said[1] is None:
                return "\n".join([*lines[:number], line, *lines[number + 1 :]]) + "\n"
            commented = number
    if commented is not None:
        return "\n".join([*lines[:commented], line, *lines[commented + 1 :]]) + "\n"
    if below is not None:
        return "\n".join([*lines[: below + 1], line, *lines[below + 1 :]]) + "\n"
    return "\n".join([*lines, "", "[key]", line]) + "\n"


def _expected(text: str, new_file: Path) -> dict[str, object]:
    document = tomllib.loads(text)
    return {**document, "key": {**document.get("key", {}), "file": str(new_file)}}


def _replace(path: Path, text: str) -> None:
    half = path.with_name(f".{path.name}.{os.getpid()}")
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    try:
        with half.open("x", encoding="utf-8") as file:
            half.chmod(mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise ConfigError(
            f"the journal wants the new key now, and the configuration {path} cannot be written: {error.strerror}",
            hint="Name the new file under [key] by hand, or run this again as who may write it.",
        ) from error
