"""What replication brought to a DC that was put back and is open, said once more as the DC's own. Pure.

A partner that read the DC before asks for nothing below the USN it had come to, and gets, with every answer, the DC's
up-to-date vector: how far that has read all others ([MS-DRSR] 4.1.10.5.12). What the others sent the DC since its image
lies below that USN; by the vector the partner takes it for read, and asks nobody for it again.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TypeVar

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.reference import target_of
from adpersist.model.objects.change import AttributeStamps, LinkStamp, LinkStamps, Stamp
from adpersist.model.objects.link_values import to
from adpersist.model.objects.stamps import CHANGED, LIFE, Stamps, Written
from adpersist.state.state import State

Versions = Mapping[str, int]
"""By attribute."""

K = TypeVar("K")
S = TypeVar("S", bound=Stamp)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicatedUpdates:
    """Which, by the stamps they have.

    Attributes:
        attributes: By object.
        links: The same.
    """

    attributes: Mapping[Guid, AttributeStamps] = field(default_factory=dict)
    links: Mapping[Guid, LinkStamps] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.attributes or self.links)


def replicated_since(
    usn: Usn,
    written: Iterable[tuple[Guid, Stamps]],
    have: State,
    image: State,
    want: State,
    *,
    partners: Collection[Guid],
    fresh: Guid,
) -> ReplicatedUpdates:
    """What came since the image: others' writes, and the DC's own of before it was put back.

    Args:
        usn: The DC's as its image was taken, or one before that.
        written: Stamps of what was written since then at least.
        have: The DC.
        image: What it was put back to, as far as that is known: which links it had.
        want: What the journal has: its writes of the DC are from before.
        partners: invocationIDs of the others.
        fresh: The invocationID the DC goes on under: what has that was said again already.
    """

    def came(write: Written) -> bool:
        # what the DC wrote itself, and did not get back, has the number that it gave it
        is_own = write.local_usn == write.stamp.usn and write.stamp.origin not in partners
        return write.local_usn > usn and write.stamp.origin != fresh and not is_own

    def link_came(stamp: LinkStamp, before: LinkStamp | None, known: LinkStamp | None) -> bool:
        return stamp != before and stamp.origin != fresh and (stamp.origin in partners or stamp == known)

    attributes, links = dict[Guid, AttributeStamps](), dict[Guid, LinkStamps]()
    for guid, stamps in written:
        if found := {name: write.stamp for name, write in stamps.items() if name != CHANGED and came(write)}:
            attributes[guid] = found
        if (item := have.get(guid)) is None or not item.link_stamps:
            continue
        before = image[guid].link_stamps if guid in image else {}
        known = want[guid].link_stamps if guid in want else {}
        rows = {
            name: {
                link: stamp
                for link, stamp in row.items()
                if link_came(stamp, before.get(name, {}).get(link), known.get(name, {}).get(link))
            }
            for name, row in item.link_stamps.items()
        }
        if any(rows.values()):
            links[guid] = rows
    return ReplicatedUpdates(attributes=attributes, links=links)


def as_own(have: State, updates: ReplicatedUpdates, own: Stamp) -> State:
    """The DC as it is, with those of the updates that are still there as its own of today.

    Args:
        have: The DC.
        updates: What came.
        own: The invocationID it goes on under, and a USN that it has not handed out. Version and time stay.
    """

    def claimed(row: Mapping[K, S], came: Mapping[K, S]) -> dict[K, S]:
        return {
            key: replace(stamp, origin=own.origin, usn=own.usn) if came.get(key) == stamp else stamp
            for key, stamp in row.items()
        }

    changed = {}
    for guid in updates.attributes.keys() | updates.links.keys():
        if (item := have.get(guid)) is not None:
            rows = updates.links.get(guid, {})
            changed[guid] = replace(
                item,
                stamps=claimed(item.stamps, updates.attributes.get(guid, {})),
                link_stamps={name: claimed(row, rows.get(name, {})) for name, row in item.link_stamps.items()},
            )
    return State(changed.get(item.guid, item) for item in have.everything())


def linked_to(have: State, made: Collection[Guid]) -> frozenset[Guid]:
    """Others that have links to what was made again."""
    return frozenset(guid for guid, item in have.items() if guid not in made and any(to(item.links, made).values()))


def above_tombstones(
    have: State, made: Collection[Guid], linked: Collection[Guid], recorded: Mapping[Guid, Versions], own: Stamp
) -> State:
    """The DC as it is, with what was made again, and the links to it, stamped above the tombstone that others still
    have of it.

    Args:
        have: The DC.
        made: What was made again.
        linked: Others that have links to it (:func:`linked_to`).
        recorded: Of all these the highest version that each attribute, or a link of it, ever had.
        own: The DC's invocationID, the time and a USN that it has not handed out.
    """

    def raised(versions: Versions, name: str, had: int = 0) -> Stamp:
        # a tombstone that nobody saw has one more than what was known
        return replace(own, version=max(versions.get(name, 0), had) + 2)

    changed = {}
    for guid in (*made, *linked):
        item, versions = have[guid], recorded.get(guid, {})
        rows = {
            name: {
                link: LinkStamp(**asdict(raised(versions, name, stamp.version)), present=stamp.present)
                if guid in made or target_of(link) in made
                else stamp
                for link, stamp in row.items()
            }
            for name, row in item.link_stamps.items()
        }
        stamps = item.stamps
        if guid in made:
            had = {**dict.fromkeys(LIFE, 0), **{name: stamp.version for name, stamp in stamps.items()}}
            stamps = {name: raised(versions, name, version) for name, version in had.items()}
        changed[guid] = replace(item, stamps=stamps, link_stamps=rows)
    return State(changed.get(item.guid, item) for item in have.everything())
