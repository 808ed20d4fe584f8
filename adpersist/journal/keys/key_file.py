"""A key-encryption key as one line of text, in a file or an environment variable.

``adpersist-key-1:<32 bytes, base64url>:<check, 8 hex digits>``: versioned, and checked so that a line cut short or
mistyped is told from a wrong key.
"""

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from adpersist.errors import AS_ROOT, ConfigError, KeyMissingError
from adpersist.journal.keys.derive import KEY_BYTES
from adpersist.journal.keys.key_encryption import LocalKey, Randomness
from adpersist.system.files import durable_file, private_files

VARIABLE: Final = "ADPERSIST_KEY"
"""The environment variable looked at by default."""

_MAX_FILE_BYTES: Final = 65_536
_WRITTEN: Final = re.compile(r"adpersist-key-1:\S+")
_LINE: Final = re.compile(r"adpersist-key-1:([A-Za-z0-9_-]{43}):([0-9a-f]{8})")
_HINT: Final = "The key is one line beginning with `adpersist-key-1:`; bring it back from where you keep a copy."


def key_line(secret: bytes) -> str:
    """The line for a key of 32 bytes."""
    encoded = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    return f"adpersist-key-1:{encoded}:{_check(encoded)}"


def key_from_line(line: str, *, source: str) -> LocalKey:
    """The key a line holds; ``source`` names where it came from.

    Raises:
        KeyMissingError: Not such a line, cut short, or mistyped.
    """
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise KeyMissingError(f"{source} does not hold an adpersist key", hint=_HINT)
    if _check(found[1]) != found[2]:
        raise KeyMissingError(f"{source} holds a damaged adpersist key (its check does not match)", hint=_HINT)
    return LocalKey(base64.urlsafe_b64decode(found[1] + "="))


def key_line_in(text: str, *, source: str) -> str:
    """The line of the one key in a text, which may say more: a recovery sheet does, and editors begin with a mark.

    Raises:
        KeyMissingError: There is none, or there are several.
    """
    found = set(_WRITTEN.findall(text))
    if len(found) != 1:
        raise KeyMissingError(f"{source} holds {'several keys' if found else 'no adpersist key'}", hint=_HINT)
    return str(found.pop())


def create_key_file(path: Path, *, randomness: Randomness = os.urandom) -> LocalKey:
    """Make a new key and its file, mode 0600, durable when this returns; an existing file is never touched.

    Raises:
        ConfigError: The file exists, or cannot be written.
    """
    line = key_line(randomness(KEY_BYTES))
    try:
        with durable_file.created(path) as file:
            file.write(line.encode() + b"\n")
    except FileExistsError as error:
        raise ConfigError(f"{path} exists already; a key is never overwritten") from error
    except OSError as error:
        raise ConfigError(f"cannot create the key file {path}: {error.strerror}") from error
    return key_from_line(line, source=str(path))


def read_key_file(path: Path) -> LocalKey:
    """The key in a file: the key's own, a copy of that, or a recovery sheet.

    Raises:
        KeyMissingError: There is no such file, it may not be read, it is empty, or it holds no key, or several.
    """
    return key_from_line(read_key_line(path), source=f"the key file {path}")


def read_key_line(path: Path) -> str:
    """The line that is the key in a file. Raises: KeyMissingError: As above, but for a line that is damaged."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES)
    except OSError as error:
        hint = AS_ROOT if isinstance(error, PermissionError) else _HINT
        raise KeyMissingError(f"cannot read the key file {path}: {error.strerror}", hint=hint) from error
    if not content.strip(b"\0 \t\r\n"):
        raise KeyMissingError(f"the key file {path} is empty", hint=_HINT)
    return key_line_in(content.decode("latin-1"), source=f"the key file {path}")


def key_from_environment(environment: Mapping[str, str], name: str = VARIABLE) -> LocalKey:
    """The key in an environment variable.

    Raises:
        KeyMissingError: The variable is not set, empty, or holds no key, or several.
    """
    source = f"the environment variable {name}"
    return key_from_line(key_line_in(environment.get(name, ""), source=source), source=source)


def exposure(path: Path) -> private_files.Exposure | None:
    """Who else may get at the key file; None: nobody may.

    Raises:
        KeyMissingError: There is no such file.
    """
    try:
        return private_files.exposure(path, "the key file")
    except OSError as error:
        raise KeyMissingError(f"cannot look at the key file {path}: {error.strerror}", hint=_HINT) from error


def _check(encoded: str) -> str:
    return hashlib.sha256(b"adpersist-key-1:" + encoded.encode()).hexdigest()[:8]
