"""Files that others may get at: which, and what mends each; the mend, run as it is printed, mends it."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from adpersist import telemetry
from adpersist.agent.doctor.exposed import examine_private_files, exposed_beside, warn_of_exposed
from adpersist.agent.doctor.finding import Grade
from adpersist.config import AlertsSection, Config, DirectorySection, JournalSection, KeySection, StoreSection
from adpersist.journal.witness_file import WitnessFile
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import CommitId
from adpersist.system.files.private_files import exposure

OF_SAS = "ADPERSIST_AZURE_SAS_FILE"
NAMES = ("adpersist.toml", "environment", "key", "password", "secret", "sas", "journal.db", "witness")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory, with a name that a shell would take apart, and all the files in it, as they should be."""
    folder = tmp_path / "o'dd & 雪"
    folder.mkdir(mode=0o700)
    for name in NAMES:
        (folder / name).touch(mode=0o600)
    return folder


def configured(place: Path, *, webhook: str = "https://alerts.corp.example/x") -> Config:
    return Config(
        directory=DirectorySection(password_file=place / "password"),
        store=StoreSection(url=f"sqlite://{place}/journal.db"),
        key=KeySection(file=place / "key"),
        journal=JournalSection(witness=place / "witness"),
        alerts=AlertsSection(webhook=webhook, webhook_secret_file=place / "secret"),
    )


def mends(place: Path, *, webhook: str = "https://alerts.corp.example/x") -> list[str]:
    environment = {OF_SAS: str(place / "sas")}
    found = exposed_beside(configured(place, webhook=webhook), place / "adpersist.toml", environment)
    return [each.mend for each in found]


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_files_that_are_their_owners_alone_are_nothing_to_tell_of(place: Path) -> None:
    assert mends(place) == []
    assert [each.grade for each in examine_private_files(configured(place), place / "adpersist.toml")] == [Grade.OK]


def test_files_that_are_not_there_are_nobodys(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert mends(tmp_path) == []


@pytest.mark.parametrize("name", ["adpersist.toml", "environment", "password", "secret", "sas"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_what_may_hold_a_credential_is_told_when_others_may_read_or_write_it(place: Path, name: str, mode: int) -> None:
    (place / name).chmod(mode)
    (mend,) = mends(place)
    assert shlex.split(mend) == ["chmod", "600", str(place / name)]
    subprocess.run(mend, shell=True, check=True)  # noqa: S602 - as whoever reads it would
    assert mends(place) == []


def test_a_configuration_without_a_credential_may_be_read_and_not_written(place: Path) -> None:
    file = place / "adpersist.toml"
    file.chmod(0o644)
    assert mends(place, webhook="") == []
    file.chmod(0o664)
    (mend,) = mends(place, webhook="")
    subprocess.run(mend, shell=True, check=True)  # noqa: S602
    assert (file.stat().st_mode & 0o777, mends(place, webhook="")) == (0o644, [])


def test_a_witness_may_be_read_and_not_written_nor_swapped(place: Path) -> None:
    (place / "witness").chmod(0o644)
    assert mends(place) == []
    (place / "witness").chmod(0o646)
    place.chmod(0o777)
    told = [shlex.split(each) for each in mends(place)]
    assert ["chmod", "go-w", str(place / "witness")] in told
    assert ["chmod", "go-w", str(place)] in told
    for mend in told:
        subprocess.run(mend, check=True)
    assert mends(place) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
def test_a_configuration_of_another_user_is_told(place: Path) -> None:
    os.chown(place / "adpersist.toml", 65_534, 65_534)
    (mend,) = mends(place)
    assert shlex.split(mend) == ["chown", "0", str(place / "adpersist.toml")]
    subprocess.run(mend, shell=True, check=True)  # noqa: S602
    assert mends(place) == []


def test_a_witness_is_left_for_its_owner_alone_and_keeps_the_mode_it_was_given(
    tmp_path: Path, open_umask: None
) -> None:
    witness = WitnessFile(tmp_path / "made" / "witness")
    witness.leave("0" * 32, CommitId(seq=Seq(1), digest=bytes(32)))
    assert (witness.path.stat().st_mode & 0o777, witness.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert exposure(witness.path, "it") is None
    witness.path.chmod(0o640)  # a person's word, say for a group that copies it
    witness.leave("0" * 32, CommitId(seq=Seq(2), digest=bytes(32)))
    assert witness.path.stat().st_mode & 0o777 == 0o640


def test_a_service_tells_of_each_file_once_and_goes_on(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(level="info", as_json=False)
    for name in ("key", "journal.db", "adpersist.toml"):
        (place / name).chmod(0o644)
    for _ in range(2):
        warn_of_exposed(configured(place), place / "adpersist.toml")
    told = capfd.readouterr().err
    assert told.count("file.exposed") == 3
    for what in ("the key file", "the journal", "the configuration"):
        assert f"{what} {place}" in told
    warn_of_exposed(configured(place / "nowhere"), place / "adpersist.toml")  # what is missing is another's to tell
