"""A look at everything in slices, while others write."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from adpersist.capture import look
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.feed import usn_slices
from adpersist.directory.feed.dirsync import ContextLook
from adpersist.directory.feed.usn_slices import UsnSlices
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Kind
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.sighting import Sighting
from adpersist.state.changes import observe
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.state.inherited_rights import DESCRIPTOR
from tests.integration.hands import Hands
from tools.samba_dc import SambaDC

Objects = dict[Guid, ObjectState]


def fold(look: Iterable[Sighting], known: Objects) -> None:
    """Take what a look shows into what is known."""
    for sighting in look:
        known[sighting.guid] = observe(known.get(sighting.guid), sighting)


def test_nothing_is_lost_that_is_written_between_slices(dc: SambaDC) -> None:
    controller = DomainController.connect(dc.ldapi_url)
    nc, feed, before = controller.dse.domain, controller.feed, controller.usn()
    turns: list[str] = []
    with Hands(dc) as hands:
        room = hands.ou("Room")
        old = [hands.user(f"old{number}", parent=room) for number in range(60)]
        group = hands.group("everybody", old, parent=room)

        def write() -> None:
            """Something in every slice: the turns go through the users from both ends."""
            turn = len(turns)
            if 3 * turn + 3 > len(old):
                return
            hands.set(old[2 * turn], description=f"turn {turn}")
            hands.rename(old[2 * turn + 1], f"CN=renamed{turn}")
            hands.unlink(group, old[-1 - turn])
            hands.delete(old[-1 - turn])
            turns.append(hands.user(f"new{turn}", parent=room))

        usn = controller.usn()
        look = ContextLook(feed, nc, None, UsnSlices(ends=range(before, usn, (usn - before) // 15)))
        seen: Objects = {}
        for part in look.parts():
            write()
            fold(part, seen)
        assert len(turns) > 10, "it came in slices"
        fold(feed.look(nc, look.cookie), seen)
    there: Objects = {}
    fold(feed.look(nc, None), there)
    assert seen == there
    controller.close()


@pytest.mark.parametrize(("quick_s", "most"), [(0.0, 2), (60.0, 1000)])
def test_a_look_is_cut_as_finely_as_the_dc_finds_ranges_of_usns(
    dc: SambaDC, monkeypatch: pytest.MonkeyPatch, quick_s: float, most: int
) -> None:
    monkeypatch.setattr(usn_slices, "OBJECTS", 20)
    monkeypatch.setattr(usn_slices, "MOST", 2)
    monkeypatch.setattr(usn_slices, "QUICK_S", quick_s)
    controller = DomainController.connect(dc.ldapi_url)
    look = controller.feed.look(controller.dse.domain, None)
    parts = [list(part) for part in look.parts()]
    assert min(most, 10) <= len(parts) <= most
    shown = [sighting for part in parts for sighting in part]
    whole = ContextLook(controller.feed, controller.dse.domain, None, UsnSlices())
    assert {each.guid: each for each in shown} == {each.guid: each for each in whole}
    assert not list(controller.feed.look(controller.dse.domain, look.cookie))
    controller.close()


def test_rights_that_are_handed_down_between_slices_reach_those_shown_before(
    dc: SambaDC, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usn_slices, "OBJECTS", 20)
    monkeypatch.setattr(usn_slices, "MOST", 20)
    monkeypatch.setattr(look, "PIECE_BYTES", 100_000)
    monkeypatch.setattr(look, "_DESCRIPTORS", 40)
    controller = DomainController.connect(dc.ldapi_url)
    with Hands(dc) as hands:
        room = hands.ou("Room")
        people = {bytes(hands.guid(hands.user(f"one{number}", parent=room)).bytes_le) for number in range(60)}
        hall = hands.ou("Hall")
        others = {bytes(hands.guid(hands.user(f"other{number}", parent=hall)).bytes_le) for number in range(60)}
        for number in range(200):
            hands.contact(f"later{number}")  # so that those before are not in the last slice

        index, told, rooms = FingerprintIndex(), set[Guid](), 0
        shown = {bytes(hands.guid(each).bytes_le) for each in (room, hall)}
        first = look.Look(controller, index, {}, usn=controller.usn(), witnesses=())
        for piece in first.pieces():
            index.apply(piece.news)
            told |= {change.guid for change in piece.news if change.kind is Kind.CREATED}
            rooms += sum(change.guid in shown and change.kind is not Kind.CREATED for change in piece.news)
            if people | others <= told and not hands.find("(description=given)"):
                hands.set(room, description="given")
                rights = ("dsacl", "set", f"--objectdn={room}", "--sddl=(A;CI;RP;;;AN)", "-H", dc.ldapi_url_quoted)
                dc.samba_tool(*rights)
                hands.rename(hall, "OU=Hall", room)
        assert rooms == 2, "both were shown again by the same look"
    again = look.Look(controller, index, {}, usn=controller.usn(), witnesses=())
    late = [change for piece in again.pieces() for change in piece.news if DESCRIPTOR in change.values]
    assert not late
    controller.close()
