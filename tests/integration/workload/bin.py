"""The Recycle Bin feature is switched on, before or after the image was taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain


@image
def bin_from_the_start(domain: Domain) -> None:
    """On in the image already."""
    domain.enable_recycle_bin()


@change
def bin_switched_on(domain: Domain) -> None:
    """On since the image; never off again."""
    domain.enable_recycle_bin()
