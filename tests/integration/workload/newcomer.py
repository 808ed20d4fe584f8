"""Somebody new, on a DC that was put back or restored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.workload.register import local

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain


@local
def next_account(domain: Domain) -> None:
    """The next RID goes to this group."""
    domain.group("next")
