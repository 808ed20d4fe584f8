"""External programs: found, run with a time limit, and explained when they fail."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Protocol

from tools.samba_dc.errors import PrerequisiteError, ProgramError

SYSTEM_PYTHON: Final = "/usr/bin/python3"
"""Debian's interpreter: the only one that has python3-samba."""

PACKAGES: Final = {
    "samba": "samba-ad-dc",
    "samba-tool": "samba-common-bin",
    "samba_spnupdate": "samba-ad-dc",
    "ldbsearch": "ldb-tools",
    "kinit": "krb5-user",
    "klist": "krb5-user",
    "kvno": "krb5-user",
    "openssl": "openssl",
    SYSTEM_PYTHON: "python3",
}
"""Every program the harness calls, and the Debian package that brings it."""

WANTED: Final = "SAMBA_DC_VERSION"
"""Variable: which Samba, 4.22 say, the programs here must be of; empty or not set: any. `tools/with_samba` sets it."""

_PROVISION_TEMPLATE: Final = Path("/usr/share/samba/setup/provision.ldif")
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def require() -> None:
    """Check that this machine can run a DC.

    Raises:
        PrerequisiteError: Not root, packages are missing, or they are of another Samba than is wanted.
    """
    missing = {package for program, package in PACKAGES.items() if shutil.which(program, path=_PATH) is None}
    if not _PROVISION_TEMPLATE.exists():
        # Only a Recommends of samba-ad-dc: --no-install-recommends leaves it out, and provision then fails obscurely.
        missing.add("samba-ad-provision")
    if missing:
        names = " ".join(sorted(missing))
        raise PrerequisiteError(
            f"Debian packages are missing: apt-get install --no-install-recommends {names}  (or run tools/setup)"
        )
    wanted = os.environ.get(WANTED, "")
    if wanted and not samba_version().startswith(f"{wanted}."):
        raise PrerequisiteError(f"{WANTED} says {wanted}, and Samba {samba_version()} is installed")
    if os.geteuid() != 0:
        raise PrerequisiteError("a domain controller needs root: it binds ports 88 and 389 and serves LDAP as SYSTEM")


@cache
def samba_version() -> str:
    """Of the installed Samba, with its packagers' addition: "4.17.12-Debian"."""
    return run(["samba", "--version"]).stdout.removeprefix("Version ").strip()


def samba_is_from(major: int, minor: int) -> bool:
    """Whether the installed Samba is of this version or a later one."""
    return tuple(int(part) for part in samba_version().split(".")[:2]) >= (major, minor)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment for Samba's programs, free of the caller's Python, locale and Kerberos settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "KRB5", "LC_", "LANG"))}
    return kept | {"PATH": _PATH, "LC_ALL": "C"} | dict(extra or {})


def run_from_nothing(
    command: Sequence[str], *, stdin: str, timeout_s: float, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """What `run` does about the process itself. Raises: `subprocess.TimeoutExpired`, `FileNotFoundError`."""
    return subprocess.run(
        command,
        input=stdin,
        timeout=timeout_s,
        env=env,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
        # No controlling terminal: kinit then reads the password from its standard input.
        start_new_session=True,
    )


class ToTheEnd(Protocol):
    """As `run_from_nothing`."""

    def __call__(
        self, command: Sequence[str], *, stdin: str, timeout_s: float, env: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""


run_to_the_end: ToTheEnd = run_from_nothing
"""How programs are run; a test run has its own way, which forks those that import Samba's Python."""


def run(
    command: Sequence[str],
    *,
    timeout_s: float = 60.0,
    check: bool = True,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end.

    Args:
        command: Program and arguments.
        timeout_s: Seconds until it is killed.
        check: Raise when it exits with anything but 0.
        stdin: Its whole standard input.
        env: Variables on top of `environment()`.

    Raises:
        ProgramError: Exit code not 0 (when `check`), or the time-out passed.
        PrerequisiteError: There is no such program.
    """
    try:
        done = run_to_the_end(command, stdin=stdin, timeout_s=timeout_s, env=environment(env))
    except subprocess.TimeoutExpired as late:
        raise ProgramError(
            command,
            returncode=None,
            output=_text(late.stdout),
            stderr=_text(late.stderr),
            timeout_s=timeout_s,
        ) from None
    except FileNotFoundError as absent:
        package = PACKAGES.get(command[0], "the package that brings it")
        raise PrerequisiteError(f"{command[0]} is not installed: apt-get install {package}") from absent
    if check and done.returncode != 0:
        raise ProgramError(
            command, returncode=done.returncode, output=done.stdout, stderr=done.stderr, timeout_s=timeout_s
        )
    return done


def _text(captured: bytes | str | None) -> str:
    """What a killed program had printed; subprocess hands it back undecoded even in text mode."""
    return captured.decode("utf-8", "backslashreplace") if isinstance(captured, bytes) else captured or ""
