"""Service names of one host spread over several accounts. Pure.

``HOST/web1`` also stands for HTTP/web1, CIFS/web1 and many more ([MS-ADTS] 6.1.1.4.6.2, sPNMappings). A server lets
another account have HTTP/web1 beside it, yet not HOST/web1 beside an HTTP/web1: the general name has to come first.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Link, Modify, Step
from adpersist.state.differences import Gap
from adpersist.state.state import State

NAME: Final = "servicePrincipalName"
_GENERAL: Final = b"host/"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedServiceNames:
    """Accounts that share hosts, where one of them is to get the general name.

    Attributes:
        wanted: What each account is to have in the end.
        held: What each account of the DC has now.
    """

    wanted: Mapping[Guid, Values] = field(default_factory=dict)
    held: Mapping[Guid, Values] = field(default_factory=dict)

    @classmethod
    def among(cls, gaps: Iterable[Gap], have: State) -> "SharedServiceNames":
        """Find them among what is restored, and among what stays as it is."""
        closing = list(gaps)
        general = {
            _host(name): gap.guid for gap in closing if NAME in gap.values for name in _names(gap) if _is_general(name)
        }
        if not general:
            return cls()
        wanted = {gap.guid: _names(gap) for gap in closing}
        there = {guid: item.values[NAME] for guid, item in have.items() if NAME in item.values and not item.deleted}
        spread = {
            host
            for guid, names in {**there, **wanted}.items()
            for host in map(_host, names)
            if general.get(host, guid) != guid
        }
        sharing = {
            guid
            for known in (there, wanted)
            for guid, names in known.items()
            if any(_host(name) in spread for name in names)
        }
        return cls(
            wanted={guid: wanted.get(guid, there.get(guid, ())) for guid in sharing},
            held={guid: there[guid] for guid in sharing if guid in there},
        )

    def freed(self, have: State) -> Iterator[Step]:
        """Take them all off first."""
        for guid in self.held:
            values: dict[str, Values] = {NAME: ()}
            yield Modify(guid=guid, dn=have.dn(guid), values=values, reason="a host's service names change hands")

    def given(self, want: State, have: State, doomed: Collection[Guid]) -> Iterator[Step]:
        """And back: general names, then the others; also to accounts the journal does not know, which only had them."""
        reason = "a host's general service name comes first"
        staying = {
            guid: (names, (want if want.is_live(guid) else have).dn(guid))
            for guid, names in self.wanted.items()
            if guid not in doomed and (want.is_live(guid) or guid in self.held)
        }
        for guid, (names, dn) in staying.items():
            if general := tuple(filter(_is_general, names)):
                yield Modify(guid=guid, dn=dn, values={NAME: general}, reason=reason)
        for guid, (names, dn) in staying.items():
            if special := frozenset(name for name in names if not _is_general(name)):
                yield Link(guid=guid, dn=dn, added={NAME: special}, reason=reason)


def _names(gap: Gap) -> Values:
    item: ObjectState | None = gap.want if gap.wanted_live else None
    return item.values.get(NAME, ()) if item is not None else ()


def _is_general(name: bytes) -> bool:
    return name[: len(_GENERAL)].lower() == _GENERAL


def _host(name: bytes) -> bytes:
    return name.lower().partition(b"/")[2].partition(b"/")[0].partition(b":")[0]
