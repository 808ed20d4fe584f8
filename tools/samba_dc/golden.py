"""Golden images: the files of a stopped DC that every start begins from."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tools.samba_dc import certificates
from tools.samba_dc.errors import HarnessError, NotGoldenError, ProgramError
from tools.samba_dc.layout import Domain, Layout, copy_lasting, remove, with_file
from tools.samba_dc.probe import free_address
from tools.samba_dc.programs import require, run

FORMAT: Final = 1
_METADATA: Final = "golden.json"
_RECORDED_ADDRESS: Final = "127.0.0.11"
_PROVISION_TIMEOUT_S: Final = 180.0
_TEXTS: Final = Path("/usr/share/samba/setup/display-specifiers/DisplaySpecifiers-Win2k8R2.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A stopped, warmed-up DC's files.

    Attributes:
        directory: Holds `private`, `state` and `golden.json`, which is written last: without it the image is not whole.
        realm: Kerberos realm, capitals.
        domain: NetBIOS domain name.
        hostname: Short host name of the DC.
        admin_password: Of Administrator.
        ntds_guid: objectGUID of the DC's NTDS Settings; its replication partners look it up as a host name.
    """

    directory: Path
    realm: str
    domain: str
    hostname: str
    admin_password: str
    ntds_guid: str

    @property
    def judgements(self) -> Path:
        """A directory for what judges found: an image does not change. It is no part of what a DC gets."""
        return self.directory / "judgements"

    @property
    def names(self) -> Domain:
        """Realm, domain and host name together."""
        return Domain(realm=self.realm, domain=self.domain, hostname=self.hostname)

    @classmethod
    def load(cls, directory: Path) -> Golden:
        """Read an existing image.

        Raises:
            NotGoldenError: There is none, or it was never finished, or another version made it.
        """
        directory = directory.absolute()
        try:
            metadata = json.loads((directory / _METADATA).read_text())
        except FileNotFoundError:
            raise NotGoldenError(f"{directory} holds no finished golden image (no {_METADATA})") from None
        except json.JSONDecodeError as broken:
            raise NotGoldenError(f"{directory / _METADATA} is broken: {broken}") from broken
        if metadata.pop("format", None) != FORMAT:
            raise NotGoldenError(f"{directory} is from another version of this harness: remove it, provision again")
        return cls(directory=directory, **metadata)

    @classmethod
    def provision(
        cls,
        directory: Path,
        *,
        realm: str = "SAMDOM.EXAMPLE.COM",
        domain: str = "SAMDOM",
        hostname: str = "dc1",
        admin_password: str | None = None,
        address: str = _RECORDED_ADDRESS,
        options: Sequence[str] = (),
        languages: Sequence[str] = (),
    ) -> Golden:
        """Make a new domain of one DC, warm it up, stop it; or return the image that is already there.

        Args:
            directory: Where; a finished image there is loaded, whatever else is in the arguments.
            realm: Kerberos realm; capitals of it are used.
            domain: NetBIOS domain name.
            hostname: Short host name.
            admin_password: None: a random one.
            address: What the DC's DNS records say; it need not be free.
            options: More arguments for `samba-tool domain provision`.
            languages: For whose consoles the configuration holds texts, by LCID in hexadecimal digits; empty: the 24 of
                Windows, 56 objects each, more than a third of all there are in a new domain.

        Raises:
            NotGoldenError: The directory holds something else.
            PrerequisiteError: Not root, or packages are missing.
            ProgramError: Provisioning failed.
            NotStartedError: The new DC did not come up.
        """
        require()
        directory = directory.absolute()
        if directory.exists() and any(directory.iterdir()):
            return cls.load(directory)
        names = Domain(realm=realm.upper(), domain=domain.upper(), hostname=hostname.lower())
        password = admin_password or new_password()
        scratch = Path(tempfile.mkdtemp(prefix="adp-golden-"))
        try:
            _provision(Layout(scratch), names, address, password, options, languages)
            return _warm_up(scratch, directory, names, password)
        finally:
            remove(scratch)

    @classmethod
    def seal(cls, source: Path, directory: Path, names: Domain, *, admin_password: str) -> Golden:
        """Make an image of a stopped DC's files.

        Raises:
            HarnessError: The directory is there already.
        """
        directory = directory.absolute()
        if directory.exists() and any(directory.iterdir()):
            raise HarnessError(f"{directory} is not empty")
        copy_lasting(source, directory)
        (directory / "judgements").mkdir()
        golden = cls(
            directory=directory,
            realm=names.realm,
            domain=names.domain,
            hostname=names.hostname,
            admin_password=admin_password,
            ntds_guid=_ntds_guid(directory, names),
        )
        metadata = asdict(golden) | {"format": FORMAT}
        del metadata["directory"]
        path = directory / _METADATA
        path.touch(mode=0o600)
        path.write_text(json.dumps(metadata, indent=2) + "\n")
        return golden


def new_password() -> str:
    """A random password that meets the domain's complexity rule."""
    return f"Aa1.{secrets.token_urlsafe(15)}"


def _texts(languages: Sequence[str]) -> bytes:
    """Samba's file of texts for consoles, Microsoft's LDIF, without those of other languages."""
    wanted = tuple(f"CN={language},CN=DisplaySpecifiers,".encode() for language in languages)
    entries = _TEXTS.read_bytes().replace(b"\r\n", b"\n").split(b"\n\n")
    # "dn: CN=default-Display,CN=409,CN=DisplaySpecifiers,<...>", below "dn: CN=DisplaySpecifiers,<...>"
    kept = [
        entry
        for entry in entries
        for dn in [entry.strip().partition(b"\n")[0].removeprefix(b"dn: ")]
        if dn.startswith((b"CN=DisplaySpecifiers,", *wanted)) or dn.partition(b",")[2].startswith(wanted)
    ]
    return b"\n\n".join(kept) + b"\n"


def _ntds_guid(directory: Path, names: Domain) -> str:
    found = run([
        *("ldbsearch", "-H", f"tdb://{directory}/private/sam.ldb", "-b", f"CN=Sites,CN=Configuration,{names.base_dn}"),
        *("(objectClass=nTDSDSA)", "objectGUID"),
    ]).stdout.replace("\n ", "")  # fmt: skip
    for record in found.split("\n\n"):
        if f"dn: CN=NTDS Settings,CN={names.hostname},".lower() in record.lower():
            return record.partition("objectGUID: ")[2].split()[0]
    raise HarnessError(f"{directory} knows no NTDS Settings of {names.hostname}")


def _provision(
    layout: Layout, names: Domain, address: str, password: str, options: Sequence[str], languages: Sequence[str]
) -> None:
    layout.make_directories()
    layout.write_configuration(names, address)
    command = [
        *("samba-tool", "domain", "provision", f"--configfile={layout.smb_conf}", "--server-role=dc"),
        *(f"--realm={names.realm}", f"--domain={names.domain}", f"--host-name={names.hostname}"),
        *(f"--host-ip={address}", f"--adminpass={password}", "--dns-backend=SAMBA_INTERNAL", "--use-rfc2307"),
        *options,
    ]
    if languages:
        spoken = layout.root / "texts"
        spoken.write_bytes(_texts(languages))
        command = with_file(spoken, _TEXTS, command)
    run(
        command,
        timeout_s=_PROVISION_TIMEOUT_S,
        env={"KRB5_CONFIG": str(layout.krb5_conf), "TDB_NO_FSYNC": "1"},
    )
    # Provision writes neither ldap/ nor GC/ SPNs; the dnsupdate service, which we leave out, would run this by itself.
    run(["samba_spnupdate", f"--configfile={layout.smb_conf}"])
    certificates.make_authority(layout.private / "tls")


def _warm_up(scratch: Path, directory: Path, names: Domain, password: str) -> Golden:
    """Run the new DC once: what Samba only writes at its first start and first login belongs into the image."""
    # Imported here, as a server needs a Golden: provisioning is the one place that goes the other way.
    from tools.samba_dc.server import SambaDC

    with tempfile.TemporaryDirectory(prefix="adp-raw-") as raw:
        cold = Golden.seal(scratch, Path(raw), names, admin_password=password)
        with SambaDC(cold, scratch / "warm", address=free_address()) as dc:
            dc.start()
            dc.kinit("Administrator", password)
            try:
                dc.service_ticket("ldap")
            except ProgramError as refused:
                raise HarnessError(f"the new DC issues no tickets for its own LDAP service:\n{refused}") from refused
            dc.stop()
            return dc.take_golden(directory)
