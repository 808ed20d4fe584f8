"""Groups of five thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

MANY = 5000
FILLING: Final = ("nosync:true", "batch_mode:1")
"""How ldb fills an image with them: else it copies every index for every add, so as to be able to take it back."""


@image
def crowd_of_the_image(domain: Domain) -> None:
    """Five thousand contacts, all in one group."""
    crowd = domain.ou("Crowd")
    domain.db.transaction_start()
    domain.group("full", *(domain.add(f"CN=c{number},{crowd}", "contact") for number in range(MANY)))
    domain.group("halved", *(f"CN=c{number},{crowd}" for number in range(0, MANY, 2)))
    domain.db.transaction_commit()


@change
def group_of_five_thousand(domain: Domain) -> None:
    """A new one, filled in one go."""
    domain.group("crowded", *(f"CN=c{number},OU=Crowd,{domain.base}" for number in range(MANY)))


@change
def emptied_group_of_five_thousand(domain: Domain) -> None:
    """Everybody taken out."""
    domain.set(f"CN=full,{domain.users}", member=())


@change
def half_of_the_members_exchanged(domain: Domain) -> None:
    """Thousands go, thousands come."""
    domain.set(
        f"CN=halved,{domain.users}", member=[f"CN=c{number},OU=Crowd,{domain.base}" for number in range(1, MANY, 2)]
    )
