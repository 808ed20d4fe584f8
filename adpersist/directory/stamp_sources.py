"""Where the stamps of what a look shows come from: the DC's own files, or else questions over LDAP."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from adpersist.directory.feed.stamping import Answer
from adpersist.directory.feed.stamps import asked
from adpersist.directory.ldap.session import Session
from adpersist.directory.samba.own_database import NotLocalError
from adpersist.directory.samba.stamp_reader import StampReader, own_stamps
from adpersist.directory.schema import Schema
from adpersist.directory.wire.stored_stamps import StoredStamps
from adpersist.model.identity.ids import Guid, Usn, guid_text
from adpersist.model.objects.change import LinkStamps
from adpersist.model.objects.link_values import Links
from adpersist.model.objects.stamps import EVER
from adpersist.telemetry import logger

_MOST_LOSSES: Final = 3
"""Of readers, on one connection; it is left alone then."""

log = logger("stamps")


class StampSources:
    """Looks stamps up; opens what it takes when it is first asked, and keeps it.

    Args:
        session: For questions.
        server: objectGUID of the DC's NTDS Settings.
        schema: Names the link attributes.
    """

    def __init__(self, session: Session, server: Guid, schema: Schema) -> None:
        self._session = session
        self._server = server
        self._schema = schema
        self._reader: StampReader | None = None
        self._refused = not session.privileged
        self._losses = 0

    def learn(self, schema: Schema) -> None:
        """See :class:`adpersist.directory.feed.stamping.StampSource`."""
        self._schema = schema

    @property
    def sees_links(self) -> bool:
        """Stamps of links can be seen from here."""
        return self._own() is not None

    def ask(self, nc: str, guids: Collection[Guid], *, since: Usn, floor: Usn) -> Answer:
        """See :class:`adpersist.directory.feed.stamping.StampSource`."""
        own = self._own()
        if own is None:
            return lambda: self._over_ldap(guids)
        try:
            answer = own.ask(nc, guids, self._schema.links, since)
        except NotLocalError as error:
            self._lost(own, error)
            return lambda: self._over_ldap(guids)

        def taken() -> Mapping[Guid, StoredStamps]:
            try:
                usn, found = answer()
                if usn < floor:
                    raise NotLocalError(f"its files are at USN {usn}, the domain controller is at {floor}")
            except NotLocalError as error:
                self._lost(own, error)
                return self._over_ldap(guids)
            return {each.guid: each for each in found}

        return taken

    def links(self, guids: Iterable[Guid]) -> Mapping[Guid, LinkStamps] | None:
        """Stamps of all links of some objects that are there; None: not to be seen from here."""
        found = self._stored(guids)
        if found is None:
            return None
        stamps = {}
        for each in found:
            rows = {name: links.through() for name, links in (each.links or {}).items()}
            stamps[each.guid] = {name: row for name, row in rows.items() if row is not None}
        return stamps

    def links_received(self, guids: Iterable[Guid]) -> Mapping[Guid, Links]:
        """Links of some objects that this database gave another number than who wrote them."""
        return {
            each.guid: {name: links.received() for name, links in (each.links or {}).items()}
            for each in self._stored(guids) or ()
        }

    def _stored(self, guids: Iterable[Guid]) -> Sequence[StoredStamps] | None:
        own = self._own()
        if own is None:
            return None
        try:
            return own.ask(None, guids, self._schema.links, EVER)()[1]
        except NotLocalError as error:
            self._lost(own, error)
            return None

    def close(self) -> None:
        """Let go of the files."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _own(self) -> StampReader | None:
        if self._reader is None and not self._refused:
            invocation = self._session.read(f"<GUID={guid_text(self._server)}>", attributes=["invocationId"])
            own = Guid(invocation.attributes["invocationId"][0])
            self._reader = self._opened(own) or self._opened(own)  # the first may be killed, where memory is short
            self._refused = self._reader is None
        return self._reader

    def _opened(self, invocation: Guid) -> StampReader | None:
        try:
            return own_stamps(self._session, self._server, invocation)
        except NotLocalError as error:
            log.info("links.unstamped", reason=error.reason)
            return None

    def _lost(self, own: StampReader, error: NotLocalError) -> None:
        """Begin anew at the next question, a few times: files that were replaced may be the DC's by then."""
        if self._reader is own:  # else another question of the same reader said so already
            log.warning("stamps.reader_lost", reason=error.reason)
            self.close()
            self._losses += 1
            self._refused = self._losses >= _MOST_LOSSES

    def _over_ldap(self, guids: Collection[Guid]) -> Mapping[Guid, StoredStamps]:
        entries = asked(self._session, guids, attributes=("objectGUID", "uSNCreated", "replPropertyMetaData"))
        stored = (
            StoredStamps(
                guid=Guid(entry.attributes["objectGUID"][0]),
                created=Usn(int(next(iter(entry.attributes.get("uSNCreated", ())), b"0"))),
                blob=next(iter(entry.attributes.get("replPropertyMetaData", ())), b""),
                links=None,
            )
            for entry in entries
        )
        return {each.guid: each for each in stored}
