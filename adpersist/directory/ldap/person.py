"""Whether somebody is who they say, and of which groups: the DC's own answer to their name and password.

The session is theirs, and never that of the privileged socket it may begin on: it is not opened again when it breaks.
Later, without their password, the DC is asked of them by whoever this process is to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import ldap3
from ldap3.core.exceptions import LDAPCommunicationError, LDAPException
from ldap3.utils.conv import escape_filter_chars

from adpersist.directory.ldap.connection import Login, connected, is_socket, reason
from adpersist.errors import DirectoryUnreachableError, LoginRefusedError
from adpersist.model.identity.sid import LOCAL_SYSTEM, sid_from_text, sid_text

_ANONYMOUS: Final = sid_from_text("S-1-5-7")
_EVERYBODY: Final = frozenset(map(sid_from_text, ("S-1-1-0", "S-1-5-11")))
"""Whose session has them, though no object says so: everyone, and whoever signed in ([MS-DTYP] 2.4.2.4)."""
_DISABLED: Final = 0x2
"""ADS_UF_ACCOUNTDISABLE, [MS-ADTS] 2.2.16."""
_NO_SUCH_OBJECT: Final = 32
"""[RFC4511] 4.1.9."""
_REFUSED: Final = "the domain controller did not take this name and password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody the DC believes.

    Attributes:
        sid: Theirs.
        groups: Of those asked for the ones they are in, be it by way of others; as they were named.
    """

    sid: str
    groups: frozenset[str]


def believed(url: str, login: Login, groups: Sequence[str]) -> Person:
    """Bind as somebody, and ask who that is.

    Args:
        url: Of the DC.
        login: Who they say they are: ``ada@corp.example`` or ``CORP\\ada``.
        groups: By account name or SID.

    Raises:
        LoginRefusedError: The DC does not believe it, or nobody may be somebody in that way.
        DirectoryUnreachableError, ConfigError: It cannot be asked.
    """
    if not login.user or not login.password:  # a server takes a name without a password for nobody ([RFC4513] 5.1.2)
        raise LoginRefusedError(_REFUSED)
    connection = connected(url, login)
    try:
        if is_socket(url):
            _bind(connection, login)
        token = _token(connection)
        if not token or LOCAL_SYSTEM in token or _ANONYMOUS in token:
            raise LoginRefusedError(_REFUSED)
        mine = {name for name in groups if _sids(connection, name) & set(token)}
    except (LDAPException, OSError) as error:
        raise DirectoryUnreachableError(f"{url} does not answer: {reason(error)}") from error
    finally:
        connection.unbind()
    return Person(sid=sid_text(token[0]), groups=frozenset(mine))


def groups_now(url: str, login: Login, sid: str, groups: Sequence[str]) -> frozenset[str]:
    """Of these groups the ones somebody is in by now, be it by way of others; none where they are disabled or gone.

    Args:
        url: Of the DC.
        login: Who asks; the privileged socket needs none.
        sid: Of whom.
        groups: By account name or SID.

    Raises:
        DirectoryUnreachableError, LoginRefusedError, ConfigError: It cannot be asked, or does not tell.
    """
    connection = connected(url, login)
    try:
        found = _search(
            connection, f"<SID={sid}>", "(objectClass=*)", ldap3.BASE, ["tokenGroups", "userAccountControl"]
        )
        if not found:
            if connection.result["result"] == _NO_SUCH_OBJECT:
                return frozenset()
            raise DirectoryUnreachableError(f"{url} does not say who {sid} is")
        told = found[0]["raw_attributes"]
        if any(int(flags) & _DISABLED for flags in told.get("userAccountControl", ())):
            return frozenset()
        token = {sid_from_text(sid), *_EVERYBODY, *map(bytes, told.get("tokenGroups", ()))}
        return frozenset(name for name in groups if _sids(connection, name) & token)
    except (LDAPException, OSError) as error:
        raise DirectoryUnreachableError(f"{url} does not answer: {reason(error)}") from error
    finally:
        connection.unbind()


def _bind(connection: Any, login: Login) -> None:  # noqa: ANN401 - ldap3 ships no types
    connection.user, connection.password, connection.authentication = login.user, login.password, ldap3.SIMPLE
    try:
        is_bound = connection.bind()
    except LDAPCommunicationError:
        raise
    except LDAPException as error:  # of words that cannot be a name or a password
        raise LoginRefusedError(_REFUSED) from error
    if not is_bound:
        raise LoginRefusedError(_REFUSED)


def _token(connection: Any) -> list[bytes]:  # noqa: ANN401 - ldap3 ships no types
    """All that the session is, the person first."""
    found = _search(connection, "", "(objectClass=*)", ldap3.BASE, ["tokenGroups"])
    return [bytes(sid) for entry in found for sid in entry["raw_attributes"].get("tokenGroups", ())]


def _sids(connection: Any, name: str) -> set[bytes]:  # noqa: ANN401
    """Of a group; none where there is none, or it is none that they may see."""
    try:
        return {sid_from_text(name)}
    except ValueError:
        pass
    base = next(
        value.decode()
        for entry in _search(connection, "", "(objectClass=*)", ldap3.BASE, ["defaultNamingContext"])
        for value in entry["raw_attributes"]["defaultNamingContext"]
    )
    matching = f"(&(objectClass=group)(sAMAccountName={escape_filter_chars(name)}))"
    found = _search(connection, base, matching, ldap3.SUBTREE, ["objectSid"])
    return {bytes(sid) for entry in found for sid in entry["raw_attributes"].get("objectSid", ())}


def _search(connection: Any, base: str, matching: str, scope: str, attributes: list[str]) -> list[Any]:  # noqa: ANN401
    connection.search(base, matching, scope, attributes=attributes)
    return [entry for entry in connection.response or () if entry["type"] == "searchResEntry"]
