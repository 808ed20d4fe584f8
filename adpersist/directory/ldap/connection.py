"""The ways to a DC: its privileged socket, or the network with TLS and somebody's name.

Over the network nothing is ever sent in clear: ``ldaps://`` is TLS from the first byte, ``ldap://`` begins with
StartTLS ([RFC4513] 3), and the server's certificate is always checked. Without a user name the session logs in by
Kerberos, with the tickets of the process; on ``ldap://`` Kerberos does the sealing as well ([RFC4752]).
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import ldap3
from ldap3.core.exceptions import (
    LDAPException,
    LDAPInvalidPortError,
    LDAPPackageUnavailableError,
    LDAPSocketOpenError,
    LDAPStartTLSError,
)

from adpersist.directory.ldap import gssapi_layer
from adpersist.errors import AS_ROOT, ConfigError, DirectoryUnreachableError, LoginRefusedError

CONNECT_TIMEOUT_S: Final = 10

_LONGEST_SOCKET_PATH: Final = 107
"""Bytes, without the closing zero (unix(7))."""
_PORTS: Final = {"ldaps": 636, "ldap": 389}
_STRONGER_AUTH_REQUIRED: Final = 8
"""[RFC4511] 4.1.9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who asks, and whom to believe; the privileged socket needs none of it.

    Attributes:
        user: ``administrator@corp.example`` or ``CORP\\administrator``; empty: Kerberos, as whoever holds the tickets.
        password: The user's.
        ca_file: The authority that signed the DC's certificate; None: those of the system.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None


NOBODY: Final = Login()

_OPTIONS: Final[dict[str, Any]] = {
    "auto_encode": False,
    "check_names": False,
    "raise_exceptions": False,
}


def is_socket(url: str) -> bool:
    """The URL names the privileged socket."""
    return url.startswith("ldapi:")


def connected(url: str, login: Login) -> Any:  # noqa: ANN401 - ldap3 ships no types
    """An open ldap3 connection, logged in where the URL asks for it.

    Raises:
        ConfigError: The URL is of no form that leads to a DC, or the CA file is none.
        DirectoryUnreachableError: Nobody listens there, or not with a certificate to trust.
        LoginRefusedError: The DC does not believe who is asking.
    """
    return _local(url) if is_socket(url) else _remote(url, login)


def _local(url: str) -> Any:  # noqa: ANN401
    path = socket_path(url)
    try:
        path.stat()
    except PermissionError as error:
        raise DirectoryUnreachableError(
            f"the socket {path} cannot be reached: {error.strerror}", hint=AS_ROOT
        ) from error
    except OSError as error:
        raise DirectoryUnreachableError(
            f"there is no socket at {path}",
            hint="Is samba running? Its socket is <private dir>/ldap_priv/ldapi; `samba -b` names the private dir.",
        ) from error
    server = ldap3.Server(
        f"ldapi://{quote(str(path), safe='')}", get_info=ldap3.NONE, connect_timeout=CONNECT_TIMEOUT_S
    )
    connection = ldap3.Connection(server, **_OPTIONS)
    try:
        connection.open()
    except (LDAPSocketOpenError, LDAPInvalidPortError, OSError) as error:
        raise DirectoryUnreachableError(
            f"the socket {path} does not answer: {reason(error)}",
            hint="Is samba running, and does this process run as root?",
        ) from error
    return connection


def _remote(url: str, login: Login) -> Any:  # noqa: ANN401
    scheme, host, port = _address(url)
    try:
        tls = _Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(login.ca_file) if login.ca_file else None, sni=host)
    except (LDAPException, OSError) as error:
        raise ConfigError(f"the CA file {login.ca_file} cannot be used: {reason(error)}") from error
    server = ldap3.Server(
        host,
        port=port,
        use_ssl=scheme == "ldaps",
        tls=tls,
        get_info=ldap3.NONE,
        connect_timeout=CONNECT_TIMEOUT_S,
        allowed_referral_hosts=[],
    )
    who = (
        {"user": login.user, "password": login.password, "authentication": ldap3.SIMPLE}
        if login.user
        else {"authentication": ldap3.SASL, "sasl_mechanism": ldap3.KERBEROS}
    )
    try:
        connection = ldap3.Connection(server, auto_referrals=False, **who, **_OPTIONS)
        connection.open()
        if scheme == "ldap" and login.user:
            connection.start_tls()
    except (LDAPSocketOpenError, LDAPInvalidPortError, LDAPStartTLSError, OSError) as error:
        hint = "Is the address right, and the CA file the one that signed the domain controller's certificate?"
        raise DirectoryUnreachableError(f"{url} cannot be reached: {reason(error)}", hint=hint) from error
    except LDAPException as error:
        raise DirectoryUnreachableError(f"{url} cannot be reached: {reason(error)}") from error
    _log_in(connection, url, login)
    return connection


class _Tls(ldap3.Tls):  # type: ignore[misc]  # ldap3 ships no types
    """TLS whose certificates Python checks: from 3.12 on, ldap3's own check knows host names and no addresses."""

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ANN401 - as above
        context = ssl.create_default_context(cafile=self.ca_certs_file)
        connection.socket = context.wrap_socket(
            connection.socket, server_hostname=self.sni, do_handshake_on_connect=do_handshake
        )


def _log_in(connection: Any, url: str, login: Login) -> None:  # noqa: ANN401
    who = login.user or "the holder of the Kerberos tickets"
    if login.user and not login.password:
        # a server takes a name without a password for nobody at all ([RFC4513] 5.1.2)
        raise ConfigError(
            f"there is no password for {login.user}",
            hint="Set [directory] password_file or ADPERSIST_DIRECTORY_PASSWORD.",
        )
    try:
        if login.user or url.startswith("ldaps:"):
            connection.bind()
        else:
            gssapi_layer.log_in(connection, connection.server.host)
    except (LDAPPackageUnavailableError, ImportError) as error:
        raise ConfigError(
            "Kerberos needs the package gssapi, which is not installed",
            hint="Install adpersist[kerberos], or set [directory] user.",
        ) from error
    except (LDAPException, OSError) as error:
        raise LoginRefusedError(f"{url} did not take {who}: {reason(error)}") from error
    except Exception as error:  # gssapi has a tree of its own, and may not be installed
        if type(error).__module__.partition(".")[0] != "gssapi":
            raise
        raise LoginRefusedError(
            f"no Kerberos login at {url}: {reason(error)}",
            hint="Is there a ticket (`klist`), and does the URL have the host name that the DC's SPN has?",
        ) from error
    if connection.result["result"] == _STRONGER_AUTH_REQUIRED:
        raise LoginRefusedError(
            f"{url} takes no Kerberos over TLS",
            hint="Use ldap:// with the same host, where Kerberos itself encrypts; or set [directory] user.",
        )
    if connection.result["result"] != 0:
        raise LoginRefusedError(
            f"{url} did not take {who}: {connection.result['description']}",
            hint="Check [directory] user and its password; the name as user@domain or DOMAIN\\user.",
        )


def _address(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # as every resolver is asked
    except ValueError as error:
        raise ConfigError(f"the directory URL {url!r} is none: {error}") from error
    if parts.scheme not in _PORTS or not host or parts.path not in ("", "/") or parts.query or parts.username:
        raise ConfigError(
            f"the directory URL {url!r} is not of the form ldapi:///path/to/ldap_priv/ldapi or ldaps://host",
            hint="On a Samba DC: ldapi:///var/lib/samba/private/ldap_priv/ldapi",
        )
    return parts.scheme, host, port or _PORTS[parts.scheme]


def socket_path(url: str) -> Path:
    """Where the privileged socket lies. Raises: ConfigError."""
    scheme, separator, path = url.partition("://")
    if scheme != "ldapi" or not separator or not path.startswith("/"):
        raise ConfigError(
            f"the directory URL {url!r} is not of the form ldapi:///path/to/ldap_priv/ldapi",
            hint="On a Samba DC: ldapi:///var/lib/samba/private/ldap_priv/ldapi",
        )
    if len(path.encode(errors="surrogateescape")) > _LONGEST_SOCKET_PATH:
        raise ConfigError(f"the directory URL {url!r} names a longer path than a Unix socket can have")
    return Path(path)


def reason(error: BaseException) -> str:
    """The words of a foreign error, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
