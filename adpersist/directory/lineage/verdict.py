"""Is this our DC? Evidence gathered from the database itself, cheapest first.

A position that went back proves a revert; one that did not proves nothing, since a reverted DC may have overtaken it.
So the canary is asked what the database itself remembers, and witnesses are called: writes the journal captured are
looked up again in replPropertyMetaData. A write that is missing, or that replication would rank below the captured one,
was undone, unless the database remembers a commit as new as that, and so had it: then it was expunged since.
"""

from collections.abc import Mapping, Sequence

from adpersist.directory.lineage.canary import Canary
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq, Usn, guid_text
from adpersist.model.journal.head import Head, Identity, Position, Witness
from adpersist.model.journal.lineage import Evidence, Lineage, Verdict
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.stamps import CHANGED, UNREADABLE, Stamps, Written


def lineage(
    identity: Identity, head: Head, seen: Evidence, *, found: Canary | None, newest: Sequence[Canary]
) -> Lineage:
    """The verdict on the DC of that identity; pure.

    Args:
        identity: Which DC it is.
        head: The journal's.
        seen: What the DC said, the journal's witnesses among the objects it was asked about.
        found: What the directory remembers of the journal.
        newest: What it would remember of the journal's last commit, and of the last one that is no mark: nobody tells
            the directory of a mark.
    """
    if (other := other_database(identity, head.identity)) is not None:
        return other
    if found is not None and (behind := _store_behind(found, newest[0])) is not None:
        return behind
    if found is None and seen.remembered:
        return _of_another_journal(head, seen)
    ended = head.timelines[-1].begins if head.timelines else BEFORE_FIRST
    if head.position is None and (found.seq if found else BEFORE_FIRST) < ended:
        evidence = f"the DC does not remember commit {ended}, with which a restore ended"
        return Lineage(verdict=Verdict.REVERTED, evidence=evidence)
    if head.position is None:
        return Lineage(verdict=Verdict.SAME, evidence="the journal holds no position yet")
    return judge(
        head.position,
        head.witnesses,
        remembered=found.seq if found else BEFORE_FIRST,
        held=_held(found) if found else BEFORE_FIRST,
        is_newest=found is not None and is_newest(found, newest),
        usn=seen.usn,
        invocation=seen.invocation,
        stamps=seen.stamps,
    )


def is_newest(found: Canary, newest: Sequence[Canary]) -> bool:
    """Nothing that the directory could know came after it: one that was announced is of files.

    Where it never came, a look may have got its number, and whoever was told of the announcement lacks what that saw.
    """
    return found in newest or (found.is_announcement and found.seq > newest[-1].seq)


def _held(found: Canary) -> Seq:
    """The last commit that the directory had all of: one that was announced may have been made later, or never."""
    return Seq(found.seq - found.is_announcement)


def _of_another_journal(head: Head, seen: Evidence) -> Lineage:
    """The verdict where another journal left its note: the note says nothing of ours, but USNs and witnesses do."""
    if head.position is not None:
        lineage = judge(
            head.position,
            head.witnesses,
            remembered=head.position.canary,
            held=BEFORE_FIRST,
            is_newest=False,
            usn=seen.usn,
            invocation=seen.invocation,
            stamps=seen.stamps,
        )
        if lineage.verdict is not Verdict.SAME:
            return lineage
    return Lineage(verdict=Verdict.ANOTHER_JOURNAL, evidence="the DC was told of a commit of another journal")


def other_database(found: Identity, expected: Identity) -> Lineage | None:
    """The verdict on a DC of another domain or another DC of the same; None: it is the one."""
    for name, is_now, was in (
        ("domain", found.domain, expected.domain),
        ("domain controller", found.server, expected.server),
    ):
        if is_now != was:
            here, there = f"{found.dns_name} {guid_text(is_now)}", f"{expected.dns_name} {guid_text(was)}"
            evidence = f"this is another {name}: {here}, not {there}"
            return Lineage(verdict=Verdict.REPLACED, evidence=evidence)
    return None


def judge(
    position: Position,
    witnesses: Sequence[Witness],
    *,
    remembered: Seq,
    held: Seq,
    is_newest: bool,
    usn: Usn,
    invocation: Guid,
    stamps: Mapping[Guid, Stamps],
) -> Lineage:
    """The verdict from the evidence; pure.

    Args:
        remembered: The newest commit the directory remembers; 0 for none.
        held: The newest one of which it had everything when it was told of it.
        is_newest: That is the journal's last one, but for marks.
    """
    if invocation != position.invocation:
        # another invocationID comes with numbers of its own
        witnesses = [witness for witness in witnesses if witness.attribute != CHANGED]
    # nothing can be told by one whose stamps are damaged
    witnesses = [witness for witness in witnesses if stamps.get(witness.guid) != UNREADABLE]
    lost = [witness for witness in witnesses if _undone(witness, stamps.get(witness.guid, {}))]
    about = _about(witnesses, lost)
    if usn < position.usn:
        evidence = f"the DC's USN is {usn}, the journal's is {position.usn}"
        return Lineage(verdict=Verdict.REVERTED, evidence=evidence, about=about)
    if remembered < position.canary:
        evidence = f"the DC remembers commit {remembered}, though it was told of commit {position.canary}"
        return Lineage(verdict=Verdict.REVERTED, evidence=evidence, about=remembered or about)
    renamed = invocation != position.invocation
    if is_newest:
        # nothing but this very database knows the last commit; witnesses may have been expunged since
        evidence = f"the DC remembers commit {remembered}, the journal's last"
        return Lineage(verdict=Verdict.SAME, evidence=evidence, renamed=renamed)
    if undone := [witness for witness in lost if witness.seq > held]:
        newest = undone[-1]
        evidence = (
            f"{len(undone)} of {len(witnesses)} captured writes are gone from the DC, among them "
            f"{newest.attribute} of {guid_text(newest.guid)} captured in commit {newest.seq}"
        )
        return Lineage(verdict=Verdict.REVERTED, evidence=evidence, about=about)
    if renamed and not witnesses:
        evidence = f"the DC's invocationID is {guid_text(invocation)}, the journal's {guid_text(position.invocation)}"
        return Lineage(verdict=Verdict.REVERTED, evidence=evidence)
    evidence = f"USN {usn} is not below {position.usn}; no captured write was undone"
    return Lineage(verdict=Verdict.SAME, evidence=evidence, renamed=renamed)


def _store_behind(found: Canary, newest: Canary) -> Lineage | None:
    if found.seq < newest.seq or found == newest:
        return None
    if found.is_announcement and found.seq <= newest.seq + 1:
        return None  # whoever announced it was killed before, or a mark got its number
    evidence = f"the DC was told of commit {found.seq}, the store's last one is {newest.seq}"
    if found.seq == newest.seq:
        evidence = f"the DC was told of another commit {found.seq} than the store has"
    return Lineage(verdict=Verdict.STORE_BEHIND, evidence=evidence)


def _undone(witness: Witness, found: Stamps) -> bool:
    written = _written(witness, found)
    if written is None:
        return True
    now, then = written.stamp, witness.stamp
    if witness.attribute == CHANGED:
        return now.usn < then.usn
    if (now.version, now.time) < (then.version, then.time):
        return True
    # the same database never writes one version twice: it went back and wrote again
    return now.version == then.version and now.origin == then.origin and _write(now) != _write(then)


def _written(witness: Witness, found: Stamps) -> Written | None:
    if witness.attid is None or witness.attribute == CHANGED:
        return found.get(witness.attribute)
    # the schema may have got to know it, or renamed it, since it was called
    return next((each for name, each in found.items() if name != CHANGED and each.attid == witness.attid), None)


def _write(stamp: Stamp) -> tuple[int, Usn]:
    return stamp.time, stamp.usn


def _about(witnesses: Sequence[Witness], lost: Sequence[Witness]) -> Seq | None:
    if not lost:
        return None
    first_lost = min(witness.seq for witness in lost)
    kept = [witness.seq for witness in witnesses if witness.seq < first_lost]
    return max(kept, default=None)
