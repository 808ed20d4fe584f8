"""Messages that were received and not read yet: a little of them in memory, the rest in a file that only this process
can read.

A server turns to the next question when it got rid of an answer, so that much is taken in before it is read.
"""

import io
from collections import deque
from collections.abc import Sequence
from typing import Final

from adpersist.system.files.spill_file import SpillFile

_IN_MEMORY_BYTES: Final = 4 * 1024 * 1024
_PIECE_BYTES: Final = 256 * 1024
"""So much is sealed at once: whoever seals, or opens, has it in memory twice."""

Place = tuple[int, int, int, int, int]
"""Message id, operation, its first byte, the byte after it, and the byte after the message."""


class ReceivedMessages:
    """In the order they came.

    Attributes:
        size: Bytes of all of them.
    """

    def __init__(self) -> None:
        self._runs: deque[tuple[deque[Place], bytes | Sequence[int]]] = deque()
        """Messages, and the bytes they lie in, or where the pieces of those lie in the file."""
        self._spill: SpillFile | None = None
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._runs)

    @property
    def next_id(self) -> int:
        """Message id of the first."""
        return self._runs[0][0][0][0]

    def add(self, places: Sequence[Place], data: bytes) -> None:
        """Take messages that lie in the same bytes."""
        if not places:
            return
        where = self._put(data) if self.size > _IN_MEMORY_BYTES else None
        self._runs.append((deque(places), data if where is None else where))
        self.size += sum(map(_size, places))

    def take(self) -> tuple[Place, bytes]:
        """The first, and the bytes it lies in; it is no longer here. Raises: OSError."""
        places, where = self._runs[0]
        if not isinstance(where, bytes):
            where = self._fetched(where)
            self._runs[0] = places, where
        place = places.popleft()
        self.size -= _size(place)
        if not places:
            self._runs.popleft()
        if not self._runs:
            self._spill = None  # what is in its file is of no use any more
        return place, where

    def _put(self, data: bytes) -> Sequence[int] | None:
        """Where it lies in the file, piece by piece; None: there is no more room."""
        spill = self._spill = self._spill or SpillFile()
        view = memoryview(data)
        pieces = [spill.put(view[at : at + _PIECE_BYTES]) for at in range(0, len(data), _PIECE_BYTES)]
        found = [piece for piece in pieces if piece is not None]
        return found if len(found) == len(pieces) else None

    def _fetched(self, pieces: Sequence[int]) -> bytes:
        assert self._spill is not None  # noqa: S101 - they lie there
        whole = io.BytesIO()
        for piece in pieces:
            whole.write(self._spill.fetch(piece))
        return whole.getvalue()


def _size(place: Place) -> int:
    _, _, first, _, end = place
    return end - first
