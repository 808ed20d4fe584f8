"""How the day's people reach the DC: over the network, with the tools they have and their own passwords."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tools.day import ldif
from tools.samba_dc import SambaDC
from tools.samba_dc.programs import run
from tools.samba_dc.unix_numbers import unix_numbers

_TIMEOUT_S: Final = 120.0


class Hands:
    """An administrator's and the users' hands on one DC."""

    def __init__(self, dc: SambaDC) -> None:
        self._dc = dc
        self.base_dn = dc.base_dn
        self.dns_domain = dc.names.dns_domain

    def tool(self, *words: str) -> str:
        """samba-tool as Administrator, over LDAP; returns what it printed.

        Raises:
            ProgramError: It failed.
        """
        return self._dc.samba_tool(*words, "-H", self._dc.ldap_url, *self._administrator()).stdout

    def sid(self, user: str) -> str:
        """A user's SID, as text."""
        return self.tool("user", "show", user, "--attributes=objectSid").partition("objectSid: ")[2].split()[0]

    def dns(self, verb: str, *words: str) -> None:
        """`samba-tool dns` on the domain's own zone; speaks RPC instead of LDAP."""
        self._dc.samba_tool("dns", verb, self._dc.address, self.dns_domain, *words, *self._administrator())

    def apply(self, records: Iterable[str]) -> None:
        """LDIF change records as Administrator, with ldapmodify over TLS."""
        self._ldapmodify("".join(records), self._dc.admin_user, self._dc.admin_password)

    def change_own_password(self, dn: str, user: str, old: str, new: str) -> None:
        """What a user's portal does: the user binds, takes the old password away and adds the new one."""
        record = ldif.change(dn, "unicodePwd", gone=ldif.password(old), come=ldif.password(new))
        self._ldapmodify(record, f"{user}@{self.dns_domain}", old)

    def kpasswd(self, user: str, old: str, new: str) -> None:
        """What `passwd` on a workstation does: the user changes the password over Kerberos (RFC 3244)."""
        run(
            ["kpasswd", user],
            stdin=f"{old}\n{new}\n{new}\n",
            timeout_s=_TIMEOUT_S,
            # and no ticket that whoever runs this has of some other realm, with which it would protect the exchange
            env={"KRB5_CONFIG": str(self._dc.krb5_conf), "KRB5CCNAME": "MEMORY:"},
        )

    @property
    def policies(self) -> Path:
        """The folder of group policies, as an administrator on the DC itself sees it."""
        return self._dc.layout.state / "sysvol" / self.dns_domain / "Policies"

    def permit(self, path: Path, sddl: str) -> None:
        """Set what SMB clients may do to a file. Raises: ProgramError."""
        self._dc.samba_tool("ntacl", "set", sddl, str(path))

    def log_in_over_smb(self, *users: str) -> None:
        """Whoever does gets a Unix number, the next there is. Raises: ProgramError."""
        unix_numbers(self._dc, [self.sid(user) for user in users])

    def _administrator(self) -> tuple[str, ...]:
        return "-U", f"Administrator%{self._dc.admin_password}"

    def _ldapmodify(self, records: str, user: str, password: str) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            secret = Path(scratch, "password")
            secret.touch(mode=0o600)
            secret.write_text(password)
            run(
                ["ldapmodify", "-H", self._dc.ldaps_url, "-x", "-D", user, "-y", str(secret)],
                stdin=records,
                timeout_s=_TIMEOUT_S,
                env={"LDAPTLS_CACERT": str(self._dc.ca_file), "LDAPTLS_REQCERT": "demand"},
            )
