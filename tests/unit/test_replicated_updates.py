"""What reached a DC that was put back by replication is known from what it wrote itself, and becomes its own."""

from collections.abc import Mapping

from adpersist.model.identity.ids import Guid, Usn, guid_text
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import LinkStamp, Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.stamps import EVER, Written
from adpersist.restore.new_invocation import ranking_above
from adpersist.restore.plan.replicated_updates import ReplicatedUpdates, as_own, replicated_since
from adpersist.state.state import State

ANN, BEN, CARL = (Guid(bytes([number]) * 16) for number in (1, 2, 3))
OWN, PARTNER, FRESH = (Guid(bytes([number]) * 16) for number in (11, 12, 13))
IMAGE_USN = Usn(100)
TODAY = Stamp(version=0, time=9, origin=FRESH, usn=Usn(1_000_000))


def written(origin: Guid, usn: int, local: int) -> Written:
    return Written(attid=1, stamp=Stamp(version=3, time=4, origin=origin, usn=Usn(usn)), local_usn=Usn(local))


def link(origin: Guid, usn: int) -> LinkStamp:
    return LinkStamp(version=3, time=4, origin=origin, usn=Usn(usn), present=True)


def ann(stamps: Mapping[str, Stamp] | None = None, links: Mapping[bytes, LinkStamp] | None = None) -> ObjectState:
    return ObjectState(
        guid=ANN, nc="DC=x", parent=None, rdn="CN=ann", stamps=stamps or {}, link_stamps={"member": links or {}}
    )


def found(usn: Usn, *writes: tuple[str, Written], image: State | None = None, have: State | None = None) -> set[str]:
    updates = replicated_since(
        usn, [(ANN, dict(writes))], have or State(), image or State(), State(), partners={PARTNER}, fresh=FRESH
    )
    return set(updates.attributes.get(ANN, {}))


WRITES = (
    ("of_a_partner_in_the_image", written(PARTNER, 7, 90)),
    ("of_a_partner_since", written(PARTNER, 8, 101)),
    ("of_a_partner_by_the_same_number", written(PARTNER, 105, 105)),
    ("lost_and_got_back", written(OWN, 140, 102)),
    ("local", written(OWN, 103, 103)),
    ("said_again", written(FRESH, 1_000_000, 104)),
)


def test_what_came_since_the_image_is_others_and_what_was_got_back() -> None:
    since = {"of_a_partner_since", "of_a_partner_by_the_same_number", "lost_and_got_back"}
    assert found(IMAGE_USN, *WRITES) == since


def test_of_an_unknown_image_all_that_a_partner_wrote_may_have_come_since() -> None:
    since = {"of_a_partner_since", "of_a_partner_by_the_same_number", "lost_and_got_back"}
    assert found(EVER, *WRITES) == since | {"of_a_partner_in_the_image"}


def test_links_are_told_from_those_that_the_image_had() -> None:
    """They have no number of the DC's own: what is known of the image decides, and whose word it was."""
    before, since, back, local = ref(BEN), ref(CARL), ref(ANN), ref(OWN)
    rows: dict[bytes, LinkStamp] = {
        before: link(PARTNER, 7),
        since: link(PARTNER, 8),
        back: link(OWN, 140),
        local: link(OWN, 103),
    }
    updates = replicated_since(
        IMAGE_USN,
        [(ANN, {})],
        State([ann(links=rows)]),
        State([ann(links={before: link(PARTNER, 7)})]),
        State([ann(links={back: link(OWN, 140)})]),
        partners={PARTNER},
        fresh=FRESH,
    )
    assert updates.links == {ANN: {"member": {since: link(PARTNER, 8), back: link(OWN, 140)}}}


def test_what_was_written_over_meanwhile_is_not_said_again() -> None:
    came, newer = written(PARTNER, 8, 101).stamp, written(PARTNER, 9, 110).stamp
    updates = ReplicatedUpdates(attributes={ANN: {"title": came, "info": came}, BEN: {"title": came}})
    claimed = as_own(State([ann({"title": came, "info": newer})]), updates, TODAY)
    assert claimed[ANN].stamps == {
        "title": Stamp(version=3, time=4, origin=FRESH, usn=Usn(1_000_000)),
        "info": newer,
    }
    assert BEN not in claimed


def test_the_new_invocation_id_decides_between_writes_of_one_version_and_time() -> None:
    known = [Guid(bytes([0, 0, 0, number]) + bytes([255]) * 12) for number in (5, 200, 90)]
    drawn = {ranking_above(known) for _ in range(20)}
    assert len(drawn) == 20
    assert all(guid_text(each) > max(map(guid_text, known)) for each in drawn)


def test_above_the_highest_there_is_any() -> None:
    assert len({ranking_above([Guid(b"\xff" * 16)]) for _ in range(3)}) == 3
