"""What is in the package besides adpersist: one lock for each Python, so that every build has the same in it."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

from tools.packaging.words import REPOSITORY

PYTHONS: Final = ("3.11", "3.13")
"""Debian 12's and 13's."""

EXTRAS: Final = ("azure", "console", "vault")
"""Kerberos is left out: its library is built from source against the machine's own."""

_HERE: Final = Path(__file__).parent
_TIMEOUT_S: Final = 600


def lock_file(python: str) -> Path:
    """Where the lock for a Python lies."""
    return _HERE / f"python{python}.lock"


def write_locks() -> None:
    """Ask the registry for the newest of everything that pyproject.toml allows."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(each for extra in EXTRAS for each in project["optional-dependencies"][extra])]
    for python in PYTHONS:
        report = subprocess.run(
            [*_pip(python), "--dry-run", "--ignore-installed", "--report", "-", "--target", "/nonexistent", *wanted],
            stdout=subprocess.PIPE, timeout=_TIMEOUT_S, check=True,
        ).stdout  # fmt: skip
        lines = sorted(
            f"{each['metadata']['name'].lower()}=={each['metadata']['version']}"
            f" --hash=sha256:{each['download_info']['archive_info']['hashes']['sha256']}"
            for each in json.loads(report)["install"]
        )
        lock_file(python).write_text("\n".join([f"# Written by tools/package --lock, for {_arch()}.", *lines, ""]))


def bill_of_materials(python: str, target: Path) -> None:
    """What the lock names, as a CycloneDX document; the same lock makes the same document."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible", "-o", str(target),
         str(lock_file(python))],
        timeout=_TIMEOUT_S, check=True,
    )  # fmt: skip


def install(python: str, target: Path, wheel: Path) -> None:
    """What the lock names, and adpersist's own wheel, as that Python finds it."""
    common = [*_pip(python), "--no-deps", "--no-compile", "--target", str(target)]
    subprocess.run([*common, "--require-hashes", "-r", str(lock_file(python))], timeout=_TIMEOUT_S, check=True)
    subprocess.run([*common, "--no-index", str(wheel)], timeout=_TIMEOUT_S, check=True)


def _pip(python: str) -> list[str]:
    platforms = (f"manylinux2014_{_arch()}", f"manylinux_2_17_{_arch()}", f"manylinux_2_28_{_arch()}")
    return [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"),
        *("--python-version", python, "--implementation", "cp", "--only-binary", ":all:"),
        *(word for each in platforms for word in ("--platform", each)),
    ]


def _arch() -> str:
    return platform.machine()
