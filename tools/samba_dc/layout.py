"""Where a DC keeps its files, and the configuration texts that say so.

Samba's databases hold no absolute paths, so a copy of `private` and `state` is a DC again wherever it lies, once an
smb.conf names the new place.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tools.samba_dc.errors import HarnessError
from tools.samba_dc.programs import run

SERVICES: Final = ("rpc", "ldap", "cldap", "kdc", "drepl", "kcc", "dns")
"""Enough for LDAP, Kerberos, RPC and replication; add "s3fs" and "winbindd" for SMB and sysvol."""

LASTING: Final = ("private", "state")
"""The directories that make a DC. Everything else is made anew at each start."""

_RUN: Final = ("cache", "lock", "pid", "ncalrpc", "ntp", "winbindd")
_LONGEST_SOCKET: Final = "run/ncalrpc/np/protected_storage"
_SUN_PATH_BYTES: Final = 107
_VOLATILE: Final = ("private/ldapi", "private/ldap_priv", "private/smbd.tmp", "state/winbindd_privileged")
"""What a running DC leaves in the lasting directories: sockets, and notes about its processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Which domain, and which of its DCs.

    Attributes:
        realm: Kerberos realm, capitals: "SAMDOM.EXAMPLE.COM". In small letters it is the DNS domain.
        domain: NetBIOS domain name.
        hostname: The DC's short host name, small letters; capitals of it are its NetBIOS name.
    """

    realm: str
    domain: str
    hostname: str

    @property
    def dns_domain(self) -> str:
        """ "samdom.example.com"."""
        return self.realm.lower()

    @property
    def fqdn(self) -> str:
        """ "dc1.samdom.example.com"."""
        return f"{self.hostname}.{self.dns_domain}"

    @property
    def base_dn(self) -> str:
        """ "DC=samdom,DC=example,DC=com"."""
        return ",".join(f"DC={label}" for label in self.dns_domain.split("."))


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one DC below one directory."""

    root: Path
    private: Path = field(init=False)
    state: Path = field(init=False)
    run: Path = field(init=False)
    smb_conf: Path = field(init=False)
    krb5_conf: Path = field(init=False)
    hosts: Path = field(init=False)
    log: Path = field(init=False)
    console: Path = field(init=False)

    def __post_init__(self) -> None:
        if not self.root.is_absolute():
            raise HarnessError(f"a DC's directory must be absolute, not {self.root}")
        longest = len(str(self.root / _LONGEST_SOCKET).encode())
        if longest > _SUN_PATH_BYTES:
            raise HarnessError(
                f"{self.root} is {longest - _SUN_PATH_BYTES} bytes too long a path: Unix sockets below it "
                f"may have {_SUN_PATH_BYTES} at most"
            )
        for name, path in (
            ("private", "private"),
            ("state", "state"),
            ("run", "run"),
            ("smb_conf", "etc/smb.conf"),
            ("krb5_conf", "etc/krb5.conf"),
            ("hosts", "etc/hosts"),
            ("log", "log/samba.log"),
            ("console", "log/console.log"),
        ):
            object.__setattr__(self, name, self.root / path)

    def make_directories(self) -> None:
        """Make what a DC needs beside `private` and `state`; safe to repeat."""
        for path in (self.private, self.state, self.smb_conf.parent, self.log.parent, self.private / "tls"):
            path.mkdir(parents=True, exist_ok=True)
        self.remove_volatile()
        for name in _RUN:
            (self.run / name).mkdir(parents=True)
        # Samba refuses to start when the group or others can reach these.
        (self.run / "ntp").chmod(0o750)
        self.private.chmod(0o700)

    def remove_volatile(self) -> None:
        """Remove what a DC that no longer runs left behind: sockets, lock files, process ids."""
        remove(self.run)
        for name in _VOLATILE:
            remove(self.root / name)

    def write_configuration(
        self,
        domain: Domain,
        address: str,
        *,
        services: Sequence[str] = SERVICES,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Write smb.conf and krb5.conf for this place and address."""
        self.smb_conf.write_text(_smb_conf(self, domain, address, services, options or {}))
        self.krb5_conf.write_text(_krb5_conf(domain, address))


def copy_lasting(source: Path, target: Path) -> None:
    """Copy `private` and `state` of a stopped DC, with owners, ACLs and extended attributes (sysvol needs them)."""
    target.mkdir(parents=True, exist_ok=True)
    run(["cp", "-a", "--reflink=auto", *(str(source / name) for name in LASTING), str(target)], timeout_s=300)
    for name in _VOLATILE:
        remove(target / name)


def write_hosts(path: Path, entries: Mapping[str, str]) -> None:
    """Write a hosts file of names and addresses, in place: a running DC that has it mounted sees the new one."""
    known = {"localhost": "127.0.0.1", **entries}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{address} {name}\n" for name, address in known.items()))


def with_hosts(hosts: Path, command: Sequence[str]) -> list[str]:
    """The same command, in a mount namespace where /etc/hosts is this file."""
    return with_file(hosts, Path("/etc/hosts"), command)


def with_file(file: Path, place: Path, command: Sequence[str]) -> list[str]:
    """The same command, in a mount namespace where a file lies in the place of another."""
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh", str(file), str(place), *command]


def with_winbindd(sockets: Path, command: Sequence[str]) -> list[str]:
    """The same command, in a mount namespace where winbindd's socket is in this directory.

    smbd, wbinfo and the system's name service look for it in one place only, which no smb.conf names.
    """
    script = (
        "mkdir -p /run/samba && mount -t tmpfs none /run/samba && mkdir /run/samba/winbindd && "
        'mount --bind "$1" /run/samba/winbindd && shift && exec "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", script, "sh", str(sockets), *command]


def remove(path: Path) -> None:
    """Remove a file, socket or tree; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _smb_conf(layout: Layout, domain: Domain, address: str, services: Sequence[str], options: Mapping[str, str]) -> str:
    tls = layout.private / "tls"
    settings = {
        "netbios name": domain.hostname.upper(),
        "realm": domain.realm,
        "workgroup": domain.domain,
        "server role": "active directory domain controller",
        "server services": ", ".join(services),
        # Without the prefix length Samba finds no interface on lo's other addresses.
        "interfaces": f"{address}/8",
        "bind interfaces only": "yes",
        "private dir": str(layout.private),
        "state directory": str(layout.state),
        **{f"{name} directory": str(layout.run / name) for name in ("cache", "lock", "pid")},
        "ncalrpc dir": str(layout.run / "ncalrpc"),
        "ntp signd socket directory": str(layout.run / "ntp"),
        "winbindd socket directory": str(layout.run / "winbindd"),
        "log file": str(layout.log),
        "log level": "1",
        "max log size": "0",
        "tls enabled": "yes",
        "tls cafile": str(tls / "ca.pem"),
        "tls certfile": str(tls / "cert.pem"),
        "tls keyfile": str(tls / "key.pem"),
        "tls dh params file": str(tls / "dh.pem"),
        # Lets tests bind with a password over plain TCP as well. Loopback only.
        "ldap server require strong auth": "no",
        # Updates over DNS would ask the machine's resolver for a domain that only exists here.
        "dns update command": "/bin/true",
        "idmap_ldb:use rfc2307": "yes",
        # A DC without partners has no topology to work out; those of a domain with several do it at once.
        "kccsrv:periodic_startup_interval": "3600",
        **options,
    }
    lines = ["[global]", *(f"\t{name} = {value}" for name, value in settings.items())]
    sysvol = layout.state / "sysvol"
    for share, path in (("sysvol", sysvol), ("netlogon", sysvol / domain.dns_domain / "scripts")):
        lines += [f"[{share}]", f"\tpath = {path}", "\tread only = no"]
    return "\n".join(lines) + "\n"


def _krb5_conf(domain: Domain, address: str) -> str:
    return f"""\
[libdefaults]
    default_realm = {domain.realm}
    dns_lookup_realm = false
    dns_lookup_kdc = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
[realms]
    {domain.realm} = {{
        kdc = {address}
        admin_server = {address}
        kpasswd_server = {address}
    }}
[domain_realm]
    .{domain.dns_domain} = {domain.realm}
    {domain.dns_domain} = {domain.realm}
"""
