"""Accounts of people and machines, and what is written on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

PASSWORD = "Passw0rd.long-enough-for-any-policy"
CONTROLS = (
    *(512, 514, 544, 546, 66048, 66050, 66080, 262656, 262658, 328192, 590336, 1049088, 1114624, 2097664, 4194816),
    *(8389120, 16777728, 16843264, 640, 576, 131584, 524800, 6291968),
)
"""userAccountControl, [MS-ADTS] 2.2.16: disabled, no password required, never expiring, smart card, delegation, DES
only, no preauthentication, expired, trusted to authenticate for delegation, no auth data, reversible, and mixtures."""


@image
def people_of_the_image(domain: Domain) -> None:
    """Accounts the golden image has, for what happens to them since."""
    for name in ("hanna", "ivan", "jana", "kurt", "lena", "mona", "nils", "olga", "paul", "quinn", "rosa"):
        domain.user(name, password=PASSWORD, description=f"{name} of the image", mail=f"{name}@example.org")
    domain.user(
        "sven", password=PASSWORD, userPrincipalName="sven@samdom.example.com", manager=f"CN=paul,{domain.users}"
    )
    gone = domain.user("tina")
    domain.user("ulli", password=PASSWORD, manager=gone)
    domain.delete(gone)  # with the Recycle Bin the link is there, and shows to nobody
    domain.add(
        f"CN=pc1,CN=Computers,{domain.base}",
        "computer",
        sAMAccountName="PC1$",
        userAccountControl="4096",
        unicodePwd='"Machine.pw.1-long-enough"'.encode("utf-16-le"),
        servicePrincipalName=["HOST/pc1", "HOST/pc1.samdom.example.com"],
    )
    for number, control in enumerate(CONTROLS):
        domain.user(f"switched{number}", password=PASSWORD)
        domain.set(f"CN=switched{number},{domain.users}", userAccountControl=str(control))


@change
def user_with_everything(domain: Domain) -> None:
    """Photo, certificates, logon hours, terminal server settings, a line break."""
    domain.user(
        "misc",
        password=PASSWORD,
        userPrincipalName="misc@samdom.example.com",
        servicePrincipalName=["HTTP/a.b", "HTTP/c.d"],
        thumbnailPhoto=bytes(range(256)) * 400,
        userCertificate=[b"\x30\x82" + bytes(1200), b"\x30\x83" + bytes(1300)],
        userParameters="parm:\u5000\u6000".encode("utf-16-le"),
        description="line1\nline2",
        logonHours=bytes(range(21)),
        accountExpires="133000000000000000",
        userWorkstations="a,b",
        info="x" * 1024,
        otherTelephone=["1", "2", "3"],
        altSecurityIdentities="X509:<I>DC=x<S>CN=y",
        homeDirectory="\\\\server\\share",
    )


@change
def new_user_changes_the_password_often(domain: Domain) -> None:
    """A history of hashes and of keys."""
    dn = domain.user("turner", password=PASSWORD)
    for number in range(4):
        domain.password(dn, f"{PASSWORD}.{number}")


@change
def user_of_the_image_changes_the_password(domain: Domain) -> None:
    """New hash, new keys, new history."""
    domain.password(f"CN=hanna,{domain.users}", f"{PASSWORD}.new")


@change
def must_change_password_at_next_logon(domain: Domain) -> None:
    """pwdLastSet is zero."""
    domain.set(f"CN=ivan,{domain.users}", pwdLastSet="0")


@change
def user_without_a_password(domain: Domain) -> None:
    """Disabled, no hash at all."""
    domain.user("nopass")


@change
def inetorgperson_and_contact(domain: Domain) -> None:
    """The two other kinds of people."""
    domain.add(
        f"CN=iop,{domain.users}", "inetOrgPerson", sAMAccountName="iop", mail="iop@x", unicodePwd=_quoted(PASSWORD)
    )
    domain.add(f"CN=con,{domain.users}", "contact", mail="c@x", displayName="Zoë 東京")


@change
def sid_history(domain: Domain) -> None:
    """Of a migrated account: two foreign SIDs."""
    dn = domain.user("migrated", password=PASSWORD)
    domain.set(dn, relax=True, sIDHistory=[domain.sid("S-1-5-21-1-2-3-1105"), domain.sid("S-1-5-21-1-2-3-1106")])


@change
def admin_count_and_lockout(domain: Domain) -> None:
    """An account that was an administrator's, and one that is locked out."""
    domain.set(f"CN=jana,{domain.users}", adminCount="1")
    domain.set(f"CN=kurt,{domain.users}", lockoutTime="133000000000000000")


@change
def new_locked_out_user(domain: Domain) -> None:
    """Locked out, and expired."""
    dn = domain.user("locked", password=PASSWORD, accountExpires="130000000000000000")
    domain.set(dn, lockoutTime="133000000000000000")


@change
def dn_links_between_people(domain: Domain) -> None:
    """manager and secretary (single and multi-valued links), seeAlso (a DN that is no link)."""
    dn = domain.user("linked")
    domain.set(
        dn, manager=f"CN=paul,{domain.users}", secretary=f"CN=quinn,{domain.users}",
        seeAlso=[f"CN=paul,{domain.users}", f"CN=quinn,{domain.users}"],
    )  # fmt: skip


@change
def single_valued_link_replaced(domain: Domain) -> None:
    """Another manager."""
    domain.set(f"CN=sven,{domain.users}", manager=f"CN=quinn,{domain.users}")


@change
def single_valued_link_to_somebody_who_is_gone(domain: Domain) -> None:
    """Another manager for somebody whose own was deleted."""
    domain.set(f"CN=ulli,{domain.users}", manager=f"CN=quinn,{domain.users}")


@change
def user_renamed_and_account_renamed(domain: Domain) -> None:
    """Marriage."""
    dn = domain.move(f"CN=lena,{domain.users}", f"CN=Lena Neu,{domain.users}")
    domain.set(dn, sAMAccountName="lneu", userPrincipalName="lneu@samdom.example.com", mail=())


@change
def attributes_cleared(domain: Domain) -> None:
    """Values that are there no more."""
    domain.set(f"CN=mona,{domain.users}", description=(), mail=())


@change
def resource_delegation(domain: Domain) -> None:
    """A security descriptor in an attribute of its own."""
    domain.set(
        f"CN=nils,{domain.users}",
        msDS_AllowedToActOnBehalfOfOtherIdentity=domain.descriptor("O:BAD:(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;BA)"),
        msDS_AllowedToDelegateTo=["HTTP/a.b", "CIFS/c.d"],
    )


@change
def every_user_account_control(domain: Domain) -> None:
    """New accounts with every combination."""
    for number, control in enumerate(CONTROLS):
        dn = domain.user(f"control{number}", password=PASSWORD)
        domain.set(dn, userAccountControl=str(control))


@change
def user_account_control_switched(domain: Domain) -> None:
    """Accounts of the image go from one combination to the next."""
    for number in range(len(CONTROLS)):
        after = CONTROLS[(number + 1) % len(CONTROLS)]
        domain.set(f"CN=switched{number},{domain.users}", userAccountControl=str(after))


@change
def new_computer(domain: Domain) -> None:
    """With names, keys and services."""
    domain.add(
        f"CN=pc2,CN=Computers,{domain.base}",
        "computer",
        sAMAccountName="PC2$",
        userAccountControl="4096",
        unicodePwd=_quoted("Machine.pw.2-long-enough"),
        dNSHostName="pc2.samdom.example.com",
        servicePrincipalName=["HOST/pc2", "HOST/pc2.samdom.example.com"],
        operatingSystem="Windows 11",
        msDS_SupportedEncryptionTypes="28",
    )


@change
def machine_password_rotated(domain: Domain) -> None:
    """A member's machine did that by itself."""
    domain.password(f"CN=pc1,CN=Computers,{domain.base}", "Machine.pw.1-the-next-one")


@change
def object_below_a_user(domain: Domain) -> None:
    """A computer's or user's own children: a service connection point."""
    dn = f"CN=scp,CN=pc1,CN=Computers,{domain.base}"
    domain.add(dn, "serviceConnectionPoint", keywords=["a", "b"], serviceBindingInformation="x")


def _quoted(password: str) -> bytes:
    return f'"{password}"'.encode("utf-16-le")
