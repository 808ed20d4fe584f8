"""One domain controller on one loopback address: start, kill, revert, and the ways to reach it."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from tools.samba_dc import certificates, kerberos, probe
from tools.samba_dc.errors import AddressInUseError, NotGoldenError, NotStartedError, StateError, tail
from tools.samba_dc.golden import Golden
from tools.samba_dc.layout import SERVICES, Domain, Layout, copy_lasting, remove, with_hosts, with_winbindd, write_hosts
from tools.samba_dc.process import Processes
from tools.samba_dc.programs import require, run

_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 10.0
_PAUSE_S: Final = 0.02
_RECORD: Final = "dc.json"


class SambaDC:
    """A DC on a copy of a golden image.

    Nothing is touched until `start`, which copies the image if the directory holds no DC yet. A DC that was killed or
    stopped goes on with its own files at the next `start`; `revert` puts the image's back.

    Args:
        golden: The image.
        directory: For this DC alone; made when it is not there. Short, for the Unix sockets below it.
        address: Loopback address. Samba's ports cannot be chosen, so each DC needs its own.
        services: Samba's `server services`.
        process_model: `single` (least memory, quickest start) or `prefork`. None: `prefork` in a domain of several DCs,
            where two of one process each block for good, each waiting for the other's answer; else `single`.
        hosts: Host names and addresses of the domain's other DCs: their `host_entries`. Not empty: Samba runs in a
            mount namespace whose /etc/hosts knows them, since it asks the system's resolver for its partners.
        options: More smb.conf settings.
    """

    def __init__(
        self,
        golden: Golden,
        directory: Path,
        *,
        address: str = "127.0.0.11",
        services: Sequence[str] = SERVICES,
        process_model: str | None = None,
        hosts: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.golden = golden
        self.address = address
        self.services = tuple(services)
        self.hosts = dict(hosts or {})
        self.process_model = process_model
        self.options = dict(options or {})
        self.layout = Layout(directory.absolute())
        self._processes = Processes(self.layout.root / "keeper.pid")

    @classmethod
    def load(cls, directory: Path) -> SambaDC:
        """The DC that `start` once left in this directory, running or not.

        Raises:
            StateError: There is none.
        """
        path = directory.absolute() / _RECORD
        try:
            record = json.loads(path.read_text())
        except FileNotFoundError:
            raise StateError(f"{directory} holds no DC (no {_RECORD})") from None
        return cls(Golden.load(Path(record.pop("golden"))), directory, **record)

    # Where things are.

    @property
    def directory(self) -> Path:
        """Everything of this DC."""
        return self.layout.root

    @property
    def names(self) -> Domain:
        """Realm, domain, host name, and what follows from them."""
        return self.golden.names

    @property
    def private_dir(self) -> Path:
        """Samba's private directory: databases, secrets, privileged socket."""
        return self.layout.private

    @property
    def sam_ldb(self) -> Path:
        """The directory's database."""
        return self.layout.private / "sam.ldb"

    @property
    def smb_conf(self) -> Path:
        """This DC's own smb.conf."""
        return self.layout.smb_conf

    @property
    def krb5_conf(self) -> Path:
        """Points the realm at this DC's address; no DNS."""
        return self.layout.krb5_conf

    @property
    def ca_file(self) -> Path:
        """The authority to check `ldaps_url` against; the certificate names host and address."""
        return self.layout.private / "tls" / "ca.pem"

    @property
    def ldapi_path(self) -> Path:
        """The privileged socket: SYSTEM for who can open it."""
        return self.layout.private / "ldap_priv" / "ldapi"

    @property
    def ldapi_url(self) -> str:
        """The privileged socket as adpersist writes it, unquoted."""
        return f"ldapi://{self.ldapi_path}"

    @property
    def ldapi_url_quoted(self) -> str:
        """The privileged socket for ldap3, ldap-utils and ldb-tools."""
        return f"ldapi://{quote(str(self.ldapi_path), safe='')}"

    @property
    def ldapi_anonymous_url(self) -> str:
        """The unprivileged socket as adpersist writes it."""
        return f"ldapi://{self.layout.private / 'ldapi'}"

    @property
    def ldapi_anonymous_url_quoted(self) -> str:
        """The unprivileged socket for ldap3, ldap-utils and ldb-tools."""
        return f"ldapi://{quote(str(self.layout.private / 'ldapi'), safe='')}"

    @property
    def ldap_url(self) -> str:
        """Plain TCP with StartTLS; simple binds in the clear are allowed."""
        return f"ldap://{self.address}"

    @property
    def ldaps_url(self) -> str:
        """TLS from the start."""
        return f"ldaps://{self.address}"

    @property
    def base_dn(self) -> str:
        """The domain naming context."""
        return self.names.base_dn

    @property
    def host_entries(self) -> dict[str, str]:
        """The names its replication partners know this DC by, and its address: their `hosts`."""
        return {
            self.names.fqdn: self.address,
            f"{self.golden.ntds_guid}._msdcs.{self.names.dns_domain}": self.address,
        }

    @property
    def admin_user(self) -> str:
        """Administrator's UPN, for simple binds."""
        return f"Administrator@{self.names.dns_domain}"

    @property
    def admin_password(self) -> str:
        """Administrator's password at the time of the golden image."""
        return self.golden.admin_password

    # Living and dying.

    @property
    def pid(self) -> int | None:
        """Samba's first process; None when it does not run."""
        return self._processes.pid

    @property
    def processes(self) -> list[int]:
        """Every live process of this DC."""
        return self._processes.members()

    @property
    def running(self) -> bool:
        """Whether any process of this DC lives."""
        return self._processes.running

    def command(self) -> list[str]:
        """The foreground command line, for those who start the DC themselves (`adpersist boot -- ...`).

        Valid once the files are there: after `prepare`. Whoever runs it owns its processes; `kill` will not know them.
        """
        model = self.process_model or ("prefork" if self.hosts else "single")
        command = ["samba", "-F", "-M", model, f"--configfile={self.smb_conf}"]
        return self.inside(command)

    def inside(self, command: Sequence[str]) -> list[str]:
        """The same command where it finds this DC's partners and, if there is one, its winbindd."""
        found = with_winbindd(self.layout.run / "winbindd", command) if "winbindd" in self.services else list(command)
        return with_hosts(self.layout.hosts, found) if self.hosts else found

    def prepare(self) -> None:
        """Bring the files into place and make them startable: what `start` does before it starts.

        Raises:
            StateError: The DC runs.
            NotGoldenError: The directory holds half a DC, or files that are not ours.
        """
        self._require_stopped("prepare")
        if not self.sam_ldb.exists():
            if self.directory.exists() and any(self.directory.iterdir()):
                raise NotGoldenError(f"{self.directory} is not empty and holds no DC")
            copy_lasting(self.golden.directory, self.directory)
        self.layout.make_directories()
        self.layout.write_configuration(self.names, self.address, services=self.services, options=self.options)
        write_hosts(self.layout.hosts, {**self.host_entries, **self.hosts})
        certificates.issue(self.layout.private / "tls", fqdn=self.names.fqdn, address=self.address)
        record = {
            "golden": str(self.golden.directory),
            "address": self.address,
            "services": self.services,
            "process_model": self.process_model,
            "hosts": self.hosts,
            "options": self.options,
        }
        (self.directory / _RECORD).write_text(json.dumps(record, indent=2) + "\n")

    def start(self, *, detached: bool = False, timeout_s: float = _START_TIMEOUT_S) -> None:
        """Start and wait until LDAP (privileged socket and TCP), the KDC and, if served, RPC answer.

        Args:
            detached: Outlive this process; otherwise the DC dies with it, even by SIGKILL.
            timeout_s: Bound of the wait.

        Raises:
            StateError: It runs already.
            AddressInUseError: Something else answers on the address.
            NotStartedError: Samba ended or did not answer; with the tail of its log. Nothing is left running.
        """
        require()
        self._require_stopped("start")
        if probe.port_open(self.address, 389):
            raise AddressInUseError(f"something else serves LDAP on {self.address}: give this DC another address")
        self.prepare()
        self.layout.log.unlink(missing_ok=True)
        self.layout.console.unlink(missing_ok=True)
        self._processes.start(
            self.command(),
            console=self.layout.console,
            env={"KRB5_CONFIG": str(self.krb5_conf)},
            detached=detached,
        )
        try:
            self.wait_ready(timeout_s=timeout_s)
        except BaseException:
            # Also on Ctrl-C: a DC that nobody knows of would hold the address.
            self.kill()
            raise

    def wait_ready(self, *, timeout_s: float = _START_TIMEOUT_S) -> None:
        """Wait until the DC answers, whoever started it.

        Raises:
            NotStartedError: It ended or did not answer in time.
        """
        deadline = time.monotonic() + timeout_s
        while not self.answers():
            code = self._processes.exit_code()
            if code is not None:
                raise NotStartedError(f"samba ended with exit code {code}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise NotStartedError(f"samba did not answer within {timeout_s:g} s:\n{self.log_tail()}")
            time.sleep(_PAUSE_S)

    def answers(self) -> bool:
        """Whether LDAP, the KDC and RPC answer now, as far as they are among the services."""
        return (
            self._ldap_answers()
            and ("kdc" not in self.services or probe.kdc_answers(self.address, self.names.realm))
            and ("rpc" not in self.services or probe.port_open(self.address, 135))
            and ("s3fs" not in self.services or probe.port_open(self.address, 445))
        )

    def _ldap_answers(self) -> bool:
        if "ldap" not in self.services:
            return True
        return probe.ldapi_answers(self.ldapi_path) and probe.ldap_answers(self.address)

    def wait(self) -> int:
        """Wait until Samba ends by itself; its exit code. Only in the process that started it."""
        return self._processes.wait()

    def kill(self) -> None:
        """SIGKILL every process of this DC and wait until all are gone, sockets too. Fine when none runs."""
        self._processes.kill()
        self.layout.remove_volatile()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL to what remains after 10 s. Fine when it does not run."""
        if not self._processes.terminate(timeout_s=_STOP_TIMEOUT_S):
            self._processes.kill()
        self.layout.remove_volatile()

    def revert(self) -> None:
        """Kill, remove everything, copy the golden image: a VM put back to its snapshot. Does not start."""
        self.kill()
        if self.directory.exists():
            remove(self.directory)
        self.prepare()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Copies of a stopped DC.

    def snapshot(self, target: Path) -> Path:
        """Copy `private` and `state` of the stopped DC for the judges; returns the target.

        Raises:
            StateError: The DC runs: a copy of open databases proves nothing.
        """
        self._require_stopped("snapshot")
        target = target.absolute()
        if target.exists() and any(target.iterdir()):
            raise StateError(f"{target} is not empty")
        copy_lasting(self.directory, target)
        return target

    def take_golden(self, target: Path) -> Golden:
        """Make a new golden image of this stopped DC: a VM image taken later.

        Raises:
            StateError: The DC runs.
            HarnessError: The target is not empty.
        """
        self._require_stopped("take a golden image of")
        return Golden.seal(self.directory, target, self.names, admin_password=self.admin_password)

    # Using it.

    def samba_tool(
        self, *args: str, check: bool = True, stdin: str = "", timeout_s: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Run samba-tool with this DC's configuration; without -H most subcommands open the database files themselves.

        While the DC runs that is safe (the files are locked), and `-H`, `dc.ldapi_url_quoted` goes through the DC.

        Raises:
            ProgramError: It failed (when `check`) or took too long.
        """
        command = ["samba-tool", *args, f"--configfile={self.smb_conf}"]
        return run(
            self.inside(command),
            check=check,
            stdin=stdin,
            timeout_s=timeout_s,
            env={"KRB5_CONFIG": str(self.krb5_conf), "KRB5CCNAME": f"FILE:{self.credential_cache}"},
        )

    @property
    def credential_cache(self) -> Path:
        """Where `kinit` leaves its tickets."""
        return self.layout.run / "tickets"

    def kinit(
        self, principal: str, password: str, *, enctypes: Sequence[str] = (), check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Log in into this DC's own credential cache.

        Args:
            principal: User name, with or without realm.
            password: The password.
            enctypes: What the client admits to, such as `AES256`; empty means all.
            check: Raise `ProgramError` when refused.
        """
        return kerberos.kinit(
            self.krb5_conf, self.credential_cache, principal, password, enctypes=enctypes, check=check
        )

    def can_login(self, user: str, password: str, *, enctypes: Sequence[str] = ()) -> bool:
        """Whether the KDC takes this password, with these encryption types if any are named.

        Raises:
            StateError: The KDC neither granted nor refused: it is away, say.
        """
        with tempfile.TemporaryDirectory() as scratch:
            done = kerberos.kinit(
                self.krb5_conf, Path(scratch, "tickets"), user, password, enctypes=enctypes, check=False
            )
        if done.returncode and not any(refusal in done.stderr for refusal in kerberos.REFUSALS):
            raise StateError(f"kinit for {user} was neither granted nor refused:\n{tail(done.stderr)}")
        return done.returncode == 0

    def machine_logs_in(self, *, at: SambaDC | None = None) -> bool:
        """Whether a KDC, this DC's own or another's, takes the keys that this DC's own keytab holds.

        Raises:
            StateError: It neither granted nor refused.
        """
        kdc, principal = at or self, f"{self.names.hostname.upper()}$@{self.names.realm}"
        with tempfile.TemporaryDirectory() as scratch:
            words = ["kinit", "-c", f"FILE:{scratch}/tickets", "-k", "-t", str(self.private_dir / "secrets.keytab")]
            done = run([*words, principal], env={"KRB5_CONFIG": str(kdc.krb5_conf)}, check=False, timeout_s=30)
        if done.returncode and not any(refusal in done.stderr for refusal in kerberos.REFUSALS):
            raise StateError(f"kinit -k was neither granted nor refused:\n{tail(done.stderr)}")
        return done.returncode == 0

    def service_ticket(self, service: str, host: str | None = None) -> None:
        """Get a ticket for `service/host` (this DC's name by default) with the last `kinit`'s tickets.

        Raises:
            ProgramError: The KDC does not know the service, or nobody logged in.
        """
        kerberos.service_ticket(self.krb5_conf, self.credential_cache, service, host or self.names.fqdn)

    def opens_tickets(self, keytab: Path, service: str, host: str, *, by: tuple[str, str]) -> bool:
        """Whether a service finds the key of a ticket of this KDC for `service/host` by its number in its keytab.

        Args:
            keytab: The service's.
            by: User name and password of who asks for the ticket.

        Raises:
            ProgramError: The user was refused, the KDC does not know the service, or it is another key altogether.
        """
        with tempfile.TemporaryDirectory() as scratch:
            cache = Path(scratch, "tickets")
            kerberos.kinit(self.krb5_conf, cache, *by)
            number = kerberos.service_ticket(self.krb5_conf, cache, service, host, keytab=keytab)
        return number in kerberos.key_numbers(keytab)

    def log_tail(self) -> str:
        """The last lines of what Samba logged and printed."""
        parts = [path.read_text(errors="replace") for path in (self.layout.console, self.layout.log) if path.exists()]
        return tail("\n".join(parts)) or "(no log)"

    def _require_stopped(self, deed: str) -> None:
        if self.running:
            raise StateError(f"cannot {deed} a running DC ({self.directory}): stop it first")
