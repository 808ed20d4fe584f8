"""The directory at one point, and what of it only a walk over everything tells."""

from collections.abc import Collection, Iterable, Iterator

from adpersist.model.identity.dn import components, parent, value_of
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import target_of
from adpersist.model.identity.sid import sid_from_text
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.find import find
from adpersist.state.journal_schema import JournalSchema
from adpersist.state.state import State


class View:
    """A state, and questions to all of it.

    Attributes:
        state: Every object; to be asked for single ones.
    """

    def __init__(self, state: State) -> None:
        self.state = state

    def find(self, name: str) -> Guid:
        """The object a name means. Raises: as :func:`adpersist.reading.find.find`."""
        return find(self.state, name, self.candidates(name))

    def candidates(self, name: str) -> Iterable[ObjectState]:
        """All that may be called that, and perhaps others."""
        del name
        return self.state.values()

    def facts(self) -> JournalSchema:
        """What the schema says."""
        return JournalSchema.of(self.state)

    def linking_to(self, guid: Guid) -> Iterator[tuple[str, Guid]]:
        """Links that lead to an object: the attribute, and what has it. A deleted object's links sleep."""
        for item in self.state.values():
            for name, references in () if item.deleted else item.links.items():
                if any(target_of(each) == guid for each in references):
                    yield name, item.guid

    def accounts(self, sids: Collection[str]) -> dict[str, str]:
        """Account names by SID, of these."""
        wanted = {sid_from_text(sid): sid for sid in sids if sid}
        return {
            wanted[sid]: name.decode(errors="replace")
            for item in (self.state.values() if wanted else ())
            for sid in item.values.get("objectSid", ())
            if sid in wanted
            for name in item.values.get("sAMAccountName", ())
        }

    def databases(self) -> dict[Guid, str]:
        """Names of the DCs by the invocationID of their database."""
        return {
            Guid(value): database_name(self.state.dn(item.guid))
            for item in self.state.values()
            for value in item.values.get("invocationId", ())
            if item.parent is not None
        }

    def invocations(self, guid: Guid) -> frozenset[Guid]:
        """invocationIDs of an object; empty where it is not there."""
        item = self.state.get(guid)
        return frozenset(map(Guid, item.values.get("invocationId", ()))) if item is not None else frozenset()


def database_name(dn: str) -> str:
    """A DC's, by the DN of its NTDS settings (``CN=NTDS Settings,CN=DC1,...``); that itself where nothing is above."""
    return value_of(components(dn)[1]) if parent(dn) else dn
