"""Two writers cannot both win, nothing acknowledged is lost, and nothing is written twice."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from adpersist.errors import (
    FencedError,
    JournalExistsError,
    LimitError,
    NoJournalError,
    OutcomeUnknownError,
    PointError,
    StoreReadOnlyError,
    StoreUnreachableError,
)
from adpersist.journal.appending.settlement import same_capture
from adpersist.journal.damage import Damage
from adpersist.journal.drafts.commit_drafts import MAX_MARKS
from adpersist.journal.format.splitting import FULL_BYTES, MAX_CHANGE_BYTES, runs
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.keyring import Keyring
from adpersist.journal.reader import read_headers
from adpersist.journal.upkeep.check import check_journal
from adpersist.model.files.file_state import Place
from adpersist.model.identity.ids import Seq, Usn, guid_text
from adpersist.model.identity.reference import ref
from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.head import Checkpoint, Head, Mark, Phase, Writer
from adpersist.model.objects.change import Change, Kind
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.difference import Difference
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import MAX_FRAME_BYTES, Frame, StoredHead
from adpersist.stores.registry import open_store
from tests.faults import Fault, FaultyStore, Injection, Point, Tempo
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    IMPATIENT,
    NC,
    NOON,
    OTHER,
    TamperedStore,
    changes_of,
    created,
    fresh_store,
    guid,
    key,
    look,
    new_journal,
    opened,
    position,
    pseudorandom,
    set_value,
    witness,
)
from tests.golden.make_journal import SMALL_FRAME, small_frames


def faulty(store: MemoryStore, *script: Injection) -> FaultyStore:
    return FaultyStore(store, script, Tempo(hang_s=0, slow_s=0, sleep=lambda _: None))


def proven(store: MemoryStore) -> None:
    assert check_journal(store, key()).findings == ()


# --- plain life -----------------------------------------------------------------------------------------------------


def test_what_is_committed_is_read_back_by_another_process() -> None:
    store = fresh_store()
    journal = new_journal(store)
    first, second = [created("a", {"cn": (b"a",)})], [set_value("a", b"v", usn=12), created("b")]
    look(journal, first, 10)
    head = look(journal, second, 20)
    again = opened(store)
    assert again.head == head == journal.head
    assert changes_of(again) == [*first, *second]
    assert [(each.seq, each.kind, each.usn_from, each.usn_to) for each in again.commits()] == [
        (1, CommitKind.LOOK, 0, 10),
        (2, CommitKind.LOOK, 10, 20),
    ]
    assert head.position == position(20)
    assert head.complete
    proven(store)


def test_a_witness_without_a_number_gets_the_looks() -> None:
    journal = new_journal(fresh_store())
    look(journal, [created("a")], 10)
    head = journal.commit(
        [created("b")],
        position=position(20),
        usn_from=Usn(10),
        witnesses=[witness("a", 10, seq=1), witness("b", 20)],
        complete=True,
        now=NOON,
    )
    assert [each.seq for each in head.witnesses] == [1, 2]


def test_a_look_without_changes_moves_the_head_alone() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    head = look(journal, [], 20)
    assert (head.seq, head.position) == (1, position(20))
    assert opened(store).head == head


def test_idle_costs_no_write() -> None:
    store = faulty(fresh_store())
    journal = new_journal_on(store)
    look(journal, [created("a")], 10)
    writes = store.calls[Point.APPEND]
    for _ in range(5):
        journal.commit(
            [],
            position=position(10),
            usn_from=Usn(10),
            witnesses=journal.head.witnesses,
            complete=True,
            now=NOON + 99,
        )
    assert store.calls[Point.APPEND] == writes


def new_journal_on(store: FaultyStore) -> Journal:
    return Journal.create(store, key(), identity=IDENTITY, writer=AGENT, now=NOON, patience=IMPATIENT)


def test_a_beat_moves_the_heads_time_and_nothing_else() -> None:
    store = fresh_store()
    journal = new_journal(store)
    before = look(journal, [created("a")], 10)
    head = journal.beat(now=NOON + 300)
    assert head == replace(before, time=NOON + 300)
    assert opened(store).head == head
    proven(store)


@pytest.mark.parametrize("lets_go", [False, True])
def test_whoever_beats_or_lets_go_says_what_the_directory_was_told_of(lets_go: bool) -> None:
    """The note of the last commit is written after it: nothing else ever says that the directory has it."""
    store = fresh_store()
    journal = new_journal(store)
    told = look(journal, [created("a")], 10).seq
    for seq in (told, Seq(told - 1)):
        if lets_go and seq < told:
            break
        head = journal.hand_back(OTHER, now=NOON + 300, told=seq) if lets_go else journal.beat(now=NOON + 300, told=seq)
        assert head.position is not None and head.position.canary == told
    assert opened(store).head == head
    proven(store)


def test_only_who_holds_the_journal_may_beat() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    opened(store).claim(OTHER, now=NOON)
    with pytest.raises(FencedError):
        journal.beat(now=NOON + 300)
    with pytest.raises(FencedError):
        opened(store).beat(now=NOON + 300)
    assert opened(store).head.time < NOON + 300


def test_what_says_nothing_of_the_capture_makes_no_dead_agent_look_alive() -> None:
    store = fresh_store()
    heard = look(new_journal(store), [created("a")], 10).time
    journal, later = opened(store), heard + 1000
    journal.mark("here", writer=OTHER, now=later)
    journal.write_checkpoint(journal.resolve(None, now=later), (), now=later)
    journal.rotate_data_key(now=later)
    journal.rotate_key(key("new"), now=later)
    journal.finish_key(now=later)
    journal.rotate_key(key(), now=later)
    journal.prune(oldest=journal.head.seq, keep_marks=True, now=later)
    assert opened(store).head.time == heard
    assert [mark.time for mark in opened(store).marks()] == [later]
    assert opened(store).last_commit_time() == later
    journal.claim(OTHER, now=later)
    assert opened(store).head.time == later, "somebody is there"


class Counted(MemoryStore):
    """Counts the commits that are read."""

    read = 0

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        for frame in super().frames(after=after, through=through):
            self.read += 1
            yield frame


def test_however_many_looked_since_the_last_commit_is_found_at_once() -> None:
    store = fresh_store()
    assert new_journal(store).last_commit_time() is None
    journal = opened(store, AGENT)
    journal.note_use("{}", writer=OTHER, now=NOON + 1)
    assert journal.last_commit_time() is None, "who looked is no commit of the capture"
    look(journal, [created("a")], 10)
    journal.mark("here", writer=OTHER, now=NOON + 20)
    counted = Counted(store.location.removeprefix("memory://"), journal=journal.id)
    read = []
    for count in (0, 1, 50):
        for _ in range(count):
            journal.beat(now=NOON + 30)
            journal.note_use("{}", writer=OTHER, now=NOON + 31)
        before = counted.read
        assert opened(counted).last_commit_time() == NOON + 20
        read.append(counted.read - before)
    assert read == [2, 2, 2], "the one before it, and itself"
    journal.write_checkpoint(journal.head.seq, (), now=NOON + 40)
    journal.prune(oldest=journal.head.seq, keep_marks=False, now=NOON + 41)
    assert opened(store).last_commit_time() == journal.head.checkpoints[-1].time


def test_an_empty_first_look_is_a_point_to_restore_to() -> None:
    journal = new_journal(fresh_store())
    look(journal, [], 10)
    assert journal.resolve(None, now=NOON) == 1


def test_an_empty_look_that_ends_one_that_was_cut_off_is_a_point_to_restore_to() -> None:
    journal = new_journal(fresh_store())
    look(journal, [created("a")], 10)
    look(journal, [created("b")], 20, ends_look=False)
    assert journal.resolve(None, now=NOON) == 1
    look(journal, [], 20)
    assert journal.resolve(None, now=NOON) == 3
    assert [(each.kind, each.ends_look) for each in journal.commits(after=Seq(1))] == [
        (CommitKind.LOOK, False),
        (CommitKind.LOOK, True),
    ]


def test_a_commit_is_settled_where_no_look_is_half_and_a_whole_one_is_there() -> None:
    store = fresh_store()
    journal = new_journal(store)

    def commit(*, complete: bool, ends_look: bool) -> None:
        what, usn = [created(f"user{journal.head.seq}")], Usn(journal.head.seq)
        where = position(journal.head.seq + 1)
        journal.commit(
            what, position=where, usn_from=usn, witnesses=(), complete=complete, now=NOON, ends_look=ends_look
        )

    for complete, ends_look in ((False, True), (True, True), (True, False), (True, True)):
        commit(complete=complete, ends_look=ends_look)
    assert [journal.is_settled(Seq(seq)) for seq in range(1, 5)] == [False, True, False, True]
    with pytest.raises(PointError, match="no checkpoint at commit 4"):
        list(journal.read_checkpoint(Seq(4)))
    journal.write_checkpoint(Seq(4), (), now=NOON)
    assert not journal.is_settled(Seq(3))
    journal.prune(oldest=Seq(4), keep_marks=False, now=NOON)
    assert journal.is_settled(Seq(4)), "its checkpoint tells, which the commit no longer does"


def test_a_journal_that_is_closed_lets_go_of_its_store() -> None:
    class Closing(MemoryStore):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    store = Closing("closing", journal=journal_id(IDENTITY))
    new_journal(store).close()
    assert store.closed == 1


def test_a_journal_is_created_once() -> None:
    store = fresh_store()
    with pytest.raises(NoJournalError):
        opened(store)
    new_journal(store)
    with pytest.raises(JournalExistsError):
        new_journal(store)


def test_two_journals_share_no_key_and_no_seed() -> None:
    one, other = new_journal(fresh_store()), new_journal(fresh_store())
    assert one.id == other.id
    assert one.head.digest != other.head.digest
    for shown in ("seed", "index_key"):
        assert len({getattr(each, shown) for each in (one, opened(one._store), other)}) == 2
        assert len(getattr(one, shown)) == 32


def test_every_write_is_answered_with_the_head_it_made() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    writes: list[Callable[[], Head]] = [
        lambda: journal.claim(OTHER, now=NOON + 11),
        lambda: journal.beat(now=NOON + 12),
        lambda: journal.note_files_left(3, now=NOON + 13),
        lambda: journal.commit_files([(Place.SYSVOL, "gone")], now=NOON + 14),
        lambda: journal.rotate_data_key(now=NOON + 15),
        lambda: journal.rotate_key(key("new"), now=NOON + 16),
        lambda: journal.begin_restore(target=Seq(1), writer=OTHER, now=NOON + 17),
        lambda: journal.end_restore(now=NOON + 18),
        lambda: journal.hand_back(AGENT, now=NOON + 19),
    ]
    for write in writes:
        assert write() == journal.head == opened(store).head
    assert journal.head.files_left == 3


# --- large looks ----------------------------------------------------------------------------------------------------


def noise(name: str, size: int) -> Change:
    return created(name, {"jpegPhoto": (os.urandom(size),)})


def test_a_large_look_becomes_several_commits_and_the_position_moves_with_the_last() -> None:
    store = fresh_store()
    journal = new_journal(store)
    changes = [noise(str(n), 100_000) for n in range(60)]
    look(journal, changes, 10)
    commits = list(opened(store).commits())
    assert len(commits) > 5
    assert [each.ends_look for each in commits] == [False] * (len(commits) - 1) + [True]
    assert changes_of(journal) == changes
    assert all(len(frame.body) <= MAX_FRAME_BYTES for frame in store.frames(after=Seq(0)))
    proven(store)


def test_a_look_cut_off_leaves_the_position_where_it_was() -> None:
    store = fresh_store()
    journal = new_journal_on(faulty(store, Injection(point=Point.APPEND, fault=Fault.REJECT, call=4, times=9)))
    with pytest.raises(StoreReadOnlyError):
        look(journal, [noise(str(n), 300_000) for n in range(20)], 10)
    after = opened(store, OTHER)
    assert after.head.seq == 3
    assert (after.head.position, after.head.complete, after.head.settled) == (None, False, False)
    with pytest.raises(PointError):
        after.resolve(None, now=NOON)


@pytest.mark.parametrize("size", [MAX_FRAME_BYTES - 200, MAX_FRAME_BYTES, 5_000_000, 20_000_000])
def test_a_change_larger_than_a_frame_comes_back_whole(size: int) -> None:
    store = fresh_store()
    journal = new_journal(store)
    changes = [created("small"), noise("large", size), created("smaller")]
    head = look(journal, changes, 10)
    assert changes_of(opened(store)) == changes
    kinds = [each.kind for each in journal.commits()]
    assert kinds.count(CommitKind.PART) == head.seq - kinds.count(CommitKind.LOOK)
    for after in (head.seq // 2, head.seq):  # also when reading begins in the middle of its parts
        tail = changes_of(opened(store), after)
        assert tail == changes[len(changes) - len(tail) :]
    proven(store)


def test_a_change_in_many_parts_comes_back_whole_wherever_reading_begins() -> None:
    store = fresh_store()
    journal = new_journal(store)
    changes = [created("small"), noise("large", 20 * SMALL_FRAME), created("smaller")]
    with small_frames():
        head = look(journal, changes, 10)
    assert head.seq > 20
    for after in range(head.seq + 1):
        left = 3 - (after >= 1) - (after >= head.seq - 1) - (after >= head.seq)
        assert changes_of(opened(store), after) == changes[len(changes) - left :]
        tip, numbers = journal._end.tip, list(range(after + 1, head.seq + 1))
        assert [each.seq for each in journal.commits(after=Seq(after))] == numbers
        headers = read_headers(store, tip, after=Seq(after), through=head.seq)
        assert [each.seq for each in headers] == numbers
    proven(store)


def test_a_group_of_many_members_takes_one_frame() -> None:
    members = frozenset(bytes(ref(guid(str(n)))) for n in range(20_000))
    change = Change(kind=Kind.CHANGED, guid=guid("group"), nc=NC, added={"member": members})
    [(run, last)] = runs([change])
    assert last
    assert len(run) == 1
    assert len(run[0].compressed) < 17 * 20_000


def test_a_compressible_look_fills_frames() -> None:
    changes = [created(f"user{n}", {"description": (b"x" * 1000,)}) for n in range(2 * FULL_BYTES // 1000)]
    assert len(list(runs(changes))) == 3


def test_a_change_beyond_every_limit_is_refused_by_name() -> None:
    journal = new_journal(fresh_store())
    huge = created("huge", {"blob": (bytes(MAX_CHANGE_BYTES),)})
    with pytest.raises(LimitError, match=guid_text(guid("huge"))):
        look(journal, [huge], 10)
    assert journal.head.seq == 0


def test_a_mark_between_the_parts_of_a_change_makes_them_begin_again() -> None:
    store = fresh_store()

    class Interrupted(FaultyStore):
        def append(self, frames, *, onto, head, spare=False):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            if self.calls[Point.APPEND] == 2:
                opened(store).mark("meanwhile", writer=OTHER, now=NOON)
            return super().append(frames, onto=onto, head=head, spare=spare)

    journal = new_journal_on(Interrupted(store, ()))
    change = noise("large", 3_000_000)
    look(journal, [change], 10)
    assert [each.kind for each in journal.commits()] == [
        CommitKind.PART,
        CommitKind.PART,
        CommitKind.MARK,
        CommitKind.PART,
        CommitKind.PART,
        CommitKind.LOOK,
    ]
    assert changes_of(journal) == [change]
    for after in range(7):
        assert changes_of(journal, after) == ([change] if after < 6 else [])
    proven(store)


# --- fencing --------------------------------------------------------------------------------------------------------


def test_whoever_claims_last_wins_and_the_other_is_told_by_whom() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    winner = opened(store, OTHER)
    with pytest.raises(FencedError, match="dc1-clone, process 815"):
        look(journal, [created("b")], 20)
    with pytest.raises(FencedError):
        look(journal, [created("b")], 20)
    look(winner, [created("c")], 20)
    assert [change.guid for change in changes_of(winner)] == [guid("a"), guid("c")]
    proven(store)


def test_a_journal_must_be_claimed_before_it_is_written() -> None:
    store = fresh_store()
    new_journal(store)
    with pytest.raises(FencedError):
        look(opened(store), [created("a")], 10)


def test_whoever_hands_the_journal_back_holds_it_no_more() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    assert journal.is_held_after_refresh()
    head = journal.hand_back(OTHER, now=NOON + 11)
    assert (head.writer, head.time, head.seq) == (OTHER, NOON + 11, 1)
    assert opened(store).head == head
    assert not journal.is_held_after_refresh()
    with pytest.raises(FencedError, match="does not hold"):
        look(journal, [created("b")], 20)
    again = opened(store, AGENT)
    opened(store, OTHER)
    assert not again.is_held_after_refresh()


def test_who_marks_on_top_of_a_claim_has_not_taken_the_journal_back() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    opened(store, OTHER)
    journal.mark("mine", writer=AGENT, now=NOON)
    assert not journal.is_held_after_refresh()
    with pytest.raises(FencedError, match="dc1-clone, process 815"):
        look(journal, [created("b")], 20)
    assert opened(store).head.writer == OTHER


def test_a_cloned_process_loses_to_its_twin() -> None:
    """Same writer id, same keys, same randomness: a machine resumed twice from one snapshot."""
    store = fresh_store()
    look(new_journal(store), [created("a")], 10)
    twins = []
    for _ in range(2):
        twin = Journal.open(store, key(), randomness=pseudorandom("clone"), patience=IMPATIENT)
        twin._end.holder = AGENT
        twins.append(twin)
    look(twins[0], [created("b")], 20)
    with pytest.raises(FencedError):
        look(twins[1], [created("c")], 20)
    look(twins[0], [created("d")], 30)
    assert [change.guid for change in changes_of(opened(store))] == [guid("a"), guid("b"), guid("d")]
    assert twins[1].refresh().seq == 3
    with pytest.raises(FencedError):
        look(twins[1], [created("c")], 40)


def test_a_cloned_process_loses_also_when_its_twin_only_moved_the_position() -> None:
    store = fresh_store()
    look(new_journal(store), [created("a")], 10)
    one, other = opened(store, AGENT), opened(store)
    other._end.holder = AGENT
    look(one, [], 20)
    with pytest.raises(FencedError):
        look(other, [created("c")], 20)


@pytest.mark.parametrize("moved", ["position", "witnesses"])
@pytest.mark.parametrize("refreshed", [False, True])
def test_a_cloned_process_loses_to_whatever_its_twin_says_of_the_capture(moved: str, refreshed: bool) -> None:
    store = fresh_store()
    before = look(new_journal(store), [created("a")], 10)
    one, other = opened(store, AGENT), opened(store)
    other._end.holder = AGENT
    one.commit(
        [],
        position=position(20) if moved == "position" else position(10),
        usn_from=Usn(10),
        witnesses=before.witnesses if moved == "position" else [witness("a", 10, seq=1)],
        complete=True,
        now=NOON,
    )
    if refreshed:
        other.refresh()
    with pytest.raises(FencedError):
        look(other, [created("c")], 20)


def test_what_is_said_of_the_capture_is_the_same_or_it_is_another_capture() -> None:
    head = look(new_journal(fresh_store()), [created("a")], 10)
    assert same_capture(head, head)
    others = [
        replace(head, writer=OTHER),
        replace(head, timeline=2),
        replace(head, phase=Phase.RESTORING),
        replace(head, target=Seq(1)),
        replace(head, complete=False),
        replace(head, settled=False),
        replace(head, position=position(11)),
        replace(head, position=None),
        replace(head, witnesses=()),
    ]
    for other in others:
        assert not same_capture(head, other)
        assert not same_capture(other, head)
    marked = replace(
        head,
        seq=Seq(2),
        digest=bytes(32),
        time=NOON + 99,
        marks=(Mark(name="m", seq=Seq(2), time=NOON),),
        checkpoints=(Checkpoint(seq=Seq(1), digest=bytes(32), time=NOON, parts=1, objects=1, proof=bytes(32)),),
        pruned=Seq(1),
    )
    assert same_capture(head, marked)


def test_a_cloned_process_that_refreshes_does_not_slip_in() -> None:
    store = fresh_store()
    look(new_journal(store), [created("a")], 10)
    one, other = opened(store, AGENT), opened(store)
    other._end.holder = AGENT
    look(one, [created("b")], 20)
    other.refresh()
    with pytest.raises(FencedError):
        look(other, [created("c")], 30)


def test_twins_never_seal_two_contents_with_one_nonce() -> None:
    store = fresh_store()
    look(new_journal(store), [created("a")], 10)
    tip = opened(store)._end.tip
    nonces = {
        Keyring.unlock(tip.keyring.wrapped, key(), tip.journal).active.nonce(b"header", content, pseudorandom("clone"))
        for content in (b"one", b"other")
    }
    assert len(nonces) == 2


def test_a_mark_does_not_fence_the_agent() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    other, another = opened(store), opened(store)
    assert other.mark("one", writer=OTHER, now=NOON) == 2
    assert other.mark("two", writer=OTHER, now=NOON) == 3
    head = look(journal, [created("b")], 20)
    assert head.seq == 4
    assert head.writer == AGENT
    assert [(each.name, each.seq) for each in head.marks] == [("one", 2), ("two", 3)]
    assert other.mark("one", writer=OTHER, now=NOON) == 5  # on a tip long gone
    assert [(each.name, each.seq) for each in other.marks()] == [("two", 3), ("one", 5)]
    assert another.note_use("{}", writer=OTHER, now=NOON) == 6
    beside = read_headers(store, another._end.tip, after=Seq(4), through=Seq(6))
    assert [(each.usn_from, each.usn_to, each.changes) for each in beside] == [(0, 0, 0)] * 2
    proven(store)


def test_rotating_keys_does_not_fence_the_agent() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    admin = opened(store)
    admin.rotate_data_key(now=NOON)
    look(journal, [created("b")], 20)
    admin.refresh()
    admin.rotate_key(key("new"), now=NOON)
    look(journal, [created("c")], 30)
    again = Journal.open(store, key("new"))
    assert [change.guid for change in changes_of(again)] == [guid("a"), guid("b"), guid("c")]
    assert check_journal(store, key("new")).findings == ()
    assert len({frame.body[68:76] for frame in store.frames(after=Seq(0))}) == 2


def test_claims_do_not_wait_for_anybody() -> None:
    store = fresh_store()
    journal = new_journal(store)
    stale = opened(store)
    look(journal, [created("a")], 10)
    look(journal, [created("b")], 20)
    stale.claim(OTHER, now=NOON)
    assert stale.head.seq == 2
    look(stale, [created("c")], 30)


@pytest.mark.parametrize("name", ["", "@x", "a b", "-x", "x" * 65, "a\n", "../x"])
def test_a_mark_needs_a_name_a_person_can_type(name: str) -> None:
    journal = new_journal(fresh_store())
    with pytest.raises(PointError):
        journal.mark(name, writer=AGENT, now=NOON)


def test_marks_are_bounded() -> None:
    journal = new_journal(fresh_store())
    for number in range(MAX_MARKS):
        journal.mark(f"m{number}", writer=AGENT, now=NOON)
    with pytest.raises(LimitError):
        journal.mark("one-more", writer=AGENT, now=NOON)
    journal.mark("m0", writer=AGENT, now=NOON)


# --- restores -------------------------------------------------------------------------------------------------------


def test_a_restore_fences_the_agent_and_opens_a_timeline() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    look(journal, [created("b")], 20)
    restorer = opened(store)
    with pytest.raises(PointError, match="no restore"):
        journal.end_restore(now=NOON)
    head = restorer.begin_restore(target=Seq(1), writer=OTHER, now=NOON)
    assert (head.phase, head.target, head.writer) == (Phase.RESTORING, 1, OTHER)
    with pytest.raises(FencedError):
        look(journal, [created("c")], 30)
    with pytest.raises(FencedError, match="restoring"):
        look(restorer, [created("c")], 30)
    head = restorer.end_restore(now=NOON)
    assert (head.phase, head.target, head.timeline, head.position, head.witnesses, head.settled) == (
        Phase.CAPTURING,
        None,
        2,
        None,
        (),
        True,
    )
    look(restorer, [created("d")], 30)
    kinds = [(each.kind, each.timeline, each.target) for each in restorer.commits()]
    assert kinds == [
        (CommitKind.LOOK, 1, None),
        (CommitKind.LOOK, 1, None),
        (CommitKind.RESTORE_BEGIN, 1, 1),
        (CommitKind.RESTORE_END, 2, 1),
        (CommitKind.LOOK, 2, None),
    ]
    folded = [change.guid for commit in restorer.history(restorer.head.seq)[1] for change in commit.changes]
    assert folded == [guid("a"), guid("d")]
    assert [change.guid for commit in restorer.way(Seq(1), Seq(5)) for change in commit.changes] == [guid("d")]
    abandoned = [change.guid for commit in restorer.history(Seq(2))[1] for change in commit.changes]
    assert abandoned == [guid("a"), guid("b")]
    proven(store)


def test_a_restore_can_be_begun_again_and_taken_over() -> None:
    store = fresh_store()
    look(new_journal(store), [created("a")], 10)
    first = opened(store)
    first.begin_restore(target=Seq(1), writer=OTHER, now=NOON)
    second = opened(store)
    second.begin_restore(target=Seq(1), writer=Writer(id="third", host="dc1", pid=3), now=NOON)
    with pytest.raises(FencedError):
        first.end_restore(now=NOON)
    assert second.end_restore(now=NOON).timelines[0].base == 1


def test_a_restore_notes_down_what_it_is_to_keep() -> None:
    store = fresh_store()
    look(new_journal(store), [created("a")], 10)
    kept = (
        Conflict(
            guid=guid("a"),
            dn="CN=ä,DC=corp",
            attributes=("mail", "member"),
            links={"member": frozenset({ref(guid("b"))})},
        ),
        Conflict(guid=guid("b"), dn="CN=b,DC=corp", replicated=True),
    )
    opened(store).begin_restore(target=Seq(1), writer=OTHER, now=NOON, kept=kept)
    (commit,) = opened(store).commits(after=Seq(1))
    assert (commit.target, commit.writer, commit.conflicts) == (1, OTHER, kept)
    proven(store)


def test_a_restore_says_of_itself_why_it_began_and_what_came_of_it() -> None:
    store = fresh_store()
    look(new_journal(store), [created("a")], 10)
    kept = (Conflict(guid=guid("b"), dn="CN=b,DC=corp"),)
    restorer = opened(store)
    restorer.begin_restore(target=Seq(1), writer=OTHER, now=NOON, kept=kept, account='{"why":"ä"}')
    restorer.end_restore(now=NOON, account='{"what":1}')
    begun, ended = opened(store).commits(after=Seq(1))
    assert (begun.conflicts, begun.account) == (kept, '{"why":"ä"}')
    assert (ended.conflicts, ended.account, ended.writer) == ((), '{"what":1}', None)
    assert (ended.left, ended.left_count) == ((), 0)
    proven(store)


def test_what_a_restore_is_to_keep_and_leaves_goes_before_what_it_says_of_itself() -> None:
    store = fresh_store()
    look(new_journal(store), [created("a")], 10)
    endless = "".join(guid(f"{number}").hex() for number in range(50_000))
    restorer = opened(store)
    restorer.begin_restore(target=Seq(1), writer=OTHER, now=NOON, account=endless)
    left = Difference(guid=guid("a"), dn="CN=a", attribute="mail", kind="value")
    restorer.end_restore(now=NOON, left=[left], account=endless)
    begun, ended = opened(store).commits(after=Seq(1))
    assert (begun.target, begun.account) == (1, "")
    assert (ended.target, ended.account, ended.left_count) == (1, "", 1)
    before = store.head()
    with pytest.raises(LimitError, match="more than one commit holds"):
        restorer.note_use(endless, writer=OTHER, now=NOON)
    assert store.head() == before


def test_what_a_restore_leaves_is_told_as_far_as_one_commit_holds_it() -> None:
    store, chance = fresh_store(), Random(1)
    look(new_journal(store), [created("a")], 10)

    def words() -> str:
        return chance.randbytes(250).hex()

    left = [
        Difference(guid=guid("a"), dn=words(), attribute=words(), kind="value", reason=words()) for _ in range(1200)
    ]
    restorer = opened(store)
    restorer.begin_restore(target=Seq(1), writer=OTHER, now=NOON)
    restorer.end_restore(now=NOON, left=left, account="{}")
    (ended,) = opened(store).commits(after=Seq(2))
    assert (len(ended.left), ended.left_count, ended.account) == (500, 1200, "{}")
    assert ended.left == tuple(left[:500])


def test_a_restore_that_is_to_keep_too_much_is_not_begun() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    kept = [Conflict(guid=guid(f"{number}"), dn=f"CN={number}") for number in range(50_000)]
    with pytest.raises(LimitError, match="50000 writes"):
        journal.begin_restore(target=Seq(1), writer=OTHER, now=NOON, kept=kept)
    assert journal.head.phase is Phase.CAPTURING


@pytest.mark.parametrize("target", [0, -1, 2, 99])
def test_a_restore_needs_a_commit_to_go_to(target: int) -> None:
    journal = new_journal(fresh_store())
    look(journal, [created("a")], 10)
    with pytest.raises(PointError):
        journal.begin_restore(target=Seq(target), writer=AGENT, now=NOON)


def test_a_restore_on_a_stale_tip_is_fenced() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    restorer = opened(store)
    look(journal, [created("b")], 20)
    with pytest.raises(FencedError):
        restorer.begin_restore(target=Seq(1), writer=OTHER, now=NOON)


# --- the store misbehaves -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.LATE, Fault.HANG, Fault.DROP])
@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("times", [1, 2])
def test_an_unknown_outcome_is_settled_and_nothing_is_written_twice(fault: Fault, call: int, times: int) -> None:
    inner = fresh_store()
    store = faulty(inner, Injection(point=Point.APPEND, fault=fault, call=call, times=times))
    journal = new_journal_on(store)
    for number in range(1, 5):
        head = look(journal, [created(f"user{number}")], number)
        assert head.seq == number
    journal.mark("m", writer=AGENT, now=NOON)
    assert [change.guid for change in changes_of(opened(inner))] == [guid(f"user{n}") for n in range(1, 5)]
    proven(inner)


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.DROP])
def test_a_store_that_stays_silent_is_asked_again_before_anything_else(fault: Fault) -> None:
    inner = fresh_store()
    silent = [
        Injection(point=Point.APPEND, fault=fault, call=2, times=1),
        Injection(point=Point.HEAD, fault=Fault.DROP, call=1, times=3),
    ]
    journal = new_journal_on(faulty(inner, *silent))
    look(journal, [created("a")], 10)
    with pytest.raises(OutcomeUnknownError):
        look(journal, [created("b")], 20)
    with pytest.raises(OutcomeUnknownError, match="settled"):
        look(journal, [created("b")], 20)
    head = journal.refresh()
    landed = fault is Fault.LOSE_ANSWER
    assert head.position == position(20 if landed else 10)
    if not landed:
        look(journal, [created("b")], 20)
    look(journal, [created("c")], 30)
    assert [change.guid for change in changes_of(opened(inner))] == [guid("a"), guid("b"), guid("c")]
    proven(inner)


def test_an_unknown_outcome_that_landed_and_was_marked_since_is_known() -> None:
    inner = fresh_store()

    class Marking(FaultyStore):
        def append(self, frames, *, onto, head, spare=False):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            try:
                return super().append(frames, onto=onto, head=head, spare=spare)
            except OutcomeUnknownError:
                opened(inner).mark("meanwhile", writer=OTHER, now=NOON)
                raise

    journal = new_journal_on(Marking(inner, [Injection(point=Point.APPEND, fault=Fault.LOSE_ANSWER, call=2)]))
    look(journal, [created("a")], 10)
    assert look(journal, [created("b")], 20).seq == 3
    assert look(journal, [created("c")], 30).seq == 4
    assert [change.guid for change in changes_of(opened(inner))] == [guid("a"), guid("b"), guid("c")]


def test_a_claim_after_a_write_that_landed_fences_and_loses_nothing() -> None:
    inner = fresh_store()

    class Claiming(FaultyStore):
        def append(self, frames, *, onto, head, spare=False):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            try:
                return super().append(frames, onto=onto, head=head, spare=spare)
            except OutcomeUnknownError:
                opened(inner, OTHER)
                raise

    journal = new_journal_on(Claiming(inner, [Injection(point=Point.APPEND, fault=Fault.LOSE_ANSWER, call=2)]))
    look(journal, [created("a")], 10)
    with pytest.raises(FencedError):
        look(journal, [created("b")], 20)
    assert [change.guid for change in changes_of(opened(inner))] == [guid("a"), guid("b")]


def test_a_store_that_refuses_changes_nothing() -> None:
    inner = fresh_store()
    journal = new_journal_on(faulty(inner, Injection(point=Point.APPEND, fault=Fault.THROTTLE, call=2)))
    look(journal, [created("a")], 10)
    with pytest.raises(StoreUnreachableError):
        look(journal, [created("b")], 20)
    assert look(journal, [created("b")], 20).seq == 2


def test_a_creation_whose_answer_was_lost_is_known() -> None:
    inner = fresh_store()
    journal = new_journal_on(faulty(inner, Injection(point=Point.CREATE, fault=Fault.LOSE_ANSWER)))
    look(journal, [created("a")], 10)
    proven(inner)


def test_a_creation_that_another_came_before_is_not_taken_for_ones_own() -> None:
    class Racing(FaultyStore):
        def create(self, head: bytes) -> StoredHead:
            Journal.create(self._inner, key(), identity=IDENTITY, writer=OTHER, now=NOON)
            return super().create(head)

    inner = fresh_store()
    with pytest.raises(OutcomeUnknownError):
        new_journal_on(Racing(inner, [Injection(point=Point.CREATE, fault=Fault.DROP)]))
    assert opened(inner).head.writer == OTHER


def test_frames_the_store_holds_beyond_the_head_do_not_count() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    before = store.head()
    look(journal, [created("b")], 20)
    ahead = TamperedStore(store)
    ahead.fake_head = before  # the second frame is there, sealed and chained, and no head names it
    assert [frame.seq for frame in ahead.frames(after=Seq(0))] == [1, 2]
    again = opened(ahead)
    assert changes_of(again) == [created("a")]
    assert changes_of(again, after=1) == []
    assert again.size(after=Seq(0)) == len(next(iter(store.frames(after=Seq(0)))).body)
    assert (again.resolve(None, now=NOON), again.resolve("usn:99", now=NOON)) == (1, 1)
    with pytest.raises(PointError):
        again.history(Seq(2))
    verdict = check_journal(ahead, key())
    assert ([each.damage for each in verdict.findings], verdict.commits) == ([Damage.STRAY], 1)
    assert [(span.after, span.through) for span in verdict.restorable] == [(0, 1)]


def test_an_agent_and_a_person_who_marks_write_at_the_same_time(tmp_path: Path) -> None:
    url, rounds = f"sqlite://{tmp_path}/journal.db", 40
    new_journal(open_store(url, journal=journal_id(IDENTITY))).close()
    agent = opened(open_store(url, journal=journal_id(IDENTITY)), AGENT)

    def mark() -> None:
        journal = opened(open_store(url, journal=journal_id(IDENTITY)))
        for number in range(rounds):
            journal.mark(f"m{number}", writer=OTHER, now=NOON)
        journal.close()

    with ThreadPoolExecutor() as pool:
        marking = pool.submit(mark)
        for number in range(1, rounds + 1):
            look(agent, [created(f"user{number}")], number)
        marking.result()
    assert changes_of(agent) == [created(f"user{number}") for number in range(1, rounds + 1)]
    head = agent.refresh()
    assert head.seq == 2 * rounds
    assert len(head.marks) == rounds
    look(agent, [created("one more")], rounds + 1)
    agent.close()
    verdict = check_journal(open_store(url, journal=journal_id(IDENTITY)), key())
    assert (verdict.findings, verdict.commits) == ((), 2 * rounds + 1)
