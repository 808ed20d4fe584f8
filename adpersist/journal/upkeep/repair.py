"""Goes on after damage: notes what is lost for good, so that everything else is read, captured and restored again.

Where the newest state can still be told, nothing but the note is needed. Else a new timeline begins, on top of the
newest point that can be told, and a look at everything is due: what the DC has is captured anew, and only history is
lost. Every step is safe to repeat, and killed between two the journal is as damaged as it was, or less.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from adpersist.errors import IntegrityError
from adpersist.journal.appending.appender import Appender, Draft
from adpersist.journal.appending.spare_head import followed
from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.drafts.commit_drafts import CommitDrafter
from adpersist.journal.format.chain import open_in_place
from adpersist.journal.format.head import OpenHead, seal_head
from adpersist.journal.keys.key_encryption import Randomness
from adpersist.journal.reader import read_frame, read_headers
from adpersist.journal.timelines import is_tellable
from adpersist.journal.upkeep.check import CheckReport, Part
from adpersist.journal.upkeep.restorable import restorable
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.head import Checkpoint, Head, Lost, Writer
from adpersist.stores.port import Store

_WINDOW = 64
"""Commits read at once when walking back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What a repair did to a journal whose head is sound.

    Attributes:
        taken_up: Commits behind the head that follow it, and are in the journal now.
        removed: Frames behind the head that did not.
        lost: Commits that are noted as lost now, and were not before; with those noted before that they end at.
        checkpoints: Damaged checkpoints that count no more.
        goes_on_from: The commit a new timeline stands on, 0 for nothing; None: none was needed.
    """

    taken_up: int = 0
    removed: int = 0
    lost: tuple[Lost, ...] = ()
    checkpoints: tuple[Seq, ...] = ()
    goes_on_from: Seq | None = None


def take_up(store: Store, end: Appender, writer: Writer, *, now: float, randomness: Randomness) -> Repaired:
    """Make frames behind the head count where they follow it, and remove the others.

    Raises:
        DamagedError: A newer adpersist wrote what lies there.
        MovedError: The journal goes on in another store.
        FencedError: Somebody writes to the journal: then nothing lies behind its head for long.
    """
    end.refresh()
    end.require_here()
    tip = end.tip
    behind = followed(store, tip)
    if behind.stopped is not None and behind.stopped.damage is Damage.NEWER:
        raise behind.stopped
    found = behind.tip
    count = found.head.seq - tip.head.seq
    stored = tip.stored
    if count:
        head = replace(found.head, writer=writer, time=now)
        body = seal_head(head, tip.keyring, tip.journal, randomness)
        stored = store.advance(onto=stored, seq=head.seq, head=body)
    rest = sum(1 for _ in store.frames(after=stored.seq, through=Seq(stored.seq + _WINDOW)))
    if rest:
        store.clear(onto=stored)
    if count or rest:
        end.refresh()
    return Repaired(taken_up=count, removed=rest)


def go_on(store: Store, end: Appender, drafter: CommitDrafter, report: CheckReport, writer: Writer) -> Repaired:
    """Note in the head what a check found to be lost, and begin a new timeline where the newest state stands on it.

    Raises:
        DamagedError: A newer adpersist wrote what cannot be read: it is not lost.
        IntegrityError: The journal cannot go on: a restore stands on what is lost.
        FencedError: Somebody else writes to the journal.
    """
    for each in report.findings:
        if each.damage is Damage.NEWER:
            raise DamagedError(each.message, seq=each.first, damage=each.damage)
    done = Repaired()

    def drafting(base: OpenHead) -> Draft | None:
        nonlocal done
        broken = {each.first for each in report.findings if each.part is Part.CHECKPOINT}
        gone = [each for each in base.head.checkpoints if each.seq in broken]
        lost = _noted(store, base, _spans(report, gone, base.head.pruned), drafter.time)
        head = replace(
            base.head,
            checkpoints=tuple(each for each in base.head.checkpoints if each.seq not in broken),
            lost=tuple(sorted([*_apart(base.head.lost, lost), *lost], key=lambda each: each.first)),
        )
        done = Repaired(lost=lost, checkpoints=tuple(each.seq for each in gone))
        if head == base.head:
            return None
        if is_tellable(head, head.seq if head.target is None else head.target):
            return drafter.head_only(base, head, tolerant=True)
        _require_position(head)
        point = _newest_settled(store, replace(base, head=head))
        done = replace(done, goes_on_from=point)
        return drafter.repair(base, head, point, writer)

    before = end.refresh().checkpoints
    end.append(drafting)
    _drop(store, end.tip.head, (each for each in before if each.seq in done.checkpoints))
    return done


def _require_position(head: Head) -> None:
    """Else nothing would tell the DC that is captured anew from one that was put back."""
    if head.target is not None:
        raise IntegrityError(
            f"a restore to commit {head.target} was begun, and what that is made of is damaged",
            hint="`adpersist restore --to POINT` takes the DC to another point, one that `adpersist check` lists; "
            "repair the journal then.",
        )
    if head.position is None:
        raise IntegrityError(
            "the journal is damaged, and no look at the DC was finished since it, or its last restore, began",
            hint="`adpersist restore --to POINT` takes the DC to a point that `adpersist check` lists; where there is "
            "none, begin another journal in an empty place.",
        )


def _spans(report: CheckReport, gone: Sequence[Checkpoint], pruned: Seq) -> list[tuple[Seq, Seq]]:
    """Runs of lost commits, first and last; what a checkpoint alone told is lost with it."""
    found = [
        (each.first, each.last)
        for each in report.findings
        if each.part is Part.COMMIT and each.damage is not Damage.STORE_BEHIND and each.last > pruned
    ]
    found += [(each.seq, each.seq) for each in gone if each.seq == pruned]
    joined: list[tuple[Seq, Seq]] = []
    for first, last in sorted(found):
        if joined and joined[-1][1] + 1 >= first:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _noted(store: Store, base: OpenHead, spans: Iterable[tuple[Seq, Seq]], time: float) -> tuple[Lost, ...]:
    """Notes of them; with what is noted already where that comes right after them: it alone said what they were."""
    noted = {each.first - 1: each for each in base.head.lost}
    return tuple(
        Lost(first=first, last=last, digest=_digest(store, base, last), time=time)
        if (then := noted.get(last)) is None
        else replace(then, first=first, time=time)
        for first, last in spans
    )


def _apart(noted: Iterable[Lost], lost: Sequence[Lost]) -> Iterator[Lost]:
    """Those that no new note has taken in."""
    return (each for each in noted if not any(new.holds(each.first) for new in lost))


def _digest(store: Store, base: OpenHead, seq: Seq) -> bytes:
    """What the frame of a lost commit was: says the head, a checkpoint, or the commit after it, which is sound."""
    if seq == base.head.seq:
        return base.head.digest
    for each in base.head.checkpoints:
        if each.seq == seq:
            return each.digest
    after = Seq(seq + 1)
    return open_in_place(read_frame(store, after).body, after, base.journal, base.keyring).header.previous


def _newest_settled(store: Store, tip: OpenHead) -> Seq:
    """The newest point that can be told and is no middle of a look; 0: there is none."""
    for span in reversed(restorable(tip.head, ())):
        saved = max((each.seq for each in tip.head.checkpoints if span.after < each.seq <= span.through), default=None)
        # what a checkpoint tells, or the beginning of a timeline, needs no commit: those up to it may be lost
        gone = max((each.last for each in tip.head.lost if each.first <= span.through), default=BEFORE_FIRST)
        first = max(span.after, tip.head.pruned, saved or BEFORE_FIRST, min(gone, span.through))
        for through, after in pairwise([*range(span.through, first, -_WINDOW), first]):
            settled = _settled(store, tip, Seq(after), Seq(through))
            if settled is not None:
                return settled
        if saved is not None:
            return saved
    return BEFORE_FIRST


def _settled(store: Store, tip: OpenHead, after: Seq, through: Seq) -> Seq | None:
    headers = read_headers(store, tip, after=after, through=through)
    return max((header.seq for header in headers if header.ends_look and header.complete), default=None)


def _drop(store: Store, head: Head, gone: Iterable[Checkpoint]) -> None:
    """Parts of checkpoints that count no more; those of a new one in the same place are let alone."""
    named = {each.lies_at for each in head.checkpoints}
    for each in gone:
        if each.lies_at not in named:
            store.drop_checkpoint(each.lies_at)
