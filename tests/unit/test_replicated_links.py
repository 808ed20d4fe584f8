"""Links a DC lacks, in the order it is sent them."""

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import LinkStamp, Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.rows.link_stamp_row import LinkStampRow, link_write_of
from adpersist.model.plan.replicated import Spared
from adpersist.restore.plan.replication import replica
from adpersist.state.state import State

NC = "DC=x"
PAUL, QUINN, SVEN = (Guid(bytes([number]) * 16) for number in (9, 1, 5))


def link(version: int, *, present: bool) -> LinkStamp:
    return LinkStamp(version=version, time=1, origin=Guid(bytes(16)), usn=Usn(version), present=present)


def test_what_was_taken_away_is_sent_first() -> None:
    """Of an attribute with one link Samba would take the old one away itself, with a stamp of its own."""
    manager = {ref(PAUL): link(2, present=False), ref(QUINN): link(1, present=True)}
    row = LinkStampRow.of({value: link_write_of(stamp) for value, stamp in manager.items()})
    assert [*row] == [ref(QUINN), ref(PAUL)], "as they lie in a checkpoint"
    want = State(
        ObjectState(guid=guid, nc=NC, parent=None, rdn=f"CN={guid[0]}", link_stamps=links)
        for guid, links in ((PAUL, {}), (QUINN, {}), (SVEN, {"manager": row}))
    )
    own = Stamp(version=1, time=2, origin=Guid(bytes(16)), usn=Usn(1))
    found = replica(want, State(), ["CN=Schema", "CN=Configuration", NC], Spared(), own=own).links[NC]
    assert [(each.value[:44].split(b";")[0], each.stamp) for each in found] == [*manager.items()]
