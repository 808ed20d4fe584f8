"""Keeps a journal bounded: writes checkpoints and prunes, in an order that a crash anywhere leaves whole.

A checkpoint counts once the head names it, so its parts are written and read back first. What is pruned stops
counting before it is removed, so what a crash leaves behind is rubbish that the next prune sweeps up.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from adpersist.errors import PointError
from adpersist.journal.appender import Appender, Draft
from adpersist.journal.commit_drafts import CommitDrafter
from adpersist.journal.file_history import content_at, files_at
from adpersist.journal.format.checkpoint import Place, Sealing, open_checkpoint
from adpersist.journal.format.frame import open_frame
from adpersist.journal.format.head import OpenHead
from adpersist.journal.reader import read_frame
from adpersist.journal.upkeep.retention import PrunePlan, plan_prune, pruned_head
from adpersist.model.files.file_changes import pieces_of
from adpersist.model.files.file_state import FileKey, FileState
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.head import Checkpoint
from adpersist.model.objects.object_state import Gone, ObjectState
from adpersist.stores.port import Store


def write_checkpoint(
    store: Store, end: Appender, drafter: CommitDrafter, seq: Seq, states: Iterable[ObjectState | Gone]
) -> Checkpoint:
    """Store the state after commit ``seq``, read it back, then have the head name it.

    Raises:
        PointError: No such commit, or a look is half in the journal there.
        DamagedError: The store does not give back what was written.
        StoreError, LimitError: Nothing counts that did not before.
    """
    tip = end.tip
    named = [each for each in tip.head.checkpoints if each.seq == seq]
    if named:
        return named[0]
    if not tip.head.pruned < seq <= tip.head.seq:
        raise PointError(f"commit {seq} is not in the journal")
    commit = open_frame(read_frame(store, seq).body, seq, tip.keyring)
    if not (commit.header.ends_look and commit.header.complete):
        raise PointError(f"a look is half in the journal at commit {seq}", hint="Take a commit that ends a look.")
    sealing = Sealing(Place(journal=tip.journal, seq=seq, digest=commit.digest), tip.keyring.active, drafter.randomness)
    store.put_checkpoint(seq, sealing.seal(states, _files(store, tip, seq)))
    made = Checkpoint(
        seq=seq,
        digest=commit.digest,
        time=commit.header.time_us / 1_000_000,
        parts=sealing.parts,
        objects=sealing.objects,
        proof=sealing.proof,
    )
    _prove(store, tip, made)
    end.append(lambda base: _name(drafter, base, made))
    return made


def _files(store: Store, tip: OpenHead, seq: Seq) -> Iterator[FileState | FileKey | bytes]:
    """All files at a commit, their content first."""
    files = files_at(store, tip, seq)
    for _, content in content_at(store, tip, seq, pieces_of(files.values())):
        yield content
    yield from files.values()


def prune(store: Store, end: Appender, drafter: CommitDrafter, *, oldest: Seq, keep_marks: bool) -> PrunePlan:
    """Forget what no kept point needs; see :func:`plan_prune`. Also sweeps up what an earlier prune left behind.

    Raises:
        DamagedCheckpointError: What would be left stands on a checkpoint that is not what was written. Nothing went.
    """
    proven: set[Seq] = set()
    plan = plan_prune(end.tip.head, oldest=oldest, keep_marks=keep_marks)

    def drafting(base: OpenHead) -> Draft | None:
        nonlocal plan
        plan = plan_prune(base.head, oldest=oldest, keep_marks=keep_marks)
        head = pruned_head(base.head, plan)
        for each in head.checkpoints:
            if each.seq == head.pruned != base.head.pruned and each.seq not in proven:
                _prove(store, base, each)
                proven.add(each.seq)
        return None if head == base.head else drafter.head_only(base, head, tolerant=True)

    end.append(drafting)
    head = end.tip.head
    counting = {each.seq for each in head.checkpoints}
    if head.pruned > BEFORE_FIRST:
        store.trim(through=head.pruned)
    for seq in store.checkpoints():
        if seq not in counting and seq <= head.pruned:
            store.drop_checkpoint(seq)
    return plan


def _prove(store: Store, tip: OpenHead, checkpoint: Checkpoint) -> None:
    for _ in open_checkpoint(store.checkpoint(checkpoint.seq), checkpoint, tip.journal, tip.keyring):
        pass


def _name(drafter: CommitDrafter, base: OpenHead, made: Checkpoint) -> Draft | None:
    if made.seq < base.head.pruned:
        return None  # a prune went past it meanwhile
    others = [each for each in base.head.checkpoints if each.seq != made.seq]
    checkpoints = tuple(sorted([*others, made], key=lambda each: each.seq))
    return drafter.head_only(base, replace(base.head, checkpoints=checkpoints), tolerant=True)
