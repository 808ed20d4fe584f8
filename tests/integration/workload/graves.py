"""What was deleted, and what came back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

PASSWORD = "Passw0rd.long-enough-for-any-policy"


@image
def graves_of_the_image(domain: Domain) -> None:
    """Some who are dead already, and some who will die."""
    band = domain.group("band")
    for name in ("dead1", "dead2", "dies1", "dies2", "reborn", "again1"):
        dn = domain.user(name, password=PASSWORD, description=name, manager=f"CN=Administrator,{domain.users}")
        domain.link(band, dn)
        domain.link(f"CN=Administrator,{domain.users}", dn, attribute="secretary")
    for name in ("dead1", "dead2"):
        domain.delete(f"CN={name},{domain.users}")
    tree = domain.ou("Falls")
    for name in ("leaf1", "leaf2"):
        domain.user(name, at=domain.ou(f"branch-{name}", tree), password=PASSWORD)
    gone = domain.group("band-gone", f"CN=reborn,{domain.users}", f"CN=dies2,{domain.users}")
    domain.unlink(gone, f"CN=dies2,{domain.users}")


def _grave(domain: Domain, name: str) -> str:
    found = domain.db.search(
        f"CN=Deleted Objects,{domain.base}",
        expression=f"(sAMAccountName={name})",
        attrs=[],
        controls=["show_recycled:1"],
    )
    return str(found[0].dn)


@change
def objects_of_the_image_deleted(domain: Domain) -> None:
    """A user, a group with a member and one it no longer has, a whole tree."""
    domain.delete(f"CN=dies1,{domain.users}")
    domain.delete(f"CN=band-gone,{domain.users}")
    domain.delete(f"OU=Falls,{domain.base}", subtree=True)


@change
def created_and_deleted_since(domain: Domain) -> None:
    """A life between two looks."""
    domain.delete(domain.user("mayfly", password=PASSWORD))
    domain.delete(domain.group("mayflies"))


@change
def deleted_in_the_image_and_reanimated_since(domain: Domain) -> None:
    """A tombstone of the image lives again."""
    guid = domain.guid(_grave(domain, "dead1"))
    domain.undelete(guid, f"CN=dead1,{domain.users}")
    domain.set(f"CN=dead1,{domain.users}", description="back from the dead")
    domain.password(f"CN=dead1,{domain.users}", f"{PASSWORD}.again")


@change
def deleted_and_reanimated_since(domain: Domain) -> None:
    """Death and rebirth, of somebody of the image and of somebody new."""
    for name in ("reborn", "phoenix"):
        dn = f"CN={name},{domain.users}"
        if name == "phoenix":
            domain.user(name, password=PASSWORD, description="x")
        guid = domain.guid(dn)
        domain.delete(dn)
        domain.undelete(guid, dn)
        domain.set(dn, description="reborn", userAccountControl="514")


@change
def reanimated_and_deleted_again(domain: Domain) -> None:
    """And dead in the end."""
    guid = domain.guid(_grave(domain, "dead2"))
    dn = f"CN=dead2,{domain.users}"
    domain.undelete(guid, dn)
    domain.set(dn, msDS_LastKnownRDN=())
    domain.delete(dn)


@change
def user_made_again_under_the_same_name(domain: Domain) -> None:
    """Another person with the name, the account name and the groups of somebody of the image."""
    dn = f"CN=again1,{domain.users}"
    domain.delete(dn)
    domain.link(f"CN=band,{domain.users}", domain.user("again1", password=PASSWORD))
