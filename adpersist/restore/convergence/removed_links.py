"""Links that were taken away: replication remembers each, so that nobody who has not heard of it brings it back.

No look tells one that is forgotten from one that never was, and the two have the same values: it is asked for.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Final

from adpersist.directory.domain_controller import DomainController
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import target_of
from adpersist.model.objects.directory_time import since_1601
from adpersist.model.objects.link_values import Links
from adpersist.model.plan.difference import STAMP, Difference
from adpersist.state.state import State

_DAY_S: Final = 86_400


def forgotten_links(dc: DomainController, want: State, have: State, asked: Iterable[Guid]) -> Iterator[Difference]:
    """Attributes of which the DC does not remember every link between living objects that was taken away.

    Where stamps of links are not to be seen from here, none.

    Args:
        dc: The DC.
        want: What the journal says.
        have: What the DC has.
        asked: Whose links count.
    """
    if not dc.sees_link_stamps:
        return
    # what was taken away before that, every database forgets by and by
    since = since_1601(time.time() - dc.tombstone_days() * _DAY_S)
    removed = {guid: links for guid in asked if (links := _removed(guid, want, have, since))}
    seen = dc.link_stamps(removed) if removed else {}
    if seen is None:
        return
    for guid, links in removed.items():
        known = seen.get(guid, {})
        for name in sorted(links):
            if not links[name] <= known.get(name, {}).keys():
                yield Difference(guid=guid, dn=want.dn(guid), attribute=name, kind=STAMP)


def _removed(guid: Guid, want: State, have: State, since: int) -> Links:
    def is_live(one: Guid | None) -> bool:
        return want.is_live(one) and have.is_live(one)

    if guid not in want or not want[guid].link_stamps or not is_live(guid):
        return {}
    # when an object was deleted, all that was known of its links went, also if it was brought back to life
    revived = want[guid].stamps.get("isDeleted")
    since = max(since, revived.time) if revived is not None else since
    found = {
        name: frozenset(
            link
            for link, stamp in stamps.items()
            if not stamp.present and stamp.time > since and is_live(target_of(link))
        )
        for name, stamps in want[guid].link_stamps.items()
    }
    return {name: links for name, links in found.items() if links}
