"""The containers of samples/ on either Debian: made anew from a golden image after a day, and healed before they open.

The real thing: the Debian package of the commit that is checked out, samples/Containerfile built and run by podman, as
samples/compose.yaml says. What is proven, and by whom, stands in tools/container-drill.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE_S, DRILL_S = 1200, 2400

pytestmark = [
    pytest.mark.dc,
    pytest.mark.timeout(PACKAGE_S + DRILL_S + 60),
    pytest.mark.skipif(
        "SAMBA_DC_VERSION" in os.environ, reason="the containers bring a Samba of their own, and the same two there"
    ),
]


def _run(*words: str | Path, limit_s: int) -> str:
    """What a tool says; what is left of it when it takes too long ends with it."""
    done = subprocess.run(
        ["timeout", "--kill-after=30", str(limit_s), *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Debian package."""
    out = tmp_path_factory.mktemp("dist")
    # for a minute: to make it small would take half of its making
    quick = "DPKG_DEB_COMPRESSOR_TYPE=none"
    _run("env", quick, REPOSITORY / "tools/package", "--out", out, limit_s=PACKAGE_S)
    (package,) = out.glob("*.deb")
    return package


@pytest.mark.parametrize("base", ["bookworm", "trixie"])
def test_a_container_made_anew_from_its_golden_image_is_healed_before_it_opens(base: str, package: Path) -> None:
    said = _run(REPOSITORY / "tools/container-drill", "--base", base, "--package", package, limit_s=DRILL_S)
    assert f"well on {base}" in said
