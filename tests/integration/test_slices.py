"""A look at everything in slices, while others write."""

from __future__ import annotations

from collections.abc import Iterable

from adpersist.directory.domain_controller import DomainController
from adpersist.directory.feed.dirsync import ContextLook
from adpersist.directory.feed.usn_slices import UsnSlices
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.sighting import Sighting
from adpersist.state.changes import observe
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
