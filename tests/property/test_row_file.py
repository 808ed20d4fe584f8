"""Rows in a file: the same as in memory, whatever the disk does, and readable to nobody else."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adpersist.errors import AdpersistError
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Change, Kind
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.state.fingerprint_table import RowsInMemory
from adpersist.system.files import row_file
from adpersist.system.files.row_file import RowFile

BLOCK = 64
TAIL = 200
OBJECTS = 3_000

rows = st.binary(min_size=1, max_size=3 * BLOCK)
places = st.floats(0, 1, exclude_max=True)
deeds = st.one_of(
    st.tuples(st.just("add"), rows),
    st.tuples(st.just("write"), places, st.binary(min_size=1, max_size=2 * BLOCK)),
    st.tuples(st.just("read"), places, st.integers(1, 3 * BLOCK)),
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_file, "_BLOCK_BYTES", BLOCK)
    monkeypatch.setattr(row_file, "_MOST_BLOCKS", 2)
    monkeypatch.setattr(row_file, "_TAIL_BYTES", TAIL)


def short_of_room(room: int) -> object:
    """A disk that takes a few bytes at a time, and none beyond."""
    write = os.pwrite

    def pwrite(file: int, content: bytes, offset: int) -> int:
        if offset >= room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content[: min(room - offset, 50)], offset)

    return patch.object(os, "pwrite", pwrite)


@given(st.lists(deeds, max_size=60), st.sampled_from([0, 2 * BLOCK, 10 * BLOCK + 7, 1 << 20]))
def test_they_are_as_in_memory(done: list[tuple[str, bytes] | tuple[str, float, object]], room: int) -> None:
    plain, file = RowsInMemory(), RowFile()
    with short_of_room(room):  # type: ignore[attr-defined]
        for name, *given_with in done:
            if name == "add":
                (row,) = given_with
                plain.add(row)  # type: ignore[arg-type]
                file.add(row)  # type: ignore[arg-type]
                continue
            share, what = given_with
            place = int(share * len(plain))  # type: ignore[operator]
            if name == "write":
                content = what[: len(plain) - place]  # type: ignore[index]
                plain.write(place, content)
                file.write(place, content)
            else:
                size = min(what, len(plain) - place)  # type: ignore[call-overload]
                assert file.read(place, size) == plain.read(place, size)
        assert len(file) == len(plain)
        assert file.read(0, len(file)) == plain.read(0, len(plain))


def test_an_index_of_such_is_the_same_as_one_in_memory() -> None:
    plain, spilled = FingerprintIndex(), FingerprintIndex(rows=RowFile())
    for index in (plain, spilled):
        index.apply(map(made, range(OBJECTS)))
        index.apply(described(number) for number in range(0, OBJECTS, 7))
        index.apply(Change(kind=Kind.EXPUNGED, guid=guid(number), nc="DC=corp") for number in range(0, OBJECTS, 2))
        index.apply(map(made, range(0, OBJECTS, 4)))
        index.apply(described(number) for number in range(1, OBJECTS, 2) for _ in range(20))
    assert set(spilled) == set(plain)
    assert all(spilled[each].digests == plain[each].digests for each in plain)


def test_nobody_else_can_read_the_rows_nor_find_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    file, secret = RowFile(), b"whose member she is " * 20
    for _ in range(100):
        file.add(secret)
    assert file.read(0, len(secret)) == secret
    assert list(tmp_path.iterdir()) == []
    opened = [each for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]  # but for the directory read here
    (open_file,) = [each for each in opened if str(each.readlink()).startswith(str(tmp_path))]
    content = open_file.read_bytes()
    assert len(content) > 50 * len(secret)
    assert b"member" not in content
    assert len({content[at : at + BLOCK] for at in range(0, len(content), BLOCK)}) == len(content) // BLOCK


@pytest.mark.parametrize("broken", [OSError(errno.EIO, "Input/output error"), b"short"])
def test_a_disk_that_fails_is_told_of(broken: OSError | bytes) -> None:
    def pread(*_: object) -> bytes:
        if isinstance(broken, bytes):
            return broken
        raise broken

    file = RowFile()
    file.add(secrets.token_bytes(10 * BLOCK))
    with patch.object(os, "pread", pread), pytest.raises(AdpersistError, match="temporary file") as failed:
        file.read(0, 1)
    assert "Nothing acknowledged is lost" in failed.value.hint


def guid(number: int) -> Guid:
    return Guid(number.to_bytes(16, "big"))


def made(number: int) -> Change:
    values = {"objectClass": (b"user",), "cn": (b"%d" % number,)}
    return Change(kind=Kind.CREATED, guid=guid(number), nc="DC=corp", rdn=f"CN={number}", values=values)


def described(number: int) -> Change:
    values = {"cn": (b"new %d" % number,)}
    return Change(kind=Kind.CHANGED, guid=guid(number), nc="DC=corp", values=values)
