"""Golden images for tests: provisioned once a day, and shared by all test runs in this checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tools.samba_dc import Golden, PrerequisiteError, kept

HOME: Final = Path(__file__).resolve().parents[1] / ".cache" / "images"


def image(name: str, *, realm: str = "SAMDOM.EXAMPLE.COM", domain: str = "SAMDOM", hostname: str = "dc1") -> Golden:
    """A bare domain of one DC; two names are two domains, even of the same realm. Only to be copied from."""
    try:
        return kept(HOME, name, realm=realm, domain=domain, hostname=hostname)
    except PrerequisiteError as error:
        pytest.fail(f"no domain controller can run here: {error} (tools/setup installs what is needed)", pytrace=False)
