"""Frames in, verified commits out. Streams: memory follows one commit, not the journal."""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain as joined

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
    yield from read_spans(store, tip, [(after, through)], objects=objects)


def read_spans(
    store: Store, tip: OpenHead, spans: Sequence[tuple[Seq, Seq]], *, objects: Collection[Guid] | None = None
) -> Iterator[Commit]:
    """The same of several spans, one after another; a store that is far away is asked for several at once.

    Args:
        store: Where they lie.
        tip: The journal's head.
        spans: ``after`` and ``through`` of each; ascending, with two commits at the least between one and the next.
        objects: As of :func:`read_commits`, which says what is raised.
    """
    assembly = Assembly(objects)
    for after, opened in _opened(store, tip, spans, whole=True):
        commit = assembly.take(opened)
        if commit.seq > after:
            yield commit


def read_files(store: Store, tip: OpenHead, *, after: Seq, through: Seq) -> Iterator[FileChanges]:
    """What the same walk, with the same proofs, tells of files alone."""
    for _, opened in _opened(store, tip, [(after, through)], whole=False):
        if opened.header.kind is CommitKind.FILES:
            try:
                yield _files(opened)
            except ValueError as error:
                raise senseless(opened.header.seq, error) from error


def read_headers(store: Store, tip: OpenHead, *, after: Seq, through: Seq) -> Iterator[FrameHeader]:
    """The same walk and the same proofs, without looking at the changes."""
    for _, opened in _opened(store, tip, [(after, through)], whole=False):
        yield opened.header


def _opened(
    store: Store, tip: OpenHead, spans: Sequence[tuple[Seq, Seq]], *, whole: bool
) -> Iterator[tuple[Seq, Opened]]:
    """What the spans hold, each with what its span comes after; ``whole`` as of :func:`anchor`.

    A span is asked for together with its neighbours, by which it is proven: the commits before and after it.
    """
    for after, through in spans:
        if through > tip.head.seq:
            raise PointError(f"commit {through} is not in the journal; its last one is {tip.head.seq}")
        if after < tip.head.pruned:
            raise PointError(
                f"commits up to {tip.head.pruned} are pruned", hint=f"Read from the checkpoint at {tip.head.pruned} on."
            )
    walks = [(after, through, _known(tip, after)) for after, through in spans if after < through]
    frames = _Frames(
        store.frames_of(
            [
                (Seq(after - 1) if begin is None else begin.seq, Seq(through + _is_followed(tip, through)))
                for after, through, begin in walks
            ]
        )
    )
    for after, through, begin in walks:
        chain = begin or _begun(store, tip, after, next(frames.through(after), None), whole=whole)
        before = store.frames(after=chain.seq, through=after) if chain.seq < after else ()
        for frame in chain.counting(joined(before, frames.through(through))):
            yield after, chain.open(frame)
        follows = next(frames.through(Seq(through + 1)), None) if _is_followed(tip, through) else None
        chain.finish(seq=through, digest=_vouched(tip, through, follows) or chain.digest)


class _Frames:
    """Frames in their order, of which those are taken that one likes; the others stay."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames = frames
        self._next: Frame | None = None

    def through(self, seq: Seq) -> Iterator[Frame]:
        """The next ones, up to that number."""
        while True:
            self._next = self._next or next(self._frames, None)
            if self._next is None or self._next.seq > seq:
                return
            frame, self._next = self._next, None
            yield frame


def _is_followed(tip: OpenHead, seq: Seq) -> bool:
    """There is a commit after it, which says what its digest must be."""
    return seq < tip.head.seq and not any(each.holds(seq + 1) for each in tip.head.lost)


def _vouched(tip: OpenHead, seq: Seq, follows: Frame | None) -> bytes | None:
    """What the commit's digest must be, says the head or the commit after it; None when that one is damaged.

    Somebody who holds the store may have kept a fenced writer's frame: sealed, and never in the journal.
    """
    if seq == tip.head.seq:
        return tip.head.digest
    if follows is None:
        return None
    try:
        return open_in_place(follows.body, Seq(seq + 1), tip.journal, tip.keyring).header.previous
    except DamagedError:
        return None


def read_frame(store: Store, seq: Seq) -> Frame:
    """One frame as it stands in the store.

    Raises:
        DamagedError: GAP, it is not there.
    """
    return _there(next(store.frames(after=Seq(seq - 1), through=seq), None), seq)


def _there(frame: Frame | None, seq: Seq) -> Frame:
    if frame is None:
        raise missing(seq)
    return frame


def anchor(store: Store, tip: OpenHead, after: Seq, *, whole: bool) -> Chain:
    """A chain that begins after ``after``, or before a large change's parts when they are wanted ``whole``."""
    return _known(tip, after) or _begun(store, tip, after, read_frame(store, after), whole=whole)


def _known(tip: OpenHead, seq: Seq) -> Chain | None:
    """A chain that begins after a commit of which the head says the digest."""
    if seq == BEFORE_FIRST:
        return _chain(tip, seq, tip.keyring.seed(tip.journal))
    for lost in tip.head.lost:
        if lost.holds(seq):
            return _chain(tip, lost.last, lost.digest)
    return next((_chain(tip, seq, each.digest) for each in tip.head.checkpoints if each.seq == seq), None)


def _begun(store: Store, tip: OpenHead, after: Seq, frame: Frame | None, *, whole: bool) -> Chain:
    """A chain that begins after a commit by its frame; see :func:`anchor`."""
    last = open_frame(_there(frame, after).body, after, tip.keyring)
    if last.header.kind is not CommitKind.PART or not whole:
        return _chain(tip, after, last.digest)
    before = Seq(max(after - last.header.part - 1, tip.head.pruned))
    return _known(tip, before) or _chain(
        tip, before, open_frame(read_frame(store, before).body, before, tip.keyring).digest
    )


def _chain(tip: OpenHead, seq: Seq, digest: bytes) -> Chain:
    return Chain(tip.keyring, tip.journal, seq=seq, digest=digest, lost=tip.head.lost)


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
