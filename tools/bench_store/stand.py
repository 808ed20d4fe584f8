"""What is measured on: journals with made-up changes, stores that count, an Azurite."""

from __future__ import annotations

import random
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_encryption import LocalKey
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.journal.head import Identity, Position, Witness, Writer
from adpersist.model.objects.change import Change, Kind, Stamp
from adpersist.stores.port import Frame, Store, StoredHead
from adpersist.stores.registry import open_store

AZURITE: Final = Path(__file__).parents[2] / ".cache" / "azurite" / "node_modules" / ".bin" / "azurite-table"
NC: Final = "DC=corp,DC=example,DC=com"
_ATTRIBUTES: Final = (
    "description",
    "telephoneNumber",
    "mail",
    "title",
    "department",
    "l",
    "physicalDeliveryOfficeName",
)
_YEAR_2026: Final = 13_411_900_800
"""Seconds from 1601 to 2026."""


class Writing:
    """A journal and somebody who writes to it: random but repeatable, as a busy domain looks."""

    def __init__(self, url: str, *, objects: int, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self.identity = Identity(domain=self._guid(), server=self._guid(), dns_name="dc1.corp.example.com")
        self.id = journal_id(self.identity)
        self.secret = self._random.randbytes(32)
        self.key = LocalKey(self.secret)
        self.store = open_store(url, journal=self.id)
        writer = Writer(id=secrets.token_hex(8), host="bench", pid=1)
        self.journal = Journal.create(self.store, self.key, identity=self.identity, writer=writer, now=time.time())
        self.objects = [self._guid() for _ in range(objects)]
        self._invocation = self._guid()
        self._usn = 0

    def close(self) -> None:
        """Let go of the store."""
        self.journal.close()

    def first_look(self, others: Sequence[Change] = (), *, now: float | None = None) -> int:
        """Commit every object once, after some others; returns how many changes that is, without those."""
        self.commit([*others, *(self._created(number, guid) for number, guid in enumerate(self.objects))], now=now)
        return len(self.objects)

    def changes(self, count: int) -> list[Change]:
        """Changes of one attribute each, on objects drawn at random, as a look finds them."""
        return [self._changed(self._random.choice(self.objects), self._usn + number) for number in range(count)]

    def commit(self, changes: Sequence[Change], *, now: float | None = None) -> None:
        """Make them durable as one look of now, or another time, with the witnesses and cookies a look has."""
        before, self._usn = self._usn, self._usn + len(changes)
        witnesses = [
            Witness(seq=Seq(0), guid=change.guid, attribute=name, stamp=stamp)
            for change in changes[-8:]
            for name, stamp in change.stamps.items()
        ]
        cookie = b"MSDS" + self._random.randbytes(8) + bytes(92)
        self.journal.commit(
            changes,
            position=Position(
                cookies={f"{part}{NC}": cookie for part in ("", "CN=Configuration,", "CN=Schema,CN=Configuration,")},
                invocation=self._invocation,
                usn=Usn(self._usn),
            ),
            usn_from=Usn(before),
            witnesses=witnesses,
            complete=True,
            now=time.time() if now is None else now,
        )

    def _guid(self) -> Guid:
        return Guid(self._random.randbytes(16))

    def _text(self) -> bytes:
        return self._random.randbytes(self._random.randrange(4, 16)).hex().encode()

    def _changed(self, guid: Guid, usn: int) -> Change:
        name = self._random.choice(_ATTRIBUTES)
        stamp = Stamp(
            version=self._random.randrange(1, 20), time=_YEAR_2026 + usn // 5, origin=self._invocation, usn=Usn(usn)
        )
        return Change(kind=Kind.CHANGED, guid=guid, nc=NC, values={name: (self._text(),)}, stamps={name: stamp})

    def _created(self, number: int, guid: Guid) -> Change:
        values = {
            "objectClass": (b"top", b"person", b"organizationalPerson", b"user"),
            "objectSid": (self._random.randbytes(28),),
            "unicodePwd": (self._random.randbytes(16),),
            "supplementalCredentials": (self._random.randbytes(1200),),
            "sAMAccountName": (b"user%d" % number,),
            "userPrincipalName": (b"user%d@corp.example.com" % number,),
            "userAccountControl": (b"512",),
            "pwdLastSet": (b"%d" % (134_000_000_000_000_000 + number),),
            "whenCreated": (b"20260501120000.0Z",),
            "primaryGroupID": (b"513",),
            **{name: (self._text(),) for name in _ATTRIBUTES},
        }
        root = None if number == 0 else self.objects[0]
        return Change(kind=Kind.CREATED, guid=guid, nc=NC, parent=root, rdn=f"CN=user{number}", values=values)


class CountingStore:
    """A store that counts what is asked of it. Implements :class:`adpersist.stores.port.Store`.

    Attributes:
        operations: Calls so far, whatever they were.
    """

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.operations = 0

    @property
    def location(self) -> str:
        return self._inner.location

    def create(self, head: bytes) -> StoredHead:
        self.operations += 1
        return self._inner.create(head)

    def head(self) -> StoredHead:
        self.operations += 1
        return self._inner.head()

    def append(self, frames: Sequence[Frame], *, onto: StoredHead, head: bytes, spare: bool = False) -> StoredHead:
        self.operations += 1
        return self._inner.append(frames, onto=onto, head=head, spare=spare)

    def stage(self, frames: Sequence[Frame], *, onto: StoredHead) -> StoredHead:
        self.operations += 1
        return self._inner.stage(frames, onto=onto)

    def advance(self, *, onto: StoredHead, seq: Seq, head: bytes) -> StoredHead:
        self.operations += 1
        return self._inner.advance(onto=onto, seq=seq, head=head)

    def clear(self, *, onto: StoredHead) -> StoredHead:
        self.operations += 1
        return self._inner.clear(onto=onto)

    def spare(self) -> bytes | None:
        self.operations += 1
        return self._inner.spare()

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        self.operations += 1
        return self._inner.frames(after=after, through=through)

    def frames_of(self, spans: Sequence[tuple[Seq, Seq]]) -> Iterator[Frame]:
        self.operations += 1
        return self._inner.frames_of(spans)

    def put_checkpoint(self, seq: Seq, parts: Iterable[bytes], *, start: int = 0) -> None:
        self.operations += 1
        self._inner.put_checkpoint(seq, parts, start=start)

    def checkpoints(self) -> Sequence[Seq]:
        self.operations += 1
        return self._inner.checkpoints()

    def checkpoint(self, seq: Seq) -> Iterator[bytes]:
        self.operations += 1
        return self._inner.checkpoint(seq)

    def drop_checkpoint(self, seq: Seq) -> None:
        self.operations += 1
        self._inner.drop_checkpoint(seq)

    def trim(self, *, through: Seq) -> None:
        self.operations += 1
        self._inner.trim(through=through)

    def close(self) -> None:
        self._inner.close()


@contextmanager
def azurite() -> Iterator[str]:
    """``host:port`` of an Azurite of our own, on disk."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="adp-azurite-") as place:
        process = subprocess.Popen(
            [AZURITE, "--tableHost", "127.0.0.1", "--tablePort", str(port), "--location", place, "--silent",
             "--disableTelemetry"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if time.monotonic() > deadline or process.poll() is not None:
                        raise
                    time.sleep(0.1)
            yield f"127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
