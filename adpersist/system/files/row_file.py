"""A file for rows that are looked up again and again, and would take too much memory: without a name, and sealed.

What is in it can be read by this process only, and is gone with it.
"""

import os
import secrets
from collections.abc import Iterator
from typing import IO, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import XTS

from adpersist.errors import AdpersistError
from adpersist.system.files.nameless import nameless_file, write_at
from adpersist.telemetry import logger

log = logger("system")

_BLOCK_BYTES: Final = 16 * 1024
_MOST_BLOCKS: Final = 64
"""In memory of those that are in the file, a megabyte."""
_TAIL_BYTES: Final = 1024 * 1024
"""Held before any is written: a directory of two thousand objects needs no file at all."""
_KEY_BYTES: Final = 64
_TWEAK_BYTES: Final = 16


class RowFile:
    """Implements :class:`adpersist.state.fingerprint_table.Rows`. Not for several threads at once.

    Blocks are sealed as on an encrypted disk (AES-XTS, by their number): they are changed in place.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._file: IO[bytes] | None = None
        self._blocks: dict[int, bytearray] = {}
        """The last ones that somebody asked for."""
        self._changed = set[int]()
        """Those of them that the file has as they were before."""
        self._tail = bytearray()
        self._written = 0
        self._is_full = False

    def __len__(self) -> int:
        return self._written + len(self._tail)

    def anew(self) -> "RowFile":
        """Another one, empty."""
        return RowFile()

    def add(self, row: bytes | bytearray) -> None:
        """Put a row behind all others; where the disk has no room for it, it stays in memory."""
        self._tail += row
        if len(self._tail) >= _TAIL_BYTES and not self._is_full:
            self._write_tail()

    def read(self, place: int, size: int) -> bytes:
        """So many bytes.

        Raises:
            AdpersistError: The disk fails.
        """
        if place >= self._written:
            return bytes(self._tail[place - self._written : place - self._written + size])
        begin = place % _BLOCK_BYTES
        if begin + size <= _BLOCK_BYTES:
            return bytes(self._block(place // _BLOCK_BYTES)[begin : begin + size])
        return b"".join(bytes(memory[start:end]) for memory, start, end in self._pieces(place, size))

    def write(self, place: int, content: bytes) -> None:
        """Put other bytes in the place of as many. Raises: AdpersistError."""
        done = 0
        for memory, start, end in self._pieces(place, len(content)):
            memory[start:end] = content[done : done + end - start]
            done += end - start
            if memory is not self._tail:
                self._changed.add((place + done - 1) // _BLOCK_BYTES)

    def _pieces(self, place: int, size: int) -> Iterator[tuple[bytearray, int, int]]:
        """Where these bytes lie in memory: block by block, and in what is not written yet."""
        end = place + size
        while place < end and place < self._written:
            number, start = divmod(place, _BLOCK_BYTES)
            stop = min(_BLOCK_BYTES, start + end - place)
            yield self._block(number), start, stop
            place += stop - start
        if place < end:
            yield self._tail, place - self._written, end - self._written

    def _block(self, number: int) -> bytearray:
        block = self._blocks.get(number)
        if block is None:
            if len(self._blocks) >= _MOST_BLOCKS and not self._is_full:
                self._let_go()
            opened = self._cipher(number).decryptor().update(self._fetched(number))
            block = self._blocks[number] = bytearray(opened)
        return block

    def _fetched(self, number: int) -> bytes:
        assert self._file is not None  # noqa: S101 - something was written
        try:
            sealed = os.pread(self._file.fileno(), _BLOCK_BYTES, number * _BLOCK_BYTES)
        except OSError as error:
            raise _lost(error.strerror) from error
        if len(sealed) < _BLOCK_BYTES:
            raise _lost("it ends too early")
        return sealed

    def _let_go(self) -> None:
        """Have one block less in memory, that which is there longest."""
        number = next(iter(self._blocks))
        if number not in self._changed or self._put(number, self._blocks[number]):
            self._changed.discard(number)
            del self._blocks[number]

    def _write_tail(self) -> None:
        first = self._written // _BLOCK_BYTES
        whole = len(self._tail) // _BLOCK_BYTES
        for number in range(whole):
            if not self._put(first + number, self._tail[number * _BLOCK_BYTES : (number + 1) * _BLOCK_BYTES]):
                return
        self._written += whole * _BLOCK_BYTES
        del self._tail[: whole * _BLOCK_BYTES]

    def _put(self, number: int, block: bytearray) -> bool:
        """Write a block; False: the disk does not take it, and all that is in memory stays there."""
        sealed = self._cipher(number).encryptor().update(bytes(block))
        try:
            if self._file is None:
                self._file = nameless_file()
            write_at(self._file, sealed, number * _BLOCK_BYTES)
        except OSError as error:
            self._is_full = True
            log.warning("rows.not_written", error=str(error), consequence="more memory is taken")
            return False
        return True

    def _cipher(self, number: int) -> "Cipher[XTS]":
        return Cipher(AES(self._key), XTS(number.to_bytes(_TWEAK_BYTES, "little")))


def _lost(why: str | None) -> AdpersistError:
    return AdpersistError(
        f"a temporary file of this process cannot be read any more: {why}",
        hint="Nothing acknowledged is lost, and it is made anew at the next start. Does the disk fail? TMPDIR names "
        "another place for it.",
    )
