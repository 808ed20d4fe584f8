"""After damage the journal goes on: what is lost is noted, what is sound is read and restored as before."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from adpersist.console.report.heal import heal_document
from adpersist.errors import FencedError, IntegrityError, PointError
from adpersist.journal.appending.spare_head import rebuilt
from adpersist.journal.appending.spare_head import repair as repair_head
from adpersist.journal.damage import Damage, DamagedError, NewerFormatError
from adpersist.journal.drafts import commit_drafts
from adpersist.journal.format import checkpoint as checkpoint_format
from adpersist.journal.format import frame_header
from adpersist.journal.format import head as head_format
from adpersist.journal.format.columns import file_changes
from adpersist.journal.format.columns.packing import pack, unpack
from adpersist.journal.format.columns.shapes import items
from adpersist.journal.format.frame import checksum
from adpersist.journal.format.head_fields import MOST_FIELDS, pack_head
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.upkeep.check import CheckReport, Part, check_journal
from adpersist.journal.upkeep.copy import JournalCopy
from adpersist.journal.upkeep.repair import Repaired
from adpersist.model.files.file_changes import FileChanges
from adpersist.model.files.file_state import FileKind, FileState, Place
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.head import Head
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.fold import fold, stream_objects
from adpersist.stores import memory
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import Frame, Store, StoredHead
from tests.faults import Fault, FaultyStore, Injection, Point, Tempo
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    IMPATIENT,
    NOON,
    OTHER,
    created,
    fresh_store,
    guid,
    key,
    look,
    new_journal,
    opened,
    pseudorandom,
    store_of_looks,
)
from tests.golden.make_journal import SMALL_FRAME, small_frames

LOOKS = 12


@pytest.fixture
def store() -> MemoryStore:
    """Twelve looks, each with an object of its own."""
    return store_of_looks(LOOKS)


def inside(store: MemoryStore) -> memory._Journal:
    """What lies in the store, past it."""
    return memory._JOURNALS[store._key]


def spoil(store: MemoryStore, *seqs: int) -> None:
    for seq in seqs:
        frame = inside(store).frames[Seq(seq)]
        inside(store).frames[Seq(seq)] = frame[:-1] + bytes([frame[-1] ^ 1])


def lose(store: MemoryStore, *seqs: int) -> None:
    for seq in seqs:
        del inside(store).frames[Seq(seq)]


def swap_in(store: MemoryStore, *seqs: int) -> None:
    for seq in seqs:
        inside(store).frames[Seq(seq)] = inside(store).frames[Seq(1)]


def checked(store: MemoryStore) -> CheckReport:
    return check_journal(store, key())


def repaired(store: MemoryStore) -> Repaired:
    return opened(store).go_on(checked(store), OTHER, now=NOON + 1000)


def users(journal: Journal, point: int | None = None) -> set[Guid]:
    return set(fold(journal, None if point is None else Seq(point)))


def named(*numbers: int) -> set[Guid]:
    return {guid(f"user{number}") for number in numbers}


def damaged(store: MemoryStore) -> list[tuple[int, int, Damage]]:
    return [(each.first, each.last, each.damage) for each in checked(store).findings]


def spans(report: CheckReport) -> list[tuple[int, int]]:
    return [(span.after, span.through) for span in report.restorable]


def look_again(store: MemoryStore, *numbers: int) -> Journal:
    """The agent's look at everything: what the journal does not hold yet is new."""
    journal = opened(store, AGENT)
    held = users(journal)
    look(journal, [created(f"user{number}") for number in numbers if guid(f"user{number}") not in held], 900)
    return journal


class Busy(FaultyStore):
    """An agent captures a thirteenth user right before the first append."""

    def __init__(self, inner: Store, agent: Journal) -> None:
        super().__init__(inner, [])
        self._agent = agent

    def append(self, frames: Sequence[Frame], *, onto: StoredHead, head: bytes, spare: bool = False) -> StoredHead:
        if self.calls[Point.APPEND] == 0:
            look(self._agent, [created("user13")], 13)
        return super().append(frames, onto=onto, head=head, spare=spare)


SPOILING = [spoil, lose, swap_in]


@pytest.mark.parametrize("damage", SPOILING)
@pytest.mark.parametrize("seqs", [(5,), (5, 6, 9), (12,), (1,), tuple(range(1, 13))])
def test_the_journal_goes_on_and_sound_points_stay(
    store: MemoryStore, damage: Callable[..., None], seqs: tuple[int, ...]
) -> None:
    if damage is swap_in and 1 in seqs:
        seqs = tuple(seq for seq in seqs if seq != 1) or (2,)
    damage(store, *seqs)
    first = min(seqs)
    before = checked(store)
    assert before.findings
    done = repaired(store)
    assert done.goes_on_from == first - 1
    report = checked(store)
    assert report.findings == ()
    assert [seq for each in report.lost for seq in range(each.first, each.last + 1)] == sorted(seqs)
    assert spans(report) == ([(0, first - 1)] if first > 1 else [])
    journal = opened(store)
    assert not journal.head.complete
    assert (journal.head.timeline, [each.number for each in journal.head.timelines]) == (2, [2])
    assert journal.head.position is not None
    assert (journal.head.position.usn, journal.head.position.cookies) == (LOOKS, {})
    with pytest.raises(PointError):
        users(journal, LOOKS)

    journal = look_again(store, *range(1, LOOKS + 1))
    assert users(journal) == named(*range(1, LOOKS + 1))
    report = checked(store)
    assert report.findings == ()
    end = journal.head.seq
    assert spans(report)[-1][1] == end
    for point in range(1, first):
        assert users(journal, point) == named(*range(1, point + 1))
    for seq in seqs:
        with pytest.raises(PointError, match="lost"):
            users(journal, seq)
    read = [commit.seq for commit in journal.commits()]
    assert read == [seq for seq in range(1, end + 1) if seq not in seqs]
    assert next(journal.commits(after=Seq(LOOKS))).kind is CommitKind.REPAIR


def restored(store: MemoryStore) -> Seq:
    """To the first commit; the one that ends it."""
    journal = opened(store)
    journal.begin_restore(target=Seq(1), writer=AGENT, now=NOON)
    seq = journal.end_restore(now=NOON).seq
    for usn in (seq + 1, seq + 2):
        look(journal, [created(f"after{usn}")], usn)
    return seq


def test_the_last_restore_is_told_unless_its_commit_is_gone(store: MemoryStore) -> None:
    assert opened(store).last_restore() is None
    restored(store)
    last = restored(store)
    told = opened(store).last_restore()
    assert told is not None
    assert (told.kind, told.seq) == (CommitKind.RESTORE_END, last)

    lose(store, last + 2)
    repaired(store)
    assert opened(store).head.timeline == 4
    assert opened(store).last_restore() == told, "a repair is none"
    lose(store, last)
    repaired(store)
    assert opened(store).last_restore() is None, "the one before is not the last"

    look_again(store, 1)
    last = restored(store)
    journal = opened(store)
    assert journal.last_restore() is not None
    journal.write_checkpoint(last, [], now=NOON)
    journal.prune(oldest=last, keep_marks=False, now=NOON)
    assert (journal.head.pruned, journal.last_restore()) == (last, None)


def test_damage_before_a_checkpoint_is_noted_and_nothing_else(store: MemoryStore) -> None:
    journal = opened(store)
    states = [ObjectState(guid=guid(f"user{n}"), nc="DC=x", parent=None, rdn=f"CN={n}") for n in range(1, 9)]
    journal.write_checkpoint(Seq(8), states, now=NOON)
    held = opened(store, AGENT)
    spoil(store, 3)
    done = opened(Busy(store, held)).go_on(checked(store), OTHER, now=NOON + 1000)
    assert done == Repaired(lost=opened(store).head.lost, taken_up=0, removed=0)
    assert checked(store).findings == ()
    assert spans(checked(store)) == [(0, 2), (7, 13)]
    look(held, [created("user14")], 14)  # who holds the journal went on, and goes on
    assert users(opened(store)) == named(*range(1, 15))


def test_what_was_pruned_since_the_check_is_not_noted_as_lost(store: MemoryStore) -> None:
    journal = opened(store)
    journal.write_checkpoint(Seq(5), [], now=NOON)
    spoil(store, 3, 5, 9)
    repairing, found = opened(store), checked(store)
    journal.prune(oldest=Seq(5), keep_marks=True, now=NOON)
    assert [(each.first, each.last) for each in repairing.go_on(found, OTHER, now=NOON).lost] == [(9, 9)]
    assert damaged(store) == []


def test_neighbours_that_are_damaged_in_different_ways_are_noted_as_one_and_no_sound_one_with_them(
    store: MemoryStore,
) -> None:
    lose(store, 6)
    spoil(store, 4, 5, 8)
    assert [(each.first, each.last) for each in repaired(store).lost] == [(4, 6), (8, 8)]
    assert damaged(store) == []
    assert [commit.seq for commit in opened(store).commits(after=Seq(3), through=Seq(9))] == [7, 9]


def test_the_middle_of_a_look_is_no_point_to_go_on_from(store: MemoryStore) -> None:
    journal = opened(store, AGENT)
    look(journal, [created("user13")], 13, ends_look=False)
    look(journal, [created("user14")], 14)
    spoil(store, LOOKS + 2)
    assert repaired(store).goes_on_from == LOOKS


def test_a_damaged_checkpoint_counts_no_more(store: MemoryStore) -> None:
    journal = opened(store)
    for seq in (4, 8):
        journal.write_checkpoint(Seq(seq), [], now=NOON)
    place = journal.head.checkpoints[1].lies_at
    store.put_checkpoint(place, [b"rubbish"])
    assert [(each.part, each.first) for each in checked(store).findings] == [(Part.CHECKPOINT, 8)]
    done = repaired(store)
    assert (done.checkpoints, done.lost, done.goes_on_from) == ((8,), (), None)
    assert [each.seq for each in opened(store).head.checkpoints] == [4]
    assert place not in store.checkpoints()
    assert checked(store).findings == ()
    assert opened(store).write_checkpoint(Seq(8), [], now=NOON).seq == 8, "it can be written again"
    assert checked(store).findings == ()


def test_the_checkpoint_the_journal_begins_with_is_lost_with_what_stood_on_it(store: MemoryStore) -> None:
    journal = opened(store)
    journal.write_checkpoint(Seq(4), [], now=NOON)
    journal.prune(oldest=Seq(4), keep_marks=True, now=NOON)
    store.put_checkpoint(journal.head.checkpoints[0].lies_at, [b"rubbish"])
    done = repaired(store)
    assert (done.checkpoints, done.goes_on_from) == ((4,), 0)
    assert [(each.first, each.last) for each in done.lost] == [(4, 4)]
    report = checked(store)
    assert (report.findings, report.restorable) == ((), ())
    journal = look_again(store, 1, 2, 3)
    assert users(journal) == named(1, 2, 3)
    assert [commit.seq for commit in journal.commits(after=Seq(4))] == list(range(5, journal.head.seq + 1))
    assert checked(store).findings == ()


def test_a_checkpoint_among_lost_commits_is_a_sound_point_and_the_one_to_go_on_from(store: MemoryStore) -> None:
    journal = opened(store)
    journal.write_checkpoint(Seq(4), [*fold(journal, Seq(4)).values()], now=NOON)
    lose(store, *range(1, LOOKS + 1))
    done = repaired(store)
    assert done.goes_on_from == 4
    assert users(opened(store), 4) == named(1, 2, 3, 4)
    assert spans(checked(store)) == [(3, 4)]
    journal = look_again(store, *range(1, LOOKS + 1))
    assert users(journal) == named(*range(1, LOOKS + 1))


def test_a_repair_and_what_it_went_on_with_can_be_lost_one_after_the_other(store: MemoryStore) -> None:
    lose(store, *range(1, LOOKS + 1))
    repaired(store)
    look_again(store, *range(1, LOOKS + 1))
    lose(store, LOOKS + 1)
    assert repaired(store).goes_on_from is None, "the commit of the repair says nothing of the directory"
    lose(store, *inside(store).frames)
    assert repaired(store).goes_on_from == 0
    assert checked(store).findings == ()
    assert users(look_again(store, *range(1, LOOKS + 1))) == named(*range(1, LOOKS + 1))


def test_a_prune_keeps_what_the_chain_hangs_on_where_the_first_checkpoint_is_lost(store: MemoryStore) -> None:
    journal = opened(store)
    journal.write_checkpoint(Seq(3), [*fold(journal, Seq(3)).values()], now=NOON)
    journal.prune(oldest=Seq(3), keep_marks=True, now=NOON)
    store.drop_checkpoint(journal.head.checkpoints[0].lies_at)
    repaired(store)
    journal = look_again(store, *range(1, LOOKS + 1))
    journal.prune(oldest=journal.head.seq, keep_marks=True, now=NOON)
    assert checked(store).findings == ()
    assert JournalCopy(store, fresh_store(), key(), expected=None).run().seq == journal.head.seq
    journal.write_checkpoint(journal.head.seq, [*fold(journal).values()], now=NOON)
    journal.prune(oldest=journal.head.seq, keep_marks=True, now=NOON)
    assert journal.head.lost == (), "and no longer than that"
    assert checked(store).findings == ()


def test_lost_commits_beside_those_that_are_noted_are_no_less_and_no_more(store: MemoryStore) -> None:
    lose(store, 5, 6)
    repaired(store)
    lose(store, 4, 7)
    assert damaged(store) == [(4, 4, Damage.GAP), (7, 7, Damage.GAP)]
    done = repaired(store)
    assert (done.lost, done.goes_on_from) == (opened(store).head.lost, 3)
    assert [(each.first, each.last) for each in done.lost] == [(4, 6), (7, 7)], "what 4 was nobody can tell alone"
    assert checked(store).findings == ()
    assert users(look_again(store, *range(1, 13))) == named(*range(1, 13))
    assert [commit.seq for commit in opened(store).commits(through=Seq(LOOKS))] == [1, 2, 3, 8, 9, 10, 11, 12]


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (LOOKS, [(LOOKS, LOOKS, Damage.CORRUPT)]),
        (LOOKS + 1, [(LOOKS + 1, LOOKS + 1, Damage.CORRUPT), (LOOKS + 2, LOOKS + 4, Damage.GAP)]),
        (LOOKS + 2, [(LOOKS + 2, LOOKS + 2, Damage.CORRUPT), (LOOKS + 3, LOOKS + 4, Damage.GAP)]),
        (LOOKS + 3, [(LOOKS + 3, LOOKS + 3, Damage.CORRUPT), (LOOKS + 4, LOOKS + 4, Damage.GAP)]),
        (LOOKS + 4, [(LOOKS + 4, LOOKS + 4, Damage.CORRUPT)]),
    ],
)
def test_a_change_of_which_a_part_is_damaged_is_lost_and_the_next_is_not(
    store: MemoryStore, bad: int, found: list[tuple[int, int, Damage]]
) -> None:
    """Nobody wrote its other parts but we: they are no forgery."""
    journal = opened(store, AGENT)
    with small_frames():
        look(journal, [created("large", {"jpegPhoto": (pseudorandom("large")(3 * SMALL_FRAME),)})], 13)
        assert journal.head.seq == LOOKS + 4
        look(journal, [created("user14")], 14)
    for after in range(LOOKS, LOOKS + 5):
        assert check_journal(store, key(), after=Seq(after)).findings == (), "wherever it begins"
    spoil(store, bad)
    assert damaged(store) == found
    repaired(store)
    assert damaged(store) == []
    assert users(look_again(store, *range(1, 13), 14)) == named(*range(1, 13), 14)


def test_damage_can_come_twice_and_is_pruned_in_the_end(store: MemoryStore) -> None:
    spoil(store, 5)
    repaired(store)
    journal = look_again(store, *range(1, 13))
    middle = journal.head.seq
    look(journal, [created("user13")], 901)
    spoil(store, middle)
    assert repaired(store).goes_on_from == 4
    journal = look_again(store, *range(1, 14))
    assert users(journal) == named(*range(1, 14))
    assert [(each.first, each.last) for each in journal.head.lost] == [(5, 5), (middle, middle)]
    states = [ObjectState(guid=each, nc="DC=x", parent=None, rdn="CN=x") for each in users(journal)]
    journal.write_checkpoint(journal.head.seq, states, now=NOON + 2000)
    journal.prune(oldest=journal.head.seq, keep_marks=True, now=NOON + 2000)
    assert journal.head.lost == ()
    assert checked(store).findings == ()
    assert users(journal) == named(*range(1, 14))


def test_a_repaired_journal_has_a_spare_and_a_copy(store: MemoryStore) -> None:
    spoil(store, 5)
    repaired(store)
    look_again(store, *range(1, 13))
    head = opened(store).head
    found = rebuilt(store, key()).tip.head
    assert (found.seq, found.digest, found.lost, found.timelines) == (head.seq, head.digest, head.lost, head.timelines)
    target = fresh_store()
    JournalCopy(store, target, key(), expected=journal_id(IDENTITY)).run()
    assert checked(target).findings == ()
    assert users(opened(target)) == named(*range(1, 13))


def test_an_agent_that_holds_the_journal_is_told_to_begin_again(store: MemoryStore) -> None:
    agent = opened(store, AGENT)
    spoil(store, 5)
    repaired(store)
    with pytest.raises(FencedError):
        look(agent, [created("user13")], 13)


def test_a_repair_beside_a_busy_agent_lands_on_top(store: MemoryStore) -> None:
    agent = opened(store, AGENT)
    spoil(store, 5)
    opened(Busy(store, agent)).go_on(checked(store), OTHER, now=NOON + 1000)
    assert checked(store).findings == ()
    assert opened(store).head.seq == LOOKS + 2


class Killed(BaseException):
    """Stands for the process's end."""


def die() -> None:
    raise Killed


@pytest.mark.parametrize("fault", [Fault.DIE_BEFORE, Fault.DIE_AFTER])
@pytest.mark.parametrize("point", [Point.APPEND, Point.DROP_CHECKPOINT])
def test_a_repair_that_is_killed_is_finished_by_the_next(store: MemoryStore, point: Point, fault: Fault) -> None:
    opened(store).write_checkpoint(Seq(8), [], now=NOON)
    store.put_checkpoint(opened(store).head.checkpoints[0].lies_at, [b"rubbish"])
    spoil(store, 5)
    faulty = FaultyStore(store, [Injection(point=point, fault=fault)], Tempo(die=die))
    with pytest.raises(Killed):
        Journal.open(faulty, key(), patience=IMPATIENT).go_on(checked(store), OTHER, now=NOON)
    repaired(store)
    assert checked(store).findings == ()
    assert users(look_again(store, *range(1, 13))) == named(*range(1, 13))


@pytest.mark.parametrize("restoring", [True, False])
def test_what_would_hide_a_revert_is_refused(store: MemoryStore, restoring: bool) -> None:
    journal = opened(store, AGENT)
    journal.begin_restore(target=Seq(8), writer=OTHER, now=NOON)
    if not restoring:
        journal.end_restore(now=NOON)
    spoil(store, 5)
    before = store.head()
    with pytest.raises(IntegrityError) as caught:
        repaired(store)
    assert "restore --to" in caught.value.hint
    assert store.head() == before


def test_damage_that_a_restore_does_not_stand_on_is_noted_and_the_restore_goes_on(store: MemoryStore) -> None:
    journal = opened(store)
    journal.begin_restore(target=Seq(3), writer=OTHER, now=NOON)
    spoil(store, 5)
    assert repaired(store).goes_on_from is None
    assert checked(store).findings == ()
    assert opened(store).head.target == 3
    journal.refresh()
    journal.end_restore(now=NOON + 1)
    assert users(opened(store)) == named(1, 2, 3)


# --- behind the head ------------------------------------------------------------------------------------------------


def put_back(store: MemoryStore, head: StoredHead) -> None:
    """The head row of another moment, as a copy that is not atomic makes it."""
    inside(store).head = head


def written_by_a_newer_adpersist(store: MemoryStore) -> None:
    """One more look, in a format that nobody knows today."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(frame_header, "_PLAIN", frame_header.VERSION + 1)
        look(opened(store, AGENT), [created("later")], LOOKS + 1)


def test_what_a_newer_adpersist_wrote_is_neither_forged_nor_repaired(store: MemoryStore) -> None:
    head = inside(store).head
    written_by_a_newer_adpersist(store)
    frames = dict(inside(store).frames)
    (found,) = checked(store).findings
    assert (found.first, found.damage) == (LOOKS + 1, Damage.NEWER)
    with pytest.raises(DamagedError, match="written by a newer adpersist: format version") as refused:
        list(opened(store).commits())
    assert "install that version" in str(refused.value.hint)
    with pytest.raises(DamagedError, match="written by a newer adpersist"):
        repaired(store)
    inside(store).head = head  # what it wrote lies behind the head, as after a failover
    with pytest.raises(DamagedError, match="written by a newer adpersist"):
        opened(store).take_up(OTHER, now=NOON + 1000)
    assert inside(store).frames == frames


def _with_more(head: Head) -> bytes:
    """As a later version may write it: every place there is, and one more that says something."""
    said = items(unpack(pack_head(head)))
    return pack([*said, *[None] * (MOST_FIELDS - len(said)), "what only a newer adpersist knows"])


@pytest.mark.parametrize("what", ["version", "fields"])
def test_a_newer_head_is_not_replaced_by_its_older_spare(store: MemoryStore, what: str) -> None:
    journal = opened(store, AGENT)
    spare = store.spare()
    with pytest.MonkeyPatch.context() as patched:
        if what == "version":
            patched.setattr(head_format, "VERSION", head_format.VERSION + 1)
        else:
            patched.setattr(head_format, "pack_head", _with_more)
        look(journal, [created("later")], LOOKS + 1)
    assert store.spare() == spare, "it says nothing else than the spare did"
    before = store.head()
    (found,) = checked(store).findings
    assert (found.part, found.damage) == (Part.HEAD, Damage.NEWER)
    with pytest.raises(DamagedError, match="the head was written by a newer adpersist") as refused:
        opened(store)
    assert "install that version" in str(refused.value.hint)
    with pytest.raises(DamagedError, match="the head was written by a newer adpersist"):
        repair_head(store, key(), writer=OTHER, now=NOON + 1000)
    assert store.head() == before


@pytest.mark.parametrize("what", ["version", "place"])
def test_a_newer_checkpoint_is_not_given_up(store: MemoryStore, what: str) -> None:
    """History that was pruned lies in it alone."""
    journal = opened(store, AGENT)
    journal.commit_files([FileState(place=Place.REGISTRY, path="key", kind=FileKind.ENTRY, mode=0)], now=NOON + LOOKS)
    with pytest.MonkeyPatch.context() as patched:
        if what == "version":
            later = checkpoint_format.VERSIONS[-1] + 1
            patched.setattr(checkpoint_format, "VERSION", later)
            patched.setattr(checkpoint_format, "VERSIONS", (*checkpoint_format.VERSIONS, later))
        journal.write_checkpoint(journal.head.seq, stream_objects(journal, journal.head.seq), now=NOON)
        journal.prune(oldest=journal.head.seq, keep_marks=False, keep_image=False, now=NOON)
    before = store.head()
    with pytest.MonkeyPatch.context() as patched:
        if what == "place":
            patched.setattr(file_changes, "PLACES", file_changes.PLACES[:-1])
        (found,) = checked(store).findings
        assert (found.part, found.damage) == (Part.CHECKPOINT, Damage.NEWER)
        with pytest.raises(DamagedError, match="written by a newer adpersist"):
            repaired(store)
    assert store.head() == before


def test_a_later_version_that_nobody_sealed_is_forged(store: MemoryStore) -> None:
    frame = inside(store).frames[Seq(LOOKS)]
    claimed = frame[:4] + bytes([frame_header.VERSION + 1]) + frame[5:-4]
    inside(store).frames[Seq(LOOKS)] = claimed + checksum(claimed)
    (found,) = checked(store).findings
    assert found.damage is Damage.FORGED


@pytest.mark.parametrize(
    ("note", "damage"), [([None, None], Damage.FORGED), ([None, None, None, [], "", None], Damage.NEWER)]
)
def test_a_note_that_is_sealed_and_not_understood_is_told_by_its_commit(
    store: MemoryStore, note: list[object], damage: Damage
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(commit_drafts, "pack", lambda _: pack(note))
        opened(store).mark("here", writer=OTHER, now=NOON)
    (found,) = checked(store).findings
    assert (found.first, found.damage) == (LOOKS + 1, damage)
    with pytest.raises(DamagedError) as caught:
        list(opened(store).commits())
    assert (caught.value.seq, caught.value.damage) == (LOOKS + 1, damage)


def test_a_file_of_an_unknown_place_is_of_a_newer_adpersist(monkeypatch: pytest.MonkeyPatch) -> None:
    content = file_changes.pack_files(FileChanges(gone=((Place.REGISTRY, "key"),)))
    monkeypatch.setattr(file_changes, "PLACES", file_changes.PLACES[:-1])
    with pytest.raises(NewerFormatError):
        file_changes.unpack_files(content)


def test_when_a_lost_commit_was_made_a_checkpoint_tells(store: MemoryStore) -> None:
    journal = opened(store, AGENT)
    last = journal.last_commit_time()
    journal.write_checkpoint(Seq(LOOKS), stream_objects(journal, Seq(LOOKS)), now=NOON + 500)
    spoil(store, LOOKS)
    assert repaired(store).goes_on_from is None
    assert opened(store).last_commit_time() == last
    assert [commit.seq for commit in opened(store).commits()] == list(range(1, LOOKS))
    assert checked(store).findings == ()


def test_commits_behind_the_head_are_taken_up(store: MemoryStore) -> None:
    old = store.head()
    look(opened(store, AGENT), [created("user13")], 13)
    opened(store).mark("here", writer=OTHER, now=NOON)
    newest = opened(store).head
    put_back(store, old)
    [finding] = [each for each in checked(store).findings if each.part is Part.BEHIND]
    assert (finding.first, finding.last, finding.damage) == (13, 14, Damage.STRAY)
    journal = opened(store)
    done = journal.take_up(OTHER, now=NOON)
    assert (done.taken_up, done.removed) == (2, 0)
    assert checked(store).findings == ()
    head = opened(store).head
    assert journal.head == head, "what comes next stands on it"
    assert (head.seq, head.digest, head.marks) == (newest.seq, newest.digest, newest.marks)
    assert users(opened(store)) == named(*range(1, 14))


def test_a_repair_that_lies_behind_the_head_is_taken_up_as_one(store: MemoryStore) -> None:
    """Its commit says that a look at everything is due; what is lost its head alone said: that is found again."""
    old = store.head()
    spoil(store, 5)
    repaired(store)
    newest = opened(store).head
    put_back(store, old)
    journal = opened(store)
    assert journal.take_up(OTHER, now=NOON).taken_up == 1
    assert journal.head.timelines == newest.timelines
    assert (journal.head.position, journal.head.complete) == (newest.position, False)
    assert [(each.first, each.last) for each in repaired(store).lost] == [(5, 5)]
    assert checked(store).findings == ()
    assert users(look_again(store, *range(1, 13))) == named(*range(1, 13))


def test_what_came_since_the_journal_was_opened_is_not_behind_its_head(store: MemoryStore) -> None:
    journal = opened(store)
    look(opened(store, AGENT), [created("user13")], 13)
    before = store.head()
    assert journal.take_up(OTHER, now=NOON) == Repaired()
    assert store.head() == before


def test_what_does_not_follow_the_head_is_removed(store: MemoryStore) -> None:
    head = store.head()
    stray = next(iter(store.frames(after=Seq(3))))
    store.stage([Frame(seq=Seq(13), body=stray.body), Frame(seq=Seq(20), body=b"x")], onto=head)
    assert [each.damage for each in checked(store).findings] == [Damage.STRAY]
    journal = opened(store)
    done = journal.take_up(OTHER, now=NOON)
    assert (done.taken_up, done.removed) == (0, 2)
    assert journal._end.tip.stored == store.head(), "what comes next stands on it"
    assert checked(store).findings == ()
    look(opened(store, AGENT), [created("user13")], 13)
    assert users(opened(store)) == named(*range(1, 14))


def test_the_commits_of_a_busy_agent_lie_behind_no_head(store: MemoryStore) -> None:
    agent = opened(store, AGENT)

    class Busy(MemoryStore):
        def checkpoint(self, seq: Seq) -> Iterator[bytes]:
            look(agent, [created(f"user{agent.head.seq + 1}")], agent.head.seq + 1)
            return super().checkpoint(seq)

    opened(store).write_checkpoint(Seq(8), [], now=NOON)
    busy = Busy(store.location.removeprefix("memory://"), journal=journal_id(IDENTITY))
    assert checked(busy).findings == ()
    assert store.head().seq > LOOKS


def test_a_restore_whose_end_is_lost_is_told_of_as_such() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("user1")], 1)
    look(journal, [created("user2")], 2)
    journal.begin_restore(target=Seq(1), writer=AGENT, now=NOON)
    journal.end_restore(now=NOON + 1)
    ended = journal.head.seq
    look(journal, [created("user3")], 3)
    lose(store, ended)
    repaired(store)
    with pytest.raises(PointError, match=f"commit {ended}, which says how this restore ended, is lost"):
        heal_document(opened(store), 1)
