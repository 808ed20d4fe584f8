"""Groups of every type and scope, and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

SECURITY = -0x80000000
GLOBAL, LOCAL, UNIVERSAL = 2, 4, 8
PASSWORD = "Passw0rd.long-enough-for-any-policy"


@image
def groups_of_the_image(domain: Domain) -> None:
    """Groups the golden image has."""
    for name in ("gary", "gina", "greg"):
        domain.user(name, password=PASSWORD)
    for name in ("kept", "gone", "type1", "type2", "type3", "turned"):
        domain.group(name, f"CN=gary,{domain.users}", f"CN=gina,{domain.users}")
    domain.group("type4", kind=SECURITY + LOCAL)
    domain.group("type5", kind=UNIVERSAL)


@change
def groups_of_every_type_and_scope(domain: Domain) -> None:
    """Security and distribution; global, domain local, universal."""
    for scope in (GLOBAL, LOCAL, UNIVERSAL):
        for kind in (scope, SECURITY + scope):
            domain.group(f"made{kind & 0xFFFFFFFF:x}", kind=kind)


@change
def groups_in_groups_and_in_circles(domain: Domain) -> None:
    """Nested, and two that hold each other, and one that holds a contact."""
    inner, outer = domain.group("inner", f"CN=gary,{domain.users}"), domain.group("outer")
    domain.link(outer, inner)
    one, two = (domain.group(name, kind=SECURITY + UNIVERSAL) for name in ("circle1", "circle2"))
    domain.link(one, two, outer)
    domain.link(two, one, domain.add(f"CN=member-contact,{domain.users}", "contact"))


@change
def members_come_and_go(domain: Domain) -> None:
    """One leaves, one joins; a builtin group too."""
    domain.unlink(f"CN=kept,{domain.users}", f"CN=gary,{domain.users}")
    domain.link(f"CN=kept,{domain.users}", f"CN=greg,{domain.users}")
    domain.link(f"CN=Domain Admins,{domain.users}", f"CN=greg,{domain.users}")
    domain.unlink(f"CN=Denied RODC Password Replication Group,{domain.users}", f"CN=krbtgt,{domain.users}")


@change
def group_made_again_under_the_same_name(domain: Domain) -> None:
    """Deleted, and another one in its place: the old identity must not come back."""
    domain.delete(f"CN=gone,{domain.users}")
    domain.group("gone", f"CN=greg,{domain.users}")


@change
def new_group_made_again_under_the_same_name(domain: Domain) -> None:
    """The same, both since the image."""
    domain.delete(domain.group("again"))
    domain.group("again", f"CN=gary,{domain.users}")


@change
def primary_group_of_a_new_user(domain: Domain) -> None:
    """A group of its own instead of Domain Users."""
    user, group = domain.user("prim", password=PASSWORD), domain.group("prim-group")
    domain.link(group, user)
    domain.set(user, primaryGroupID=str(domain.rid(group)))


@change
def primary_group_of_a_user_of_the_image(domain: Domain) -> None:
    """Into a group of the image; the memberships are swapped by the server."""
    domain.set(f"CN=gina,{domain.users}", primaryGroupID=str(domain.rid(f"CN=turned,{domain.users}")))


@change
def group_type_changed(domain: Domain) -> None:
    """Global to universal, to domain local; security to distribution; and back from there."""
    for name, kinds in {
        "type1": (SECURITY + UNIVERSAL,),
        "type2": (SECURITY + UNIVERSAL, SECURITY + LOCAL),
        "type3": (GLOBAL,),
        "type4": (SECURITY + UNIVERSAL, SECURITY + GLOBAL),
        "type5": (SECURITY + UNIVERSAL,),
    }.items():
        for kind in kinds:
            domain.set(f"CN={name},{domain.users}", groupType=str(kind))


@change
def link_to_somebody_who_is_gone(domain: Domain) -> None:
    """A member is deleted: the membership goes with it, in a new group and in one of the image."""
    leaver = domain.user("leaver")
    domain.link(domain.group("left-behind", f"CN=greg,{domain.users}"), leaver)
    domain.link(f"CN=kept,{domain.users}", leaver)
    domain.delete(leaver)
