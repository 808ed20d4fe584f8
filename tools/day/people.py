"""What happens to people and groups."""

from __future__ import annotations

import hashlib
from typing import Final

from tools.day import ldif
from tools.day.company import BERLIN, FORMER, GROUPS, LYON, first_password, person_dn, user
from tools.day.diary import Diary, Login
from tools.day.hands import Hands

_BATCH: Final = 500
"""Hires in one run of ldapmodify."""
_PHOTO_BYTES: Final = 100_000
_UNUSUAL: Final = {
    "lukasz": "Łukasz Żółć",
    "peg": 'O\'Brien, Margaret "Peg"',
    "taro": "山田 太郎",
    "hash": "#1 = best; <friend> + co\\op",
}
_ACCOUNTDISABLE: Final = "514"
_UNIVERSAL_SECURITY_GROUP: Final = "-2147483640"


def hire(hands: Hands, diary: Diary, count: int) -> None:
    """`count` people join: the HR system adds them with passwords, and to the staff."""
    for first in range(1, count + 1, _BATCH):
        numbers = range(first, min(first + _BATCH, count + 1))
        hands.apply(_hired(hands, number) for number in numbers)
        come = [_hired_dn(hands, number) for number in numbers]
        hands.apply([ldif.change(_group(hands, "staff"), "member", come=come)])
    if count:
        diary.logins.append(Login("hire0001", _today("hire0001"), "joined today, by LDIF"))
    hands.tool("user", "create", "ines", _today("ines"), "--given-name=Inês", "--surname=Gonçalves")
    diary.logins.append(Login("ines", _today("ines"), "joined today, by samba-tool"))


def _hired(hands: Hands, number: int) -> str:
    account, surname = f"hire{number:04}", f"Hire {number:04}"
    upn = f"{account}@{hands.dns_domain}"
    return user(
        _hired_dn(hands, number), f"New {surname}", account, _today(account),
        userPrincipalName=upn, mail=upn, givenName="New", sn=surname, employeeID=str(number),
        manager=person_dn(hands, "ada"),
    )  # fmt: skip


def _hired_dn(hands: Hands, number: int) -> str:
    return f"CN=New Hire {number:04},{BERLIN},{hands.base_dn}"


def unusual_names(hands: Hands, diary: Diary) -> None:
    """Names with commas, quotes, a leading hash, backslashes, other scripts."""
    hands.apply(
        user(
            f"CN={ldif.rdn_value(name)},{BERLIN},{hands.base_dn}", name, account, _today(account),
            description=f"{name}: first line\nsecond line",
        )
        for account, name in _UNUSUAL.items()
    )  # fmt: skip
    diary.logins.append(Login("taro", _today("taro"), "joined today, name not in Latin letters"))


def service_account(hands: Hands, diary: Diary) -> None:
    """An account for a web service, with its principal; its password is set more than once, which a keytab counts."""
    host = f"www.{hands.dns_domain}"
    hands.tool("user", "create", "svc-web", _today("svc-web"), "--description=Web server")
    for again in range(3):
        hands.tool("user", "setpassword", "svc-web", f"--newpassword={_today('svc-web')}{again}")
    hands.tool("spn", "add", f"HTTP/{host}", "svc-web")
    diary.service = ("HTTP", host)


def passwords(hands: Hands, diary: Diary) -> None:
    """Three ways to a new password."""
    hands.change_own_password(person_dn(hands, "ada"), "ada", first_password("ada"), _today("ada"))
    hands.kpasswd("bruno", first_password("bruno"), _today("bruno"))
    hands.tool("user", "setpassword", "chloe", f"--newpassword={_today('chloe')}")
    for who, how in (("ada", "by herself, LDAP"), ("bruno", "by himself, kpasswd"), ("chloe", "by an administrator")):
        diary.logins.append(Login(who, _today(who), f"password changed today {how}"))
        diary.refused.append(Login(who, first_password(who), "password changed today"))


def krbtgt(hands: Hands, diary: Diary) -> None:
    """The key every ticket hangs on, twice: tickets from before are good for as long as that goes."""
    for _ in range(2):
        hands.tool("user", "setpassword", "krbtgt", f"--newpassword={_today('krbtgt')}")


def attributes(hands: Hands, diary: Diary) -> None:
    """Golden users change: set, replaced, cleared, a large value, a link."""
    photo = b"\xff\xd8\xff\xe0" + hashlib.shake_128(b"photo").digest(_PHOTO_BYTES - 4)
    changes: dict[str, ldif.Values] = {
        "jpegPhoto": photo,
        "telephoneNumber": (),
        "manager": person_dn(hands, "hugo"),
        "description": "Ingénieure, Lyon",
        "otherTelephone": ["+33 4 0001", "+33 4 0002", "+33 4 0003"],
    }
    hands.apply([ldif.replace(person_dn(hands, "elif"), changes)])


def groups(hands: Hands, diary: Diary) -> None:
    """New, nested, renamed, filled, emptied, deleted; one becomes a primary group, a powerful one gets a member."""
    ou = f"--groupou={GROUPS}"
    hands.tool("group", "add", "pilots", ou)
    hands.tool("group", "add", "night shift", ou)
    hands.tool("group", "addmembers", "pilots", "greta,taro")
    hands.tool("group", "addmembers", "engineering", "pilots")
    hands.tool("group", "addmembers", "night shift", "engineering")
    hands.tool("user", "setprimarygroup", "taro", "pilots")
    hands.tool("group", "removemembers", "sales", "hugo")
    hands.tool("group", "addmembers", "Domain Admins", "ada")
    hands.tool("group", "delete", "project-x")
    hands.tool("group", "rename", "night shift", "--force-new-cn=Night Shift", "--samaccountname=nightshift")
    hands.apply([ldif.replace(_group(hands, "sales"), {"groupType": _UNIVERSAL_SECURITY_GROUP})])


def renames_and_moves(hands: Hands, diary: Diary) -> None:
    """A new surname, and a new office."""
    hands.tool("user", "rename", "greta", "--surname=Sørensen-Keller", "--reset-cn")
    hands.tool("user", "move", "hugo", f"{LYON},{hands.base_dn}")


def leavers(hands: Hands, diary: Diary) -> None:
    """One is deleted, one is disabled and kept, one was a mistake and gets the highest RID of all."""
    hands.tool("user", "delete", "farid")
    disabled = person_dn(hands, "dario").replace(LYON, f"OU=Lyon and Grenoble,OU=France,{LYON.partition(',')[2]}")
    hands.apply(
        [
            ldif.replace(disabled, {"userAccountControl": _ACCOUNTDISABLE}),
            ldif.move(disabled, "CN=Dario Conti", f"{FORMER},{hands.base_dn}"),
        ]
    )
    hands.tool("user", "create", "mistake", _today("mistake"))
    hands.tool("user", "delete", "mistake")
    diary.gone += ["farid", "mistake"]
    diary.refused += [
        Login("farid", first_password("farid"), "deleted today"),
        Login("dario", first_password("dario"), "disabled today"),
        Login("mistake", _today("mistake"), "hired and deleted today"),
    ]


def _today(user: str) -> str:
    return f"Today.{user}.2"


def _group(hands: Hands, name: str) -> str:
    return f"CN={name},{GROUPS},{hands.base_dn}"
