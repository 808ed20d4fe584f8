"""Proves a journal, or says where it is wrong and what can still be restored. Streams; reads all, changes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from adpersist.errors import IntegrityError, NoJournalError, PrunedMeanwhileError
from adpersist.journal.appending.spare_head import missing_head, open_beside_spare, rebuilt
from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.format.checkpoint import prove_checkpoint
from adpersist.journal.format.frame import digest_of
from adpersist.journal.format.head import OpenHead, open_head, require_journal, seq_of
from adpersist.journal.keys.key_encryption import KeyEncryption
from adpersist.journal.reader import anchor, read_frame
from adpersist.journal.timelines import Span
from adpersist.journal.upkeep.frame_scan import DamagedRange, FrameScan
from adpersist.journal.upkeep.restorable import restorable
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.head import Checkpoint, Lost
from adpersist.stores.port import Store, StoredHead

_BEYOND: Final = 64
"""So far behind the head it is looked for frames."""

_TRIES: Final = 8
"""How often it is looked again because the journal was pruned under it."""

_MAX_FAILURES: Final = 8
"""Frames in a row the store may fail to read before the rest is given up."""


class Part(StrEnum):
    """What of a journal a finding is about."""

    HEAD = "head"
    COMMIT = "commit"
    CHECKPOINT = "checkpoint"
    SPARE = "spare"
    BEHIND = "behind"
    """What lies behind the head."""
    STORE = "store"
    """What the store keeps the journal in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One damaged place; neighbouring commits with the same damage are one.

    Attributes:
        part: What is damaged.
        first: The first commit or frame, or the checkpoint's number; 0 for the head, its spare and the store.
        last: The last one.
        damage: In which way.
        message: What was seen of the first.
    """

    part: Part
    first: Seq
    last: Seq
    damage: Damage
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCommit:
    """A commit known from elsewhere to have been written: by the DC's canary, or an earlier check.

    Attributes:
        seq: Its number.
        is_it: Whether it is the one with this digest; less certain when little of the digest is remembered.
        who: Who knows it, for people.
        otherwise: What another commit of its number means: a commit forged, or a store that went back and was gone on
            with.
    """

    seq: Seq
    is_it: Callable[[bytes], bool]
    who: str
    otherwise: Damage

    @classmethod
    def exactly(cls, seq: Seq, digest: bytes) -> "KnownCommit":
        """By its whole digest, as an earlier check printed it."""
        return cls(seq=seq, is_it=digest.__eq__, who="an earlier check", otherwise=Damage.FORGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found.

    Attributes:
        findings: Everything that is wrong, the head first; empty: the journal is proven.
        commits: Frames that were looked at.
        size: Bytes in them.
        restorable: Points whose state can still be told, as ``after < point <= through``; of a journal whose head is
            damaged, once it is repaired.
        lost: Commits that are noted as lost for good; they are no finding.
        rebuilt: The last commit of the head that can be put in the place of a damaged one; None: none can, or need not.
    """

    findings: tuple[Finding, ...]
    commits: int
    size: int
    restorable: tuple[Span, ...]
    lost: tuple[Lost, ...] = ()
    rebuilt: Seq | None = None


Progress = Callable[[Seq, Seq], None]
"""Told of every commit looked at, and of the last one there is."""


def check_journal(
    store: Store,
    keys: KeyEncryption,
    *,
    expected: str | None = None,
    after: Seq = BEFORE_FIRST,
    known: Sequence[KnownCommit] = (),
    progress: Progress | None = None,
) -> CheckReport:
    """Prove head, chain, seals, numbering and checkpoints, going on behind every damaged place.

    Args:
        store: Where the journal lies.
        keys: Its key-encryption key.
        expected: The journal's id where it is known: another one in its place is a finding.
        after: Commits up to this one are taken as proven.
        known: Without it a store that was rolled back as a whole looks sound.
        progress: See :data:`Progress`.

    Raises:
        WrongKeyError: Nothing can be said without the right key.
        NoJournalError, StoreUnreachableError: There is nothing to look at.
        PrunedMeanwhileError: Again and again.
    """
    report: CheckReport | None = None
    pruned = BEFORE_FIRST
    for _ in range(_TRIES):
        try:
            tip = open_beside_spare(store, store.head(), keys)
            require_journal(tip, expected)
        except DamagedError as error:
            return _without_head(store, keys, error, expected=expected, after=after, known=known, progress=progress)
        except NoJournalError:
            lost = missing_head(store)
            if lost is None:
                raise
            return _of_head_alone(lost.damage, "it is missing; its spare is there, and `--repair-head` puts it back")
        if report is not None and tip.head.pruned == pruned:
            return report
        report, pruned = _checked(store, keys, tip, after=after, known=known, progress=progress), tip.head.pruned
        if not report.findings:
            return report  # else what is missing may have been pruned meanwhile
    raise PrunedMeanwhileError("the journal is pruned faster than it can be looked at")


def _without_head(
    store: Store,
    keys: KeyEncryption,
    wrong: DamagedError,
    *,
    expected: str | None,
    after: Seq,
    known: Sequence[KnownCommit],
    progress: Progress | None,
) -> CheckReport:
    """What the spare and the commits after it can tell."""
    if wrong.damage is Damage.NEWER:  # nothing is lost, and nothing of it can be told here
        return _of_head_alone(wrong.damage, wrong.message)
    try:
        found = rebuilt(store, keys, expected=expected)
    except (IntegrityError, NoJournalError):
        return _of_head_alone(wrong.damage, f"{wrong.message}; there is no sound spare of it")
    rest = _checked(store, keys, found.tip, after=after, known=known, progress=progress)
    end = found.tip.head.seq
    if found.stopped is None:
        finding = _of_head(wrong.damage, f"{wrong.message}; `--repair-head` rebuilds it up to commit {end}")
        return replace(rest, findings=(finding, *rest.findings), rebuilt=end)
    finding = _of_head(wrong.damage, f"{wrong.message}; it cannot be rebuilt: commit {end + 1} is damaged too")
    at = Seq(end + 1)
    stop = Finding(part=Part.COMMIT, first=at, last=at, damage=found.stopped.damage, message=found.stopped.message)
    return replace(rest, findings=(finding, *rest.findings, stop), restorable=())


def _checked(
    store: Store,
    keys: KeyEncryption,
    tip: OpenHead,
    *,
    after: Seq,
    known: Sequence[KnownCommit],
    progress: Progress | None,
) -> CheckReport:
    head = tip.head
    behind = [_of_head(Damage.STORE_BEHIND, _behind(each, head.seq)) for each in known if each.seq > head.seq]
    scan = _scanned(store, tip, Seq(min(max(after, head.pruned), head.seq)), progress)
    commits = [_of_commits(found) for found in scan.finish()]
    commits += [found for each in known for found in _unknown(store, tip, each, commits)]
    checkpoints = [found for each in head.checkpoints if (found := _proven(store, tip, each)) is not None]
    broken = {found.first for found in checkpoints}
    usable = replace(head, checkpoints=tuple(each for each in head.checkpoints if each.seq not in broken))
    lost = [
        Span(after=Seq(found.first - 1), through=found.last)
        for found in commits
        if found.damage is not Damage.STORE_BEHIND
    ]
    return CheckReport(
        findings=(*behind, *commits, *checkpoints, *_spare(store, keys, tip), *_strays(store, tip)),
        commits=scan.commits,
        size=scan.size,
        restorable=restorable(usable, lost),
        lost=head.lost,
    )


def _strays(store: Store, tip: OpenHead) -> list[Finding]:
    """Frames no head names, where the next ones are to go; an agent's commits of this moment are none."""
    seen = [frame.seq for frame in store.frames(after=tip.head.seq, through=Seq(tip.head.seq + _BEYOND))]
    if not seen:
        return []
    newest = store.head().seq  # read after them: a frame and the head that names it come in one step
    behind = [seq for seq in seen if seq > newest]
    if not behind:
        return []
    message = "frames lie behind the head, where the next commits are to go"
    return [Finding(part=Part.BEHIND, first=behind[0], last=behind[-1], damage=Damage.STRAY, message=message)]


def _scanned(store: Store, tip: OpenHead, after: Seq, progress: Progress | None) -> FrameScan:
    last = tip.head.seq
    try:
        start = anchor(store, tip, after, whole=True)
        scan = FrameScan(tip, after=start.seq, digest=start.digest)
    except IntegrityError:
        scan = FrameScan(tip, after=after, digest=None)
    failures = 0
    while scan.seq < last:
        try:
            for frame in store.frames(after=scan.seq, through=last):
                scan.take(frame)
                failures = 0
                if progress is not None:
                    progress(frame.seq, last)
            break
        except IntegrityError as error:  # the store's own: it has something there, and cannot give it back
            failures += 1
            scan.lose(last if failures == _MAX_FAILURES else Seq(scan.seq + 1), Damage.CORRUPT, error.message)
    return scan


def _proven(store: Store, tip: OpenHead, checkpoint: Checkpoint) -> Finding | None:
    seq = checkpoint.seq
    try:
        prove_checkpoint(store.checkpoint(checkpoint.lies_at), checkpoint, tip.journal, tip.keyring)
    except IntegrityError as error:
        damage = error.damage if isinstance(error, DamagedError) else Damage.CORRUPT
        return Finding(part=Part.CHECKPOINT, first=seq, last=seq, damage=damage, message=error.message)
    return None


def _spare(store: Store, keys: KeyEncryption, tip: OpenHead) -> list[Finding]:
    """What is wrong with the spare of a sound head; a journal made before there were spares has none."""
    body = store.spare()
    if body is None:
        return []
    try:
        found = open_head(StoredHead(seq=seq_of(body), body=body, token=""), keys, tip.keyring)
        if found.journal != tip.journal:
            raise DamagedError("it is another journal's", seq=None, damage=Damage.FORGED)
        if found.head.seq > max(tip.head.seq, store.head().seq):  # an agent may have written meanwhile
            message = f"the spare knows of commit {found.head.seq}, the last one here is {tip.head.seq}"
            return [replace(_of_head(Damage.STORE_BEHIND, message), part=Part.SPARE)]
    except IntegrityError as error:
        damage = error.damage if isinstance(error, DamagedError) else Damage.FORGED
        message = f"{error.message}; the next process that writes renews it"
        return [Finding(part=Part.SPARE, first=BEFORE_FIRST, last=BEFORE_FIRST, damage=damage, message=message)]
    return []


def _unknown(store: Store, tip: OpenHead, known: KnownCommit, found: list[Finding]) -> list[Finding]:
    """The commit known from elsewhere is there, sound, and another one: a history of its own."""
    if not tip.head.pruned < known.seq <= tip.head.seq:
        return []
    if any(each.first <= known.seq <= each.last for each in found) or any(e.holds(known.seq) for e in tip.head.lost):
        return []
    try:
        if known.is_it(digest_of(read_frame(store, known.seq).body)):
            return []
    except DamagedError as error:
        return [_of_commits(DamagedRange(first=known.seq, last=known.seq, damage=error.damage, message=error.message))]
    message = f"{known.who} knows of another one in its place"
    return [_of_commits(DamagedRange(first=known.seq, last=known.seq, damage=known.otherwise, message=message))]


def _behind(known: KnownCommit, last: Seq) -> str:
    return f"{known.who} knows of commit {known.seq}, the last one here is {last}"


def with_damage_below(report: CheckReport, message: str) -> CheckReport:
    """A report of a journal of which the store says that what it lies in is damaged, be it all there today."""
    found = Finding(part=Part.STORE, first=BEFORE_FIRST, last=BEFORE_FIRST, damage=Damage.CORRUPT, message=message)
    return replace(report, findings=(found, *report.findings))


def _of_head(damage: Damage, message: str) -> Finding:
    return Finding(part=Part.HEAD, first=BEFORE_FIRST, last=BEFORE_FIRST, damage=damage, message=message)


def _of_head_alone(damage: Damage, message: str) -> CheckReport:
    return CheckReport(findings=(_of_head(damage, message),), commits=0, size=0, restorable=())


def _of_commits(found: DamagedRange) -> Finding:
    return Finding(part=Part.COMMIT, first=found.first, last=found.last, damage=found.damage, message=found.message)
