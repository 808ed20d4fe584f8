"""Keys put beside others in a keytab, read again by Kerberos's own program."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from adpersist.directory.samba import keytab_worker

EMPTY = b"\x05\x02"


def counted(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text


def entry(*components: bytes, kind: int, number: int, key: bytes) -> bytes:
    name = struct.pack(">H", len(components)) + counted(b"CORP.EXAMPLE") + b"".join(map(counted, components))
    body = name + struct.pack(">IIBHH", 1, 0, number & 0xFF, kind, len(key)) + key + struct.pack(">I", number)
    return struct.pack(">i", len(body)) + body


def read(path: Path) -> list[str]:
    done = subprocess.run(["klist", "-k", "-K", "-e", f"FILE:{path}"], capture_output=True, text=True, check=True)
    return [" ".join(line.split()) for line in done.stdout.splitlines() if "@" in line]


def test_every_principal_gets_the_keys_once_and_what_is_there_stays(tmp_path: Path) -> None:
    hole = struct.pack(">i", -8) + bytes(8)
    content = EMPTY + entry(b"HOST", b"dc1", kind=18, number=7, key=b"a" * 32) + hole
    content += entry(b"DC1$", kind=18, number=7, key=b"a" * 32)
    path = tmp_path / "keytab"
    for _ in range(2):
        content = keytab_worker.with_keys(content, 300, {18: b"b" * 32, 23: b"c" * 16})
    content = keytab_worker.with_keys(content, 7, {18: b"d" * 32})
    keytab_worker.replace(str(path), content)
    found = read(path)
    assert [line for line in found if line.startswith("7 ")] == [
        f"7 {name}@CORP.EXAMPLE (aes256-cts-hmac-sha1-96) (0x{'61' * 32})" for name in ("HOST/dc1", "DC1$")
    ]
    assert len([line for line in found if line.startswith("300 ")]) == 4
    assert f"300 DC1$@CORP.EXAMPLE (aes256-cts-hmac-sha1-96) (0x{'62' * 32})" in found
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_it_held_before_is_put_beside_what_it_holds(tmp_path: Path) -> None:
    hole = struct.pack(">i", -8) + bytes(8)
    before = EMPTY + entry(b"DC1$", kind=18, number=300, key=b"a" * 32) + hole
    before += entry(b"DC1$", kind=18, number=301, key=b"b" * 32)
    content = EMPTY + entry(b"DC1$", kind=18, number=301, key=b"c" * 32)
    for _ in range(2):
        content = keytab_worker.with_those_of(content, before)
    path = tmp_path / "keytab"
    path.write_bytes(content)
    assert read(path) == [
        f"301 DC1$@CORP.EXAMPLE (aes256-cts-hmac-sha1-96) (0x{'63' * 32})",
        f"300 DC1$@CORP.EXAMPLE (aes256-cts-hmac-sha1-96) (0x{'61' * 32})",
    ]


def test_what_is_no_keytab_is_left_alone() -> None:
    with pytest.raises(ValueError, match="0x0502"):
        keytab_worker.with_keys(b"\x05\x01", 1, {})
    with pytest.raises(ValueError, match="0x0502"):
        keytab_worker.with_those_of(EMPTY, b"\x05\x01")
