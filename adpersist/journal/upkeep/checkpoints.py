"""Keeps a journal bounded: writes checkpoints and prunes, in an order that a crash anywhere leaves whole.

A checkpoint counts once the head names it, so its parts are written and read back first, in a place of its own: no
place is ever written twice, so two that write one of the same commit, or one that was cut off, never touch what a head
may name. What is pruned stops counting before it is removed, so what a crash leaves behind is rubbish that the next
prune sweeps up.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from adpersist.errors import AdpersistError, PointError, PrunedMeanwhileError, StoreError
from adpersist.journal.appending.appender import Appender, Draft
from adpersist.journal.damage import DamagedError
from adpersist.journal.drafts.commit_drafts import CommitDrafter
from adpersist.journal.file_history import content_at, files_at
from adpersist.journal.format.checkpoint import Place, Sealing, open_checkpoint
from adpersist.journal.format.frame import open_frame
from adpersist.journal.format.head import OpenHead
from adpersist.journal.reader import read_frame
from adpersist.journal.upkeep.retention import PrunePlan, plan_prune, pruned_head
from adpersist.model.files.file_changes import pieces_of
from adpersist.model.files.file_state import FileKey, FileState
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.head import Checkpoint, Head
from adpersist.model.objects.object_state import Gone, ObjectState
from adpersist.stores.port import Store

_COMMIT_BITS: Final = 40
"""A place is the commit's number with a random one of this attempt above it."""


class HalfLookError(PointError):
    """There is no checkpoint in the middle of a look."""


def commit_of(place: Seq) -> Seq:
    """The commit whose state lies, or was begun, in a place; places of earlier versions are the commit's number."""
    return Seq(place & ((1 << _COMMIT_BITS) - 1))


def write_checkpoint(
    store: Store, end: Appender, drafter: CommitDrafter, seq: Seq, states: Iterable[ObjectState | Gone]
) -> Checkpoint:
    """Store the state after commit ``seq``, read it back, then have the head name it.

    Raises:
        HalfLookError: A look is half in the journal there.
        PointError: No such commit.
        PrunedMeanwhileError: A prune went past it.
        DamagedError: The store does not give back what was written.
        StoreError, LimitError: Nothing counts that did not before.
    """
    end.refresh()
    end.require_here()
    tip = end.tip
    named = [each for each in tip.head.checkpoints if each.seq == seq]
    if named:
        return named[0]
    if not tip.head.pruned < seq <= tip.head.seq:
        raise PointError(f"commit {seq} is not in the journal")
    with end.reading():
        commit = open_frame(read_frame(store, seq).body, seq, tip.keyring)
    if not (commit.header.ends_look and commit.header.complete):
        raise HalfLookError(f"a look is half in the journal at commit {seq}", hint="Take a commit that ends a look.")
    sealing = Sealing(Place(journal=tip.journal, seq=seq, digest=commit.digest), tip.keyring.active, drafter.randomness)
    place = Seq(seq | int.from_bytes(drafter.randomness(2), "big") + 1 << _COMMIT_BITS)
    try:
        store.put_checkpoint(place, sealing.seal(states, _files(store, tip, seq)))
        made = Checkpoint(
            seq=seq,
            digest=commit.digest,
            time=commit.header.time_us / 1_000_000,
            parts=sealing.parts,
            objects=sealing.objects,
            proof=sealing.proof,
            place=place,
        )
        _prove(store, tip, made)
    except AdpersistError as error:
        _discard(store, place, error)
        if isinstance(error, DamagedError) and end.refresh().pruned > tip.head.pruned:
            # it swept up what was being written, or what that is made of
            raise _went_past(seq) from error
        raise
    end.append(lambda base: _name(drafter, base, made))
    return _counting(store, end.tip.head, made)


def _discard(store: Store, place: Seq, error: AdpersistError) -> None:
    """What a failed attempt left would fill a full store for good; where it cannot go now, a later prune takes it."""
    try:
        store.drop_checkpoint(place)
    except StoreError as left:
        error.add_note(f"what was written of it is still there: {left.message}")


def _counting(store: Store, head: Head, made: Checkpoint) -> Checkpoint:
    """The checkpoint of that commit that the head names: this one, or one that came first."""
    if made in head.checkpoints:
        return made
    store.drop_checkpoint(made.lies_at)
    for each in head.checkpoints:
        if each.seq == made.seq:
            return each
    raise _went_past(made.seq)


def _went_past(seq: Seq) -> PrunedMeanwhileError:
    return PrunedMeanwhileError(f"a prune took what the checkpoint at commit {seq} is made of")


def _files(store: Store, tip: OpenHead, seq: Seq) -> Iterator[FileState | FileKey | bytes]:
    """All files at a commit, their content first."""
    files = files_at(store, tip, seq)
    for _, content in content_at(store, tip, seq, pieces_of(files.values())):
        yield content
    yield from files.values()


def prune(
    store: Store, end: Appender, drafter: CommitDrafter, *, oldest: Seq, keep_marks: bool, keep_image: bool
) -> PrunePlan:
    """Forget what no kept point needs; see :func:`plan_prune`. Also sweeps up what an earlier prune left behind.

    Raises:
        DamagedCheckpointError: What would be left stands on a checkpoint that is not what was written. Nothing went.
    """
    end.refresh()
    proven: set[Seq] = set()
    plan = plan_prune(end.tip.head, oldest=oldest, keep_marks=keep_marks, keep_image=keep_image)

    def drafting(base: OpenHead) -> Draft | None:
        nonlocal plan
        plan = plan_prune(base.head, oldest=oldest, keep_marks=keep_marks, keep_image=keep_image)
        head = pruned_head(base.head, plan)
        for each in head.checkpoints:
            if each.seq == head.pruned != base.head.pruned and each.seq not in proven:
                _prove(store, base, each)
                proven.add(each.seq)
        if head == base.head:
            return None
        return replace(
            drafter.head_only(base, head, tolerant=True), keyring=base.keyring.retired(head.pruned)
        )  # with what a data key sealed it goes itself

    end.append(drafting)
    head = end.tip.head
    counting = {each.lies_at for each in head.checkpoints}
    if head.pruned > BEFORE_FIRST:
        store.trim(through=head.pruned)
    for place in store.checkpoints():
        # one that is being written for a commit down here is named by nobody any more: see _name
        if place not in counting and commit_of(place) <= head.pruned:
            store.drop_checkpoint(place)
    return plan


def _prove(store: Store, tip: OpenHead, checkpoint: Checkpoint) -> None:
    for _ in open_checkpoint(store.checkpoint(checkpoint.lies_at), checkpoint, tip.journal, tip.keyring):
        pass


def _name(drafter: CommitDrafter, base: OpenHead, made: Checkpoint) -> Draft | None:
    if made.seq <= base.head.pruned or any(each.seq == made.seq for each in base.head.checkpoints):
        return None  # a prune went past it meanwhile, or another one of that commit was quicker
    checkpoints = tuple(sorted([*base.head.checkpoints, made], key=lambda each: each.seq))
    return drafter.head_only(base, replace(base.head, checkpoints=checkpoints), tolerant=True)
