"""A file for what would take too much memory: it has no name, and its key is in memory alone.

What is in it can be read by this process only, and is gone with it: it holds what the journal seals.
"""

import os
import secrets
import threading
from typing import IO, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adpersist.system.files.nameless import nameless_file, write_at
from adpersist.telemetry import logger

log = logger("system")

_BUFFER_BYTES: Final = 1024 * 1024
"""Held before any is written: little needs no file at all."""
_AT_HAND: Final = 4
"""Records fetched last: whoever compares two objects asks for one attribute of them after another, and what comes
again and again lies by itself."""
_REMEMBERED: Final = 4096
"""Of bytes that come again and again, these many."""
_LENGTH_BITS: Final = 32
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class SpillFile:
    """Bytes by place, for as long as this lives. Threads may use it together."""

    def __init__(self) -> None:
        self._cipher = AESGCM(secrets.token_bytes(_KEY_BYTES))
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._buffer = bytearray()
        self._written = 0
        self._is_full = False
        self._fetched: tuple[tuple[int, bytes], ...] = ()
        self._places: dict[bytes, int] = {}

    def put(self, content: bytes | memoryview) -> int | None:
        """Keep some bytes; where they are. None: the disk has no more room for them."""
        with self._lock:
            if self._is_full:
                return None
            offset = self._written + len(self._buffer)
            sealed = self._cipher.encrypt(_nonce(offset), content, None)
            self._buffer += sealed
            if len(self._buffer) >= _BUFFER_BYTES:
                self._write()
            return offset << _LENGTH_BITS | len(sealed)

    def put_once(self, content: bytes) -> int | None:
        """The same of bytes that come again and again: they are kept once, as long as there are not too many such."""
        place = self._places.get(content)
        if place is None and (place := self.put(content)) is not None:
            if len(self._places) >= _REMEMBERED:
                self._places.clear()  # costs room and nothing else
            self._places[content] = place
        return place

    def get(self, place: int) -> bytes:
        """The bytes that were put there.

        Raises:
            OSError: The disk fails.
            cryptography.exceptions.InvalidTag: It gives back other bytes than it was given.
        """
        before = self._fetched
        content = next((content for known, content in before if known == place), None)
        if content is None:
            content = self.fetch(place)
        self._fetched = ((place, content), *[each for each in before if each[0] != place][: _AT_HAND - 1])
        return content

    def fetch(self, place: int) -> bytes:
        """The same of what is asked for once: it is not held for the next who asks. Raises: as :meth:`get`."""
        offset, length = place >> _LENGTH_BITS, place & ((1 << _LENGTH_BITS) - 1)
        with self._lock:
            if offset >= self._written:
                begin = offset - self._written
                sealed = bytes(self._buffer[begin : begin + length])
            else:
                assert self._file is not None  # noqa: S101 - something was written
                sealed = os.pread(self._file.fileno(), length, offset)
        return self._cipher.decrypt(_nonce(offset), sealed, None)

    def _write(self) -> None:
        """What is held goes to the file, whole or not at all: a disk that is full costs memory and nothing else."""
        try:
            if self._file is None:
                self._file = nameless_file()
            write_at(self._file, self._buffer, self._written)
        except OSError as error:
            self._is_full = True
            log.warning("spill.failed", error=str(error), consequence="more memory is taken")
            return
        self._written += len(self._buffer)
        self._buffer.clear()


def _nonce(offset: int) -> bytes:
    """No two records begin at one place, and a key is used for one file."""
    return offset.to_bytes(_NONCE_BYTES, "big")
