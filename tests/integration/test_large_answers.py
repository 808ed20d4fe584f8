"""Directories that Samba cannot show in one answer, which has 256 MiB at most."""

from __future__ import annotations

from collections.abc import Iterator

import ldap3
import pytest

from adpersist.directory.domain_controller import DomainController
from adpersist.directory.feed.dirsync import ContextLook
from adpersist.directory.feed.usn_slices import UsnSlices
from adpersist.directory.samba.stamp_reader import own_stamps
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.sighting import Sighting
from adpersist.model.objects.stamps import EVER
from tests.integration.hands import Hands
from tools.samba_dc import SambaDC

_PHOTO_BYTES = 15_000_000
_PHOTOS = 18
"""More than 256 MiB together."""


@pytest.fixture
def seen(dc: SambaDC) -> Iterator[DomainController]:
    """The DC as adpersist sees it."""
    connected = DomainController.connect(dc.ldapi_url)
    yield connected
    connected.close()


def test_slices_show_what_one_answer_does(dc: SambaDC, seen: DomainController) -> None:
    with Hands(dc) as hands:
        hands.delete(f"CN=carl,OU=Office,{hands.base}")
    for nc in seen.feed.contexts:
        sliced = list(_look(seen, nc, *range(200, seen.usn(), 200)))
        assert len(sliced) == len(_by_guid(sliced))
        assert _by_guid(sliced) == _by_guid(seen.feed.look(nc, None))


def test_what_changes_between_two_slices_is_seen_as_it_is_in_the_end(dc: SambaDC, seen: DomainController) -> None:
    look = _look(seen, seen.dse.domain, seen.usn() - 50)
    late: list[Guid] = []
    with Hands(dc) as hands:

        def write() -> None:
            if not late:
                hands.set(hands.base, description="changed since it was shown")
                late.append(Guid(hands.guid(hands.ou("Late")).bytes_le))

        parts: list[Sighting] = []
        for part in look.parts():
            write()
            parts += part
        shown = _by_guid(parts)
    assert late[0] in shown
    assert shown == _by_guid(seen.feed.look(seen.dse.domain, None))
    assert not list(seen.feed.look(seen.dse.domain, look.cookie))


def test_more_than_the_server_answers_at_once_is_seen(dc: SambaDC, seen: DomainController) -> None:
    before = _look(seen, seen.dse.domain)
    known = _by_guid(before)
    with Hands(dc) as hands:
        wanted = {
            Guid(
                hands.guid(
                    hands.add(f"CN=photo{n},{hands.base}", "inetOrgPerson", {"jpegPhoto": bytes(_PHOTO_BYTES)})
                ).bytes_le
            )
            for n in range(_PHOTOS)
        }
    since = _by_guid(seen.feed.look(seen.dse.domain, before.cookie))
    assert since.keys() >= wanted
    assert _by_guid(_look(seen, seen.dse.domain)).keys() == known.keys() | since.keys()


def test_one_object_larger_than_any_entry_of_the_server_is_seen_whole(dc: SambaDC, seen: DomainController) -> None:
    before = _look(seen, seen.dse.domain)
    known = _by_guid(before)
    photos = [bytes([number]) * (_PHOTO_BYTES // 3) for number in range(6)]
    with Hands(dc) as hands:
        large = hands.add(f"CN=large,{hands.base}", "inetOrgPerson", {"jpegPhoto": bytes(_PHOTO_BYTES)})
        for some in (photos[:3], photos[3:]):  # each in a request of its own
            hands._do("modify", large, {"photo": [(ldap3.MODIFY_ADD, some)]})
        added = {Guid(hands.guid(dn).bytes_le) for dn in (large, hands.ou("Beside"))}
    since, all_of_it = _by_guid(seen.feed.look(seen.dse.domain, before.cookie)), _by_guid(_look(seen, seen.dse.domain))
    assert added <= since.keys()
    assert all_of_it.keys() == added | known.keys()
    for found in (since, all_of_it):
        assert not [each for each in found.values() if each.trouble]
        (shown,) = (each for each in found.values() if each.rdn == "CN=large")
        assert shown.values["jpegPhoto"] == (bytes(_PHOTO_BYTES),)
        assert sorted(shown.values["photo"]) == photos
        assert {"photo", "jpegPhoto", "objectClass", "nTSecurityDescriptor"} <= shown.stamps.keys()


def test_stamps_that_nobody_waits_for_any_more_are_not_taken_for_those_of_others(seen: DomainController) -> None:
    """As where the server breaks off in the middle of an answer, and the look goes on with half of it."""
    reader = own_stamps(seen.session, seen.identity.server, seen.invocation())
    nc, (one, other) = seen.dse.domain, list(_by_guid(_look(seen, seen.dse.domain)))[:2]
    abandoned = reader.ask(nc, [one], frozenset(), EVER)
    waiting = reader.ask(nc, [one], frozenset(), EVER)
    del abandoned
    _, found = reader.ask(nc, [other], frozenset(), EVER)()
    assert [each.guid for each in found] == [other]
    assert [each.guid for each in waiting()[1]] == [one]
    reader.close()


def _look(seen: DomainController, nc: str, *ends: int) -> ContextLook:
    return ContextLook(seen.feed, nc, None, UsnSlices(ends=ends))


def _by_guid(look: ContextLook | list[Sighting]) -> dict[Guid, Sighting]:
    return {sighting.guid: sighting for sighting in look}
