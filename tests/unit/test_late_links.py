"""Links that differ: which of them somebody made or took away since."""

from __future__ import annotations

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import LinkStamp, LinkStamps
from adpersist.restore.conflicts.late_links import late_links
from adpersist.restore.conflicts.unseen_writes import UnseenWrites
from adpersist.state.differences import Gap

GROUP, ADA, EVE, DC = [Guid(bytes(15) + bytes([number])) for number in range(4)]
UNSEEN = UnseenWrites(since=0.0, usn=Usn(100), invocation=DC)


def member(usn: int) -> LinkStamp:
    return LinkStamp(version=1, time=13_400_000_000, origin=DC, usn=Usn(usn), present=True)


def test_a_link_whose_end_was_deleted_since_the_look_is_somebodys_doing() -> None:
    """Samba leaves no trace of it: what the DC had too many a moment ago is no difference that a restore left."""
    gap = Gap(guid=GROUP, want=None, have=None, removed={"member": frozenset({ref(ADA), ref(EVE)})})
    links: dict[Guid, LinkStamps] = {GROUP: {"member": {bytes(ref(EVE)): member(usn=90)}}}
    assert late_links(gap, {}, links, UNSEEN) == {"member": {ref(ADA)}}
    assert late_links(gap, {}, {}, UNSEEN) == {}, "nobody looked at its links"
    lacking = Gap(guid=GROUP, want=None, have=None, added={"member": frozenset({ref(ADA)})})
    assert late_links(lacking, {}, links, UNSEEN) == {}, "it never was there"
