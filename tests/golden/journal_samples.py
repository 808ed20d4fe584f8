"""Journals for tests: deterministic where they are told to be, with keys that protect nothing."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from adpersist.journal.appending.appender import Patience
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_encryption import LocalKey
from adpersist.journal.keys.key_file import key_line
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.journal.head import Head, Identity, Position, Witness, Writer
from adpersist.model.objects.audit import Audited
from adpersist.model.objects.change import Change, Kind, Stamp, Values
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import Frame, Store, StoredHead

TEST_KEY = hashlib.sha256(b"adpersist TEST KEY, known to everybody, protects nothing").digest()
NC = "DC=corp,DC=example"
NOON = 1_767_268_800.0
"""2026-01-01T12:00:00Z."""


def guid(name: str) -> Guid:
    """A GUID that is always the same for a name."""
    return Guid(hashlib.sha256(b"guid " + name.encode()).digest()[:16])


IDENTITY = Identity(domain=guid("domain"), server=guid("server"), dns_name="dc1.corp.example")
AGENT = Writer(id="agent", host="dc1", pid=4711)
OTHER = Writer(id="other", host="dc1-clone", pid=815)
IMPATIENT = Patience(pauses_s=(0.0, 0.0), sleep=lambda _: None)


def pseudorandom(seed: str) -> Callable[[int], bytes]:
    """Randomness that repeats; for golden files and for cloned machines."""
    counter = 0

    def give(count: int) -> bytes:
        nonlocal counter
        counter += 1
        return hashlib.shake_256(f"{seed} {counter}".encode()).digest(count)

    return give


def key(name: str = "") -> LocalKey:
    """The test key, or another one for a name."""
    return LocalKey(hashlib.sha256(TEST_KEY + name.encode()).digest() if name else TEST_KEY)


_stores = 0


def fresh_store() -> MemoryStore:
    """An empty memory store of its own."""
    global _stores  # noqa: PLW0603  # names of memory stores are per process
    _stores += 1
    return MemoryStore(f"journal-test-{_stores}", journal=journal_id(IDENTITY))


def new_journal(store: Store) -> Journal:
    """An empty journal held by AGENT."""
    return Journal.create(store, key(), identity=IDENTITY, writer=AGENT, now=NOON, patience=IMPATIENT)


def store_of_looks(count: int) -> MemoryStore:
    """A journal of so many looks by the agent, each with an object of its own, from user1 in commit 1 on."""
    store = fresh_store()
    journal = new_journal(store)
    for number in range(1, count + 1):
        look(journal, [created(f"user{number}")], number)
    return store


def opened(store: Store, writer: Writer | None = None) -> Journal:
    """The journal opened again, and claimed when a writer is given."""
    journal = Journal.open(store, key(), patience=IMPATIENT)
    if writer is not None:
        journal.claim(writer, now=NOON)
    return journal


def set_value(name: str, value: bytes, attribute: str = "description", *, usn: int = 0) -> Change:
    """One attribute of one object, with its stamp when a USN is given."""
    stamp = Stamp(version=2, time=13_411_742_400 + usn, origin=guid("invocation"), usn=Usn(usn))
    return Change(
        kind=Kind.CHANGED,
        guid=guid(name),
        nc=NC,
        values={attribute: (value,)},
        stamps={attribute: stamp} if usn else {},
    )


def created(name: str, values: dict[str, Values] | None = None) -> Change:
    """An object that appears under the domain's root."""
    return Change(
        kind=Kind.CREATED, guid=guid(name), nc=NC, parent=guid("domain"), rdn=f"CN={name}", values=values or {}
    )


def position(usn: int, cookie: bytes = b"cookie") -> Position:
    """Where the feed stands at a USN."""
    return Position(cookies={NC: cookie + b"%d" % usn}, invocation=guid("invocation"), usn=Usn(usn), rid_next=1100)


def look(
    journal: Journal,
    changes: Sequence[Change],
    usn: int,
    *,
    now: float | None = None,
    audited: Audited | None = None,
    ends_look: bool = True,
) -> Head:
    """Commit one look that ends at a USN, or a part of it; a second later for every USN unless told otherwise."""
    return journal.commit(
        changes,
        position=position(usn),
        usn_from=Usn(max(usn - 10, 0)),
        witnesses=[witness(f"w{usn}", usn)],
        complete=True,
        now=NOON + usn if now is None else now,
        audited=audited,
        ends_look=ends_look,
    )


def witness(name: str, usn: int, seq: int = 0) -> Witness:
    """A write to look for."""
    stamp = Stamp(version=1, time=13_411_742_400, origin=guid("invocation"), usn=Usn(usn))
    return Witness(seq=Seq(seq), guid=guid(name), attribute="description", stamp=stamp)


def changes_of(journal: Journal, after: int = 0) -> list[Change]:
    """Every change in the journal, in order."""
    return [change for commit in journal.commits(after=Seq(after)) for change in commit.changes]


class TamperedStore(MemoryStore):
    """A memory store whose owner is not honest: what lies in it is changed on its way out.

    Attributes:
        tamper: What becomes of the frames.
        fake_head: What is handed out as the head instead; None: the real one.
    """

    def __init__(self, of: MemoryStore) -> None:
        super().__init__(of.location.removeprefix("memory://"), journal=journal_id(IDENTITY))
        self.tamper: Callable[[list[Frame]], Iterable[Frame]] = list
        self.fake_head: StoredHead | None = None
        self.fake_spare: bytes | None = None
        """Empty: there is none."""

    def spare(self) -> bytes | None:
        return super().spare() if self.fake_spare is None else self.fake_spare or None

    def head(self) -> StoredHead:
        return self.fake_head or super().head()

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        last = super().head().seq if through is None else through
        for frame in self.tamper(list(super().frames(after=Seq(0)))):
            if after < frame.seq <= last:
                yield frame


def document_of(store: Store, journal: Journal) -> dict[str, Any]:
    """All that a store holds of a journal sealed with the test key, as a JSON document."""

    def text(body: bytes) -> str:
        return base64.b64encode(body).decode()

    return {
        "about": "TEST DATA. The key is derived from a public sentence and protects nothing.",
        "key": key_line(TEST_KEY),
        "head": text(store.head().body),
        "spare": text(store.spare() or b""),
        "frames": [text(frame.body) for frame in store.frames(after=Seq(0))],
        "checkpoints": {
            str(each.lies_at): [text(part) for part in store.checkpoint(each.lies_at)]
            for each in journal.head.checkpoints
        },
    }


def write_down(store: Store, journal: Journal, path: Path) -> None:
    """That document in a file; one that exists is left alone."""
    with path.open("x", encoding="ascii") as file:
        json.dump(document_of(store, journal), file, indent=1)
        file.write("\n")


def written_today(write: Callable[[Store], Journal]) -> dict[str, Any]:
    """What the same makes of it now: as the description has it, too."""
    store = fresh_store()
    return document_of(store, write(store))


def written_then(name: str, digest: str) -> Any:  # noqa: ANN401 - a JSON document
    """What :func:`write_down` made of a journal once, proven to be as it was written by that version."""
    text = (Path(__file__).parent / f"{name}.json").read_text(encoding="ascii")
    assert hashlib.sha256(text.encode()).hexdigest() == digest, "a golden file is never written again"
    return json.loads(text)


def store_of(document: Any, name: str) -> MemoryStore:  # noqa: ANN401 - as above
    """The reverse of :func:`write_down`: a store, under a name of the test's own, with what the document has."""
    store = MemoryStore(f"golden {name}", journal=journal_id(IDENTITY))
    onto, head = store.create(b"none yet"), base64.b64decode(document["head"])
    if spare := document.get("spare"):
        onto = store.append([], onto=onto, head=base64.b64decode(spare), spare=True)
    for number, text in enumerate(document["frames"], start=1):
        onto = store.append([Frame(seq=Seq(number), body=base64.b64decode(text))], onto=onto, head=head)
    for seq, parts in document["checkpoints"].items():
        store.put_checkpoint(Seq(int(seq)), map(base64.b64decode, parts))
    return store
