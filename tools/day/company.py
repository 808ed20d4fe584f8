"""The company as the golden image knows it: people, groups, machines and places that the day will change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tools.day import ldif
from tools.day.hands import Hands
from tools.samba_dc import SambaDC

ROOT: Final = "OU=Company"
BERLIN: Final = f"OU=Berlin,{ROOT}"
LYON: Final = f"OU=Lyon,{ROOT}"
LYON_LAB: Final = f"OU=Lab,{LYON}"
FORMER: Final = f"OU=Former,{ROOT}"
GROUPS: Final = f"OU=Groups,{ROOT}"
MACHINES: Final = f"OU=Machines,{ROOT}"
_PLACES: Final = (ROOT, BERLIN, LYON, LYON_LAB, FORMER, GROUPS, MACHINES)

PEOPLE: Final[Mapping[str, tuple[str, str]]] = {
    "ada": ("Ada Lindqvist", BERLIN),
    "bruno": ("Bruno Keller", BERLIN),
    "chloe": ("Chloé Martin", LYON),
    "dario": ("Dario Conti", LYON),
    "elif": ("Elif Şahin", LYON_LAB),
    "farid": ("Farid Haddad", LYON_LAB),
    "greta": ("Greta Sørensen", BERLIN),
    "hugo": ("Hugo Weiß", BERLIN),
}
"""sAMAccountName to name and place."""

_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "staff": ("ada", "bruno", "chloe", "dario", "elif", "farid", "greta", "hugo"),
    "engineering": ("elif", "farid"),
    "sales": ("ada", "hugo"),
    "project-x": ("bruno", "chloe"),
}

UF_NORMAL_ACCOUNT: Final = "512"
UF_WORKSTATION_TRUST_ACCOUNT: Final = "4096"
"""userAccountControl, [MS-ADTS] 2.2.16."""


def first_password(user: str) -> str:
    """The password everybody and every machine of the golden image begins with."""
    return f"First.{user}.1"


def person_dn(hands: Hands, user: str) -> str:
    """Where the golden image has this user."""
    name, place = PEOPLE[user]
    return f"CN={ldif.rdn_value(name)},{place},{hands.base_dn}"


def user(dn: str, name: str, account: str, password: str, **more: ldif.Values) -> str:
    """A record that adds an enabled user with a password, as an HR system does."""
    return ldif.add(
        dn,
        {
            "objectClass": "user",
            "sAMAccountName": account,
            "displayName": name,
            "unicodePwd": ldif.password(password),
            "userAccountControl": UF_NORMAL_ACCOUNT,
            **more,
        },
    )


def computer(dn: str, account: str, password: str, **more: ldif.Values) -> str:
    """A record that joins a machine: its account, its host names and its password."""
    return ldif.add(
        dn,
        {
            "objectClass": "computer",
            "sAMAccountName": f"{account}$",
            "userAccountControl": UF_WORKSTATION_TRUST_ACCOUNT,
            "unicodePwd": ldif.password(password),
            **more,
        },
    )


def found(dc: SambaDC) -> None:
    """Fill a newly provisioned, running DC; take the golden image afterwards.

    Raises:
        ProgramError: A tool refused.
    """
    hands = Hands(dc)
    # Otherwise nobody could change a password on the day it was given.
    hands.tool("domain", "passwordsettings", "set", "--min-pwd-age=0", "--quiet")
    hands.apply(_records(hands))
    hands.dns("add", "fileserver", "A", "192.0.2.10")
    hands.dns("add", "oldserver", "A", "192.0.2.11")


def _records(hands: Hands) -> Iterator[str]:
    base = hands.base_dn
    for place in _PLACES:
        yield ldif.add(f"{place},{base}", {"objectClass": "organizationalUnit"})
    for account, (name, _) in PEOPLE.items():
        upn = f"{account}@{hands.dns_domain}"
        given, surname = name.split(" ")
        yield user(
            person_dn(hands, account), name, account, first_password(account),
            userPrincipalName=upn, mail=upn, givenName=given, sn=surname, telephoneNumber="+49 30 1000",
        )  # fmt: skip
    for group, members in _MEMBERS.items():
        dns = [person_dn(hands, member) for member in members]
        attributes = {"objectClass": "group", "sAMAccountName": group, "member": dns}
        yield ldif.add(f"CN={group},{GROUPS},{base}", attributes)
    for machine in ("ws-001", "ws-002"):
        yield computer(f"CN={machine},{MACHINES},{base}", machine, first_password(machine))
    yield ldif.add(f"CN=Courier,{BERLIN},{base}", {"objectClass": "contact", "mail": "desk@courier.example"})
