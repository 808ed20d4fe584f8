"""First run: key, journal, configuration, and a look at what this session may read and write.

The order matters when the power goes: the key is durable before anything is sealed with it, the configuration names a
journal only once it is there, and every step accepts what an earlier run left behind.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from adpersist import config as configuration
from adpersist.agent import connections
from adpersist.agent.doctor.controller import examine_database
from adpersist.agent.doctor.exposed import exposed_beside
from adpersist.agent.doctor.finding import Finding, Grade
from adpersist.agent.doctor.place import examine_place, machine_of
from adpersist.audit.log import audit_log_of
from adpersist.config import (
    CaptureSection,
    Config,
    DirectorySection,
    FilesSection,
    JournalSection,
    KeySection,
    StoreSection,
)
from adpersist.directory.capabilities import Capabilities, probe_capabilities
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.lineage.canary import Canary
from adpersist.directory.lineage.proof import require_own
from adpersist.errors import ConfigError, JournalExistsError, KeyMissingError, NoJournalError
from adpersist.files.local_files import LocalFiles, NoFilesError
from adpersist.journal.holder import visiting
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_file import create_key_file, exposure
from adpersist.stores.port import Store
from adpersist.system.files import durable_file

FILES: Final = "SYSVOL with owners and permissions, Unix numbers (idmap), privileges, share permissions"
"""What is captured beside the directory, on the DC's own machine."""

AUDIT_CLASS: Final = "dsdb_json_audit:5@/var/log/samba/dsdb-audit.json"
"""What sends Samba's audit log to a file of its own."""
SWITCH_ON: Final = (
    f"Have Samba log it, in smb.conf: `log level = 1 {AUDIT_CLASS}`; name that file in `[capture] audit_log`."
)

NOT_RESTORED: Final = (
    "what replication does not carry: last logons, bad password counts, uSN*, whenChanged",
    "local secrets and keytabs of the DC's machine; smb.conf, which is kept and compared",
    "the DC's own machine password, which stays as its machine holds it",
)
"""What no path brings back; the README says so too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """What ``init`` found and made.

    Attributes:
        files: Where SYSVOL and the local databases lie; None: they are not captured.
        without_files: Why not.
        database: What the DC keeps the directory in, and what follows from it for looks.
        partners: How many other DCs the domain has.
        notes: What is well, and would be better otherwise; each says how.
        audit_log: Where Samba logs who wrote; None: it is not known.
    """

    dns_name: str
    survey: Capabilities
    database: Finding
    store: str
    journal: str
    created: bool
    key_file: Path | None
    key_vault: str
    key_created: bool
    config: Path
    warnings: tuple[str, ...]
    files: LocalFiles | None = None
    without_files: str = ""
    partners: int = 0
    notes: tuple[str, ...] = ()
    audit_log: Path | None = None

    @property
    def _captured(self) -> list[str]:
        return [*self.survey.captured, *([FILES] if self.files else [])]

    @property
    def _not_restored(self) -> list[str]:
        files = [] if self.files else [f"{FILES}: {self.without_files}"]
        return [*self.survey.lacking, *files, *NOT_RESTORED]

    def document(self) -> Mapping[str, Any]:
        """For machines."""
        return {
            "directory": {
                "name": self.dns_name,
                "contexts": list(self.survey.contexts),
                "partners": self.partners,
                "database": self.database.says,
            },
            "store": self.store,
            "journal": {"id": self.journal, "created": self.created},
            "key": {
                "file": str(self.key_file) if self.key_file else None,
                "vault": self.key_vault or None,
                "created": self.key_created,
            },
            "config": str(self.config),
            "files": {"sysvol": str(self.files.sysvol), "smb_conf": str(self.files.settings.smb_conf)}
            if self.files
            else None,
            "who": {"audit_log": str(self.audit_log) if self.audit_log else None, "switch_on": SWITCH_ON},
            "captures": self._captured,
            "not_restored": self._not_restored,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    def sentences(self) -> Iterator[str]:
        """For people."""
        session = "session over the network" if self.survey.lacking else "privileged session"
        yield f"Domain controller   {self.dns_name}, {len(self.survey.contexts)} naming contexts, {session}"
        yield f"Database            {self.database.says}"
        yield f"Partners            {self.partners or 'no'} other domain controllers"
        yield f"Store               {self.store}"
        yield f"Journal             {self.journal} ({'created' if self.created else 'was there already'})"
        if self.key_file:
            yield f"Key                 {self.key_file} ({'created' if self.key_created else 'was there already'})"
        if self.key_vault:
            yield f"Key                 {self.key_vault}, in its vault"
        yield f"Configuration       {self.config}"
        if self.files:
            yield f"SYSVOL              {self.files.sysvol}, by {self.files.settings.smb_conf}"
        yield ""
        yield "Captured and restored:"
        yield from (f"  + {line}" for line in self._captured)
        yield "Not restored:"
        yield from (f"  - {line}" for line in self._not_restored)
        yield from (f"Warning: {line}" for line in self.warnings)
        yield from (f"Note: {line}" for line in self.notes)
        if self.key_created:
            yield "\nKeep a copy of the key file away from this machine: without it the journal cannot be read."
            yield "`adpersist doctor --key-copy PATH` proves that one is the right one."
        yield "\nNext: adpersist agent; `adpersist doctor` says what still stands in the way."


def known_configuration(path: Path | None) -> Config:
    """What is configured before ``init`` says anything: by the file, if there is one, and the environment.

    Raises:
        ConfigError: Of either.
    """
    place = configuration.find(path)
    try:
        place.stat()
    except (FileNotFoundError, NotADirectoryError):
        return configuration.from_environment(os.environ)
    except OSError:
        pass  # what it is reading says
    return configuration.load(place)


class Initialization:
    """One run of ``init``."""

    def __init__(
        self,
        path: Path | None,
        *,
        directory: DirectorySection,
        store: str,
        key_file: Path | None,
        key_vault: str = "",
        supersede: bool = False,
        smb_conf: Path | None = None,
    ) -> None:
        self._supersede = supersede
        self._path = configuration.find(path)
        known = known_configuration(path)
        section = known.directory.model_copy(
            update={name: value.absolute() if isinstance(value, Path) else value for name, value in directory if value}
        )
        url, store_url = section.url, store or known.store.url
        vault = key_vault or ("" if key_file else known.key.vault)
        file = key_file or (None if key_vault else known.key.file)
        if not url or not store_url:
            raise ConfigError(
                f"init needs {'--directory' if not url else '--store'}",
                hint="adpersist init --directory ldapi:///var/lib/samba/private/ldap_priv/ldapi "
                "--store sqlite:///var/lib/adpersist/journal.db --key-file /etc/adpersist/key; or "
                "`adpersist init --yes`, which takes the domain controller that runs here, and these places.",
            )
        if file is None and not vault and not os.environ.get("ADPERSIST_KEY"):
            file = self._path.parent / "key"
        samba = known.files.model_copy(update={"smb_conf": smb_conf.absolute()}) if smb_conf else known.files
        asked = (section, store_url, file, vault, samba)
        written = (known.directory, known.store.url, known.key.file, known.key.vault, known.files)
        if self._path.exists() and asked != written:
            raise ConfigError(
                f"the configuration {self._path} is there already and says something else",
                hint="Edit it, remove it, or choose another place with --config.",
            )
        self._known = known
        self._config = known.model_copy(
            update={
                "directory": section,
                "store": StoreSection(url=store_url),
                "key": self._key_section(file, vault),
                "files": FilesSection(**samba.model_dump(exclude_defaults=True)),
            }
        )

    def _key_section(self, file: Path | None, vault: str) -> KeySection:
        given: dict[str, Any] = {"file": file.absolute()} if file else {}
        if vault:
            given |= {"vault": vault, "vault_algorithm": self._known.key.vault_algorithm}
        return KeySection(**given)

    def run(self, *, now: float) -> InitReport:
        """Do it. Raises: as the rooms it calls; everything done before an error is used by the next run."""
        dc = connections.connect(self._config)
        try:
            found = probe_capabilities(dc.session, dc.dse)
            if not self._supersede:
                self._require_unwatched(dc)
            files, without_files = self._files(dc)
            key_created = self._make_key(dc)
            journal, created = self._make_journal(dc, now)
            if self._supersede:
                dc.leave_canary(Canary.of(journal.seed, journal.head.seq, journal.head.digest))
            audit_log = self._audit_log(files)
            config = self._config.model_copy(
                update={"journal": self._named(journal.id), "capture": self._capture(audit_log)}
            )
            location = connections.store(config, None).location
            journal.close()
            self._write(config)
            database, machine, partners = examine_database(dc), machine_of(dc), len(dc.partners())
        finally:
            dc.close()
        file = self._config.key.file
        return InitReport(
            dns_name=dc.dse.dns_name,
            survey=found,
            database=database,
            store=location,
            journal=journal.id,
            created=created,
            key_file=file,
            key_vault=self._config.key.vault,
            key_created=key_created,
            config=self._path,
            warnings=(
                *_exposed(self._config, self._path),
                *_warnings([database]),
                *_warnings(examine_place(location, machine)),
            ),
            files=files,
            without_files=without_files,
            partners=partners,
            notes=tuple(_notes(config, partners, files=files)),
            audit_log=self._config.capture.audit_log,
        )

    def _require_unwatched(self, dc: DomainController) -> None:
        """A new journal beside another one's would take that one's restores for a revert.

        Raises:
            JournalExistsError: The DC was told of commits, and there is no journal in the store.
        """
        if not self._has_journal(dc) and dc.evidence().remembered:
            raise JournalExistsError(
                f"{dc.dse.dns_name} is watched by a journal already, and {self._config.store.url} holds none of it",
                hint="Point --store at that journal, or copy it there first. If it is given up for good, stop its "
                "agent, and begin a new one with `adpersist init --supersede`.",
            )

    def _files(self, dc: DomainController) -> tuple[LocalFiles | None, str]:
        """Where SYSVOL lies, or why it is not captured. Raises: NoFilesError: of an smb.conf that was named."""
        section = self._config.files
        if section.sysvol == "off":
            return None, "[files] sysvol is off"
        if not dc.privileged:
            return None, "the domain controller is reached over the network"
        try:
            return LocalFiles.beside(self._config.directory.url, section.smb_conf), ""
        except NoFilesError as error:
            if section.smb_conf is not None:
                raise
            return None, error.message

    def _audit_log(self, files: LocalFiles | None) -> Path | None:
        """Where Samba logs who wrote, if it does."""
        found = audit_log_of(files.settings.log_level) if files else None
        return self._known.capture.audit_log or (found if found and found.exists() else None)

    def _capture(self, audit_log: Path | None) -> CaptureSection:
        given = self._known.capture.model_dump(exclude_unset=True)
        return CaptureSection(**given | ({"audit_log": audit_log} if audit_log else {}))

    def _make_key(self, dc: DomainController) -> bool:
        file = self._config.key.file
        if file is None or file.exists():
            return False
        if self._has_journal(dc):
            raise KeyMissingError(
                f"the journal of {dc.dse.dns_name} is there already, the key file {file} is not",
                hint="A new key cannot open it. Bring the file back from where you keep a copy. Where there is none "
                "the past is lost: name another store in the configuration, then `adpersist init --supersede`.",
            )
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot create the key file {file}: {error.strerror}") from error
        create_key_file(file)
        return True

    def _has_journal(self, dc: DomainController) -> bool:
        place = self._place(dc)
        try:
            place.head()
        except NoJournalError:
            return place.spare() is not None  # the head alone is lost
        finally:
            place.close()
        return True

    def _place(self, dc: DomainController) -> Store:
        """Where this DC's journal lies, or will."""
        named = self._config.model_copy(update={"journal": self._named(journal_id(dc.identity))})
        return connections.store(named, None)

    def _named(self, journal: str) -> JournalSection:
        """What is configured of the journal, with its id."""
        return self._config.journal.model_copy(update={"id": journal})

    def _make_journal(self, dc: DomainController, now: float) -> tuple[Journal, bool]:
        key = connections.key(self._config)
        place = self._place(dc)
        try:
            with visiting(journal_id(dc.identity)) as writer:
                return Journal.create(place, key, identity=dc.identity, writer=writer, now=now), True
        except JournalExistsError:
            journal = Journal.open(place, key, expected=journal_id(dc.identity))
            require_own(dc, journal)
            return journal, False

    def _write(self, config: Config) -> None:
        text = configuration.render(config)
        if self._path.exists():
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with durable_file.replaced(self._path) as file:
                file.write(text.encode())
        except OSError as error:
            raise ConfigError(
                f"cannot write the configuration {self._path}: {error.strerror}",
                hint="Run `adpersist init` again with another --config; the key and the journal made are used.",
            ) from error


def _exposed(config: Config, place: Path) -> Iterator[str]:
    of_key = exposure(config.key.file) if config.key.file else None
    for found in (*filter(None, [of_key]), *exposed_beside(config, place)):
        yield f"{found.says}; run {found.mend}"


def _notes(config: Config, partners: int, *, files: LocalFiles | None) -> Iterator[str]:
    if partners and not config.restore.restart_command:
        yield (
            f"after a heal of the open controller Samba must be restarted, as it has {partners} partners: "
            '[restore] restart_command = "systemctl restart samba-ad-dc", or start Samba by `adpersist boot`.'
        )
    if files and config.capture.audit_log is None:
        yield (
            f"Samba keeps no audit log, so nobody is named as who made a change: add `log level = 1 {AUDIT_CLASS}` to "
            f"[global] of {files.settings.smb_conf}, and [capture] audit_log here (docs/console.md)."
        )


def _warnings(findings: Iterable[Finding]) -> Iterator[str]:
    for finding in findings:
        if finding.grade in (Grade.WARNING, Grade.BAD):
            yield f"{finding.says}. {finding.mend}"
