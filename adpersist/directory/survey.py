"""What a session may read and write here, found out by trying."""

from dataclasses import dataclass

from adpersist.directory.session import RootDse, Session
from adpersist.directory.wire.controls import EXTENDED_DN, dirsync
from adpersist.directory.wire.messages import Scope
from adpersist.errors import NotPrivilegedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found.

    Attributes:
        contexts: Naming contexts whose feed answers.
        captured: What is captured and restored, in plain words.
    """

    contexts: tuple[str, ...]
    captured: tuple[str, ...]


def survey(session: Session, dse: RootDse) -> Survey:
    """Read a secret and the feed of every naming context.

    Raises:
        NotPrivilegedError: Secrets do not come.
        DirectoryError: The feed of a naming context is refused.
    """
    secrets = ("unicodePwd", "supplementalCredentials")
    keys = next(session.search(dse.domain, "(&(objectClass=user)(sAMAccountName=krbtgt))", attributes=secrets), None)
    if keys is None or "unicodePwd" not in keys.attributes:
        raise NotPrivilegedError(
            "this session does not see the domain's secrets", hint="Use the socket in the ldap_priv directory, as root."
        )
    for nc in dse.contexts:
        for _ in session.dirsync(nc, attributes=["objectGUID"], controls=[dirsync(b""), EXTENDED_DN]):
            pass
    schema_size = sum(
        1
        for _ in session.search(
            dse.schema, "(objectClass=attributeSchema)", attributes=["objectGUID"], scope=Scope.LEVEL
        )
    )
    return Survey(
        contexts=dse.contexts,
        captured=(
            f"every object of {', '.join(dse.contexts)}",
            f"every replicated attribute the schema knows ({schema_size} attributes), raw; links; security descriptors",
            "passwords: NT hash, Kerberos keys and history; trust secrets",
            "identities: objectGUID and objectSid, so that tickets, ACLs and machine trusts go on working",
        ),
    )
