"""Builds, and on request tries, the packages of this commit."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from adpersist import __version__
from tools.packaging import advisories, debian, history, locking
from tools.packaging.words import REPOSITORY

_TRIAL: Final = Path(__file__).parent / "trial"
_PIPX_ON: Final = "bookworm"


def main() -> None:
    """Parse, build, try."""
    parser = argparse.ArgumentParser(
        prog="tools/package",
        description="Builds dist/adpersist_VERSION_ARCH.deb, a wheel and an sdist, of the commit that is checked out. "
        "The version is that of adpersist/__init__.py.",
    )
    parser.add_argument("--out", type=Path, default=REPOSITORY / "dist", metavar="DIR", help="default: dist/")
    parser.add_argument(
        "--try",
        dest="releases",
        action="append",
        default=[],
        choices=["bookworm", "trixie"],
        help="then install it in a fresh Debian and live through README's quick start, a revert, a heal, an upgrade "
        "and a removal there; in the first also through an upgrade from the last version; may be given twice",
    )
    parser.add_argument(
        "--bake",
        dest="baked",
        action="append",
        default=[],
        choices=["bookworm", "trixie"],
        help="then bake a golden image of this Debian with it (samples/image/bake), boot that, put it back after a day "
        "and see it healed; may be given twice",
    )
    parser.add_argument(
        "--lint", action="store_true", help="then look for what Debian's policy has against it (lintian)"
    )
    audit = parser.add_mutually_exclusive_group()
    audit.add_argument(
        "--audit",
        action="store_true",
        help="first ask the package index what is known against the libraries in it; no answer is a failure",
    )
    audit.add_argument(
        "--audit-if-answered",
        action="store_true",
        help="the same, but no answer is only told: for where the index is away",
    )
    parser.add_argument("--lock", action="store_true", help="instead: write the locks anew, from the registry")
    asked = parser.parse_args()
    if asked.lock:
        locking.write_locks()
        return
    if asked.audit or asked.audit_if_answered:
        libraries = advisories.locked()
        answer = advisories.examined(libraries, advisories.ask_index)
        if not advisories.report(answer, len(libraries), must_answer=asked.audit):
            sys.exit(1)
    package, wheel = build(asked.out.resolve())
    if asked.lint:
        subprocess.run(["lintian", "--no-cfg", "--allow-root", "--fail-on", "error,warning", package], check=True)
    for release in asked.releases:
        # pipx makes the same of the same wheel wherever it runs: once will do
        subprocess.run([_TRIAL, release, package, *([wheel] if release == _PIPX_ON else [])], check=True)
    if asked.releases and not history.has_before():
        said = "an upgrade from the last version is NOT TRIED, as this clone lacks its commit: git fetch --unshallow"
        sys.stderr.write(f"package: {said}\n")
    elif asked.releases:
        with tempfile.TemporaryDirectory(prefix="adpersist-before-") as place:
            older = build_before(Path(place))
            # one Debian tells what becomes of the files of two versions, and the trial takes minutes
            subprocess.run([_TRIAL, "--upgrade", asked.releases[0], package, older], check=True)
    for release in asked.baked:
        subprocess.run([_TRIAL, "--image", release, package], check=True)


def build(out: Path) -> tuple[Path, Path]:
    """All packages; the Debian one is handed back, and the wheel."""
    if history.is_changed():
        sys.stderr.write("package: what is not committed is not in it\n")
    epoch = history.committed_at()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="adpersist-package-") as place:
        source = Path(place, f"adpersist-{__version__}")
        history.unpack(source)
        wheels = Path(place, "wheels")
        _build_python(source, wheels, epoch)
        (wheel,) = wheels.glob("*.whl")
        package = debian.build(source, wheel, Path(place), version=__version__, epoch=epoch)
        for python in locking.PYTHONS:
            locking.bill_of_materials(python, out / f"adpersist_{__version__}_python{python}.cdx.json")
        made = [shutil.copy2(each, out) for each in (*sorted(wheels.iterdir()), package)]
    for each in made:
        sys.stdout.write(f"{each}\n")
    return out / package.name, out / wheel.name


def build_before(place: Path) -> Path:
    """The Debian package of the last version, as its own tools made it, with the libraries of its own lock."""
    sources = place / "sources"
    history.unpack(sources, history.BEFORE)
    history.begin(sources)
    # this environment's interpreter and tools, but adpersist and the packaging of that commit
    subprocess.run([sys.executable, "-m", "tools.packaging", "--out", place / "dist"], cwd=sources, check=True)
    (package,) = (place / "dist").glob("*.deb")
    return package


def _build_python(source: Path, out: Path, epoch: int) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(out), str(source)],
        env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch)}, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
