"""The change feed: DirSync entries become sightings of objects."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from adpersist.directory.schema import Attribute, Schema
from adpersist.directory.session import Entry, RootDse, Session
from adpersist.directory.wire.controls import EXTENDED_DN, dirsync
from adpersist.directory.wire.cookie import cookie_usn
from adpersist.directory.wire.dn import first_rdn, reference, split_extended
from adpersist.directory.wire.secrets import SECRET_ATTRIBUTES
from adpersist.errors import DirectoryError, RevertedError
from adpersist.model.change import Values
from adpersist.model.ids import Guid
from adpersist.model.sighting import Sighting

_ASK: Final = ("*", *SECRET_ATTRIBUTES)
_NAMED_ELSEWHERE: Final = frozenset({"objectGUID", "parentGUID", "name", "distinguishedName"})
"""Attributes a sighting carries in fields of its own."""
_RANGE: Final = re.compile(r"^(?P<name>[^;]+);range=(?P<kind>[01])-[01*]$")


class Feed:
    """Looks at the naming contexts of one DC."""

    def __init__(self, session: Session, dse: RootDse, schema: Schema) -> None:
        self._session = session
        self._schema = schema
        self._schema_nc = dse.schema
        self.contexts = dse.contexts
        self._roots = {session.guid_of(nc): nc for nc in dse.contexts}

    @property
    def roots(self) -> Mapping[Guid, str]:
        """The naming contexts by their root's objectGUID."""
        return self._roots

    def look(self, nc: str, cookie: bytes | None) -> tuple[Iterator[Sighting], bytes]:
        """What changed in ``nc`` since ``cookie``, and the cookie for the next look; None asks for everything.

        Raises:
            RevertedError: The new cookie lies before the old one: the database went back.
            DirectoryError, DirectoryUnreachableError.
        """
        pages: list[Iterator[Entry]] = []
        new, more = cookie or b"", True
        while more:
            entries, new, more = self._session.dirsync(nc, attributes=_ASK, controls=[dirsync(new), EXTENDED_DN])
            pages.append(entries)
        before, after = cookie_usn(cookie or b""), cookie_usn(new)
        if before is not None and after is not None and after < before:
            raise RevertedError(
                f"the feed of {nc} went back from USN {before} to {after}",
                hint="The domain controller was put back to an older state: run `adpersist guard`.",
            )
        return self._sightings(nc, pages, whole=not cookie), new

    def _sightings(self, nc: str, pages: list[Iterator[Entry]], *, whole: bool) -> Iterator[Sighting]:
        for entries in pages:
            for entry in entries:
                sighting = self._sighting(nc, entry, whole=whole)
                # the roots of other naming contexts show up in the one above them
                if self._roots.get(sighting.guid, nc) == nc:
                    yield sighting

    def _sighting(self, nc: str, entry: Entry, *, whole: bool) -> Sighting:
        guid, dn = split_extended(entry.dn)
        if guid is None:
            raise DirectoryError(f"the feed reported {dn} without its objectGUID")
        values: dict[str, Values] = {}
        links: dict[str, dict[str, set[bytes]]] = {"1": {}, "0": {}}
        for name, raw in entry.attributes.items():
            if name in _NAMED_ELSEWHERE:
                continue
            if ranged := _RANGE.match(name):
                links[ranged["kind"]].setdefault(ranged["name"], set()).update(map(reference, raw))
            elif (fact := self._fact(name)).is_link:
                # a server without incremental values sends the whole list; "no values" then clears it
                links["1"].setdefault(name, set()).update(map(reference, raw))
            elif not fact.is_backlink:
                values[name] = tuple(map(reference, raw)) if fact.is_reference else raw
        is_root = guid in self._roots
        parent = entry.attributes.get("parentGUID")
        return Sighting(
            guid=guid,
            nc=nc,
            parent=Guid(parent[0]) if parent and not is_root else None,
            rdn=dn if is_root else first_rdn(dn),
            whole=whole,
            values={name: raw for name, raw in values.items() if raw or not whole},
            added={name: frozenset(refs) for name, refs in links["1"].items() if refs},
            removed={name: frozenset(refs) for name, refs in links["0"].items() if refs and not whole},
        )

    def _fact(self, name: str) -> Attribute:
        if name not in self._schema:
            # an attribute made since the schema was read
            self._schema = Schema.load(self._session, self._schema_nc)
        if name not in self._schema:
            raise DirectoryError(f"the feed reported the attribute {name}, which the schema does not have")
        return self._schema[name]
