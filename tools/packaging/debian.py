"""The Debian package: a tree, and dpkg-deb over it. The same commit makes the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Final

from tools.packaging import completions, manual
from tools.packaging.locking import PYTHONS, bill_of_materials, install
from tools.packaging.words import all_words

_SCRIPTS: Final = Path(__file__).parent / "scripts"
_MAINTAINER: Final = "The adpersist founders <adpersist@localhost>"
NEWS: Final = Path(__file__).parent / "NEWS.Debian"
"""What an administrator must know before an upgrade; apt-listchanges shows it."""
_HOME: Final = "opt/adpersist"
_DOC: Final = "usr/share/doc/adpersist"

_LAUNCHER: Final = """#!/opt/adpersist/bin/python3
from adpersist.__main__ import main

main()
"""

_DESCRIPTION: Final = """Litestream for Active Directory
 An agent beside a Samba AD domain controller streams every directory change
 into durable, sealed storage. When the machine was put back to an old image,
 adpersist notices, puts back what was lost with the same identities, passwords
 and replication stamps, proves it, and goes on.
 .
 It is installed below /opt with everything it needs but Python, and runs with
 the Python of Debian 12 or 13. Nothing is started before `adpersist init`."""

_CHANGELOG: Final = """adpersist ({version}) stable; urgency=medium

  * What changed stands in /usr/share/doc/adpersist/CHANGELOG.md.

 -- {maintainer}  {date}
"""

_COPYRIGHT: Final = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: adpersist
Comment: The licences of the libraries below /opt/adpersist/lib stand in their *.dist-info directories.

Files: *
Copyright: 2026 the authors of adpersist
License: Apache-2.0
 On Debian systems the text stands in /usr/share/common-licenses/Apache-2.0.
"""


def build(source: Path, wheel: Path, out: Path, *, version: str, epoch: int) -> Path:
    """The package in ``out``.

    Args:
        source: The sources of the commit.
        wheel: Built of them.
        out: A directory.
        version: Of adpersist.
        epoch: Unix seconds of the commit, the time of every file.
    """
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    tree = out / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    _environment(tree / _HOME, wheel)
    _system(tree, source)
    _documents(tree / _DOC, source, version, epoch)
    _write(tree / "usr/share/lintian/overrides/adpersist", (_SCRIPTS / "lintian-overrides").read_text(encoding="utf-8"))
    _help(tree, source, version, epoch)
    _control(tree, version, architecture)
    package = out / f"adpersist_{version}_{architecture}.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", "-Zxz", "-z2", str(tree), str(package)],
        env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch)}, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    shutil.rmtree(tree)
    return package


def _environment(home: Path, wheel: Path) -> None:
    """A virtual environment of whichever Python is the machine's: each finds its own libraries in it."""
    for python in PYTHONS:
        libraries = home / "lib" / f"python{python}" / "site-packages"
        install(python, libraries, wheel)
        shutil.rmtree(libraries / "bin", ignore_errors=True)
        for told in libraries.glob("*.dist-info/direct_url.json"):
            told.unlink()  # where on the building machine the wheel lay
        for record in libraries.glob("*.dist-info/RECORD"):
            record.unlink()  # names both; dpkg knows what is installed
        for tests in libraries.glob("*/tests"):
            shutil.rmtree(tests)
        for file in libraries.rglob("*"):
            file.chmod(
                0o755 if file.is_dir() else 0o644
            )  # whatever the wheels say: nothing of it is started by its name
    first, *others = (home / "lib" / f"python{python}" for python in PYTHONS)
    for other in others:
        _once(first, other)
    _write(home / "pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n")
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to("/usr/bin/python3")
    _write(home / "bin" / "adpersist", _LAUNCHER, mode=0o755)


def _once(first: Path, other: Path) -> None:
    """What is the same for two Pythons is one file."""
    for path in sorted(other.rglob("*")):
        twin = first / path.relative_to(other)
        if path.is_file() and twin.is_file() and path.read_bytes() == twin.read_bytes():
            path.unlink()
            path.hardlink_to(twin)


def _system(tree: Path, source: Path) -> None:
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/adpersist").symlink_to("/opt/adpersist/bin/adpersist")
    for unit in sorted((source / "samples/systemd").glob("*.service")):
        _write(tree / "usr/lib/systemd/system" / unit.name, unit.read_text(encoding="utf-8"))
    _write(tree / "usr/lib/tmpfiles.d/adpersist.conf", (_SCRIPTS / "adpersist.tmpfiles").read_text(encoding="utf-8"))


def _documents(doc: Path, source: Path, version: str, epoch: int) -> None:
    _write(doc / "copyright", _COPYRIGHT)
    _zipped(doc / "changelog.gz", _CHANGELOG.format(version=version, maintainer=_MAINTAINER, date=formatdate(epoch)))
    _zipped(doc / "NEWS.Debian.gz", NEWS.read_text(encoding="utf-8"))
    for python in PYTHONS:
        bill_of_materials(python, doc / f"python{python}.cdx.json")
    for name in ("README.md", "CHANGELOG.md", *sorted(f"docs/{page.name}" for page in (source / "docs").glob("*.md"))):
        _write(doc / name, (source / name).read_text(encoding="utf-8"))
    samples = source / "samples"
    _write(doc / "examples/adpersist.toml", (samples / "adpersist.toml").read_text(encoding="utf-8"))
    drop_in = "samba-ad-dc.service.d/adpersist.conf"
    _write(doc / "examples" / drop_in, (samples / "systemd" / drop_in).read_text(encoding="utf-8"))


def _help(tree: Path, source: Path, version: str, epoch: int) -> None:
    words = all_words()
    sample = (source / "samples/adpersist.toml").read_text(encoding="utf-8")
    for name, page in manual.pages(words, version=version, date=epoch, sample=sample).items():
        _zipped(tree / "usr/share/man" / f"man{name[-1]}" / f"{name}.gz", page)
    share = tree / "usr/share"
    _write(share / "bash-completion/completions/adpersist", completions.bash(words))
    _write(share / "zsh/vendor-completions/_adpersist", completions.zsh(words))
    _write(share / "fish/vendor_completions.d/adpersist.fish", completions.fish(words))


def _control(tree: Path, version: str, architecture: str) -> None:
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    kilobytes = sum(-(-path.stat().st_size // 1024) for path in files)
    control = tree / "DEBIAN"
    fields = {
        "Package": "adpersist",
        "Version": version,
        "Architecture": architecture,
        "Maintainer": _MAINTAINER,
        "Installed-Size": str(kilobytes),
        "Depends": "python3 (>= 3.11), python3 (<< 3.14), libc6 (>= 2.28)",
        "Recommends": "samba-ad-dc | samba, python3-samba",
        "Section": "admin",
        "Priority": "optional",
        "Description": _DESCRIPTION,
    }
    _write(control / "control", "".join(f"{name}: {value}\n" for name, value in fields.items()))
    _write(control / "md5sums", "".join(_sums(tree, files)))
    for script in ("preinst", "postinst", "prerm", "postrm"):
        _write(control / script, (_SCRIPTS / script).read_text(encoding="utf-8"), mode=0o755)


def _sums(tree: Path, files: list[Path]) -> Iterator[str]:
    for path in files:
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        yield f"{digest}  {path.relative_to(tree)}\n"


def _write(path: Path, text: str, *, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _zipped(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    path.chmod(0o644)
