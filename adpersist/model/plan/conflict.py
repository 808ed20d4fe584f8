"""What was written on a DC after it was put back, before a restore or beside it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from adpersist.model.identity.ids import Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Something written on the reverted DC by others than the restore.

    Attributes:
        guid: Which object.
        dn: Where it is on the DC.
        attributes: What was written; empty when the whole object is unknown to the journal.
        links: Which links were made or taken away, as references; their attributes are among the others.
        replicated: Another DC wrote it, and later than what the journal has.
        meanwhile: It was written while the restore was under way.
    """

    guid: Guid
    dn: str
    attributes: tuple[str, ...] = ()
    links: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    replicated: bool = False
    meanwhile: bool = False

    @property
    def stays(self) -> bool:
        """It is newer than the journal, and stays whatever the policy."""
        return self.replicated or self.meanwhile

    def with_more(self, other: "Conflict") -> "Conflict":
        """Both, of one object."""
        empty: frozenset[bytes] = frozenset()
        whole = not (self.attributes and other.attributes)
        names = {*self.links, *other.links}
        return replace(
            self,
            attributes=() if whole else tuple(sorted({*self.attributes, *other.attributes})),
            links={name: self.links.get(name, empty) | other.links.get(name, empty) for name in names},
        )


def by_object(conflicts: Iterable[Conflict]) -> dict[Guid, Conflict]:
    """All that was written on each object, in one."""
    found: dict[Guid, Conflict] = {}
    for each in conflicts:
        found[each.guid] = found[each.guid].with_more(each) if each.guid in found else each
    return found
