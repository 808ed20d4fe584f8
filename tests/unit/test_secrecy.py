"""Keys and credentials stay in the process that needs them."""

import subprocess
import sys
from pathlib import Path

import pytest

from adpersist.console.alerts.ways import Command
from adpersist.journal.keys.key_file import create_key_file
from adpersist.system.secrecy import environment_for_others

SECRETS = {
    "ADPERSIST_KEY": "adpersist-key-1:...",
    "ADPERSIST_AZURE_SAS": "sig",
    "ADPERSIST_COPY_AZURE_ACCOUNT_KEY": "key",
    "ADPERSIST_DIRECTORY_PASSWORD": "password",
    "AZURE_CLIENT_SECRET": "secret",
    "IDENTITY_HEADER": "token",
    "MSI_SECRET": "token",
    "CREDENTIALS_DIRECTORY": "/run/credentials/adpersist.service",
}


def test_a_program_that_is_not_ours_sees_no_credential() -> None:
    assert environment_for_others({**SECRETS, "PATH": "/usr/bin", "NOTIFY_SOCKET": "/run/systemd/notify"}) == {
        "PATH": "/usr/bin",
        "NOTIFY_SOCKET": "/run/systemd/notify",
    }


def test_an_alert_s_command_is_such_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    seen = tmp_path / "seen"
    Command(words=("sh", "-c", f"env > {seen}")).send([])
    names = {line.partition("=")[0] for line in seen.read_text().splitlines()}
    assert "PATH" in names
    assert not names & set(SECRETS)


def test_whoever_holds_a_key_leaves_no_core_and_is_looked_into_by_nobody(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_key_file(path)
    program = (
        "import ctypes, resource, subprocess, sys\n"
        "from pathlib import Path\n"
        "from adpersist.agent import connections\n"
        "from adpersist.config import Config, KeySection\n"
        "dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (4096, 4096))\n"
        "print(dumpable())\n"
        "connections.key(Config(key=KeySection(file=Path(sys.argv[1]))))\n"
        "print(dumpable(), *resource.getrlimit(resource.RLIMIT_CORE))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0", "0", "4096"]
