"""USNs that a DC with partners handed out twice: once before it was put back, and once after. Pure.

A partner that read the DC in between believes to have seen everything under its old invocationID up to where it was
then ([MS-DRSR] 4.1.10.5.12, the up-to-date vector). What was lost and lies below that it would never ask for. Such
writes come back as the DC's own of today: version and time, and with them key version numbers, stay what they were.

Which invocationID that was, the journal does not always know: a DC that was healed and put back to the same image again
hands them out under the one of that image, and not under the one of the journal's last word.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.state import State

K = TypeVar("K")
S = TypeVar("S", bound=Stamp)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReusedUsns:
    """Which.

    Attributes:
        partners: invocationIDs of the others: what they wrote has USNs of their own. All else is the DC's.
        through: The highest one it has handed out since.
        own: The invocationID it goes on under, and a USN that it has not handed out.
    """

    partners: frozenset[Guid]
    through: Usn
    own: Stamp

    def renewed(self, stamp: S) -> S:
        """The stamp, under today's origin where the old one means two writes."""
        if stamp.origin in self.partners or stamp.usn > self.through:
            return stamp
        return replace(stamp, origin=self.own.origin, usn=self.own.usn)


def renewed(want: State, have: State, reused: ReusedUsns) -> State:
    """What is wanted, where lost writes under such USNs are the DC's own of today."""
    changed = {item.guid: item for item in _renewed(want, have, reused)}
    return State(changed.get(item.guid, item) for item in want.everything()) if changed else want


def _renewed(want: State, have: State, reused: ReusedUsns) -> Iterator[ObjectState]:
    for guid in want.unlike(have):
        item, there = want.get(guid), have.get(guid)
        if item is None:
            continue
        stamps = _row(item.stamps, there.stamps if there is not None else {}, reused)
        had = there.link_stamps if there is not None else {}
        links = {name: _row(row, had.get(name, {}), reused) for name, row in item.link_stamps.items()}
        new = replace(item, stamps=stamps, link_stamps=links)
        if new != item:
            yield new


def _row(row: Mapping[K, S], had: Mapping[K, S], reused: ReusedUsns) -> dict[K, S]:
    return {key: stamp if had.get(key) == stamp else reused.renewed(stamp) for key, stamp in row.items()}
