"""What is in the package besides adpersist: one lock for each Python, so that every build has the same in it.

And what tools/setup installs, as root: locks in `tools/locks`, of the same versions and of the tools beside them.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tools.packaging.words import REPOSITORY

PYTHONS: Final = ("3.11", "3.13")
"""Debian 12's and 13's."""

EXTRAS: Final = ("azure", "console", "vault")
"""Kerberos is left out: its library is built from source against the machine's own."""

TOOLS: Final = ("dev", "package")
"""Extras that tools/setup installs beside those of the package."""

KERBEROS_LOCK: Final = REPOSITORY / "tools" / "locks" / "kerberos.lock"
"""What tools/setup builds from source, with what the other locks hold."""

NODE_PACKAGES: Final = {"azurite": "AZURITE", "axe-core": "AXE"}
"""What tools/setup installs for Node.js, and the variable of it that has the version."""

_NOT_INSTALLED_BY: Final = ("deprecated", "engines", "funding", "license")
"""What npm writes into a lock and does not need."""

_ARCHITECTURES: Final = ("x86_64", "aarch64")
"""Machines that tools/setup works on."""

_BUILDING: Final = ("cython", "decorator")
"""What gssapi is built with, and needs."""

_HERE: Final = Path(__file__).parent
_TIMEOUT_S: Final = 600


def lock_file(python: str) -> Path:
    """Where the lock for a Python lies."""
    return _HERE / f"python{python}.lock"


def tools_lock_file(python: str) -> Path:
    """Where the lock lies of what tools/setup installs for a Python."""
    return REPOSITORY / "tools" / "locks" / f"python{python}.lock"


def node_lock_file(package: str) -> Path:
    """Where the lock lies of a package for Node.js and of all it needs, as npm reads it."""
    return REPOSITORY / "tools" / "locks" / f"{package}.package-lock.json"


def pins(lock: Path) -> list[str]:
    """What a lock names, each as ``name==version``."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return [line.split(" ")[0] for line in lines if line and not line.startswith("#")]


def write_locks() -> None:
    """Ask the registry for the newest of everything that pyproject.toml allows."""
    wanted = [*_project()["dependencies"], *_of_extras(EXTRAS)]
    for python in PYTHONS:
        found = _resolved(python, _arch(), wanted)
        _write(lock_file(python), [_arch()], (f"{pin} --hash=sha256:{digest}" for pin, digest in found.items()))
    write_tools_locks()
    write_node_locks()


def write_tools_locks() -> None:
    """The same for what tools/setup installs; what is in the package, too, is of the package's version.

    Wants Kerberos' headers, as `tools/setup --azurite` installs them.
    """
    building = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    wanted = [*_project()["dependencies"], *_of_extras((*EXTRAS, *TOOLS)), *building, *_BUILDING]
    for python in PYTHONS:
        same, hashes = pins(lock_file(python)), dict[str, list[str]]()
        for arch in _ARCHITECTURES:
            for pin, digest in _resolved(python, arch, wanted, same=same).items():
                hashes.setdefault(pin, []).append(digest)
            same = list(hashes)  # one version for all machines
        lines = (
            " ".join([pin, *(f"--hash=sha256:{digest}" for digest in sorted(set(digests)))])
            for pin, digests in hashes.items()
        )
        _write(tools_lock_file(python), _ARCHITECTURES, lines)
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--no-binary", ":all:", "--no-build-isolation", "--dest", place, *_of_extras(["kerberos"])],
            timeout=_TIMEOUT_S, check=True,
        )  # fmt: skip
        (source,) = Path(place).iterdir()
        name, _, version = source.name.removesuffix(".tar.gz").rpartition("-")
        _write(KERBEROS_LOCK, ["all"], [f"{name}=={version} --hash=sha256:{sha256(source.read_bytes()).hexdigest()}"])


def write_node_locks() -> None:
    """The same for what tools/setup installs for Node.js, in the versions that it names."""
    named = dict(re.findall(r"^readonly (\w+)=(\S+)$", (REPOSITORY / "tools" / "setup").read_text(), re.MULTILINE))
    for package, variable in NODE_PACKAGES.items():
        with tempfile.TemporaryDirectory() as place:
            wanted = {"dependencies": {package: named[variable]}}
            Path(place, "package.json").write_text(json.dumps(wanted), encoding="utf-8")
            subprocess.run(
                ["npm", "install", "--prefix", place, "--package-lock-only", "--ignore-scripts", "--no-audit",
                 "--no-fund", "--omit-lockfile-registry-resolved"],
                timeout=_TIMEOUT_S, check=True,
            )  # fmt: skip
            found = json.loads(Path(place, "package-lock.json").read_text(encoding="utf-8"))
        del found["name"]  # of the temporary directory
        for each in found["packages"].values():
            for said in _NOT_INSTALLED_BY:
                each.pop(said, None)
        node_lock_file(package).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _of_extras(extras: Iterable[str]) -> list[str]:
    return [each for extra in extras for each in _project()["optional-dependencies"][extra]]


def _resolved(python: str, arch: str, wanted: Iterable[str], *, same: Iterable[str] = ()) -> dict[str, str]:
    """Everything that is needed for what is wanted: the SHA-256 of its wheel, by ``name==version``."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(same))
        constraints.flush()
        report = subprocess.run(
            [*_pip(python, arch), "--dry-run", "--ignore-installed", "--report", "-", "--target", "/nonexistent",
             "--constraint", constraints.name, *wanted],
            stdout=subprocess.PIPE, timeout=_TIMEOUT_S, check=True,
        ).stdout  # fmt: skip
    return {
        f"{each['metadata']['name'].lower()}=={each['metadata']['version']}": each["download_info"]["archive_info"][
            "hashes"
        ]["sha256"]
        for each in json.loads(report)["install"]
    }


def _write(lock: Path, machines: Iterable[str], lines: Iterable[str]) -> None:
    lock.parent.mkdir(exist_ok=True)
    lock.write_text("\n".join([f"# Written by tools/package --lock, for {', '.join(machines)}.", *sorted(lines), ""]))


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
    common = [*_pip(python, _arch()), "--no-deps", "--no-compile", "--target", str(target)]
    subprocess.run([*common, "--require-hashes", "-r", str(lock_file(python))], timeout=_TIMEOUT_S, check=True)
    subprocess.run([*common, "--no-index", str(wheel)], timeout=_TIMEOUT_S, check=True)


def _pip(python: str, arch: str) -> list[str]:
    platforms = (f"manylinux2014_{arch}", f"manylinux_2_17_{arch}", f"manylinux_2_28_{arch}")
    return [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"),
        *("--python-version", python, "--implementation", "cp", "--only-binary", ":all:"),
        *(word for each in platforms for word in ("--platform", each)),
    ]


def _arch() -> str:
    return platform.machine()
