"""Questions and orders over an open connection, their answers read as they come.

ldap3 connects and logs in. It reads a whole answer before it shows the first entry, takes as long over it as the
server, and keeps every value several times; and it waits for each answer before it makes the next request.
"""

import io
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from adpersist.directory.ldap.received_messages import ReceivedMessages
from adpersist.directory.wire.ber import SEQUENCE, BerError, header
from adpersist.directory.wire.controls import Control
from adpersist.directory.wire.filters import Filter
from adpersist.directory.wire.messages import (
    DONE,
    ENTRY,
    REFERENCE,
    Entries,
    Entry,
    Result,
    SearchScope,
    envelope,
    read_result,
    search_request,
)
from adpersist.directory.wire.requests import ANSWERS
from adpersist.errors import DirectoryUnreachableError

MAX_MESSAGE_BYTES: Final = 256 * 1024 * 1024
"""One entry; Samba's own limit for a whole answer."""

MOST_BYTES_ASKED: Final = 16 * 1024 * 1024
"""A server hangs up at a longer request (smb.conf, ``ldap max authenticated request size``)."""
_LIMIT_EXCEEDED: Final = 11
"""adminLimitExceeded, [RFC4511] 4.1.9."""
_CHUNK_BYTES: Final = 256 * 1024
_AHEAD_BYTES: Final = 64 * 1024 * 1024
"""So much of an answer is here before it is read: the server turns to the next question when it got rid of it."""
_ENDINGS: Final = ANSWERS | {DONE}
_OTHER: Final = 80
"""[RFC4511] 4.1.9."""
PASSED_OVER: Final = Result(
    code=_OTHER, message="it answers the next question without ending this one, as Samba does at an entry of 25 MiB"
)
"""What becomes of an answer that is not ended before the next begins (LDAP_SERVER_MAX_CHUNK_SIZE in its ldap_server.h):
Samba lets go of what is left of it, and goes on."""
_UNSOLICITED: Final = 0
"""Message id of what the server says unasked: that it hangs up ([RFC4511] 4.4)."""


class Conversation:
    """One connection. Much may be asked for ahead: the server answers one request after another, in their order.

    When an answer is read, what is left of those before it is read first and kept for whoever asked. One that the
    server passes over is told as a failure as soon as the next question is answered; without one it is waited for.

    Args:
        peer: Connected socket; shared with ldap3, which has logged in on it.
        url: For messages to people.
        next_id: Gives out message ids.
    """

    def __init__(self, peer: socket.socket, url: str, next_id: Callable[[], int]) -> None:
        self._peer = peer
        self._url = url
        self._next_id = next_id
        self._entries = Entries()
        self._came = ReceivedMessages()
        self._endings: deque[tuple[int, Result]] = deque()
        self._rest = b""
        self._open: deque[PendingAnswer] = deque()

    def search(
        self,
        base: str,
        scope: SearchScope,
        matching: Filter,
        attributes: Sequence[str],
        controls: Sequence[Control],
        *,
        timeout_s: float,
    ) -> "PendingAnswer":
        """Ask; the answer is read while it is iterated over. Raises: as :meth:`send`."""
        return self.send(
            lambda number: search_request(number, base, scope, matching, attributes, controls), timeout_s=timeout_s
        )

    def send(self, request: Callable[[int], bytes], *, timeout_s: float) -> "PendingAnswer":
        """Send the request that is made of a message id; the answer is read while it is iterated over.

        One that is too long for the server is not sent, and refused.

        Raises:
            DirectoryUnreachableError: The connection is gone.
        """
        number = self._next_id()
        asked = request(number)
        if len(asked) > MOST_BYTES_ASKED:
            words = f"a request of {len(asked)} bytes is longer than the {MOST_BYTES_ASKED} that Samba reads"
            return PendingAnswer(self, number, Result(code=_LIMIT_EXCEEDED, message=words))
        try:
            self._peer.settimeout(timeout_s)
            self._peer.sendall(asked)
        except OSError as error:
            raise self._gone(error) from error
        self._open.append(PendingAnswer(self, number))
        return self._open[-1]

    @property
    def is_waiting(self) -> bool:
        """Some answer was not read to its end."""
        return bool(self._open)

    def finish(self, until: "PendingAnswer | None" = None) -> None:
        """Read what is left of every answer, or of those before one: the connection is free for that one then."""
        while self._open and self._open[0] is not until:
            self._open[0].keep()

    def answers(self, number: int) -> Iterator[Entry | Result]:
        """Entries, then the result, of the request with that message id. Raises: DirectoryUnreachableError."""
        with self._guarded():
            while self._is_about(number):
                operation, entry = self._taken()
                if operation in _ENDINGS:
                    self._open.popleft()
                    yield self._endings.popleft()[1]
                    return
                if entry is not None:
                    yield entry
            self._open.popleft()
            yield PASSED_OVER

    def _taken(self) -> tuple[int, Entry | None]:
        """The next message, out of bytes that nobody holds any longer: a large entry is there but once."""
        (_, operation, first, after, _), data = self._came.take()
        if operation not in _ENDINGS | {ENTRY, REFERENCE}:
            raise BerError(f"operation {operation:#04x} answers no request")
        return operation, self._entries.read(data, first, after) if operation == ENTRY else None

    def _is_about(self, number: int) -> bool:
        """The next message belongs to that request; else to one that was asked after it."""
        if not self._came:
            self._take_in()
        message = self._came.next_id
        if message == _UNSOLICITED:
            raise ConnectionResetError("the server ended the conversation")
        if message != number and all(message != each.number for each in self._open):
            raise BerError(f"message {message} answers nothing")
        return message == number

    def take_in(self, asked: "PendingAnswer") -> bool:
        """Receive the answer to a request before it is read, or what was not read yet, as much as is kept ahead.

        Returns:
            All of it is here, and it is a success.

        Raises:
            DirectoryUnreachableError.
        """
        self.finish(until=asked)
        with self._guarded():
            if not self._endings:
                self._take_in()
        return bool(self._endings) and self._endings[0][0] == asked.number and self._endings[0][1].code == 0

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """What goes wrong in this block ends the conversation."""
        try:
            yield
        except BerError as error:
            self._peer.close()
            raise DirectoryUnreachableError(
                f"what answers at {self._url} does not speak LDAP: {error}",
                hint="Point the directory URL at the privileged socket of a Samba domain controller.",
            ) from error
        except OSError as error:
            self._peer.close()
            raise self._gone(error) from error

    def _take_in(self) -> None:
        """Receive messages until an answer is at its end, or as many as are kept ahead."""
        ended = False
        while not ended and self._came.size < _AHEAD_BYTES:
            data, at = self._rest, 0
            while (found := header(data, at)) is None or found[2] > len(data):
                data = self._received(data, 1 if found is None else found[2] - len(data))
            places = []
            while found is not None and found[2] <= len(data):
                tag, start, end = found
                if tag != SEQUENCE:
                    raise BerError(f"a message begins with {tag:#04x}")
                message, operation, first, after = envelope(data, start, end)
                places.append((message, operation, first, after, end))
                if operation in _ENDINGS:
                    self._endings.append((message, read_result(data, first, after, end)))
                ended = ended or operation not in (ENTRY, REFERENCE)
                at, found = end, header(data, end)
            self._came.add(places, data)
            self._rest = data[at:]

    def _received(self, before: bytes, missing: int) -> bytes:
        """What came before, and at least so many bytes more."""
        if missing > MAX_MESSAGE_BYTES:
            raise BerError(f"a message of {missing} bytes")
        whole = io.BytesIO()
        whole.write(before)
        while whole.tell() < len(before) + missing:
            part = self._peer.recv(_CHUNK_BYTES)
            if not part:
                raise ConnectionResetError("the connection was closed")
            whole.write(part)
        return whole.getvalue()

    def _gone(self, error: OSError) -> DirectoryUnreachableError:
        return DirectoryUnreachableError(
            f"the directory at {self._url} went away: {' '.join(str(error).split())}",
            hint="The command can be run again as soon as the domain controller answers.",
        )


class PendingAnswer:
    """The answer to one request: an iterator over its entries, which only a search has.

    Attributes:
        number: Message id of the request.
        result: How it ended; None until the last entry was read.
    """

    def __init__(self, conversation: Conversation, number: int, result: Result | None = None) -> None:
        self.number = number
        self.result = result
        self._conversation = conversation
        self._answers = conversation.answers(number) if result is None else iter(())
        self._kept: deque[Entry | Result] = deque()
        self._begun = False

    def __iter__(self) -> Iterator[Entry]:
        return self

    def __next__(self) -> Entry:
        if not self._begun:
            self.take_in()
        answer = self._kept.popleft() if self._kept else next(self._answers, None)
        if isinstance(answer, Entry):
            return answer
        self.result = answer or self.result
        raise StopIteration

    def take_in(self) -> bool:
        """See :meth:`Conversation.take_in`; False, too, when it was read already because of what came after it."""
        self._begun = True
        if self._kept or self.result is not None:
            return False
        return self._conversation.take_in(self)

    def keep(self) -> None:
        """Read the rest now: somebody wants to read what comes after it."""
        self._begun = True
        self._kept.extend(self._answers)
