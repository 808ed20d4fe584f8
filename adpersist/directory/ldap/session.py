"""One conversation with one domain controller.

The privileged socket is opened and never bound: binding, even anonymously, replaces the SYSTEM session by a lesser one
whose reads look right and lack every secret.
"""

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ldap3.core.exceptions import LDAPException

from adpersist.directory.ldap.connection import NOBODY, Login, connected, is_socket, socket_path
from adpersist.directory.ldap.conversation import Conversation, PendingAnswer
from adpersist.directory.ldap.operations import NO_SUCH_OBJECT, AddRequest, WriteRequest, WriteResult, refused
from adpersist.directory.wire.ber import BerError
from adpersist.directory.wire.controls import DIRSYNC_OID, Control
from adpersist.directory.wire.filters import ANY, Filter
from adpersist.directory.wire.messages import Entry, Result, SearchScope, read_dirsync
from adpersist.directory.wire.requests import Modifications, add_request, delete_request, modify_request, rename_request
from adpersist.errors import (
    DirectoryError,
    DirectoryUnreachableError,
    NoSuchEntryError,
    NotPrivilegedError,
)
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.sid import LOCAL_SYSTEM
from adpersist.model.journal.head import Identity
from adpersist.model.objects.change import Values

ANSWER_TIMEOUT_S: Final = 20
"""For a question about some objects; a DC that takes longer is not there."""
WRITE_TIMEOUT_S: Final = 1800
"""A write may concern everything below: access rights are handed down, and every DN of a renamed tree is rewritten,
before the server answers."""
LOOK_TIMEOUT_S: Final = 300
"""A full look at a large directory comes as one reply, and the server says nothing before it is ready."""

_IDLE_S: Final = 20
"""Whoever spoke so lately is told when the server went away."""

_UNAVAILABLE: Final = frozenset({51, 52})  # busy, unavailable ([RFC4511] 4.1.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootDse:
    """What the DC says of itself ([MS-ADTS] 3.1.1.3.2).

    Attributes:
        contexts: DNs of the naming contexts, in replay order: schema, configuration, domain, the others.
        schema, configuration, domain: Three of them by role.
        server_dn: DN of the DC's NTDS Settings object.
        dns_name: dnsHostName.
        usn: highestCommittedUSN.
    """

    contexts: tuple[str, ...]
    schema: str
    configuration: str
    domain: str
    server_dn: str
    dns_name: str
    usn: Usn


class Session:
    """A connection to a DC; every method raises :class:`DirectoryUnreachableError` when it goes away."""

    def __init__(self, connection: Any, url: str, login: Login = NOBODY) -> None:  # noqa: ANN401 - ldap3 ships no types
        self.url = url
        self.login = login
        self._connect(connection)

    def _connect(self, connection: Any) -> None:  # noqa: ANN401 - as above
        self._ldap = connection
        self._used = time.monotonic()
        self._talk = Conversation(connection.socket, self.url, connection.server.next_message_id)

    @classmethod
    def open(cls, url: str, login: Login = NOBODY) -> "Session":
        """Connect to ``ldapi://<path of ldap_priv/ldapi>``, ``ldaps://host`` or ``ldap://host`` (StartTLS).

        Raises:
            ConfigError: The URL is of another form.
            DirectoryUnreachableError: Nobody listens there.
            LoginRefusedError: The DC does not believe who is asking.
            NotPrivilegedError: The socket answers, but not as SYSTEM.
        """
        session = cls(connected(url, login), url, login)
        if session.privileged:
            session.check_privileged()
        return session

    @property
    def path(self) -> Path:
        """The privileged socket; only where it is one."""
        return socket_path(self.url)

    @property
    def privileged(self) -> bool:
        """It is SYSTEM: it sees secrets, and writes identities."""
        return is_socket(self.url)

    def check_privileged(self) -> None:
        """Make sure that this session still is SYSTEM; a lesser one reads no secrets and says nothing about it.

        Raises:
            NotPrivilegedError: It is not.
        """
        found = self.read("", attributes=["tokenGroups"])
        if LOCAL_SYSTEM not in found.attributes.get("tokenGroups", ()):
            raise NotPrivilegedError(
                f"the session at {self.url} is not privileged: secrets can be neither read nor written",
                hint="Use the socket in the ldap_priv directory (<private dir>/ldap_priv/ldapi), not its sibling.",
            )

    def root_dse(self) -> RootDse:
        """Read the rootDSE."""
        attributes = self.read(
            "",
            attributes=[
                *("namingContexts", "schemaNamingContext", "configurationNamingContext", "defaultNamingContext"),
                *("dsServiceName", "dnsHostName", "highestCommittedUSN"),
            ],
        ).attributes
        try:
            schema, configuration, domain, server_dn, dns_name, usn = (
                attributes[name][0].decode()
                for name in (
                    *("schemaNamingContext", "configurationNamingContext", "defaultNamingContext"),
                    *("dsServiceName", "dnsHostName", "highestCommittedUSN"),
                )
            )
            contexts = [value.decode() for value in attributes["namingContexts"]]
        except KeyError as error:
            raise DirectoryError(
                f"the server at {self.url} is no domain controller: its rootDSE has no {error.args[0]}",
                hint="Point the directory URL at an Active Directory domain controller.",
            ) from error
        first = [schema, configuration, domain]
        return RootDse(
            contexts=(*first, *sorted(nc for nc in contexts if nc not in first)),
            schema=schema,
            configuration=configuration,
            domain=domain,
            server_dn=server_dn,
            dns_name=dns_name,
            usn=Usn(int(usn)),
        )

    def usn(self) -> Usn:
        """highestCommittedUSN: half a millisecond, whatever the size of the directory."""
        return Usn(int(self.read("", attributes=["highestCommittedUSN"]).attributes["highestCommittedUSN"][0]))

    def identity(self, dse: RootDse) -> Identity:
        """Which DC this is."""
        return Identity(domain=self.guid_of(dse.domain), server=self.guid_of(dse.server_dn), dns_name=dse.dns_name)

    def guid_of(self, dn: str) -> Guid:
        """objectGUID of an entry.

        Raises:
            NoSuchEntryError.
        """
        return Guid(self.read(dn, attributes=["objectGUID"]).attributes["objectGUID"][0])

    def read(self, dn: str, *, attributes: Sequence[str], controls: Sequence[Control] = ()) -> Entry:
        """One entry by DN (``<GUID=...>`` serves as a DN).

        Raises:
            NoSuchEntryError.
        """
        for entry in self.search(dn, ANY, scope=SearchScope.BASE, attributes=attributes, controls=controls):
            return entry
        raise NoSuchEntryError(f"{dn} is not in the directory", result=NO_SUCH_OBJECT)

    def search(
        self,
        base: str,
        matching: Filter,
        *,
        attributes: Sequence[str],
        scope: SearchScope = SearchScope.SUBTREE,
        controls: Sequence[Control] = (),
        timeout_s: float = ANSWER_TIMEOUT_S,
        may_be_large: bool = False,
    ) -> "Answer":
        """Ask for the entries under ``base``; they come in the server's order, read as they are asked for.

        Several searches may be asked before the first answer is read; answers are read in the order of the questions.

        Args:
            timeout_s: :data:`LOOK_TIMEOUT_S` for what goes through the whole directory.
            may_be_large: An entry may be larger than the server sends: it is not waited for then, but told.
        """
        asked = self._ask(base, scope, matching, attributes, controls, timeout_s)
        return Answer(self, asked, base, self._behind(timeout_s) if may_be_large else None)

    def dirsync(
        self,
        nc: str,
        matching: Filter = ANY,
        *,
        attributes: Sequence[str],
        controls: Sequence[Control],
    ) -> "Page":
        """Ask for one DirSync page. Source: [MS-ADTS] 3.1.1.3.4.1.3."""
        asked = self._ask(nc, SearchScope.SUBTREE, matching, attributes, controls, LOOK_TIMEOUT_S)
        return Page(self, asked, nc, self._behind(LOOK_TIMEOUT_S))

    def _behind(self, timeout_s: float) -> PendingAnswer:
        """A small question, whose answer tells of the one before that the server has passed over."""
        return self._ask("", SearchScope.BASE, ANY, ["1.1"], (), timeout_s)

    def _ask(
        self,
        base: str,
        scope: SearchScope,
        matching: Filter,
        attributes: Sequence[str],
        controls: Sequence[Control],
        timeout_s: float,
    ) -> PendingAnswer:
        return self._open_talk().search(base, scope, matching, attributes, controls, timeout_s=timeout_s)

    def require_success(self, search: PendingAnswer, base: str) -> None:
        """Make sure that an answer was read to its end, and was one.

        Raises:
            NoSuchEntryError, DirectoryError, DirectoryUnreachableError.
        """
        result = self._result(search)
        if result.code == NO_SUCH_OBJECT:
            raise NoSuchEntryError(f"{base} is not in the directory", result=NO_SUCH_OBJECT)
        if result.code != 0:
            raise DirectoryError(
                f"the directory refused a search of {base or 'the rootDSE'}: {result.message} ({result.code})",
                result=result.code,
            )

    def add(self, dn: str, attributes: Mapping[str, Values], controls: Sequence[Control]) -> None:
        """Add an entry. Raises: WriteRefusedError."""
        self._write("add", dn, lambda number: add_request(number, dn, attributes, controls))

    def modify(
        self,
        dn: str,
        changes: Modifications,
        controls: Sequence[Control] = (),
        *,
        timeout_s: float = WRITE_TIMEOUT_S,
    ) -> None:
        """Change an entry's attributes, all or none. Raises: WriteRefusedError."""
        self._write("modify", dn, lambda number: modify_request(number, dn, changes, controls), timeout_s)

    def rename(self, dn: str, rdn: str, new_parent: str, controls: Sequence[Control] = ()) -> None:
        """Rename an entry, under the same or another parent. Raises: WriteRefusedError."""
        self._write("rename", dn, lambda number: rename_request(number, dn, rdn, new_parent, controls))

    def delete(self, dn: str, controls: Sequence[Control] = ()) -> None:
        """Delete an entry. Raises: WriteRefusedError, NoSuchEntryError."""
        self._write("delete", dn, lambda number: delete_request(number, dn, controls))

    def begin(self, write: WriteRequest) -> "SentWrite":
        """Send a write and do not wait: the server carries out one after another, in their order."""
        if isinstance(write, AddRequest):
            return self._begin(
                "add", write.dn, lambda number: add_request(number, write.dn, write.attributes, write.controls)
            )
        return self._begin(
            "modify", write.dn, lambda number: modify_request(number, write.dn, write.changes, write.controls)
        )

    def verdict(self, begun: "SentWrite") -> WriteResult:
        """What became of a write."""
        for _ in begun.asked:  # it has no entries
            pass
        result = self._result(begun.asked)
        if result.code == 0:
            return None
        return refused(begun.operation, begun.dn, result.code, f"({result.code}) {result.message}")

    def peer(self) -> int:
        """Process id of the server behind the socket (unix(7), SO_PEERCRED); 0 when it cannot be seen from here."""
        peer: socket.socket = self._ldap.socket
        process: int = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        return process

    def reopen(self) -> None:
        """Hang up and connect again; whoever holds the session goes on with it. Raises: as :meth:`open`."""
        self.close()
        self._connect(connected(self.url, self.login))
        if self.privileged:
            self.check_privileged()

    def close(self) -> None:
        """Hang up; the server needs no goodbye."""
        try:
            self._ldap.strategy.close()
        except (LDAPException, OSError):
            return

    def _begin(
        self, operation: str, dn: str, request: Callable[[int], bytes], timeout_s: float = WRITE_TIMEOUT_S
    ) -> "SentWrite":
        return SentWrite(operation=operation, dn=dn, asked=self._open_talk().send(request, timeout_s=timeout_s))

    def _write(
        self, operation: str, dn: str, request: Callable[[int], bytes], timeout_s: float = WRITE_TIMEOUT_S
    ) -> None:
        if (refusal := self.verdict(self._begin(operation, dn, request, timeout_s))) is not None:
            raise refusal

    def _open_talk(self) -> Conversation:
        """The conversation; a new one where the server ended it because nobody spoke (MaxConnIdleTime, 900 s)."""
        now = time.monotonic()
        if now - self._used > _IDLE_S and not self._talk.is_waiting and _has_ended(self._ldap.socket):
            self.reopen()
        self._used = now
        return self._talk

    def _result(self, asked: PendingAnswer) -> Result:
        if asked.result is None:
            raise DirectoryUnreachableError(f"the directory at {self.url} broke off in the middle of an answer")
        if asked.result.code in _UNAVAILABLE:
            raise DirectoryUnreachableError(f"the directory at {self.url} is busy or shutting down")
        return asked.result


def _has_ended(peer: socket.socket) -> bool:
    """A server that was asked nothing has something to say: that it hangs up."""
    return bool(select.select([peer], [], [], 0)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class SentWrite:
    """A write that was sent.

    Attributes:
        operation, dn: What, in words.
        asked: Its answer.
    """

    operation: str
    dn: str
    asked: PendingAnswer


class Answer:
    """The entries of one search, once; the errors of :meth:`Session.require_success` come after the last one."""

    def __init__(self, session: Session, search: PendingAnswer, base: str, behind: PendingAnswer | None = None) -> None:
        self._session = session
        self._search = search
        self._base = base
        self._behind = behind

    def __iter__(self) -> Iterator[Entry]:
        return self

    def __next__(self) -> Entry:
        for entry in self._search:
            return entry
        deque(self._behind or (), maxlen=0)
        self._session.require_success(self._search, self._base)
        raise StopIteration


class Page(Answer):
    """One page of a look."""

    def take_in(self) -> bool:
        """Wait for it, and have it here before it is read: the server is free then.

        Returns:
            All of it is here, and it is a success.
        """
        return self._search.take_in()

    def ending(self) -> tuple[bool, bytes]:
        """Whether the next page is there already, and where it begins; once the last entry was read.

        Raises:
            DirectoryError: The server does not say.
        """
        result = self._search.result
        if result is None or DIRSYNC_OID not in result.controls:
            raise DirectoryError(f"the server answered a DirSync of {self._base} without its control")
        try:
            return read_dirsync(result.controls[DIRSYNC_OID])
        except BerError as error:
            raise DirectoryError(f"the server answered a DirSync of {self._base} with a broken control") from error
