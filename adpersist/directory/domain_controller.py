"""One domain controller as the rest of the program sees it: what it is, what it has, what can be done to it."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from typing import Final

from adpersist.directory import exemptions
from adpersist.directory.dns_zones import reload_zones
from adpersist.directory.feed.dirsync import DirSyncFeed
from adpersist.directory.feed.stamps import STAMPED, asked, newest_stamps, read_stamps, stamped
from adpersist.directory.ldap.connection import NOBODY, Login
from adpersist.directory.ldap.session import ANSWER_TIMEOUT_S, RootDse, Session
from adpersist.directory.lineage import partners as replication
from adpersist.directory.lineage import rid_set
from adpersist.directory.lineage.canary import ATTRIBUTE as CANARY_ATTRIBUTE
from adpersist.directory.lineage.canary import Canary
from adpersist.directory.lineage.evidence import OwnObjects, gather_evidence
from adpersist.directory.lineage.verdict import lineage
from adpersist.directory.samba.backend_store import BackendStore, backend_store
from adpersist.directory.samba.own_database import NotLocalError, OpeningDatabase, database_path, running_version
from adpersist.directory.schema import Schema
from adpersist.directory.stamp_sources import StampSources
from adpersist.directory.tombstone_lifetime import tombstone_days
from adpersist.directory.wire.controls import RELAX, SD_ALL
from adpersist.directory.wire.requests import MODIFY_REPLACE
from adpersist.directory.write.engine import opening, target
from adpersist.directory.write.restamping import restamp
from adpersist.directory.write.target import Target
from adpersist.directory.write.transactional_target import TransactionalTarget
from adpersist.model.identity.ids import Guid, Usn, guid_text
from adpersist.model.journal.head import Head, Identity
from adpersist.model.journal.lineage import Evidence, Lineage
from adpersist.model.objects.change import LinkStamps, Stamp
from adpersist.model.objects.directory_time import generalized_time, since_1601, unix_seconds
from adpersist.model.objects.link_values import Links
from adpersist.model.objects.rid_set import RidSet
from adpersist.model.objects.stamps import EVER, Stamps
from adpersist.model.plan.engine import Engine
from adpersist.model.plan.step import Exempt

_DESCRIPTOR: Final = "nTSecurityDescriptor"

_MOST_WRITES: Final = 1_000_000
"""By everybody, while a restore writes."""
_RECENT_USNS: Final = 100
"""The newest write of all is looked for among the last so many USNs: some belong to the DC's own bookkeeping."""


class DomainController:
    """A connected DC; every method may raise :class:`~adpersist.errors.DirectoryUnreachableError`.

    Args:
        session: For questions and writes.
        looking: A second connection to the same DC, for looks: questions are asked while one is read.
    """

    def __init__(self, session: Session, looking: Session) -> None:
        self.session = session
        self._looking = looking
        self._opening: OpeningDatabase | None = None
        self.dse: RootDse = session.root_dse()
        self.schema = Schema.load(session, self.dse.schema)
        self.identity: Identity = session.identity(self.dse)
        self._stamps = StampSources(session, self.identity.server, self.schema)
        self.feed = DirSyncFeed(session, looking, self.dse, self.schema, self._stamps)

    @classmethod
    def connect(cls, url: str, login: Login = NOBODY) -> "DomainController":
        """Connect by URL (see :meth:`Session.open` for the errors)."""
        with _both(url, login) as (session, looking):
            return cls(session, looking)

    @property
    def privileged(self) -> bool:
        """The session sees secrets and writes identities."""
        return self.session.privileged

    def usn(self) -> Usn:
        """highestCommittedUSN."""
        return self.session.usn()

    @cached_property
    def exempt(self) -> Exempt:
        """What a restore leaves alone here."""
        return exemptions.exempt(self.session, self.dse, self.schema, self.identity.server)

    @cached_property
    def machine(self) -> Guid:
        """objectGUID of its own account."""
        return self.session.guid_of(exemptions.own_computer(self.session, self.identity.server))

    @cached_property
    def _own_objects(self) -> OwnObjects:
        rids = self.rids()
        return OwnObjects(
            machine=self.machine,
            server=self.identity.server,
            rid_set=rids.guid if rids else None,
        )

    def rids(self) -> RidSet | None:
        """The RID set and pools as they are; None while the DC has none."""
        return rid_set.read_rids(self.session, self.dse, self.identity.server)

    def begin_writing(self, engine: Engine, *, receives: bool = False) -> None:
        """Have what :meth:`writing` needs opened while there is something else to do; that is where errors show.

        Args:
            engine: As for :meth:`writing`.
            receives: It is to receive as a replica does.
        """
        self._opening = opening(self.session, engine, receives=receives)

    @property
    def is_opening(self) -> bool:
        """That is under way."""
        return self._opening is not None

    def writing(self, engine: Engine) -> AbstractContextManager[Target]:
        """A way to carry out steps here (see :func:`adpersist.directory.write.engine.target` for the errors)."""
        begun, self._opening = self._opening, None
        return target(self.session, engine, self.invocation(), begun)

    def receives(self, engine: Engine) -> bool:
        """By this engine it would take what it lacks as a replica; nothing is written."""
        try:
            with self.writing(engine) as way:
                return isinstance(way, TransactionalTarget)
        except NotLocalError:
            return False

    def invocation(self) -> Guid:
        """invocationID of the database."""
        return self.evidence().invocation

    def own_stamp(self) -> Stamp:
        """A stamp for what the DC writes from now on; its version is for the caller to choose.

        Its USN is above all that are handed out until it is written: a partner that reads the DC meanwhile has seen
        what was written up to where the DC is then, and would ask for nothing below that any more.
        """
        usn = Usn(self.usn() + _MOST_WRITES)
        return Stamp(version=0, time=since_1601(time.time()), origin=self.invocation(), usn=usn)

    def samba_version(self) -> str | None:
        """Of the running Samba; None where that cannot be seen from here."""
        if not self.privileged:
            return None
        try:
            return running_version(self.session)
        except NotLocalError:
            return None

    def backend_store(self) -> BackendStore:
        """What the naming contexts lie in. Raises: NotLocalError: that cannot be seen from here."""
        return backend_store(database_path(self.session))

    def clock(self) -> float:
        """Unix seconds by the DC's own clock."""
        said = self.session.read("", attributes=["currentTime"]).attributes["currentTime"][0]
        return unix_seconds(generalized_time(said))

    def partners(self) -> frozenset[Guid]:
        """invocationIDs of the domain's other DCs."""
        return replication.partners(self.session, self.dse, self.identity.server)

    def renew_invocation(self, fresh: Guid) -> None:
        """Go on under another invocationID; a connection takes it when it is new. Raises: WriteRefusedError."""
        replication.renew_invocation(self.session, self.identity.server, fresh)

    def reconnect(self) -> None:
        """Hang up and connect again: to a DC that should forget what it knows of this session, or whose own objects,
        naming contexts or schema are others now."""
        self._stamps.close()
        for session in (self.session, self._looking):
            session.reopen()
        self.dse = self.session.root_dse()
        self.schema = Schema.load(self.session, self.dse.schema)
        self._stamps = StampSources(self.session, self.identity.server, self.schema)
        self.feed = DirSyncFeed(self.session, self._looking, self.dse, self.schema, self._stamps)

    def evidence(
        self, witnesses: Collection[Guid] = (), changed: Iterable[Guid] = (), *, since: Usn = EVER
    ) -> Evidence:
        """What tells whether this is the journal's DC, and the stamps of what changed since a USN; one round trip."""
        return gather_evidence(self.session, self.schema, self._own_objects, witnesses, changed, since)

    def lineage(self, head: Head, seed: bytes, seen: Evidence | None = None) -> Lineage:
        """Whether this is the DC the head was taken from.

        Args:
            head: The journal's.
            seed: The journal's own mark.
            seen: Evidence gathered already, the head's witnesses included.
        """
        if seen is None:
            seen = self.evidence([witness.guid for witness in head.witnesses])
        newest = [Canary.of(seed, each.seq, each.digest) for each in (head.last, head.before_marks or head.last)]
        return lineage(self.identity, head, seen, found=Canary.read(seen.remembered, seed), newest=newest)

    def canary(self, seed: bytes) -> Canary | None:
        """What the directory remembers of the journal with this seed; None when it remembers nothing of it."""
        return Canary.read(self.evidence().remembered, seed)

    def leave_canary(self, canary: Canary) -> None:
        """Have the directory remember a commit. Raises: WriteRefusedError."""
        number = str(canary.number).encode()
        changes = {CANARY_ATTRIBUTE: [(MODIFY_REPLACE, (number,))]}
        machine = f"<GUID={guid_text(self._own_objects.machine)}>"
        self.session.modify(machine, changes, (RELAX,), timeout_s=ANSWER_TIMEOUT_S)

    def stamps(self, guids: Iterable[Guid], *, after: Usn = EVER) -> Mapping[Guid, Stamps]:
        """Replication stamps of some objects: those of what was written here after a USN."""
        return read_stamps(self.session, self.schema, guids, after=after)

    def restamp(self, wanted: Mapping[Guid, Mapping[str, tuple[Stamp | None, Stamp]]]) -> Iterator[tuple[Guid, str]]:
        """Give attributes other replication stamps than those that were seen, if any were; objects that take none, and
        why."""
        if any(name not in self.schema for stamps in wanted.values() for name in stamps):
            self.schema = Schema.load(self.session, self.dse.schema)  # some were defined just now
        return restamp(self.session, self.schema, wanted)

    def living(self, guids: Iterable[Guid]) -> frozenset[Guid]:
        """Those of some objects that are there and are no tombstones."""
        entries = asked(self.session, guids, attributes=["objectGUID", "isDeleted"])
        return frozenset(
            Guid(each.attributes["objectGUID"][0]) for each in entries if "isDeleted" not in each.attributes
        )

    def link_stamps(self, guids: Iterable[Guid]) -> Mapping[Guid, LinkStamps] | None:
        """Stamps of the links of some objects that are there; None where they cannot be seen from here."""
        return self._stamps.links(guids)

    def links_received(self, guids: Iterable[Guid]) -> Mapping[Guid, Links]:
        """Links of some objects, also of those taken away, that replication brought; none where they cannot be seen."""
        return self._stamps.links_received(guids)

    @property
    def sees_link_stamps(self) -> bool:
        """A look shows the stamps of links."""
        return self._stamps.sees_links

    def stamps_since(self, usn: Usn) -> Mapping[Guid, Stamps]:
        """Replication stamps of the objects written since a USN; scans the directory."""
        return dict(self.each_written(usn))

    def each_written(self, usn: Usn) -> Iterator[tuple[Guid, Stamps]]:
        """The same, one object after the other."""
        return newest_stamps(self.session, self.schema, usn)

    def last_replicated(self) -> float:
        """Unix seconds of when a partner last gave it what it has; 0 when none ever did."""
        return max(0, unix_seconds(replication.last_success(self.session, self.feed.contexts)))

    def descriptors(self, guids: Iterable[Guid]) -> Iterator[tuple[Guid, bytes, Stamp | None]]:
        """Security descriptors of some objects, and what each was written with last.

        One that was handed down has the stamp it had before. However many they are, few are on their way at once.
        """
        wanted = [*STAMPED, _DESCRIPTOR]
        for entry in asked(self.session, guids, attributes=wanted, more=[SD_ALL]):
            if _DESCRIPTOR in entry.attributes:
                guid, written = stamped(entry, self.schema)
                write = written.get(_DESCRIPTOR)
                yield guid, entry.attributes[_DESCRIPTOR][0], write.stamp if write is not None else None

    def oldest_change(self, guids: Iterable[Guid], *, since: Usn) -> float:
        """Unix seconds of the oldest write after a USN on some objects; now when none is known."""
        times = [
            unix_seconds(write.stamp.time)
            for written in self.stamps(guids).values()
            for write in written.values()
            if write.local_usn > since and write.stamp.time
        ]
        return min(times, default=time.time())

    def newest_write(self) -> float:
        """Unix seconds of the newest write of all; now when none is known."""
        stamps = self.stamps_since(Usn(max(self.usn() - _RECENT_USNS, 0)))
        times = [unix_seconds(write.stamp.time) for written in stamps.values() for write in written.values()]
        return max(times, default=time.time())

    def reload_zones(self) -> None:
        """Have its DNS server look which zones there are; nothing is changed by that."""
        reload_zones(self.session, self.dse)

    def tombstone_days(self) -> int:
        """How long what was deleted is remembered."""
        return tombstone_days(self.session, self.dse)

    def close(self) -> None:
        """Hang up."""
        if self._opening is not None:
            self._opening.close()
        self._stamps.close()
        self.session.close()
        self._looking.close()


@contextmanager
def _both(url: str, login: Login) -> Iterator[tuple[Session, Session]]:
    """Two connections; both are closed when the second cannot be opened, or the block fails."""
    with ExitStack() as opened:
        session, looking = (_opened(url, login, opened) for _ in range(2))
        yield session, looking
        opened.pop_all()


def _opened(url: str, login: Login, stack: ExitStack) -> Session:
    session = Session.open(url, login)
    stack.callback(session.close)
    return session
