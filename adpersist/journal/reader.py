"""Frames in, verified commits out. Streams: memory follows one commit, not the journal."""

from collections.abc import Collection, Iterator

from adpersist.errors import PointError
from adpersist.journal.damage import DamagedError
from adpersist.journal.format.chain import Chain, missing, open_in_place, senseless
from adpersist.journal.format.columns.changes import unpack_look
from adpersist.journal.format.columns.file_changes import unpack_files
from adpersist.journal.format.frame import Opened, open_frame
from adpersist.journal.format.frame_header import FrameHeader
from adpersist.journal.format.head import OpenHead
from adpersist.journal.format.notes import CommitNote, unpack_note
from adpersist.journal.format.splitting import MAX_CHANGE_BYTES
from adpersist.model.files.file_changes import NO_FILES, FileChanges
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq
from adpersist.model.journal.commit import Commit, CommitKind
from adpersist.model.objects.audit import Audited
from adpersist.model.objects.change import Change
from adpersist.stores.port import Frame, Store


def read_commits(
    store: Store, tip: OpenHead, *, after: Seq, through: Seq, objects: Collection[Guid] | None = None
) -> Iterator[Commit]:
    """Commits with ``after < seq <= through``, each verified before it is yielded; with the changes of these objects
    alone, where some are named.

    What is proved: every seal holds, numbers have no gap, every frame names the digest of the one before, and the last
    one is what the head, or the commit after it, says it is. The last proof comes after the last commit was yielded.

    Raises:
        PointError: Beyond the head, or pruned away.
        DamagedError: The journal is not what was written; the commits before the damage were yielded.
    """
    assembly = Assembly(objects)
    for opened in _opened(store, tip, after=after, through=through, whole=True):
        commit = assembly.take(opened)
        if commit.seq > after:
            yield commit


def read_files(store: Store, tip: OpenHead, *, after: Seq, through: Seq) -> Iterator[FileChanges]:
    """What the same walk, with the same proofs, tells of files alone."""
    for opened in _opened(store, tip, after=after, through=through, whole=False):
        if opened.header.kind is CommitKind.FILES:
            try:
                yield _files(opened)
            except ValueError as error:
                raise senseless(opened.header.seq, error) from error


def read_headers(store: Store, tip: OpenHead, *, after: Seq, through: Seq) -> Iterator[FrameHeader]:
    """The same walk and the same proofs, without looking at the changes."""
    for opened in _opened(store, tip, after=after, through=through, whole=False):
        yield opened.header


def _opened(store: Store, tip: OpenHead, *, after: Seq, through: Seq, whole: bool) -> Iterator[Opened]:
    head = tip.head
    if through > head.seq:
        raise PointError(f"commit {through} is not in the journal; its last one is {head.seq}")
    if after < head.pruned:
        raise PointError(
            f"commits up to {head.pruned} are pruned", hint=f"Read from the checkpoint at {head.pruned} on."
        )
    if after >= through:
        return
    chain = anchor(store, tip, after, whole=whole)
    for frame in chain.counting(store.frames(after=chain.seq, through=through)):
        yield chain.open(frame)
    chain.finish(seq=through, digest=_vouched(store, tip, through) or chain.digest)


def _vouched(store: Store, tip: OpenHead, seq: Seq) -> bytes | None:
    """What the commit's digest must be, says the head or the commit after it; None when that one is damaged.

    Somebody who holds the store may have kept a fenced writer's frame: sealed, and never in the journal.
    """
    if seq == tip.head.seq:
        return tip.head.digest
    if any(each.holds(seq + 1) for each in tip.head.lost):
        return None
    try:
        after = Seq(seq + 1)
        return open_in_place(read_frame(store, after).body, after, tip.journal, tip.keyring).header.previous
    except DamagedError:
        return None


def read_frame(store: Store, seq: Seq) -> Frame:
    """One frame as it stands in the store.

    Raises:
        DamagedError: GAP, it is not there.
    """
    found = next(store.frames(after=Seq(seq - 1), through=seq), None)
    if found is None:
        raise missing(seq)
    return found


def anchor(store: Store, tip: OpenHead, after: Seq, *, whole: bool) -> Chain:
    """A chain that begins after ``after``, or before a large change's parts when they are wanted ``whole``."""

    def chain(seq: Seq, digest: bytes) -> Chain:
        return Chain(tip.keyring, tip.journal, seq=seq, digest=digest, lost=tip.head.lost)

    def known(seq: Seq) -> Chain | None:
        if seq == BEFORE_FIRST:
            return chain(seq, tip.keyring.seed(tip.journal))
        for lost in tip.head.lost:
            if lost.holds(seq):
                return chain(lost.last, lost.digest)
        return next((chain(seq, each.digest) for each in tip.head.checkpoints if each.seq == seq), None)

    def opened(seq: Seq) -> Opened:
        return open_frame(read_frame(store, seq).body, seq, tip.keyring)

    found = known(after)
    if found is not None:
        return found
    last = opened(after)
    if last.header.kind is not CommitKind.PART or not whole:
        return chain(after, last.digest)
    before = Seq(max(after - last.header.part - 1, tip.head.pruned))
    return known(before) or chain(before, opened(before).digest)


def _files(opened: Opened) -> FileChanges:
    files = unpack_files(opened.content)
    found = len(files.states) + len(files.gone)
    if found != opened.header.changes:
        raise ValueError(f"{opened.header.changes} changes of files announced, {found} inside")
    return files


class Assembly:
    """Frames in their order become commits; the parts of a large change are put together.

    Args:
        objects: Of which changes are made; None: of all.
    """

    def __init__(self, objects: Collection[Guid] | None = None) -> None:
        self._objects = objects
        self._parts: list[bytes] = []

    def take(self, opened: Opened) -> Commit:
        """The commit a frame holds.

        Raises:
            DamagedError: It was sealed with our key and yet makes no sense.
        """
        header = opened.header
        try:
            changes: tuple[Change, ...] = ()
            audited: Audited | None = None
            note, files = CommitNote(), NO_FILES
            if header.kind is CommitKind.LOOK:
                changes, audited = self._look(opened)
            elif header.kind is CommitKind.PART:
                self._part(opened)
            elif header.kind is CommitKind.FILES:
                self._parts.clear()
                files = _files(opened)
            else:
                self._parts.clear()
                note = unpack_note(opened.content, ends_restore=header.kind is CommitKind.RESTORE_END)
        except (ValueError, TypeError) as error:
            raise senseless(header.seq, error) from error
        return Commit(
            seq=header.seq,
            timeline=header.timeline,
            kind=header.kind,
            time=header.time_us / 1_000_000,
            usn_from=header.usn_from,
            usn_to=header.usn_to,
            changes=changes,
            files=files,
            audited=audited,
            ends_look=header.ends_look,
            complete=header.complete,
            **note._asdict(),
            digest=opened.digest,
            size=opened.size,
        )

    def _part(self, opened: Opened) -> None:
        if opened.header.part == 0:
            self._parts.clear()  # parts before it were given up by a writer that had to begin again
        if opened.header.part != len(self._parts):
            raise ValueError(f"part {opened.header.part} follows {len(self._parts)} parts")
        if sum(map(len, self._parts)) + len(opened.content) > MAX_CHANGE_BYTES:
            raise ValueError(f"its parts have more than {MAX_CHANGE_BYTES} bytes")
        self._parts.append(opened.content)

    def _look(self, opened: Opened) -> tuple[tuple[Change, ...], Audited | None]:
        content = opened.content
        if opened.header.part:
            if opened.header.part != len(self._parts):
                raise ValueError(f"{opened.header.part} parts belong to it, {len(self._parts)} are there")
            content = b"".join([*self._parts, content])
        self._parts.clear()
        changes, audited = unpack_look(content, self._objects)
        if self._objects is None and len(changes) != opened.header.changes:
            raise ValueError(f"{opened.header.changes} changes announced, {len(changes)} inside")
        if (audited is not None) != opened.header.audited:
            raise ValueError("its version and whether it says who wrote do not fit together")
        return changes, audited
