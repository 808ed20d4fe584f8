"""The units as systemd itself reads them, on a machine of their own where everything they name is there.

What is proven: every section, key and value is one that systemd knows, every unit they order after or want can be
loaded, every command they run can be found, and Samba's own unit takes the drop-in. What they do at run time is
shown by a package's trial, under a systemd that runs.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "samples/systemd"
NAMES = sorted(each.name for each in UNITS.glob("*.service"))
_OF_SYSTEMD = Path("/usr/lib/systemd/system")
_SAMBA = "samba-ad-dc.service"
_PROGRAMS = ("opt/adpersist/bin/adpersist", "usr/sbin/samba", "bin/kill")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root of one: systemd's own units, Samba's with its drop-in, ours, and the programs they run."""
    shutil.copytree(_OF_SYSTEMD, tmp_path / _OF_SYSTEMD.relative_to("/"), symlinks=True)
    shutil.copytree(UNITS, tmp_path / "etc/systemd/system")
    of_samba = re.findall(r"^Exec\w+=[-+!@:]*/(\S+)", (_OF_SYSTEMD / _SAMBA).read_text(encoding="utf-8"), re.MULTILINE)
    for each in (*_PROGRAMS, *of_samba):
        program = tmp_path / each
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    return tmp_path


def verified(machine: Path, names: Sequence[str]) -> str:
    """What systemd-analyze has to say of units; a key it does not know is told and no error to it."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={machine}", *names],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "adpersist" in line or _SAMBA in line]
    assert done.returncode == 0 or ours, done.stderr
    return "\n".join(ours)


def test_systemd_finds_nothing_wrong_with_any_unit(machine: Path) -> None:
    assert (machine / "usr/lib/systemd/system" / _SAMBA).exists(), "Debian's package of Samba brings it"
    assert verified(machine, [*NAMES, _SAMBA]) == ""


@pytest.mark.parametrize(
    ("unit", "right", "wrong"),
    [
        ("adpersist.service", "ExecStart=/opt/", "ExecStart=/nowhere/"),
        ("adpersist.service", "[Service]\n", "[Service]\nRestartSecond=5\n"),
        ("samba-ad-dc.service.d/adpersist.conf", "TimeoutStartSec=infinity", "TimeoutStartSec=for ever"),
        ("samba-ad-dc.service.d/adpersist.conf", "RequiresMountsFor=/", "RequiresMountsFor=relative/"),
    ],
)
def test_what_is_wrong_in_a_unit_would_be_found(machine: Path, unit: str, right: str, wrong: str) -> None:
    path = machine / "etc/systemd/system" / unit
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    assert verified(machine, [*NAMES, _SAMBA])
