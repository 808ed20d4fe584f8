"""Containers, names and security descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

HOSTILE = (
    *("Smith\\, Bob", 'Quote\\"d', "\\#hash", "\\ lead", "trail\\ ", "Zoë 東京 Ω", "a" * 64, "b" * 100, "plus\\+sign"),
    *("semi\\;colon", "eq\\=ual", "back\\\\slash", "\\<angle\\>", "İstanbul", "e\u0301 combined", "😀"),
)
"""Names as DNs spell them: separators, quotes, blanks at both ends, long, not ASCII, beyond the basic plane."""


@image
def places_of_the_image(domain: Domain) -> None:
    """Two trees whose descriptors change since."""
    hall = domain.ou("Hall")
    room = domain.ou("Room", hall)
    domain.user("heir1", at=room)
    domain.ou("Corner", room)
    domain.user("heir2", at=f"OU=Corner,{room}")
    domain.user("own-acl", at=hall)
    for name in ("Shut", "Open"):
        domain.user(f"in-{name}", at=domain.ou(name, hall))
    named = domain.ou("Named")
    domain.user("plain", at=named)


@change
def names_of_every_kind(domain: Domain) -> None:
    """Users, organizational units and containers."""
    at = domain.ou('Hostile, \\# \\"names\\" '.replace(", ", "\\, ").strip())
    for number, name in enumerate(HOSTILE):
        domain.user(f"name{number}", at=at, rdn=name)
        domain.ou(name, at)
    domain.add(f"CN={'c' * 255},{at}", "container")


@change
def name_of_a_replication_conflict(domain: Domain) -> None:
    """A living object with a line break in its name."""
    dn = domain.user("conflicted", at=f"OU=Named,{domain.base}")
    domain.move(dn, f"CN=conflicted\\0ACNF:{domain.guid(dn)},OU=Named,{domain.base}")
    domain.user("conflicted2", at=f"OU=Named,{domain.base}", rdn="conflicted")


@change
def only_the_case_of_a_name_changes(domain: Domain) -> None:
    """A rename to the same name, spelled otherwise."""
    domain.move(f"CN=plain,OU=Named,{domain.base}", f"CN=PLAIN,OU=Named,{domain.base}")


@change
def new_tree(domain: Domain) -> None:
    """Fifteen deep, with somebody at the bottom; a container and an object of a plain kind."""
    at = domain.base
    for number in range(15):
        at = domain.ou(f"level{number}", at)
    domain.user("diver", at=at)
    domain.add(f"CN=cont,{at}", "container")
    domain.add(f"CN=vol,{at}", "volume", uNCName="\\\\server\\share")
    domain.add(f"CN=printer,{at}", "printQueue", uNCName="\\\\s\\p", versionNumber="4", serverName="s",
               shortServerName="s", printerName="p", url="http://p")  # fmt: skip


@change
def sacl_and_owner(domain: Domain) -> None:
    """Auditing switched on and another owner, on an object of the image and on a new one."""
    for dn in (f"CN=own-acl,OU=Hall,{domain.base}", domain.user("audited", at=f"OU=Hall,{domain.base}")):
        domain.redescribe(dn, "O:DA", "O:AU")
        domain.redescribe(dn, "S:AI", "S:AI(AU;SAFA;WDWO;;;WD)")


@change
def children_inherit_again(domain: Domain) -> None:
    """An inheritable entry on a container: everything below gets it, and no feed says so."""
    rights = "(OA;CIIO;RPWP;bf967a68-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;AU)"
    domain.redescribe(f"OU=Room,OU=Hall,{domain.base}", "D:AI", f"D:AI{rights}")
    domain.user("heir3", at=f"OU=Corner,OU=Room,OU=Hall,{domain.base}")


@change
def inheritance_broken(domain: Domain) -> None:
    """Protected: what is above counts no more."""
    domain.redescribe(f"OU=Shut,OU=Hall,{domain.base}", "D:AI", "D:PAI")
    domain.redescribe(f"OU=Hall,{domain.base}", "D:AI", "D:AI(A;CI;RPLC;;;AU)")


@change
def moved_below_other_rights(domain: Domain) -> None:
    """What a moved object inherits changes with the move."""
    domain.move(f"CN=in-Open,OU=Open,OU=Hall,{domain.base}", f"CN=in-Open,OU=Shut,OU=Hall,{domain.base}")


@change
def protected_from_deletion(domain: Domain) -> None:
    """isCriticalSystemObject, systemFlags, showInAdvancedViewOnly."""
    dn = domain.user("vital")
    domain.set(dn, relax=True, isCriticalSystemObject="TRUE", systemFlags="-1946157056", showInAdvancedViewOnly="TRUE")


@change
def other_well_known_objects(domain: Domain) -> None:
    """DN-with-binary values that follow their target when it is renamed."""
    target = domain.ou("Known")
    domain.give(domain.base, otherWellKnownObjects=f"B:32:0123456789ABCDEF0123456789ABCDEF:{target}")
    domain.move(target, f"OU=Known2,{domain.base}")
