"""Whether a DC that was put back must go on under another invocationID."""

import secrets
import uuid
from collections.abc import Collection, Iterable
from typing import Final

from adpersist.directory.domain_controller import DomainController
from adpersist.directory.lineage.partners import NTDS_SETTINGS
from adpersist.errors import NotPrivilegedError
from adpersist.model.identity.ids import Guid
from adpersist.model.journal.head import Head, Phase
from adpersist.model.journal.lineage import Lineage, Verdict
from adpersist.state.state import State

_FIRST_BYTES: Final = 4
"""What replication ranks GUIDs by first: a number, the least byte first in the wire order."""
_STEP: Final = 2**16


def fresh_invocation(
    dc: DomainController, head: Head, want: State, lineage: Lineage, partners: Collection[Guid]
) -> Guid | None:
    """The invocationID a restore has the DC go on under; None: it was not put back, and keeps its own.

    Whoever remembers how far it has read this DC, by its invocationID and USN, would take what it writes from now on
    for read already: a partner, a tool that synchronizes from it, another journal. The journal says which before the DC
    is given it, so that a restore that was killed goes on under the same, and one whose DC was put back once more takes
    another.

    Args:
        dc: The DC.
        head: The journal's.
        want: What the DC is to have.
        lineage: Whether it was put back.
        partners: See :func:`partners_of`.

    Raises:
        NotPrivilegedError: It has partners, and nobody else may write it. Nothing was written.
    """
    begun = head.fresh if head.phase is Phase.RESTORING else None
    if begun is not None and dc.invocation() == begun:
        return begun
    if not (lineage.verdict is Verdict.REVERTED or begun is not None):
        return None
    if dc.privileged:
        item = want.get(head.identity.server)
        own = item.values.get("invocationId", ()) if item is not None else ()
        return ranking_above({dc.invocation(), *map(Guid, own), *partners})
    if partners:
        raise NotPrivilegedError(
            "a domain controller that was put back and has partners must go on under another invocationID, which this "
            "session cannot give it",
            hint="Restore over the privileged socket on the domain controller itself.",
        )
    return None


def partners_of(dc: DomainController, head: Head, want: State) -> frozenset[Guid]:
    """invocationIDs of the domain's other DCs, and of those that were demoted; none where no other DC lives.

    Those that it knows, and as the image may be older than a partner, those it lost.
    """
    others = [
        item
        for guid, item in want.items()
        if item.nc == dc.dse.configuration
        and guid != head.identity.server
        and NTDS_SETTINGS.encode() in item.values.get("objectClass", ())
    ]
    known = dc.partners()
    if not known and all(item.deleted for item in others):
        return known
    return known.union(Guid(value) for item in others for value in item.values.get("invocationId", ()))


def ranking_above(known: Iterable[Guid]) -> Guid:
    """A new invocationID that decides for itself between two writes of one version and time.

    What a DC says once more as its own, with version and time as they were, every partner then takes, whoever wrote it
    ([MS-DRSR] 4.1.10.6.9), and all go on with the same stamp.

    Args:
        known: Those it is to rank above. Beyond the highest there is it is any.
    """
    first = max(int.from_bytes(guid[:_FIRST_BYTES], "little") for guid in known) + 1 + secrets.randbelow(_STEP)
    drawn = uuid.uuid4().bytes
    if first >= 2 ** (8 * _FIRST_BYTES):
        return Guid(drawn)
    return Guid(first.to_bytes(_FIRST_BYTES, "little") + drawn[_FIRST_BYTES:])
