"""What is made again on a domain controller is stamped above the tombstone that its partners have of it."""

from __future__ import annotations

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import LinkStamp, Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.restore.plan.replicated_updates import above_tombstones, linked_to
from adpersist.state.state import State

DC, OWN = Guid(b"d" * 16), Guid(b"o" * 16)
ADA, BERT, CREW = (Guid(letter * 16) for letter in (b"a", b"b", b"c"))


def stamp(version: int) -> Stamp:
    return Stamp(version=version, time=1, origin=DC, usn=Usn(1))


def link(version: int) -> LinkStamp:
    return LinkStamp(version=version, time=1, origin=DC, usn=Usn(1), present=True)


def item(guid: Guid, *members: Guid) -> ObjectState:
    return ObjectState(
        guid=guid,
        nc="DC=x",
        parent=None,
        rdn=f"CN={guid[:1].decode()}",
        stamps={"name": stamp(1), "mail": stamp(1)},
        links={"member": frozenset(map(ref, members))} if members else {},
        link_stamps={"member": {ref(member): link(1) for member in members}} if members else {},
    )


def test_each_attribute_is_above_all_that_was_known_and_one_tombstone_that_was_not() -> None:
    own = Stamp(version=0, time=9, origin=OWN, usn=Usn(99))
    have = State([item(ADA), item(BERT), item(CREW, ADA, BERT)])
    assert linked_to(have, {ADA}) == {CREW}
    recorded = {ADA: {"name": 3, "isDeleted": 1}, CREW: {"member": 4, "mail": 7}}
    after = above_tombstones(have, {ADA}, {CREW}, recorded, own)
    versions = {name: each.version for name, each in after[ADA].stamps.items()}
    assert versions == {
        "name": 5,
        "mail": 3,
        "isDeleted": 3,
        "isRecycled": 2,
        "lastKnownParent": 2,
        "msDS-LastKnownRDN": 2,
    }
    assert {(each.origin, each.time) for each in after[ADA].stamps.values()} == {(OWN, 9)}
    assert after[BERT] is have[BERT]
    assert after[CREW].stamps == have[CREW].stamps
    members = after[CREW].link_stamps["member"]
    assert (members[ref(ADA)].version, members[ref(ADA)].present, members[ref(BERT)].version) == (6, True, 1)
