"""A store in the process's own memory, gone with it: for trying things out and for tests."""

import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from adpersist.errors import FencedError, JournalExistsError, NoJournalError
from adpersist.model.identity.ids import Seq
from adpersist.stores.limits import check_advance, check_append, check_head, check_journal_id, check_part, check_stage
from adpersist.stores.port import Frame, StoredHead


@dataclass(slots=True)
class _Journal:
    """What one journal holds; guarded by :data:`_LOCK`."""

    head: StoredHead
    frames: dict[Seq, bytes] = field(default_factory=dict)
    checkpoints: dict[Seq, list[bytes]] = field(default_factory=dict)
    spare: bytes | None = None


_LOCK = threading.Lock()
_JOURNALS: dict[tuple[str, str], _Journal] = {}


def journals_in(name: str) -> list[str]:
    """Ids of the journals in a store of this process."""
    with _LOCK:
        return sorted(journal for place, journal in _JOURNALS if place == name)


class MemoryStore:
    """Implements :class:`adpersist.stores.port.Store`. Openers of one name share it, in one process."""

    def __init__(self, name: str, *, journal: str) -> None:
        self._name = name
        self._key = (name, check_journal_id(journal))

    @property
    def location(self) -> str:
        return f"memory://{self._name}"

    def create(self, head: bytes) -> StoredHead:
        check_head(head)
        with _LOCK:
            if self._key in _JOURNALS:
                raise JournalExistsError(f"journal {self._key[1]} is already in {self.location}")
            made = StoredHead(seq=Seq(0), body=bytes(head), token=secrets.token_hex(8))
            _JOURNALS[self._key] = _Journal(made)
            return made

    def head(self) -> StoredHead:
        with _LOCK:
            return self._journal().head

    def append(self, frames: Sequence[Frame], *, onto: StoredHead, head: bytes, spare: bool = False) -> StoredHead:
        check_append(frames, onto=onto, head=head, spare=spare)
        with _LOCK:
            journal = self._at(onto)
            journal.frames.update({frame.seq: bytes(frame.body) for frame in frames})
            made = StoredHead(seq=Seq(onto.seq + len(frames)), body=bytes(head), token=secrets.token_hex(8))
            journal.head = made
            journal.spare = made.body if spare else journal.spare
            return made

    def stage(self, frames: Sequence[Frame], *, onto: StoredHead) -> StoredHead:
        check_stage(frames, onto=onto)
        with _LOCK:
            journal = self._at(onto)
            journal.frames.update({frame.seq: bytes(frame.body) for frame in frames})
            journal.head = replace(journal.head, token=secrets.token_hex(8))
            return journal.head

    def advance(self, *, onto: StoredHead, seq: Seq, head: bytes) -> StoredHead:
        check_advance(onto=onto, seq=seq, head=head)
        with _LOCK:
            journal = self._at(onto)
            journal.head = StoredHead(seq=seq, body=bytes(head), token=secrets.token_hex(8))
            journal.spare = journal.head.body
            return journal.head

    def clear(self, *, onto: StoredHead) -> StoredHead:
        with _LOCK:
            journal = self._at(onto)
            journal.frames = {seq: body for seq, body in journal.frames.items() if seq <= onto.seq}
            journal.head = replace(journal.head, token=secrets.token_hex(8))
            return journal.head

    def spare(self) -> bytes | None:
        with _LOCK:
            found = _JOURNALS.get(self._key)
            return None if found is None else found.spare

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        with _LOCK:
            last = self._journal().head.seq if through is None else through
            numbers = sorted(seq for seq in self._journal().frames if after < seq <= last)
        for seq in numbers:
            with _LOCK:
                body = self._journal().frames.get(seq)
            if body is not None:
                yield Frame(seq=seq, body=body)

    def frames_of(self, spans: Sequence[tuple[Seq, Seq]]) -> Iterator[Frame]:
        for after, through in spans:
            yield from self.frames(after=after, through=through)

    def put_checkpoint(self, seq: Seq, parts: Iterable[bytes], *, start: int = 0) -> None:
        with _LOCK:
            kept = self._journal().checkpoints.setdefault(seq, [])
            del kept[start:]
        for number, part in enumerate(parts, start=start):
            check_part(seq, number, part)
            with _LOCK:
                kept.append(bytes(part))

    def checkpoints(self) -> Sequence[Seq]:
        with _LOCK:
            return sorted(self._journal().checkpoints)

    def checkpoint(self, seq: Seq) -> Iterator[bytes]:
        with _LOCK:
            parts = tuple(self._journal().checkpoints.get(seq, ()))
        yield from parts

    def drop_checkpoint(self, seq: Seq) -> None:
        with _LOCK:
            self._journal().checkpoints.pop(seq, None)

    def trim(self, *, through: Seq) -> None:
        with _LOCK:
            journal = self._journal()
            journal.frames = {seq: body for seq, body in journal.frames.items() if seq > through}

    def close(self) -> None:
        """Nothing to let go of; the journal stays for other openers of the same name."""

    def _at(self, onto: StoredHead) -> _Journal:
        journal = self._journal()
        if journal.head.token != onto.token:
            raise FencedError(f"the head of {self.location} is no longer the one at {onto.seq}")
        return journal

    def _journal(self) -> _Journal:
        found = _JOURNALS.get(self._key)
        if found is None:
            raise NoJournalError(
                f"{self.location} holds no journal {self._key[1]}",
                hint="A memory store dies with its process; use sqlite:// or azure:// to keep a journal.",
            )
        return found
