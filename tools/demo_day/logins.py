"""Proofs from the outside: people, machines and services log in with Kerberos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.day import Diary, Login
from tools.demo_day.proofs import Proof, proof
from tools.samba_dc import AES256, ProgramError, SambaDC
from tools.samba_dc.kerberos import kinit, service_ticket
from tools.samba_dc.programs import SYSTEM_PYTHON, run

_ACCEPTING: Final = Path(__file__).with_name("accepting.py")
_TIMEOUT_S: Final = 20.0
_KEYS: Final = "kinit, AES256 keys only"


def keep_ticket(dc: SambaDC, login: Login, cache: Path) -> None:
    """Log in and keep the ticket, to be used after the restore."""
    kinit(dc.krb5_conf, cache, login.user, login.password)


def old_ticket_works(dc: SambaDC, cache: Path) -> Proof:
    """A ticket from before the machine died still opens doors: krbtgt, whose key changed that day, has it again."""
    return proof("a ticket from before the crash is still good", "kvno", _service(dc, cache, ("ldap", dc.names.fqdn)))


def keep_keytab(dc: SambaDC, service: tuple[str, str], keytab: Path) -> None:
    """Give the service its keys, as its machine keeps them: with the number each key has."""
    dc.samba_tool("domain", "exportkeytab", str(keytab), f"--principal={'/'.join(service)}")


def keep_service_ticket(dc: SambaDC, service: tuple[str, str], cache: Path) -> None:
    """Ask for the service and keep the answer beside the ticket that it was asked with."""
    service_ticket(dc.krb5_conf, cache, *service)


def service_accepts(dc: SambaDC, service: tuple[str, str], keytab: Path, early: Path, kept: Path) -> list[Proof]:
    """The service goes on with the keytab it had, and its clients with the tickets they had.

    Args:
        early: A ticket-granting ticket from before krbtgt's key changed twice: the KDC must believe it.
        kept: Holds a ticket for the service itself, which no KDC is asked about.
    """
    by = "GSSAPI accept, mutual authentication"
    return [
        proof(
            "a service with its old keytab accepts who has a ticket from before two krbtgt changes",
            by,
            _accepted(dc, service, keytab, early),
        ),
        proof("and who has a ticket for it from before the crash", by, _accepted(dc, service, keytab, kept)),
    ]


def _accepted(dc: SambaDC, service: tuple[str, str], keytab: Path, cache: Path) -> list[str]:
    command = [SYSTEM_PYTHON, "-I", str(_ACCEPTING), str(keytab), str(cache), *service]
    done = run(command, timeout_s=_TIMEOUT_S, check=False, env={"KRB5_CONFIG": str(dc.krb5_conf)})
    return [done.stderr.strip().rpartition("\n")[2] or "refused"] if done.returncode else []


def passwords_work(dc: SambaDC, diary: Diary) -> list[Proof]:
    """Each password of the diary is taken."""
    return [proof(f"{login.user} logs in: {login.why}", _KEYS, _taken(dc, login)) for login in diary.logins]


def withdrawn_refused(dc: SambaDC, diary: Diary) -> Proof:
    """Old passwords are no passwords, and who left or was disabled stays out."""
    let_in = [
        f"{login.user} got in with the password of the golden image: {login.why}"
        for login in diary.refused
        if not _taken(dc, login, ())
    ]
    people = ", ".join(login.user for login in diary.refused)
    return proof("old passwords and people who left are refused", "kinit", let_in, detail=people)


def service_works(dc: SambaDC, login: Login, service: tuple[str, str], cache: Path) -> Proof:
    """The service that got its principal that day can be reached."""
    problems = _ticket(dc, login, cache) or _service(dc, cache, service)
    return proof(f"the KDC knows {'/'.join(service)}, a principal of today", "kvno", problems)


def _taken(dc: SambaDC, login: Login, enctypes: Sequence[str] = AES256) -> list[str]:
    done = dc.kinit(login.user, login.password, enctypes=enctypes, check=False)
    return [done.stderr.strip() or "refused"] if done.returncode else []


def _ticket(dc: SambaDC, login: Login, cache: Path) -> list[str]:
    try:
        keep_ticket(dc, login, cache)
    except ProgramError as refused:
        return [str(refused)]
    return []


def _service(dc: SambaDC, cache: Path, service: tuple[str, str]) -> list[str]:
    try:
        service_ticket(dc.krb5_conf, cache, *service)
    except ProgramError as refused:
        return [str(refused)]
    return []
