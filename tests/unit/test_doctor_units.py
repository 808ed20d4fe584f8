"""What the doctor says of the units, by what ``systemctl show`` prints of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from adpersist.agent.doctor.finding import Finding, Grade
from adpersist.agent.doctor.place import examine_witness
from adpersist.agent.doctor.units import judged_units, read_units
from adpersist.config import Config, JournalSection, KeySection, StoreSection

AGENT = """\
ExecStart={ path=/opt/adpersist/bin/adpersist ; argv[]=/opt/adpersist/bin/adpersist agent ; ignore_errors=no }
ProtectHome=yes
Id=adpersist.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled"""
GUARD = """\
ExecStart={ path=/opt/adpersist/bin/adpersist ; argv[]=/opt/adpersist/bin/adpersist guard ; ignore_errors=no }
ReadWritePaths=-/var/lib/samba
ProtectHome=yes
Id=adpersist-guard.service
LoadState=loaded
ActiveState=inactive
UnitFileState=static"""
SAMBA = """\
ExecStart={ path=/usr/sbin/samba ; argv[]=/usr/sbin/samba --foreground ; ignore_errors=no }
Id=samba-ad-dc.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled"""
ABSENT = "Id=adpersist.service\nLoadState=not-found\nActiveState=inactive"

USUAL = Config(
    store=StoreSection(url="sqlite:///var/lib/adpersist/journal.db"), key=KeySection(file=Path("/etc/adpersist/key"))
)


def findings(*shown: str, config: Config = USUAL) -> dict[str, Finding]:
    return {each.about: each for each in judged_units(read_units("\n\n".join(shown) + "\n"), config)}


def test_units_that_do_their_work_are_well() -> None:
    found = findings(AGENT, GUARD, SAMBA.replace("/usr/sbin/samba ;", "/opt/adpersist/bin/adpersist ;"))
    assert {each.grade for each in found.values()} == {Grade.OK}
    assert set(found) == {"units", "sandbox", "boot"}


def test_a_samba_that_opens_before_it_is_proven_is_told() -> None:
    assert findings(AGENT, GUARD, SAMBA)["boot"].grade is Grade.NOTE


@pytest.mark.parametrize(
    ("was", "now", "grade", "mend"),
    [
        ("UnitFileState=enabled", "UnitFileState=disabled", Grade.WARNING, "systemctl enable --now adpersist.service"),
        ("ActiveState=active", "ActiveState=failed", Grade.BAD, "journalctl -u adpersist.service"),
        ("ActiveState=active", "ActiveState=inactive", Grade.BAD, "systemctl start adpersist.service"),
        (AGENT, ABSENT, Grade.WARNING, "apt install"),
    ],
)
def test_an_agent_that_will_not_be_there_is_told_with_what_mends_it(
    was: str, now: str, grade: Grade, mend: str
) -> None:
    found = findings(AGENT.replace(was, now), GUARD, SAMBA)["units"]
    assert found.grade is grade
    assert mend in found.mend


def test_a_guard_that_failed_is_named() -> None:
    found = findings(AGENT, GUARD.replace("inactive", "failed"), SAMBA)["units"]
    assert (found.grade, found.says) == (Grade.BAD, "adpersist-guard.service has failed")


def test_a_store_outside_the_sandbox_is_told_for_each_unit_that_does_not_reach_it() -> None:
    elsewhere = Config(store=StoreSection(url="sqlite:///srv/journal/journal.db"))
    found = findings(AGENT + "\nReadWritePaths=-/srv", GUARD, SAMBA, config=elsewhere)["sandbox"]
    assert found.grade is Grade.BAD
    assert found.mend == "systemctl edit adpersist-guard.service, with [Service] and ReadWritePaths=/srv/journal in it"
    opened = GUARD.replace("-/var/lib/samba", "-/var/lib/samba /srv/journal")
    assert findings(AGENT + "\nReadWritePaths=/srv", opened, SAMBA, config=elsewhere)["sandbox"].grade is Grade.OK
    beside = Config(store=StoreSection(url="sqlite:///srv/journal2/journal.db"))
    assert findings(AGENT + "\nReadWritePaths=/srv/journal", opened, SAMBA, config=beside)["sandbox"].grade is Grade.BAD


def test_a_witness_that_is_the_root_of_all_lies_on_its_disk() -> None:
    (found,) = examine_witness(Path("/"), "memory://x", [Path("/")])
    assert found.grade is Grade.WARNING


def test_a_witness_outside_the_sandbox_is_told_as_well() -> None:
    config = USUAL.model_copy(update={"journal": JournalSection(witness=Path("/mnt/elsewhere/witness"))})
    assert "where the witness lies" in findings(AGENT, GUARD, SAMBA, config=config)["sandbox"].says
    allowed = "\nReadWritePaths=/mnt/elsewhere"
    opened = GUARD.replace("-/var/lib/samba", "-/var/lib/samba /mnt/elsewhere")
    assert findings(AGENT + allowed, opened, SAMBA, config=config)["sandbox"].grade is Grade.OK


def test_a_key_that_the_units_cannot_see_is_told() -> None:
    hidden = USUAL.model_copy(update={"key": KeySection(file=Path("/root/key"))})
    assert findings(AGENT, GUARD, SAMBA, config=hidden)["sandbox"].grade is Grade.BAD
    assert findings(AGENT.replace("=yes", "=no"), GUARD, SAMBA, config=hidden)["sandbox"].grade is Grade.OK


def test_an_answer_that_says_nothing_is_no_crash() -> None:
    assert findings("")["units"].grade is Grade.WARNING
    assert findings("garbage\n=\n\nId=other.service\n")["units"].grade is Grade.WARNING
