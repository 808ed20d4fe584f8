"""Configuration: a TOML file, overridden by the environment, overridden by flags.

Every key is also ``ADPERSIST_<SECTION>_<KEY>``: ``[store] url`` is ``ADPERSIST_STORE_URL``.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from adpersist.errors import AS_ROOT, ConfigError
from adpersist.model.plan.engine import Engine
from adpersist.model.plan.terms import Opening

if TYPE_CHECKING:
    from tomlkit.items import Item

DEFAULT_PATH: Final = Path("/etc/adpersist/adpersist.toml")
PATH_VARIABLE: Final = "ADPERSIST_CONFIG"
_MAX_BYTES: Final = 1_048_576
_PREFIX: Final = "ADPERSIST_"
_LAST_PORT: Final = 65_535
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_Parsed = TypeVar("_Parsed")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _without_nul(cls, value: object) -> object:
        """No system call takes a word with one. Raises: ValueError."""
        if isinstance(value, str) and "\0" in value:
            raise ValueError("there is a NUL in it")
        return value


def _with_a_port(address: str) -> str:
    """``host:port``; no socket takes another port, and UDP's takes it for one that nobody meant. Raises: ValueError."""
    port = address.rpartition(":")[2]
    if port.isascii() and port.isdigit() and int(port) > _LAST_PORT and not address.startswith("/"):
        raise ValueError(f"there is no port {port}: the last one is {_LAST_PORT}")
    return address


def _a_url(text: str) -> str:
    """Raises: ValueError: A host or a port in it is none."""
    _ = urlsplit(text).port
    return text


_ONE_LINE: Final = r"^[^\r\n]*$"
_Address = Annotated[str, AfterValidator(_with_a_port)]
_Url = Annotated[str, AfterValidator(_a_url)]


def unset_when_empty(value: object) -> object:
    """An empty path is none."""
    return None if value == "" else value


class DirectorySection(_Section):
    """The domain controller to watch.

    Attributes:
        url: Its privileged socket; or ``ldaps://host``, or ``ldap://host`` (StartTLS), which see no secrets.
        user: Over the network: who logs in; empty: by Kerberos, with the tickets at hand.
        password_file: The user's password; or in the environment, ADPERSIST_DIRECTORY_PASSWORD.
        ca_file: The authority of the DC's certificate; empty: those of the system.
    """

    url: str = Field(default="", description="ldapi:///var/lib/samba/private/ldap_priv/ldapi")
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None


class StoreSection(_Section):
    """Where the journal lies.

    Attributes:
        url: See docs/azure.md for the other forms.
        plaintext: An ``azurite://`` that is not this machine may be spoken to, in the clear.
    """

    url: str = Field(default="", description="sqlite:///var/lib/adpersist/journal.db")
    plaintext: bool = False


class KeySection(_Section):
    """The key-encryption key: from a file, from Azure Key Vault, or from the environment variable ADPERSIST_KEY.

    Attributes:
        file: The key itself, one line.
        vault: The URL of a key that never leaves its vault; needs the extra ``adpersist[vault]``.
        vault_algorithm: RSA-OAEP-256 with an RSA key, A256KW with a symmetric key of a Managed HSM.
    """

    file: Path | None = None
    vault: str = Field(default="", description="https://corp.vault.azure.net/keys/journal")
    vault_algorithm: str = Field(default="RSA-OAEP-256", pattern="^(RSA-OAEP-256|RSA-OAEP|A256KW)$")

    _unset = field_validator("file", mode="before")(unset_when_empty)


class JournalSection(_Section):
    """Which journal of the store is this DC's, how often the agent saves it a whole state, and how far it reaches back.

    Attributes:
        id: Empty: derived from the DC's identity.
        witness: A file on a disk that goes back with neither store nor DC; the newest commit is noted there, so that a
            store that was put back together with the DC is noticed. Empty: none.
        index: The directory where commands that read keep what is where in the journal (names, no values), so that they
            need not read all of it; empty: /var/cache/adpersist, or a user's own cache; ``off``: nowhere.
        keep: The agent forgets what no point so young, and no mark, needs (s, m, h, d, w); empty: nothing.
        checkpoint_every_commits: A checkpoint after so many commits; 0: not by number; None: by how many objects there
            are.
        checkpoint_every_bytes: A checkpoint after so many bytes of commits; 0: not by size; None: by how large the last
            checkpoint is.
    """

    id: str = Field(default="", pattern="^([0-9a-f]{32})?$")
    witness: Path | None = None
    index: str = Field(default="", pattern="^(off|/.*)?$", description="/var/cache/adpersist")
    keep: str = Field(default="90d", pattern=r"^([1-9]\d{0,8}[smhdw])?$")
    checkpoint_every_commits: int | None = Field(default=None, ge=0)
    checkpoint_every_bytes: int | None = Field(default=None, ge=0)

    _unset = field_validator("witness", mode="before")(unset_when_empty)


class CaptureSection(_Section):
    """How the agent looks.

    Attributes:
        interval_s: Pause between two polls of the DC's USN when nothing happens; a tenth of it right after a change.
        share: The largest share of the DC's time that looks may take, so that steady writes do not make it scan always.
        check_s: How often the lineage is checked when nothing happens.
        scrub: How often all of the directory is compared with the journal, and all of the journal proven, so that a
            drift or a lost commit nobody noticed is found before the day of a restore: ``daily``, ``weekly``,
            ``monthly``, ``off``.
        audit_log: Where Samba logs who wrote (``dsdb_json_audit:5@FILE``); None: nowhere that is known.
    """

    interval_s: float = Field(default=0.1, gt=0, le=3600)
    share: float = Field(default=0.33, gt=0, le=1)
    check_s: float = Field(default=30, gt=0)
    scrub: str = Field(default="weekly", pattern="^(daily|weekly|monthly|off)$")
    audit_log: Path | None = None


class AgentSection(_Section):
    """What the agent does beside looking.

    Attributes:
        beat: While nothing happens it says so in the journal every so long (s, m, h, d): one small write of the head,
            by which ``adpersist fleet`` tells a quiet DC from a dead agent; off: only soon after a commit, by when the
            directory is told of it.
    """

    beat: str = Field(default="5m", pattern=r"^(off|[1-9]\d{0,5}[smhd])$")

    @property
    def beat_s(self) -> float:
        """Seconds between two beats; infinite when they are off."""
        return inf if self.beat == "off" else int(self.beat[:-1]) * float(_SECONDS[self.beat[-1]])


class StatusSection(_Section):
    """When monitoring is to raise an alarm."""

    max_lag_s: float = Field(default=60, gt=0)


class RestoreSection(_Section):
    """How a restore writes, and what a guard may do without asking.

    Attributes:
        engine: The way.
        max_age_days: How old an image is healed without a person's yes; None: a week less than tombstones live.
        max_silence_days: How long the journal may have been silent before a heal, without a person's yes: a store that
            went back with the DC looks just like that. Where [journal] witness is configured, that tells instead.
        restart_command: Restarts a running DC, which one with partners needs once it was healed, and one that got
            trusts back; empty: a person must.
    """

    engine: Engine = Engine.AUTO
    max_age_days: float | None = Field(default=None, gt=0)
    max_silence_days: float = Field(default=7, gt=0)
    restart_command: str = Field(default="", description="systemctl restart samba-ad-dc")


class BootSection(_Section):
    """What ``boot`` does with a DC that was healed but for differences.

    Attributes:
        open: ``unless-more``: it stays closed where one of them gives somebody more than the journal does.
    """

    open: Opening = Opening.UNLESS_MORE


class FilesSection(_Section):
    """What a DC keeps outside its directory: SYSVOL, and the databases beside it.

    Attributes:
        sysvol: Whether they are captured and put back; ``off`` where something else looks after them.
        smb_conf: The configuration that Samba runs with; None: it is looked for.
        restore_smb_conf: A whole restore puts that back, too; else it is compared, and a person's to write.
    """

    sysvol: str = Field(default="capture", pattern="^(capture|off)$")
    smb_conf: Path | None = Field(default=None, description="/etc/samba/smb.conf")
    restore_smb_conf: bool = False

    _unset = field_validator("smb_conf", mode="before")(unset_when_empty)


class HealthSection(_Section):
    """Where the agent and a boot answer ``/healthz`` and ``/metrics``.

    Attributes:
        listen: ``host:port`` or ``[v6]:port``; empty: nowhere.
    """

    listen: _Address = Field(default="127.0.0.1:9389", pattern=r"^((\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):\d{1,5})?$")


class AlertsSection(_Section):
    """What is told whom when something in the directory, or of the agent, should be looked at.

    Attributes:
        webhook: Gets a JSON document by POST.
        webhook_secret_file: Its first line signs it: X-Adpersist-Signature is the HMAC-SHA256 of the body.
        mail_to: Addresses, with commas between.
        mail_from: The sender.
        mail_server: ``host:port``; encrypted where it offers that.
        syslog: A socket like ``/dev/log``, or ``host:port`` (UDP, RFC 5424).
        command: Gets the JSON document on standard input.
        least: Rules that matter less are not told.
        without: Rules that are not told, with commas between.
        outbox: Keeps what is not sent yet, and how far the journal was looked through.
        patience_s: The agent may be unwell so long before that is told.
    """

    webhook: _Url = Field(default="", pattern=r"^(https?://\S+)?$", description="https://alerts.corp.example/adpersist")
    webhook_secret_file: Path | None = None
    mail_to: str = Field(default="", pattern=_ONE_LINE)
    mail_from: str = Field(default="adpersist", pattern=_ONE_LINE)
    mail_server: _Address = Field(default="127.0.0.1:25", pattern=r"^[^\s:]+:\d{1,5}$")
    syslog: _Address = ""
    command: str = ""
    least: str = Field(default="high", pattern="^(critical|high|medium)$")
    without: str = ""
    outbox: Path = Path("/var/lib/adpersist/alerts.db")
    patience_s: float = Field(default=120, gt=0)


class ConsoleSection(_Section):
    """Who may sign in to the web console with the name and password they have in the domain.

    Attributes:
        viewers: A group, by account name or SID, nested ones count: its members may look.
        operators: Another one: they may also take back, where ``console --allow-restore`` lets anybody.
    """

    viewers: str = Field(default="", max_length=256, description="Directory Auditors")
    operators: str = Field(default="", max_length=256, description="Domain Admins")


class LogSection(_Section):
    """How the agent logs."""

    level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    format: str = Field(default="text", pattern="^(text|json)$")


class Config(_Section):
    """Everything adpersist can be told; see ``samples/adpersist.toml``."""

    directory: DirectorySection = DirectorySection()
    store: StoreSection = StoreSection()
    key: KeySection = KeySection()
    journal: JournalSection = JournalSection()
    capture: CaptureSection = CaptureSection()
    agent: AgentSection = AgentSection()
    status: StatusSection = StatusSection()
    restore: RestoreSection = RestoreSection()
    boot: BootSection = BootSection()
    files: FilesSection = FilesSection()
    health: HealthSection = HealthSection()
    alerts: AlertsSection = AlertsSection()
    console: ConsoleSection = ConsoleSection()
    log: LogSection = LogSection()


def find(path: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The configuration file in force: the flag, the environment, the default."""
    if path is not None:
        return path
    return Path(environment[PATH_VARIABLE]) if environment.get(PATH_VARIABLE) else DEFAULT_PATH


def read(place: Path, parse: Callable[[str], _Parsed]) -> _Parsed:
    """What a parser makes of a configuration file.

    Raises:
        FileNotFoundError: There is none.
        ConfigError: It cannot be read, or is no TOML; the message names the file.
    """
    try:
        with place.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ConfigError(f"the configuration {place} is no configuration: it is larger than {_MAX_BYTES} bytes")
        return parse(content.decode("utf-8-sig"))  # some editors begin with a mark
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:  # besides bad syntax: brackets and numbers without an end
        raise ConfigError(
            f"the configuration {place} cannot be read: {error}",
            hint=AS_ROOT
            if isinstance(error, PermissionError)
            else "Mend the file, or write a new one with `adpersist init --config PATH`.",
        ) from error


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Config:
    """Read and check the configuration.

    Raises:
        ConfigError: The file is missing, cannot be read or is not TOML, or a key is unknown or out of range; the
            message names the file and the key.
    """
    place = find(path, environment)
    try:
        document = read(place, tomllib.loads)
    except FileNotFoundError as error:
        given = {
            name for section in Config.model_fields for name in environment if name.startswith(_variable(section, ""))
        }
        if path is not None or not given:
            raise ConfigError(
                f"there is no configuration at {place}",
                hint="Run `adpersist init`, or name one with --config or ADPERSIST_CONFIG.",
            ) from error
        document = {}  # the environment alone may do, as in a container
    return _validated(document, environment, f"the configuration {place}")


def from_environment(environment: Mapping[str, str]) -> Config:
    """The configuration without a file.

    Raises:
        ConfigError: A variable is out of range.
    """
    return _validated({}, environment, "the environment")


def _validated(document: dict[str, object], environment: Mapping[str, str], source: str) -> Config:
    try:
        return Config.model_validate(_overridden(document, environment))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{source} is wrong at {key}: {first['msg'].removeprefix('Value error, ')}") from error


def _overridden(document: dict[str, object], environment: Mapping[str, str]) -> dict[str, object]:
    merged: dict[str, object] = dict(document)
    for section, info in Config.model_fields.items():
        kind = info.annotation
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            continue
        below = merged.get(section, {})
        found = {
            key: environment[_variable(section, key)]
            for key in kind.model_fields
            if _variable(section, key) in environment
        }
        if found and isinstance(below, dict):
            merged[section] = {**below, **found}
    return merged


def _variable(section: str, key: str) -> str:
    return f"{_PREFIX}{section}_{key}".upper()


def render(config: Config) -> str:
    """The file ``init`` writes: what was given, between the sample's words on every key."""
    from importlib import resources

    sample = resources.files("adpersist").joinpath("adpersist.toml").read_text(encoding="utf-8")
    head = (
        "# adpersist: every key is also ADPERSIST_SECTION_KEY in the environment; flags win.\n"
        "# Behind a `#`: defaults, and examples."
    )
    lines, section, given, held = [head, ""], "", dict[str, str](), list[str]()
    for line in sample[sample.index("\n[") + 1 :].splitlines():
        if found := re.fullmatch(r"\[(\w+)\]", line):
            section, held = found[1], [line]
            given = _given(getattr(config, section))
            continue
        key = re.match(r"(?:# )?(\w+) = ", line)
        if key is None or key[1] not in type(getattr(config, section)).model_fields:
            lines.append(line)
            continue
        # What is said of its first key stands above a section: that key follows its name, as it always has.
        lines += held
        held = []
        lines.append(given.pop(key[1], f"# {line.removeprefix('# ')}"))
    return "\n".join([*lines, ""])


def _given(section: BaseModel) -> dict[str, str]:
    """Keys that somebody set, each as the line that says so."""
    values = ((key, getattr(section, key)) for key in type(section).model_fields if key in section.model_fields_set)
    return {key: f"{key} = {_item(value).as_string()}" for key, value in values if value is not None}


def _item(value: object) -> "Item":
    """A value of the configuration as TOML has it."""
    import tomlkit

    if isinstance(value, int | float):
        return tomlkit.item(value)
    text = "" if value is None else str(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{text!r} is no text and cannot stand in a configuration file") from error
    return tomlkit.string(text)
