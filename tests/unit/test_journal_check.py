"""A check finds what is wrong, all of it, and nothing else; whatever happens to the journal meanwhile."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from adpersist.errors import IntegrityError, NoJournalError, PrunedMeanwhileError
from adpersist.journal.damage import Damage
from adpersist.journal.format.frame import digest_of
from adpersist.journal.journal import Journal
from adpersist.journal.upkeep.check import CheckReport, KnownCommit, Part, check_journal
from adpersist.model.identity.ids import Seq
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import Frame
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    NOON,
    TamperedStore,
    fresh_store,
    key,
    opened,
    store_of_looks,
)
from tests.unit.test_journal_repair import inside, lose, repaired, spoil

LOOKS = 20


@pytest.fixture
def store() -> MemoryStore:
    """Twenty looks, each with an object of its own."""
    return store_of_looks(LOOKS)


Found = tuple[Part, int, int, Damage]


def found_in(report: CheckReport) -> list[Found]:
    return [(each.part, each.first, each.last, each.damage) for each in report.findings]


def restorable(report: CheckReport) -> list[tuple[int, int]]:
    return [(span.after, span.through) for span in report.restorable]


def nothing_told(report: CheckReport) -> bool:
    """Where no head says what the journal is, nothing of it counts as looked at, or as what can be restored."""
    return (report.commits, report.size, report.restorable, report.lost, report.rebuilt) == (0, 0, (), (), None)


def test_where_no_journal_is_there_is_nothing_to_check() -> None:
    with pytest.raises(NoJournalError):
        check_journal(fresh_store(), key())


def test_another_journal_in_its_place_is_a_finding_whatever_it_holds(store: MemoryStore) -> None:
    report = check_journal(store, key(), expected="0" * 32)
    assert found_in(report) == [(Part.HEAD, 0, 0, Damage.FORGED)]
    assert f"it belongs to journal {opened(store).id}" in report.findings[0].message
    assert nothing_told(report)


# --- what the store cannot give back --------------------------------------------------------------------------------


class Unreadable(TamperedStore):
    """Has frames that it cannot give back.

    Attributes:
        asked: How often it was asked for frames.
    """

    def __init__(self, of: MemoryStore, bad: Callable[[int], bool]) -> None:
        super().__init__(of)
        self.bad = bad
        self.asked = 0

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        self.asked += 1
        for frame in super().frames(after=after, through=through):
            if self.bad(frame.seq):
                raise IntegrityError("a page of it cannot be read")
            yield frame


def test_of_what_the_store_cannot_give_back_no_more_is_lost_than_that(store: MemoryStore) -> None:
    report = check_journal(Unreadable(store, lambda seq: seq in (5, 6, 9)), key())
    corrupt = (Part.COMMIT, 5, 6, Damage.CORRUPT), (Part.COMMIT, 9, 9, Damage.CORRUPT)
    assert found_in(report) == [*corrupt]
    assert report.commits == LOOKS - 3
    assert restorable(report) == [(0, 4)]
    in_a_row = check_journal(Unreadable(store, lambda seq: seq <= 7 or 9 <= seq <= 15), key())
    assert found_in(in_a_row) == [(Part.COMMIT, 1, 7, Damage.CORRUPT), (Part.COMMIT, 9, 15, Damage.CORRUPT)]
    every_other = check_journal(Unreadable(store, lambda seq: seq % 2 == 0), key())
    assert [each.first for each in every_other.findings] == list(range(2, LOOKS + 1, 2)), "however many they are"


def test_a_store_that_gives_nothing_back_is_not_asked_for_each_commit(store: MemoryStore) -> None:
    broken = Unreadable(store, lambda seq: seq > 3)
    report = check_journal(broken, key())
    assert found_in(report) == [(Part.COMMIT, 4, LOOKS, Damage.CORRUPT)]
    assert broken.asked < LOOKS // 2


# --- what is known from elsewhere -----------------------------------------------------------------------------------


def test_what_is_known_from_elsewhere_is_compared_where_there_is_something_to_compare(store: MemoryStore) -> None:
    journal = opened(store)
    journal.write_checkpoint(Seq(4), [], now=NOON)
    journal.prune(oldest=Seq(4), keep_marks=True, now=NOON)

    def found(*seqs: int, digest: bytes = bytes(32)) -> list[Found]:
        known = [KnownCommit.exactly(Seq(seq), digest) for seq in seqs]
        return found_in(check_journal(store, key(), known=known))

    def forged(seq: int) -> Found:
        return Part.COMMIT, seq, seq, Damage.FORGED

    assert found(LOOKS, digest=journal.head.digest) == []
    assert found(5, LOOKS) == [forged(5), forged(LOOKS)]
    assert found(4) == [], "it was pruned"
    beyond = check_journal(store, key(), known=[KnownCommit.exactly(Seq(LOOKS + 1), bytes(32))])
    assert found_in(beyond) == [(Part.HEAD, 0, 0, Damage.STORE_BEHIND)]
    assert beyond.findings[0].message == f"an earlier check knows of commit {LOOKS + 1}, the last one here is {LOOKS}"
    spoil(store, 7, 8)
    assert found(7, 8) == [(Part.COMMIT, 7, 8, Damage.CORRUPT)], "that is told of it already"
    assert found(6, 9) == [(Part.COMMIT, 7, 8, Damage.CORRUPT), forged(6), forged(9)]
    repaired(store)
    assert found(7, 8) == [], "they are noted as lost"


# --- the spare ------------------------------------------------------------------------------------------------------


def of_another_journal(_: bytes) -> bytes:
    elsewhere = fresh_store()
    Journal.create(elsewhere, key(), identity=replace(IDENTITY, server=IDENTITY.domain), writer=AGENT, now=NOON)
    return elsewhere.head().body


def of_another_key(_: bytes) -> bytes:
    elsewhere = fresh_store()
    Journal.create(elsewhere, key("another"), identity=IDENTITY, writer=AGENT, now=NOON)
    return elsewhere.head().body


@pytest.mark.parametrize(
    ("put", "damage", "said"),
    [
        (lambda body: body[:-1] + bytes([body[-1] ^ 1]), Damage.CORRUPT, "the head is damaged"),
        (of_another_journal, Damage.FORGED, "it is another journal's"),
        (of_another_key, Damage.FORGED, "key"),
    ],
)
def test_a_spare_that_would_not_help_is_told_while_the_head_is_sound(
    store: MemoryStore, put: Callable[[bytes], bytes], damage: Damage, said: str
) -> None:
    inside(store).spare = put(inside(store).spare or b"")
    report = check_journal(store, key())
    assert found_in(report) == [(Part.SPARE, 0, 0, damage)]
    assert said in report.findings[0].message
    assert report.findings[0].message.endswith("the next process that writes renews it")
    assert restorable(report) == [(0, LOOKS)], "nothing of the journal is worse for it"


# --- beside others --------------------------------------------------------------------------------------------------


class Pruned(TamperedStore):
    """Somebody prunes it whenever all of it is looked at, further each time; or when a commit is, up to that.

    Attributes:
        left: How often.
    """

    def __init__(self, of: MemoryStore, times: int, *, at: int = 0) -> None:
        super().__init__(of)
        self.inner, self.at = of, at
        self.left = times

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        if self.left and through == (self.at or self.inner.head().seq):
            self.left -= 1
            journal = opened(self.inner)
            point = Seq(max(journal.head.pruned + 1, 2, self.at))
            journal.write_checkpoint(point, [], now=NOON)
            journal.prune(oldest=point, keep_marks=False, now=NOON)
        return super().frames(after=after, through=through)


def test_what_is_pruned_while_it_is_looked_at_is_no_damage(store: MemoryStore) -> None:
    known = [KnownCommit.exactly(Seq(seq), digest_of(inside(store).frames[Seq(seq)])) for seq in (1, 15)]
    report = check_journal(Pruned(store, 3), key(), known=known)
    assert report.findings == ()
    assert (report.commits, restorable(report)) == (LOOKS - 4, [(3, LOOKS)])
    lose(store, 18)
    assert found_in(check_journal(Pruned(store, 1), key())) == [(Part.COMMIT, 18, 18, Damage.GAP)]
    with pytest.raises(PrunedMeanwhileError, match="pruned faster than it can be looked at"):
        check_journal(Pruned(store, LOOKS), key())
    late = Pruned(store, 1, at=15)
    report = check_journal(late, key(), known=known)
    assert found_in(report) == [(Part.COMMIT, 18, 18, Damage.GAP)], "after it was proven, before it was compared"
    assert not late.left
