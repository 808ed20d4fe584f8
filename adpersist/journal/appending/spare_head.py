"""The spare: a copy of the head in a place of its own, and the way back from it when the head itself is lost.

The head is the only place of the wrapped data keys: without it no commit could be read. What a head says, the commits
after its spare repeat, but for a few facts; whenever one of those changes, the store takes the new head twice, in one
step. So the spare and the commits after it always make up the lost head. The copy is sealed as the head is, and nobody
reads it but :func:`repair`, which a person asks for: it proves no more than a store that was rolled back does.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from adpersist.errors import IntegrityError, NoJournalError, WrongKeyError
from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.format.chain import Chain
from adpersist.journal.format.frame_header import FrameHeader
from adpersist.journal.format.head import OpenHead, microseconds, open_head, require_journal, seal_head, seq_of
from adpersist.journal.keys.key_encryption import KeyEncryption, Randomness
from adpersist.journal.keys.keyring import Keyring
from adpersist.journal.reader import Assembly
from adpersist.journal.timelines import begun_anew
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.commit import ASIDE, BESIDE, Commit, CommitKind
from adpersist.model.journal.head import Head, Mark, Phase, Timeline, Writer
from adpersist.stores.port import Frame, Store, StoredHead

_AT_ONCE: Final = 64
"""Commits asked for beyond a head that nobody can read: the first such run that is empty is the end."""

SparedFacts = tuple[object, ...]


def spared_facts(head: Head, keyring: Keyring) -> SparedFacts:
    """What a head says that no commit repeats."""
    position = head.position
    return (
        keyring.wrapped,
        head.checkpoints,
        head.pruned,
        head.timelines,
        head.fresh,
        head.lost,
        head.files_left,
        head.moved,
        position and (position.invocation, frozenset(position.cookies)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A head made up from the spare and the commits after it.

    Attributes:
        tip: The head, as if it had been read.
        stopped: Why the commits behind it could not be followed; None: it is the whole journal.
    """

    tip: OpenHead
    stopped: DamagedError | None


def rebuilt(store: Store, keys: KeyEncryption, *, expected: str | None = None) -> Rebuilt:
    """Read the spare and follow the chain from there; writes nothing.

    Args:
        store: Where the journal lies.
        keys: Its key-encryption key.
        expected: The journal's id where it is known.

    Raises:
        NoJournalError: There is no spare either.
        WrongKeyError, DamagedError: It cannot be opened.
    """
    body = store.spare()
    if body is None:
        raise NoJournalError(
            f"{store.location} holds no spare of the head", hint="Look for the store's backups: the head is needed."
        )
    return followed(
        store, require_journal(open_head(StoredHead(seq=seq_of(body), body=body, token=""), keys), expected)
    )


def followed(store: Store, tip: OpenHead) -> Rebuilt:
    """The head that the frames behind an older one make up; writes nothing."""
    chain = Chain(tip.keyring, tip.journal, seq=tip.head.seq, digest=tip.head.digest, lost=tip.head.lost)
    assembly, head = Assembly(), tip.head
    look = head.position.canary if head.position else BEFORE_FIRST
    stopped: DamagedError | None = None
    try:
        for frame in _beyond(store, tip.head.seq):
            opened = chain.open(frame)
            commit = None if opened.header.kind in _BARE else assembly.take(opened)
            head = _after(head, opened.header, commit, digest=chain.digest, told=look)
            if opened.header.kind is CommitKind.LOOK and opened.header.ends_look:
                look = chain.seq
    except DamagedError as error:
        stopped = error
    return Rebuilt(tip=replace(tip, head=head), stopped=stopped)


def repair(
    store: Store,
    keys: KeyEncryption,
    *,
    writer: Writer,
    now: float,
    expected: str | None = None,
    randomness: Randomness = os.urandom,
) -> Head | None:
    """Put a rebuilt head in the place of one that is lost or damaged; None when the head is sound.

    Whoever holds the journal is fenced. Killed anywhere, the head is damaged as before, and the next run mends it.

    Raises:
        NoJournalError: There is nothing to make a head of.
        DamagedError: The spare is damaged too, or a commit after it: then a backup of the store is needed. Or a newer
            adpersist wrote the head: it is not lost.
        WrongKeyError: Sealed with another key.
        FencedError: Somebody wrote to the journal meanwhile.
    """
    lost = _lost(store, keys, expected)
    if lost is None:
        return None
    found = rebuilt(store, keys, expected=expected)
    if found.stopped is not None:
        raise found.stopped
    tip = found.tip
    head = replace(tip.head, writer=writer, time=microseconds(now) / 1_000_000)
    body = seal_head(head, tip.keyring, tip.journal, randomness)
    store.append([], onto=replace(lost, seq=head.seq), head=body, spare=True)
    return head


def _lost(store: Store, keys: KeyEncryption, expected: str | None) -> StoredHead | None:
    """What stands in the head's place and cannot be opened; None when it can."""
    try:
        found = store.head()
    except NoJournalError:
        body = store.spare()
        if body is None:
            raise
        return store.create(body)  # only holds the place: filed under the wrong number, it opens for nobody
    try:
        require_journal(open_beside_spare(store, found, keys), expected)
    except DamagedError as error:
        if error.damage is Damage.NEWER:
            raise
        return found
    return None


def open_beside_spare(store: Store, found: StoredHead, keys: KeyEncryption) -> OpenHead:
    """Open a head; one that wants another key than its spare was tampered with: both change hands in one step.

    Raises:
        WrongKeyError: The key at hand opens neither.
        DamagedError: As :func:`open_head`.
    """
    try:
        return open_head(found, keys)
    except WrongKeyError as error:
        body = store.spare()
        if body is None:
            raise
        try:
            open_head(StoredHead(seq=seq_of(body), body=body, token=""), keys)
        except IntegrityError:
            raise error from None
        raise DamagedError(f"{error.message}, which opens its spare", seq=None, damage=Damage.FORGED) from error


def missing_head(store: Store) -> DamagedError | None:
    """The error for a journal whose head is gone and whose spare is not; None when there never was a journal."""
    if store.spare() is None:
        return None
    return DamagedError("it is missing", seq=None, damage=Damage.GAP)


def standing_head(store: Store) -> StoredHead:
    """The head as it stands in the store.

    Raises:
        DamagedError: It is gone, and its spare is not.
        NoJournalError: There is no journal.
        StoreError: As :meth:`~adpersist.stores.port.Store.head`.
    """
    try:
        return store.head()
    except NoJournalError as error:
        lost = missing_head(store)
        if lost is None:
            raise
        raise lost from error


_BARE: Final = frozenset({CommitKind.LOOK, CommitKind.PART, CommitKind.FILES})
"""Kinds of commits of which the header says enough."""


def _after(before: Head, header: FrameHeader, commit: Commit | None, *, digest: bytes, told: Seq) -> Head:
    """The head after one more commit, as far as it can be told.

    The DC is told of every look before the next one is captured: it remembers the last but one, ``told``, for certain.
    """
    is_aside = header.kind in ASIDE
    head = replace(
        before,
        seq=header.seq,
        digest=digest,
        settled=header.ends_look,
        complete=header.complete,
        time=before.time if header.kind in BESIDE else header.time_us / 1_000_000,
        before_marks=(before.before_marks or before.last) if is_aside else None,
        before_use=before.last_but_use if header.kind is CommitKind.USE else None,
    )
    position = head.position
    if header.kind is CommitKind.LOOK and header.ends_look and position is not None:
        canary = told if position.canary else BEFORE_FIRST  # one that is never told remembers nothing
        return replace(head, position=replace(position, usn=header.usn_to, canary=canary))
    return head if commit is None else _with_note(head, header, commit)


def _with_note(head: Head, header: FrameHeader, commit: Commit) -> Head:
    """The same for a commit that is no look."""
    match commit.kind:
        case CommitKind.MARK if commit.mark is not None:
            made = Mark(name=commit.mark, seq=commit.seq, time=commit.time)
            return replace(head, marks=(*(each for each in head.marks if each.name != made.name), made))
        case CommitKind.RESTORE_BEGIN if commit.writer is not None:
            return replace(head, phase=Phase.RESTORING, target=commit.target, writer=commit.writer)
        case CommitKind.RESTORE_END if commit.target is not None:
            began = Timeline(number=header.timeline, base=commit.target, begins=commit.seq)
            return replace(
                head,
                timeline=header.timeline,
                timelines=(*head.timelines, began),
                phase=Phase.CAPTURING,
                target=None,
                position=None,
                witnesses=(),
            )
        case CommitKind.REPAIR if commit.target is not None:
            return begun_anew(head, Timeline(number=header.timeline, base=commit.target, begins=commit.seq))
        case _:
            return head


def _beyond(store: Store, after: Seq) -> Iterator[Frame]:
    """The frames after one that is there, as far as they go."""
    while batch := list(store.frames(after=after, through=Seq(after + _AT_ONCE))):
        yield from batch
        after = batch[-1].seq
