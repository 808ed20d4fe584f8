"""Logging in with MIT Kerberos: the judge of whether passwords and AES keys came back."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.samba_dc.programs import run

AES256: Final = ("aes256-cts-hmac-sha1-96",)
"""Only these keys exist where a password was set as a password; setting the NT hash alone leaves none."""

REFUSALS: Final = (
    "Password incorrect",
    "Preauthentication failed",
    "not found in Kerberos database",
    "Clients credentials have been revoked",
    "Password has expired",
    "Client's entry in database has expired",
    "KDC has no support for encryption type",
    "Cannot read password",
)
"""What kinit says when the DC refused this user or password, as opposed to a DC that is ill or away."""

_TIMEOUT_S: Final = 20.0


def kinit(
    krb5_conf: Path, cache: Path, principal: str, password: str, *, enctypes: Sequence[str] = (), check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Get a ticket-granting ticket into `cache`.

    Args:
        krb5_conf: The DC's.
        cache: File to keep the tickets in.
        principal: User name, with or without realm.
        password: Sent on standard input; shows in no process list.
        enctypes: Encryption types the client admits to; empty means Kerberos' own choice.
        check: Raise `ProgramError` when refused.
    """
    with tempfile.TemporaryDirectory() as scratch:
        config = str(krb5_conf)
        if enctypes:
            narrow = Path(scratch, "krb5.conf")
            types = " ".join(enctypes)
            narrow.write_text("[libdefaults]\n" + "".join(
                f"    {name} = {types}\n"
                for name in ("permitted_enctypes", "default_tkt_enctypes", "default_tgs_enctypes")
            ))  # fmt: skip
            # The first file of the list that has a relation wins.
            config = f"{narrow}:{config}"
        return run(
            ["kinit", "-c", f"FILE:{cache}", principal],
            stdin=password + "\n",
            timeout_s=_TIMEOUT_S,
            check=check,
            env={"KRB5_CONFIG": config},
        )


def service_ticket(krb5_conf: Path, cache: Path, service: str, host: str, *, keytab: Path | None = None) -> int:
    """Get a ticket for `service/host` with the tickets in `cache`: proves the SPN and the account's keys.

    Args:
        keytab: The service's; one of its keys must open the ticket, of whatever number.

    Returns:
        The number of the key that the ticket was sealed with.

    Raises:
        ProgramError: The KDC knows no such service, the cache holds no ticket, or the keytab no key that opens it.
    """
    opened_by = ["-k", str(keytab)] if keytab is not None else []
    done = run(
        ["kvno", "-c", f"FILE:{cache}", *opened_by, f"{service}/{host}"],
        timeout_s=_TIMEOUT_S,
        env={"KRB5_CONFIG": str(krb5_conf)},
    )
    (number,) = re.findall(r"kvno = (\d+)", done.stdout)
    return int(number)


def key_numbers(keytab: Path) -> set[int]:
    """The key version numbers in a keytab."""
    lines = run(["klist", "-k", str(keytab)], timeout_s=_TIMEOUT_S).stdout.splitlines()
    return {int(words[0]) for line in lines if (words := line.split()) and words[0].isdecimal()}
