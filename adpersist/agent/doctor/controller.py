"""The domain controller: what this session may do there, by which Samba, and what time it is."""

import re
import time
from collections.abc import Iterator
from typing import Final

from adpersist.agent.doctor.finding import Finding, bad, note, ok, warning
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.samba.backend_store import Backend, BackendStore
from adpersist.directory.samba.own_database import NotLocalError
from adpersist.model.plan.engine import Engine

RIGHTS: Final = "rights"
SAMBA: Final = "Samba"
WAY: Final = "way of healing"
DATABASE: Final = "database"
CLOCKS: Final = "clocks"
PARTNERS: Final = "partners"

TRIED: Final = ((4, 17), (4, 22))
"""The releases every test runs on; those between are expected to do."""

_COST: Final = {
    Backend.TDB: "each look reads all of a naming context, however little changed",
    Backend.MDB: "a look costs what changed, however large the directory is",
}
_NEARLY_FULL: Final = 0.75

_CLOSE_S: Final = 5.0
_KERBEROS_S: Final = 300.0


def examine_controller(dc: DomainController, restart_command: str) -> Iterator[Finding]:
    """Rights, the way a heal would take, Samba's version, database, clocks, partners. Raises: DirectoryError."""
    if not dc.privileged:
        yield warning(
            RIGHTS,
            "over the network no password is seen and no identity can be given back",
            "Run adpersist on the controller, with the socket <private dir>/ldap_priv/ldapi as [directory] url.",
        )
    else:
        yield ok(
            RIGHTS, f"{dc.dse.dns_name} sees this session as SYSTEM: secrets and identities can be read and written"
        )
        yield from _way(dc)
    yield examine_database(dc)
    yield _clocks(dc)
    partners = len(dc.partners())
    if partners and not restart_command:
        yield note(
            PARTNERS,
            f"{partners} other controllers: after a heal while it is open, Samba must be restarted, by a person",
            'Set [restore] restart_command = "systemctl restart samba-ad-dc", or start Samba by `adpersist boot`.',
        )
    else:
        yield ok(PARTNERS, f"{partners or 'no'} other controllers")


def _way(dc: DomainController) -> Iterator[Finding]:
    try:
        with dc.writing(Engine.LOCAL):
            yield ok(WAY, "as a replica, by Samba's own code in its own database, stamps and all")
    except NotLocalError as error:
        yield warning(
            WAY,
            f"over LDAP only, slower and without the stamps of links: {error.reason}",
            "Run as root, and `apt install python3-samba` in the version of the running Samba.",
        )
    version = dc.samba_version()
    if version is None:
        yield note(SAMBA, "which Samba is running cannot be seen from here", "Run this as root.")
        return
    found = re.match(r"(\d+)\.(\d+)", version)
    release = (int(found[1]), int(found[2])) if found else (0, 0)
    if TRIED[0] <= release <= TRIED[1]:
        yield ok(SAMBA, f"Samba {version}")
    else:
        tried = " and ".join(f"{major}.{minor}" for major, minor in TRIED)
        yield warning(
            SAMBA,
            f"Samba {version}; adpersist is tried on {tried}",
            "Try a revert and a heal on a copy of this machine before you rely on it.",
        )


def examine_database(dc: DomainController) -> Finding:
    """What kind of database the controller has, what that means for its looks, and how much more it takes."""
    try:
        return judged_database(dc.backend_store())
    except NotLocalError as error:
        cost = _COST[Backend.TDB]
        return note(DATABASE, f"whether it is tdb or mdb is not known: {error.reason}. With tdb, {cost}")


def judged_database(found: BackendStore) -> Finding:
    """What is to be said of it; pure."""
    used = f"{found.size / 1e6:,.0f} MB of the {found.limit / 1e6:,.0f} at which it ends"
    says = f"{found.kind}, {used}: {_COST[found.kind]}"
    if found.size <= _NEARLY_FULL * found.limit:
        return ok(DATABASE, says)
    return warning(
        DATABASE,
        says,
        "Join a controller with `samba-tool domain join ... --backend-store=mdb --backend-store-size=SIZE`, and demote "
        "this one, before it is full.",
    )


def _clocks(dc: DomainController) -> Finding:
    apart = dc.clock() - time.time()
    says = f"the controller's clock and this machine's are {abs(apart):.0f} s apart"
    mend = "Set both by the same source: `timedatectl set-ntp true`."
    if abs(apart) > _KERBEROS_S:
        return bad(CLOCKS, says, mend)
    if abs(apart) > _CLOSE_S:
        return warning(CLOCKS, says, mend)
    return ok(CLOCKS, "the controller and this machine have the same time")
