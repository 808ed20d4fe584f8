"""A SYSVOL without a DC: where it lies is all that its files need."""

from pathlib import Path

from adpersist.directory.samba.local_databases import LocalDatabases
from adpersist.files.local_files import LocalFiles


def share(place: Path) -> LocalFiles:
    """An empty share below a directory, and a Samba that never ran."""
    sysvol = place / "state" / "sysvol"
    sysvol.mkdir(parents=True)
    (place / "private").mkdir()
    conf = place / "smb.conf"
    conf.write_text(
        f"[global]\nprivate dir = {place}/private\nstate directory = {place}/state\n[sysvol]\npath = {sysvol}\n"
    )
    with LocalDatabases(conf) as databases:
        return LocalFiles(settings=databases.settings, sysvol=sysvol)
