"""What a session may read and write here, found out by trying."""

from dataclasses import dataclass
from typing import Final

from adpersist.directory.ldap.session import RootDse, Session
from adpersist.directory.wire.controls import EXTENDED_DN, dirsync
from adpersist.directory.wire.filters import and_, equals
from adpersist.directory.wire.messages import SearchScope
from adpersist.errors import NotPrivilegedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What was found.

    Attributes:
        contexts: Naming contexts whose feed answers.
        captured: What is captured and restored, in plain words.
        lacking: What this session cannot capture or restore.
    """

    contexts: tuple[str, ...]
    captured: tuple[str, ...]
    lacking: tuple[str, ...] = ()


def probe_capabilities(session: Session, dse: RootDse) -> Capabilities:
    """Read the feed of every naming context, and over the privileged socket a secret.

    Raises:
        NotPrivilegedError: Secrets do not come.
        DirectoryError: The feed of a naming context is refused.
    """
    if session.privileged:
        _see_secrets(session, dse)
    for nc in dse.contexts:
        for _ in session.dirsync(nc, attributes=["objectGUID"], controls=[dirsync(b""), EXTENDED_DN]):
            pass
    size = sum(
        1
        for _ in session.search(
            dse.schema, equals("objectClass", b"attributeSchema"), attributes=["objectGUID"], scope=SearchScope.LEVEL
        )
    )
    captured = (
        f"every object of {', '.join(dse.contexts)}",
        f"every replicated attribute the schema knows ({size} attributes), raw; links; security descriptors",
    )
    if session.privileged:
        return Capabilities(contexts=dse.contexts, captured=(*captured, *_PRIVILEGED))
    return Capabilities(contexts=dse.contexts, captured=(*captured, *_REMOTE), lacking=_REMOTE_LACKS)


_PRIVILEGED: Final = (
    "passwords: NT hash, Kerberos keys and history; trust secrets",
    "identities: objectGUID and objectSid, so that tickets, ACLs and machine trusts go on working",
)
_REMOTE: Final = ("identities of deleted objects, for as long as their tombstones are there",)
_REMOTE_LACKS: Final = (
    "passwords, Kerberos keys, trust secrets: this connection sees none; reanimated accounts get one nobody knows",
    "objectGUID and objectSid of what is gone without a tombstone, as after a revert: `restore` asks for --accept-loss",
    "whenCreated, sIDHistory, isCriticalSystemObject, pwdLastSet, userParameters, and what the schema calls systemOnly",
    "the RID set: a domain controller that was put back hands out RIDs again",
)


def _see_secrets(session: Session, dse: RootDse) -> None:
    secrets = ("unicodePwd", "supplementalCredentials")
    krbtgt = and_(equals("objectClass", b"user"), equals("sAMAccountName", b"krbtgt"))
    keys = next(session.search(dse.domain, krbtgt, attributes=secrets), None)
    if keys is None or "unicodePwd" not in keys.attributes:
        raise NotPrivilegedError(
            "this session does not see the domain's secrets", hint="Use the socket in the ldap_priv directory, as root."
        )
