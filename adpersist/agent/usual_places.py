"""What ``init`` takes where nobody says otherwise: the domain controller that runs here, and places beside it."""

from pathlib import Path
from typing import Final

from adpersist.errors import ConfigError, DirectoryUnreachableError
from adpersist.system import unix_sockets

STORE: Final = "sqlite:///var/lib/adpersist/journal.db"

_SOCKET: Final = Path("ldap_priv/ldapi")
"""Below Samba's private directory: root's own, over which secrets and identities can be read and written."""


def privileged_sockets() -> tuple[Path, ...]:
    """Of every Samba AD domain controller that runs on this machine.

    Raises:
        ConfigError: The kernel does not show them.
    """
    try:
        return tuple(path for path in unix_sockets.listening() if path.parts[-2:] == _SOCKET.parts)
    except OSError as error:
        raise ConfigError(
            f"the sockets of this machine cannot be seen: {error.strerror}", hint="Name the DC's with --directory."
        ) from error


def directory_url() -> str:
    """The directory URL of the one domain controller that runs here.

    Raises:
        DirectoryUnreachableError: None does.
        ConfigError: More than one does; the message names them.
    """
    found = [f"ldapi://{path}" for path in privileged_sockets()]
    if not found:
        raise DirectoryUnreachableError(
            "no Samba AD domain controller listens on this machine",
            hint="Start it: `systemctl start samba-ad-dc`. From another machine: --directory ldaps://HOST --user WHO.",
        )
    if len(found) > 1:
        raise ConfigError(
            f"{len(found)} domain controllers listen on this machine: {', '.join(found)}",
            hint="Say which with --directory.",
        )
    return found[0]
