"""A SYSVOL without a DC: where it lies is all that its files need."""

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

from adpersist.directory.samba.local_databases import LocalDatabases, SambaSettings
from adpersist.files.local_files import LocalFiles


def share(place: Path) -> LocalFiles:
    """An empty share below a directory, and a Samba that never ran."""
    sysvol = place / "state" / "sysvol"
    sysvol.mkdir(parents=True)
    (place / "private").mkdir()
    conf = _written(place)
    settings = replace(_read(), smb_conf=conf, private=place / "private", state=place / "state", sysvol=str(sysvol))
    return LocalFiles(settings=settings, sysvol=sysvol)


def _written(place: Path) -> Path:
    conf = place / "smb.conf"
    conf.write_text(
        f"[global]\nprivate dir = {place}/private\nstate directory = {place}/state\n"
        f"[sysvol]\npath = {place}/state/sysvol\n"
    )
    return conf


@cache
def _read() -> SambaSettings:
    """What Samba reads of such a file: its interpreter starts once for all of them, which differ in their places."""
    with tempfile.TemporaryDirectory() as place:
        with LocalDatabases(_written(Path(place))) as databases:
            read = databases.settings
        assert (read.private, read.state) == (Path(place, "private"), Path(place, "state"))
        assert read.sysvol == f"{place}/state/sysvol"
        return read
