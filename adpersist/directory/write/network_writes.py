"""Writes with an administrator's rights, over the network: no control of SYSTEM's is taken, no objectGUID either."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from adpersist.directory.ldap.session import Session
from adpersist.directory.wire.controls import SHOW_DELETED, SHOW_RECYCLED, Control
from adpersist.directory.wire.requests import Modifications
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import redirected
from adpersist.model.objects.change import Values

_IDENTITY: Final = "objectGUID"
_REANIMATES: Final = "distinguishedName"
"""Replacing it is how a tombstone is brought back to life ([MS-ADTS] 3.1.1.5.3.7)."""


class NetworkWrites:
    """Implements :class:`adpersist.directory.ldap.operations.DirectoryWrites`; the controls it is given are left out.

    Objects it makes get an objectGUID from the server. Whoever names one by the GUID it was to have means that one.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._renewed: dict[Guid, Guid] = {}

    def add(self, dn: str, attributes: Mapping[str, Values], controls: Sequence[Control]) -> None:
        rest = {name: self._values(values) for name, values in attributes.items() if name != _IDENTITY}
        self._session.add(dn, rest, ())
        for meant in attributes.get(_IDENTITY, ()):
            self._renewed[Guid(meant)] = self._session.guid_of(dn)

    def modify(self, dn: str, changes: Modifications, controls: Sequence[Control] = ()) -> None:
        meant = {name: [(way, self._values(values)) for way, values in each] for name, each in changes.items()}
        if _REANIMATES in changes:
            # by its GUID Samba finds a tombstone for nobody but SYSTEM
            dead = self._session.read(dn, attributes=[_IDENTITY], controls=(SHOW_RECYCLED,)).dn
            self._session.modify(dead, meant, (SHOW_DELETED,))
        else:
            self._session.modify(self._dn(dn), meant)

    def rename(self, dn: str, rdn: str, new_parent: str, controls: Sequence[Control] = ()) -> None:
        self._session.rename(self._dn(dn), rdn, new_parent)

    def delete(self, dn: str, controls: Sequence[Control] = ()) -> None:
        self._session.delete(self._dn(dn))

    def _dn(self, dn: str) -> str:
        return redirected(dn.encode(), self._renewed).decode()

    def _values(self, values: Iterable[bytes]) -> Values:
        return tuple(redirected(value, self._renewed) for value in values)
