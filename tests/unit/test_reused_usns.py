"""What partners believe to have read comes back as the DC's own of today, and nothing else does."""

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import LinkStamp, Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.restore.plan.identities.reused_usns import ReusedUsns, renewed
from adpersist.state.state import State

ANN, BEN = (Guid(bytes([number]) * 16) for number in (1, 2))
IMAGE, HEALED, PARTNER, FRESH = (Guid(bytes([number]) * 16) for number in (11, 12, 13, 14))
TODAY = Stamp(version=0, time=9, origin=FRESH, usn=Usn(1_000_000))


def stamp(origin: Guid, usn: int) -> Stamp:
    return Stamp(version=3, time=4, origin=origin, usn=Usn(usn))


def ann(**stamps: Stamp) -> ObjectState:
    return ObjectState(guid=ANN, nc="DC=x", parent=None, rdn="CN=ann", stamps=stamps)


def test_whatever_is_no_partners_is_the_dcs_under_each_name_it_ever_had() -> None:
    """A DC that was healed and put back again hands out USNs under its image's invocationID, not the journal's last."""
    lost = {
        "title": stamp(IMAGE, 50),
        "info": stamp(HEALED, 50),
        "mail": stamp(PARTNER, 50),
        "sn": stamp(IMAGE, 51),
        "cn": stamp(IMAGE, 7),
    }
    reused = ReusedUsns(partners=frozenset({PARTNER}), through=Usn(50), own=TODAY)
    found = renewed(State([ann(**lost)]), State([ann(cn=stamp(IMAGE, 7))]), reused)[ANN].stamps
    today = stamp(FRESH, 1_000_000)
    assert found == lost | {"title": today, "info": today}


def test_so_are_links() -> None:
    link = LinkStamp(version=3, time=4, origin=IMAGE, usn=Usn(50), present=False)
    want = State(
        [ObjectState(guid=ANN, nc="DC=x", parent=None, rdn="CN=ann", link_stamps={"member": {ref(BEN): link}})]
    )
    reused = ReusedUsns(partners=frozenset({PARTNER}), through=Usn(50), own=TODAY)
    (found,) = renewed(want, State(), reused)[ANN].link_stamps["member"].values()
    assert (found.origin, found.usn, found.version, found.time, found.present) == (FRESH, 1_000_000, 3, 4, False)
