"""Where a DC keeps what is not in its directory, found from the socket it is reached by."""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from adpersist.directory.samba.local_databases import LocalDatabaseError, LocalDatabases, SambaSettings
from adpersist.errors import ConfigError
from adpersist.model.files.file_changes import Files
from adpersist.model.files.file_state import Place

DEFAULT_SMB_CONF: Final = Path("/etc/samba/smb.conf")

ASIDE: Final = ".adpersist-"
"""What is being put back lies beside the share's directory until it is whole, in a directory whose name begins so."""

_OF_A_DOMAIN: Final = ("/policies", "/scripts")

_HINT: Final = "Name the running Samba's with `adpersist init --smb-conf PATH` or [files] smb_conf."


class NoFilesError(ConfigError):
    """SYSVOL and the local databases cannot be reached from here."""

    way_out = 'Run adpersist on the domain controller itself, over its own socket; or say `[files] sysvol = "off"`.'


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFiles:
    """What lies beside the directory on the DC's own machine.

    Attributes:
        settings: What smb.conf says.
        sysvol: The share's directory.
        restores_smb_conf: A whole restore writes smb.conf, too.
    """

    settings: SambaSettings
    sysvol: Path
    restores_smb_conf: bool = False
    _opening: list[LocalDatabases] = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def beside(cls, url: str, smb_conf: Path | None) -> "LocalFiles":
        """Those of the DC behind a directory URL.

        Args:
            url: The privileged socket's: ``<private dir>/ldap_priv/ldapi``.
            smb_conf: The configuration that Samba runs with; None: it is looked for.

        Raises:
            NoFilesError: It is another machine's, or no smb.conf is that of this DC.
        """
        parts = urlsplit(url)
        if parts.scheme != "ldapi":
            raise NoFilesError("the domain controller is reached over the network")
        private = Path(parts.netloc + parts.path).parent.parent
        candidates = [smb_conf] if smb_conf is not None else [private.parent / "etc" / "smb.conf", DEFAULT_SMB_CONF]
        reasons = []
        for path in candidates:
            if not path.exists():
                reasons.append(f"there is no {path}")
                continue
            try:
                with LocalDatabases(path) as databases:
                    settings = databases.settings
            except LocalDatabaseError as error:
                raise NoFilesError(error.message, hint=error.hint) from error
            if _same(settings.private, private):
                return cls._of(settings)
            reasons.append(f"{path} is the configuration of another one, whose private dir is {settings.private}")
        raise NoFilesError(f"the domain controller's smb.conf is not known: {'; '.join(reasons)}", hint=_HINT)

    @classmethod
    def _of(cls, settings: SambaSettings) -> "LocalFiles":
        if settings.unsupported:
            raise NoFilesError(f"{settings.smb_conf} has {settings.unsupported[0]}", hint="Permissions would be lost.")
        if not settings.sysvol:
            raise NoFilesError(f"{settings.smb_conf} has no share [sysvol]", hint=_HINT)
        return cls(settings=settings, sysvol=Path(settings.sysvol))

    def make_ready(self) -> None:
        """Have the databases opened while there is something else to do; whoever reads them is told of errors."""
        if not self._opening:
            with suppress(LocalDatabaseError):
                self._opening.append(LocalDatabases(self.settings.smb_conf))

    def databases(self) -> LocalDatabases:
        """The databases, for one block. Raises: LocalDatabaseError."""
        return self._opening.pop() if self._opening else LocalDatabases(self.settings.smb_conf)


def absent_folder(sysvol: Path, known: Files) -> str | None:
    """The folder whose disk is not mounted: SYSVOL, or a domain's in it, that shows nothing of what it had.

    An administrator may take away much, but not all of it: a domain keeps its Policies, or its scripts.

    Args:
        sysvol: The share's directory.
        known: What it had.
    """
    within: dict[str, list[str]] = {"": []}
    for place, path in known:
        if place is Place.SYSVOL and path and path.count("/") <= 1:
            within.setdefault(path.rpartition("/")[0], []).append(path)
    for folder, paths in within.items():
        if folder and not any(path.lower().endswith(_OF_A_DOMAIN) for path in paths):
            continue  # no domain's
        here = sysvol / _on_disk(folder)
        if paths and here.is_dir() and not any(os.path.lexists(sysvol / _on_disk(path)) for path in paths):
            return folder
    return None


def _on_disk(path: str) -> str:
    return os.fsdecode(path.encode("utf-8", "surrogateescape"))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
