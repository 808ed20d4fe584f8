"""What a partner wrote and the journal never saw stays, also where it is from before the journal's last look."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import LinkStamp, Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.stamps import Written
from adpersist.restore.conflicts.partner_writes import Brought, partner_writes
from adpersist.restore.conflicts.unseen_writes import UnseenWrites
from adpersist.state.differences import Gap
from adpersist.state.state import State

CREW, ADA, BERT, CARL = (Guid(bytes([number]) * 16) for number in (1, 2, 3, 4))
OWN, PARTNER = (Guid(bytes([number]) * 16) for number in (11, 12))
BY_PARTNERS = Brought(partners={PARTNER})
LAST_LOOK = 13_400_000_000
"""Seconds since 1601; all writes are from before."""


def stamp(version: int, origin: Guid = PARTNER) -> Stamp:
    return Stamp(version=version, time=LAST_LOOK - 60, origin=origin, usn=Usn(5))


def link(version: int, origin: Guid = PARTNER, *, present: bool = True) -> LinkStamp:
    return LinkStamp(version=version, time=LAST_LOOK - 60, origin=origin, usn=Usn(5), present=present)


def crew(links: Mapping[bytes, LinkStamp], **values: bytes) -> ObjectState:
    named = {name: (value,) for name, value in values.items()}
    return ObjectState(
        guid=CREW, nc="DC=x", parent=None, rdn="CN=crew", values=named, link_stamps={"member": dict(links)}
    )


def found(
    gap: Gap,
    attributes: Mapping[str, Stamp],
    links: Mapping[bytes, LinkStamp],
    recorded: Mapping[str, Sequence[Stamp]],
    *,
    brought: Brought = BY_PARTNERS,
) -> list[tuple[tuple[str, ...], frozenset[bytes]]]:
    """What of one object is a partner's: attributes, and members."""
    assert gap.have is not None
    written = {name: Written(attid=1, stamp=one, local_usn=Usn(99)) for name, one in attributes.items()}
    unseen = UnseenWrites(
        since=float(LAST_LOOK - 11_644_473_600), usn=Usn(9), invocation=OWN, recorded={CREW: recorded}
    )
    conflicts = partner_writes(
        [gap],
        State([gap.have]),
        {CREW: written},
        brought=brought,
        known={CREW},
        unseen=unseen,
        links={CREW: {"member": links}},
    )
    return [(each.attributes, each.links.get("member", frozenset())) for each in conflicts]


def test_what_the_journal_has_no_stamp_of_came_after_its_last_look_whenever_it_was_written() -> None:
    gap = Gap(guid=CREW, want=crew({}), have=crew({}, info=b"by a partner"), values={"info": ()})
    attributes = {"info": stamp(1)}
    assert found(gap, attributes, {}, {"cn": [stamp(1, OWN)]}) == [(("info",), frozenset())]
    assert found(gap, attributes, {}, {"info": [stamp(2, OWN)]}) == [], "the journal has a later one"
    assert found(gap, attributes, {}, {}) == [], "a journal without stamps goes by time"


def test_so_do_links() -> None:
    removed = {"member": frozenset(map(ref, (ADA, BERT, CARL)))}
    want = crew({ref(BERT): link(2, OWN, present=False), ref(CARL): link(1, OWN, present=False)})
    gap = Gap(guid=CREW, want=want, have=crew({}), removed=removed)
    links: dict[bytes, LinkStamp] = {ref(ADA): link(1), ref(BERT): link(1), ref(CARL): link(2)}
    recorded: dict[str, list[Stamp]] = {"member": [link(2, OWN), link(1, OWN)]}
    expected = frozenset({ref(ADA), ref(CARL)})
    assert found(gap, {}, links, recorded) == [(("member",), expected)], "of BERT the journal has a later write"


def test_what_the_dc_wrote_before_it_was_put_back_has_another_number_when_a_partner_brings_it() -> None:
    known = {"member": frozenset({ref(ADA)})}
    gap = Gap(guid=CREW, want=crew({}), have=crew({}, info=b"its own"), values={"info": ()}, removed=known)
    attributes = {"info": stamp(1, OWN)}
    links: dict[bytes, LinkStamp] = {ref(ADA): link(1, OWN)}
    recorded: dict[str, list[Stamp]] = {"cn": [stamp(1, OWN)], "member": [link(1, PARTNER)]}
    back = replace(BY_PARTNERS, links={CREW: known})
    assert found(gap, attributes, links, recorded, brought=back) == [(("info", "member"), known["member"])]
    assert found(gap, attributes, links, recorded) == [(("info",), frozenset())], "the link has its own number"
    assert found(gap, attributes, links, recorded, brought=replace(back, own=OWN)) == [], "the restore wrote it"
