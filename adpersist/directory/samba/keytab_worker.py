"""A keytab file as MIT Kerberos and Heimdal keep it (version 0x0502): keys of old key version numbers are put beside.

Part of :mod:`.database_worker`, and like it run by the system's interpreter alone.
"""

import contextlib
import os
import struct
import time
from collections.abc import Iterator, Mapping

_VERSION = b"\x05\x02"
_SIZE = struct.Struct(">i")
_SHORT = struct.Struct(">H")
_NAME_TYPE_TIME_NUMBER = struct.Struct(">IIB")
_LONG = struct.Struct(">I")


def with_keys(content: bytes, number: int, keys: Mapping[int, bytes]) -> bytes:
    """The keytab with more keys of every principal in it; one that has a key of that number and kind keeps it.

    Args:
        content: The file's.
        number: Key version number.
        keys: Key material by encryption type ([RFC3961] 8).

    Raises:
        ValueError: It is no keytab.
    """
    entries = [_parsed(entry) for entry in _entries(content)]
    known = {(principal, kind, found) for principal, _, kind, found in entries}
    principals = {principal: name_type for principal, name_type, _, _ in entries}
    now = int(time.time())
    for principal, name_type in principals.items():
        for kind, key in keys.items():
            if (principal, kind, number) not in known:
                entry = principal + _NAME_TYPE_TIME_NUMBER.pack(name_type, now, number & 0xFF)
                entry += _SHORT.pack(kind) + _SHORT.pack(len(key)) + key + _LONG.pack(number)
                content += _SIZE.pack(len(entry)) + entry
    return content


def with_those_of(content: bytes, before: bytes) -> bytes:
    """The keytab with the keys that it had before; one that has a key of that number and kind keeps it.

    Args:
        content: The file's.
        before: The file's, once.

    Raises:
        ValueError: One of them is no keytab.
    """
    known = {_key(entry) for entry in _entries(content)}
    lacking = [entry for entry in _entries(before) if _key(entry) not in known]
    return content + b"".join(_SIZE.pack(len(entry)) + entry for entry in lacking)


def _entries(content: bytes) -> Iterator[bytes]:
    """Without the holes between them. Raises: ValueError."""
    if content[:2] != _VERSION:
        raise ValueError("it is no keytab of version 0x0502")
    at = len(_VERSION)
    while at + _SIZE.size <= len(content):
        (size,) = _SIZE.unpack_from(content, at)
        if size > 0:
            yield content[at + _SIZE.size : at + _SIZE.size + size]
        at += _SIZE.size + abs(size)


def _key(entry: bytes) -> tuple[bytes, int, int]:
    principal, _, kind, number = _parsed(entry)
    return principal, kind, number


def _parsed(entry: bytes) -> tuple[bytes, int, int, int]:
    """Principal (its bytes), name type, encryption type and key version number of an entry."""
    (components,) = _SHORT.unpack_from(entry, 0)
    at = _SHORT.size
    for _ in range(components + 1):  # the realm comes first
        at += _SHORT.size + _SHORT.unpack_from(entry, at)[0]
    principal = entry[:at]
    name_type, _, number = _NAME_TYPE_TIME_NUMBER.unpack_from(entry, at)
    at += _NAME_TYPE_TIME_NUMBER.size
    (kind,), (length,) = _SHORT.unpack_from(entry, at), _SHORT.unpack_from(entry, at + _SHORT.size)
    at += 2 * _SHORT.size + length
    if len(entry) - at >= _LONG.size and (long := _LONG.unpack_from(entry, at)[0]):
        number = long
    return principal, name_type, kind, number


def content_of(path: str) -> bytes:
    """The file's; empty where there is none."""
    if not os.path.exists(path):  # noqa: PTH110 - as all here
        return b""
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()


def held(path: str) -> bytes:
    """What the keytab holds, and what a run that was killed left beside it. Raises: ValueError: One is no keytab."""
    content, beside = content_of(path), content_of(_beside(path))
    return with_those_of(content or _VERSION, beside) if beside else content


def lay_beside(path: str, content: bytes) -> None:
    """Have it lie there until :func:`drop_beside`: the keytab itself is about to be written by somebody else."""
    replace(_beside(path), content)


def drop_beside(path: str) -> None:
    """The keytab holds all of it again."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_beside(path))  # noqa: PTH108 - as the worker


def _beside(path: str) -> str:
    return f"{path}.adpersist-kept"


def replace(path: str, content: bytes) -> None:
    """Write the file anew, whole or not at all; for its owner alone, as it was."""
    new = f"{path}.adpersist"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)  # noqa: PTH108 - as the worker; left by a run that was killed here
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(new, path)  # noqa: PTH104
    folder = os.open(os.path.dirname(path), os.O_RDONLY)  # noqa: PTH120
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
