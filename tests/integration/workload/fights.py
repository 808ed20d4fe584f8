"""Changes that fight each other: each ends well in the domain, and every step on the way is taken by another object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

PASSWORD = "Passw0rd.long-enough-for-any-policy"


def _ring(domain: Domain) -> str:
    return f"OU=Ring,{domain.base}"


@image
def ring(domain: Domain) -> None:
    """Everybody who will change places."""
    at = domain.ou("Ring")
    for name in ("swap1", "swap2", "chain1", "chain2", "chain3", "cycle1", "cycle2", "cycle3", "freed", "taken"):
        domain.user(name, at=at, password=PASSWORD, userPrincipalName=f"{name}@samdom.example.com")
    for name in ("web1", "web2"):
        domain.add(
            f"CN={name},{at}", "computer", sAMAccountName=f"{name.upper()}$", userAccountControl="4096",
            servicePrincipalName=[f"HTTP/{name}", f"HOST/{name}"],
        )  # fmt: skip
    outer = domain.ou("Outer", at)
    domain.ou("Inner", outer)
    domain.user("in-inner", at=f"OU=Inner,{outer}")
    domain.ou("Left", at)
    domain.ou("Right", at)
    domain.user("in-left", at=f"OU=Left,{at}")
    domain.user("in-right", at=f"OU=Right,{at}")
    doomed = domain.ou("Doomed", at)
    domain.user("evacuee", at=doomed)
    domain.user("left-inside", at=doomed)
    domain.group("club", f"CN=swap1,{at}", f"CN=freed,{at}", at=at)
    domain.set(f"CN=swap1,{at}", manager=f"CN=swap2,{at}")


def _rename(domain: Domain, *pairs: tuple[str, str]) -> None:
    for old, new in pairs:
        domain.move(f"{old},{_ring(domain)}", f"{new},{_ring(domain)}")


@change
def two_swap_names(domain: Domain) -> None:
    """And their account names, and their UPNs."""
    _rename(domain, ("CN=swap1", "CN=tmp"), ("CN=swap2", "CN=swap1"), ("CN=tmp", "CN=swap2"))
    at = _ring(domain)
    domain.set(f"CN=swap1,{at}", sAMAccountName="tmp", userPrincipalName="tmp@samdom.example.com")
    domain.set(f"CN=swap2,{at}", sAMAccountName="swap2", userPrincipalName="swap2@samdom.example.com")
    domain.set(f"CN=swap1,{at}", sAMAccountName="swap1", userPrincipalName="swap1@samdom.example.com")


@change
def names_move_up_a_chain(domain: Domain) -> None:
    """chain1 becomes chain0, chain2 becomes chain1, chain3 becomes chain2; somebody new becomes chain3."""
    _rename(domain, ("CN=chain1", "CN=chain0"), ("CN=chain2", "CN=chain1"), ("CN=chain3", "CN=chain2"))
    at = _ring(domain)
    for number in range(3):
        name = f"chain{number}"
        domain.set(f"CN={name},{at}", userPrincipalName=f"{name}@samdom.example.com", sAMAccountName=name)
    domain.user("chain3", at=at)


@change
def names_go_round_in_a_circle(domain: Domain) -> None:
    """Three names, three objects, each one on."""
    _rename(
        domain, ("CN=cycle1", "CN=tmp"), ("CN=cycle3", "CN=cycle1"), ("CN=cycle2", "CN=cycle3"), ("CN=tmp", "CN=cycle2")
    )


@change
def name_freed_and_taken_again(domain: Domain) -> None:
    """Deleted, and somebody new has name, account name, UPN and group."""
    at = _ring(domain)
    domain.delete(f"CN=freed,{at}")
    dn = domain.user("freed", at=at, password=PASSWORD, userPrincipalName="freed@samdom.example.com")
    domain.link(f"CN=club,{at}", dn)


@change
def name_taken_by_another_kind(domain: Domain) -> None:
    """The user is renamed, and a contact and a group share what was the user's."""
    at = _ring(domain)
    _rename(domain, ("CN=taken", "CN=was-taken"))
    domain.set(f"CN=was-taken,{at}", userPrincipalName="was-taken@samdom.example.com")
    domain.set(f"CN=was-taken,{at}", sAMAccountName="was-taken")
    domain.add(f"CN=taken,{at}", "contact", mail="taken@example.org")
    domain.group("taken", at=domain.ou("Elsewhere", at))


@change
def service_names_passed_on(domain: Domain) -> None:
    """One service moves to another machine, and the other way round."""
    at = _ring(domain)
    domain.set(f"CN=web1,{at}", servicePrincipalName="HOST/web1")
    domain.set(f"CN=web2,{at}", servicePrincipalName=["HOST/web2", "HTTP/web1"])
    domain.give(f"CN=web1,{at}", servicePrincipalName="HTTP/web2")


@change
def inside_out(domain: Domain) -> None:
    """What was above is below now."""
    at = _ring(domain)
    domain.move(f"OU=Inner,OU=Outer,{at}", f"OU=Inner,{at}")
    domain.move(f"OU=Outer,{at}", f"OU=Outer,OU=Inner,{at}")


@change
def two_units_swap_names(domain: Domain) -> None:
    """With what is in them."""
    _rename(domain, ("OU=Left", "OU=tmp"), ("OU=Right", "OU=Left"), ("OU=tmp", "OU=Right"))


@change
def moved_below_something_new(domain: Domain) -> None:
    """A unit with its children goes into one that the image does not have, under a name that is deleted meanwhile."""
    at = _ring(domain)
    new = domain.ou("New", at)
    domain.move(f"CN=evacuee,OU=Doomed,{at}", f"CN=evacuee,{new}")
    domain.delete(f"OU=Doomed,{at}", subtree=True)
    domain.user("successor", at=domain.ou("Doomed", at))


@change
def swapped_between_containers(domain: Domain) -> None:
    """The two in Left and Right change places and names at once."""
    at = _ring(domain)
    one, two = (next(iter(_named(domain, name))) for name in ("in-left", "in-right"))
    domain.move(one, f"CN=tmp,{at}")
    domain.move(two, f"CN=in-left,{one.partition(',')[2]}")
    domain.move(f"CN=tmp,{at}", f"CN=in-right,{two.partition(',')[2]}")


def _named(domain: Domain, name: str) -> list[str]:
    return [str(entry.dn) for entry in domain.db.search(_ring(domain), expression=f"(cn={name})", attrs=[])]
