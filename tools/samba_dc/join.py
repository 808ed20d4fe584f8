"""A second DC in the same domain, for tests with replication."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from tools.samba_dc.errors import StateError
from tools.samba_dc.golden import Golden
from tools.samba_dc.layout import Domain, Layout, remove, with_hosts, write_hosts
from tools.samba_dc.programs import run
from tools.samba_dc.server import SambaDC

PROMPT_REPLICATION: Final = {
    "dreplsrv:periodic_startup_interval": "1",
    "dreplsrv:periodic_interval": "5",
    "dreplsrv:notify_interval": "1",
    "kccsrv:periodic_startup_interval": "1",
}
"""smb.conf settings in seconds: Samba's own are 15, 300, 5 and 15, which is long to wait in a test.

The second is for a DC that came up before its partner: its first pull finds nobody, and until it has pulled once its
partner notifies it of nothing.
"""

_JOIN_TIMEOUT_S: Final = 180.0
_TLS_OF_THE_DOMAIN: Final = ("ca.pem", "ca-key.pem", "dh.pem")


def join(first: SambaDC, directory: Path, *, hostname: str = "dc2", address: str = "127.0.0.12") -> SambaDC:
    """Join a new DC to a running one's domain and start it; the first is restarted, so that they find each other.

    The new DC's own golden image lies beside it, in `<directory>.golden`. Both replicate within seconds
    (`PROMPT_REPLICATION`).

    Args:
        first: A running DC of the domain, attached to this process.
        directory: For the new DC.
        hostname: Its short host name.
        address: Its loopback address.

    Returns:
        The new DC, running.

    Raises:
        StateError: The first DC does not run.
        ProgramError: samba-tool refused.
    """
    if not first.running:
        raise StateError("the first DC must run for another to join it")
    names = Domain(realm=first.names.realm, domain=first.names.domain, hostname=hostname.lower())
    scratch = Layout(Path(tempfile.mkdtemp(prefix="adp-join-")))
    try:
        _join(first, scratch, names, address)
        golden = Golden.seal(
            scratch.root,
            directory.absolute().with_name(directory.name + ".golden"),
            names,
            admin_password=first.admin_password,
        )
    finally:
        remove(scratch.root)
    second = SambaDC(
        golden, directory, address=address, hosts={**first.hosts, **first.host_entries}, options=PROMPT_REPLICATION
    )
    first.stop()
    first.hosts |= second.host_entries
    first.options |= PROMPT_REPLICATION
    # Otherwise the first DC learns of its new partner from a KCC run, and pulls from it 300 s later.
    run(["samba_kcc", f"--configfile={first.smb_conf}"])
    first.start()
    second.start()
    return second


def _join(first: SambaDC, layout: Layout, names: Domain, address: str) -> None:
    layout.make_directories()
    layout.write_configuration(names, address)
    write_hosts(layout.hosts, first.host_entries)
    # The tickets must come from the DC there is, not from the one to be.
    layout.krb5_conf.write_text(first.krb5_conf.read_text())
    run(
        with_hosts(layout.hosts, [
            *("samba-tool", "domain", "join", names.dns_domain, "DC", f"--configfile={layout.smb_conf}"),
            *(f"--server={first.names.fqdn}", f"--realm={names.realm}", "--dns-backend=SAMBA_INTERNAL"),
            *(f"--username=Administrator@{names.realm}", f"--password={first.admin_password}"),
        ]),
        timeout_s=_JOIN_TIMEOUT_S,
        env={"KRB5_CONFIG": str(layout.krb5_conf), "TDB_NO_FSYNC": "1"},  # of a join that broke off, nothing is kept
    )  # fmt: skip
    run(["samba_spnupdate", f"--configfile={layout.smb_conf}"])
    for name in _TLS_OF_THE_DOMAIN:
        shutil.copy2(first.private_dir / "tls" / name, layout.private / "tls" / name)
