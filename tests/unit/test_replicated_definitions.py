"""Schema definitions a DC lacks, in the order it is sent them."""

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.replicated import Spared
from adpersist.restore.plan.replication import replica
from adpersist.state.state import State

SCHEMA = "CN=Schema"
OLD, NEW = (Guid(bytes([number]) * 16) for number in (9, 1))


def stamp(version: int) -> Stamp:
    return Stamp(version=version, time=version, origin=Guid(bytes(16)), usn=Usn(version))


def definition(guid: Guid, called: bytes, version: int) -> ObjectState:
    values = {"objectClass": (b"top", b"attributeSchema"), "instanceType": (b"4",), "lDAPDisplayName": (called,)}
    stamps = dict.fromkeys(["instanceType", "name", "objectClass"], stamp(1))
    return ObjectState(
        guid=guid,
        nc=SCHEMA,
        parent=None,
        rdn=f"CN={guid[0]}",
        values=values | {"isDefunct": (str(version > 1).upper().encode(),)},
        stamps=stamps | dict.fromkeys(["isDefunct", "lDAPDisplayName"], stamp(version)),
    )


def test_a_name_is_free_before_a_new_definition_has_it() -> None:
    """Samba does not start with two attributes of one name."""
    have = State([definition(OLD, b"badge", 1)])
    want = State([definition(OLD, b"oldBadge", 2), definition(NEW, b"badge", 1)])
    own = Stamp(version=1, time=2, origin=Guid(bytes(16)), usn=Usn(1))
    freed, new, rest = replica(want, have, [SCHEMA, "CN=Configuration"], Spared(), own=own, overwritten=[OLD]).batches
    assert all(batch.defines for batch in (freed, new, rest)), "each is known before the next"
    assert [(each.guid, sorted(each.values())) for each in freed.objects] == [
        (OLD, ["instanceType", "lDAPDisplayName"])
    ]
    assert sorted(freed.objects[0].stamps) == ["instanceType", "lDAPDisplayName"]
    assert [each.guid for each in new.objects] == [NEW]
    assert [(each.guid, sorted(each.values())) for each in rest.objects] == [
        (OLD, ["instanceType", "isDefunct", "lDAPDisplayName"])
    ]
