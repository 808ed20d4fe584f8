"""The note beside store and directory: whole or not at all, of this journal alone, and nobody waits for it."""

import json
from pathlib import Path

import pytest

from adpersist.errors import ConfigError, ExitCode
from adpersist.journal.journal import Journal
from adpersist.journal.witness_file import WitnessAwayError, WitnessFile
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import CommitId
from adpersist.stores.memory import MemoryStore
from adpersist.system.backoff import may_pass
from tests.golden.journal_samples import AGENT, NOON, created, fresh_store, key, look, new_journal, opened
from tests.unit.conftest import Synced
from tests.unit.test_journal_repair import inside, lose, repaired

JOURNAL, ANOTHER = "0123456789abcdef" * 2, "f" * 32
FIRST, SECOND = (CommitId(seq=Seq(number), digest=bytes([number]) * 32) for number in (1, 2))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "by us" / "witness"


def test_what_was_left_is_read_by_whoever_comes_after(path: Path, synced: Synced) -> None:
    assert WitnessFile(path).read(JOURNAL) is None
    WitnessFile(path).leave(JOURNAL, FIRST)
    assert [name for name, _ in synced][-1] == path.parent, "it is on the disk"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert WitnessFile(path).read(JOURNAL) == FIRST
    assert json.loads(path.read_text()) == {"journal": JOURNAL, "seq": 1, "digest": "01" * 32}
    WitnessFile(path).leave(JOURNAL, SECOND)
    assert WitnessFile(path).read(JOURNAL) == SECOND
    assert [each.name for each in path.parent.iterdir()] == ["witness"]


def test_the_same_commit_is_noted_once(path: Path) -> None:
    witness = WitnessFile(path)
    witness.leave(JOURNAL, FIRST)
    before = path.stat().st_ino
    witness.leave(JOURNAL, FIRST)
    assert path.stat().st_ino == before
    path.unlink()
    witness.leave(JOURNAL, SECOND)
    assert witness.read(JOURNAL) == SECOND


def test_a_witness_whose_disk_fails_is_waited_for() -> None:
    """Nothing lies at the beginning of a process's memory: to read there is the same error as of a disk that fails."""
    with pytest.raises(WitnessAwayError, match="cannot be read now: Input/output error") as caught:
        WitnessFile(Path("/proc/self/mem")).read(JOURNAL)
    assert may_pass(caught.value)
    assert caught.value.exit_code is ExitCode.FAILURE


def test_the_witness_of_another_journal_is_none_of_ours(path: Path) -> None:
    WitnessFile(path).leave(ANOTHER, FIRST)
    with pytest.raises(ConfigError, match=f"is of journal {ANOTHER}, not of {JOURNAL}"):
        WitnessFile(path).read(JOURNAL)


@pytest.mark.parametrize(
    "said",
    [
        *("", "no JSON", "[]", "7", "{}"),
        json.dumps({"journal": JOURNAL, "seq": 1, "digest": "no hex"}),
        json.dumps({"journal": JOURNAL, "seq": "no number", "digest": "01"}),
        json.dumps({"journal": JOURNAL, "seq": None, "digest": "01"}),
        json.dumps({"journal": JOURNAL, "seq": 1, "digest": "01", "more": "x" * 5000}),
        "[" * 4000,
    ],
)
def test_what_makes_no_sense_is_not_taken_for_nothing(path: Path, said: str) -> None:
    """That store and domain controller were put back together would go unseen."""
    path.parent.mkdir(parents=True)
    path.write_text(said)
    with pytest.raises(ConfigError, match="cannot be read") as refused:
        WitnessFile(path).read(JOURNAL)
    assert refused.value.hint


def test_a_note_that_cannot_be_left_is_told_and_left_the_next_time(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path.mkdir(parents=True)  # in its place
    witness = WitnessFile(path)
    witness.leave(JOURNAL, FIRST)
    assert "witness.not_left" in "".join(capfd.readouterr())
    path.rmdir()
    witness.leave(JOURNAL, FIRST)
    assert witness.read(JOURNAL) == FIRST


# --- what it tells of the store -------------------------------------------------------------------------------------


@pytest.fixture
def store() -> MemoryStore:
    """Six looks."""
    made = fresh_store()
    new_journal(made)
    looked(made, 6)
    return made


def looked(store: MemoryStore, count: int, name: str = "user") -> None:
    agent = opened(store, AGENT)
    for number in range(agent.head.seq + 1, agent.head.seq + 1 + count):
        look(agent, [created(f"{name}{number}")], number)


def witnessed(store: MemoryStore, path: Path) -> Journal:
    return Journal.open(store, key(), witness=WitnessFile(path))


def test_without_a_witness_nothing_tells_whether_the_store_went_back(store: MemoryStore) -> None:
    journal = opened(store)
    journal.leave_witness()
    assert (journal.has_witness, journal.behind_witness()) == (False, None)


def test_a_store_that_has_what_was_noted_is_not_behind(store: MemoryStore, path: Path) -> None:
    journal = witnessed(store, path)
    assert (journal.has_witness, journal.behind_witness()) == (True, None)
    journal.leave_witness()
    assert json.loads(path.read_text())["digest"] == journal.head.digest.hex()
    assert witnessed(store, path).behind_witness() is None
    looked(store, 2)
    journal = witnessed(store, path)
    assert journal.behind_witness() is None
    journal.write_checkpoint(Seq(6), [], now=NOON)
    journal.prune(oldest=Seq(6), keep_marks=False, now=NOON)
    assert (journal.head.pruned, journal.behind_witness()) == (6, None), "nothing is left to compare it with"


def test_a_store_that_went_back_is_behind_and_stays_so_however_it_goes_on(store: MemoryStore, path: Path) -> None:
    head, frames = inside(store).head, dict(inside(store).frames)
    looked(store, 2)
    witnessed(store, path).leave_witness()
    inside(store).head, inside(store).frames = head, frames
    assert witnessed(store, path).behind_witness() == f"{path} knows commit 8, the store's last one is 6"
    for _ in range(2):  # up to the one that was noted, and beyond it
        looked(store, 2, "other")
        assert witnessed(store, path).behind_witness() == f"{path} knows another commit 8 than the store has"
    lose(store, 8)
    repaired(store)
    assert witnessed(store, path).behind_witness() is None, "it is lost, and known to be"
