"""Proofs from the outside: people, machines and services log in with Kerberos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.day import Diary, Login
from tools.demo_day.proofs import Proof, proof
from tools.samba_dc import AES256, ProgramError, SambaDC
from tools.samba_dc.kerberos import kinit, service_ticket

_KEYS: Final = "kinit, AES256 keys only"


def keep_ticket(dc: SambaDC, login: Login, cache: Path) -> None:
    """Log in and keep the ticket, to be used after the restore."""
    kinit(dc.krb5_conf, cache, login.user, login.password)


def old_ticket_works(dc: SambaDC, cache: Path) -> Proof:
    """A ticket from before the machine died still opens doors: krbtgt, whose key changed that day, has it again."""
    return proof("a ticket from before the crash is still good", "kvno", _service(dc, cache, ("ldap", dc.names.fqdn)))


def passwords_work(dc: SambaDC, diary: Diary) -> list[Proof]:
    """Each password of the diary is taken, and those replaced or withdrawn are not."""
    proofs = [
        proof(f"{login.user} logs in: {login.why}", _KEYS, _taken(dc, login)) for login in diary.logins
    ]  # fmt: skip
    refused = [f"{login.user} got in with a {login.why}" for login in diary.refused if not _taken(dc, login, ())]
    people = ", ".join(login.user for login in diary.refused)
    return [*proofs, proof("old passwords and people who left are refused", "kinit", refused, detail=people)]


def service_works(dc: SambaDC, login: Login, service: tuple[str, str], cache: Path) -> Proof:
    """The service that got its principal that day can be reached."""
    kinit(dc.krb5_conf, cache, login.user, login.password)
    return proof(f"the KDC knows {'/'.join(service)}", "kvno", _service(dc, cache, service))


def _taken(dc: SambaDC, login: Login, enctypes: Sequence[str] = AES256) -> list[str]:
    done = dc.kinit(login.user, login.password, enctypes=enctypes, check=False)
    return [done.stderr.strip() or "refused"] if done.returncode else []


def _service(dc: SambaDC, cache: Path, service: tuple[str, str]) -> list[str]:
    try:
        service_ticket(dc.krb5_conf, cache, *service)
    except ProgramError as refused:
        return [str(refused)]
    return []
