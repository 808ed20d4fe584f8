"""What happens to offices, machines, policies, names and suppliers."""

from __future__ import annotations

from typing import Final

from tools.day import ldif
from tools.day.company import BERLIN, LYON, MACHINES, ROOT, computer, first_password
from tools.day.diary import Diary, Login
from tools.day.hands import Hands
from tools.samba_dc.programs import run

_DEFAULT_POLICY: Final = "{31B2F340-016D-11D2-945F-00C04FB984F9}"
_POLICY: Final = "{6F1DDC33-2A4E-4C6B-9C0E-51A5F2A7D1E0}"
_RESET_PASSWORD: Final = "00299570-246d-11d0-a768-00aa006e0529"
"""User-Force-Change-Password, [MS-ADTS] 5.1.3.2.1."""
_USER_CLASS: Final = "bf967aba-0de6-11d0-a285-00aa003049e2"
"""schemaIDGUID of the class user, [MS-ADSC] 2.269."""


def office_moves(hands: Hands, diary: Diary) -> None:
    """An OU with people and another OU in it is renamed and put below a new one; nothing in it is touched."""
    root = f"{ROOT},{hands.base_dn}"
    hands.tool("ou", "create", f"OU=France,{root}")
    hands.apply([ldif.move(f"{LYON},{hands.base_dn}", "OU=Lyon and Grenoble", f"OU=France,{root}")])


def delegation(hands: Hands, diary: Diary) -> None:
    """A right on an OU, inherited by all below it."""
    right = f"(OA;CIIO;CR;{_RESET_PASSWORD};{_USER_CLASS};{hands.sid('bruno')})"
    hands.tool("dsacl", "set", f"--objectdn={BERLIN},{hands.base_dn}", f"--sddl={right}")


def machines(hands: Hands, diary: Diary) -> None:
    """One joins, one changes its password as machines do every month, one is retired."""
    base = f"{MACHINES},{hands.base_dn}"
    fresh = "Machine.secret.7"
    host = f"ws-003.{hands.dns_domain}"
    hands.apply(
        [
            computer(
                f"CN=ws-003,{base}", "ws-003", fresh,
                dNSHostName=host, servicePrincipalName=[f"HOST/{host}", "HOST/ws-003"],
            ),
            ldif.replace(f"CN=ws-001,{base}", {"unicodePwd": ldif.password(fresh)}),
        ]
    )  # fmt: skip
    hands.tool("computer", "delete", "ws-002")
    diary.logins += [
        Login("ws-003$", fresh, "machine that joined today"),
        Login("ws-001$", fresh, "machine password rolled over today"),
    ]
    diary.refused.append(Login("ws-001$", first_password("ws-001"), "machine password rolled over today"))
    diary.gone.append("ws-002$")


def group_policy(hands: Hands, diary: Diary) -> None:
    """A policy: its container, the two halves below it, a link from an OU; and its files in SYSVOL."""
    dn = f"CN={_POLICY},CN=Policies,CN=System,{hands.base_dn}"
    container = {
        "objectClass": "groupPolicyContainer",
        "displayName": "Screen lock",
        "flags": "0",
        "versionNumber": "65537",
        "gPCFunctionalityVersion": "2",
        "gPCFileSysPath": f"\\\\{hands.dns_domain}\\SysVol\\{hands.dns_domain}\\Policies\\{_POLICY}",
    }
    hands.apply(
        [
            ldif.add(dn, container),
            *(ldif.add(f"CN={half},{dn}", {"objectClass": "container"}) for half in ("User", "Machine")),
            ldif.replace(f"{BERLIN},{hands.base_dn}", {"gPLink": f"[LDAP://{dn};0]"}),
        ]
    )


def policy_files(hands: Hands, diary: Diary) -> None:
    """The files of the new policy, with permissions of its own; the domain's own policy is edited."""
    default, made = hands.policies / _DEFAULT_POLICY, hands.policies / _POLICY
    run(["cp", "-a", str(default), str(made)], timeout_s=60)
    (made / "GPT.INI").write_bytes(b"[General]\r\nVersion=65537\r\ndisplayName=Screen lock\r\n")
    settings = made / "MACHINE" / "Registry.pol"
    settings.write_bytes(b"PReg\x01\0\0\0" + "[Software\\Policies;Lock;\4\0;\4\0;\1\0]".encode("utf-16-le"))
    hands.permit(settings, f"O:DAG:DUD:(A;;FA;;;DA)(A;;FA;;;SY)(A;;0x1200a9;;;AU)(A;;FR;;;{hands.sid('ada')})")
    (default / "GPT.INI").write_bytes(b"[General]\r\nVersion=196608\r\n")
    scripts = hands.policies.parent / "scripts"
    (scripts / "Anmeldung-\u00fc.bat").write_bytes(b"net use h: \\\\fileserver\\home\r\n")


def dns(hands: Hands, diary: Diary) -> None:
    """A record is added, one is pointed elsewhere, one is deleted; they lie in a partition of their own."""
    hands.dns("add", "intranet", "A", "192.0.2.20")
    hands.dns("update", "fileserver", "A", "192.0.2.10", "192.0.2.30")
    hands.dns("delete", "oldserver", "A", "192.0.2.11")


def site(hands: Hands, diary: Diary) -> None:
    """The configuration partition changes too."""
    hands.tool("sites", "create", "Lyon")
    hands.tool("sites", "subnet", "create", "192.0.2.0/24", "Lyon")


def password_policy(hands: Hands, diary: Diary) -> None:
    """An attribute of the domain object itself."""
    hands.tool("domain", "passwordsettings", "set", "--min-pwd-length=9", "--quiet")


def contacts(hands: Hands, diary: Diary) -> None:
    """People of other companies: in the address book, unable to log in."""
    hands.tool("contact", "create", "Caterer", f"--ou={BERLIN}", "--mail-address=kitchen@caterer.example")
    hands.apply([ldif.delete(f"CN=Courier,{BERLIN},{hands.base_dn}")])
