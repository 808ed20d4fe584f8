"""Members from other domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.workload.register import change

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain


@change
def foreign_member(domain: Domain) -> None:
    """Somebody from another domain: a foreignSecurityPrincipal comes into being."""
    domain.link(f"CN=Guests,CN=Builtin,{domain.base}", "<SID=S-1-5-21-7-7-7-1234>")
