"""A copy is the journal or, until it is whole, none; whatever is killed, pruned or written to on the way."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from adpersist.agent.upkeep.copying import credentials_of_copy
from adpersist.errors import (
    CopyRefusedError,
    FencedError,
    IntegrityError,
    NoJournalError,
    PrunedMeanwhileError,
    UnfinishedCopyError,
    WrongKeyError,
)
from adpersist.journal.damage import DamagedCheckpointError, DamagedError
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.upkeep.check import Part, check_journal
from adpersist.journal.upkeep.copy import Copied, JournalCopy
from adpersist.model.identity.ids import Seq
from adpersist.model.objects.object_state import ObjectState
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import MAX_APPEND_BYTES, MAX_APPEND_FRAMES, Frame, Store, StoredHead
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
    created,
    fresh_store,
    guid,
    key,
    look,
    new_journal,
    opened,
    pseudorandom,
)

LOOKS = 150
"""More than two steps of a store take."""


def spoilt(body: bytes) -> bytes:
    """Other bytes, whatever the last one was."""
    return body[:-1] + bytes([body[-1] ^ 1])


def state(name: str) -> ObjectState:
    return ObjectState(guid=guid(name), nc=NC, parent=None, rdn=f"CN={name}")


@pytest.fixture
def source() -> MemoryStore:
    """Two hundred commits, a mark, two data keys and three checkpoints; pruned up to the first of them."""
    made = fresh_store()
    journal = new_journal(made)
    for number in range(1, 21):
        look(journal, [created(f"user{number}")], number)
    journal.write_checkpoint(Seq(10), [state("first")], now=NOON)
    journal.prune(oldest=Seq(10), keep_marks=True, now=NOON)
    journal.mark("here", writer=OTHER, now=NOON)
    journal.rotate_data_key(now=NOON)
    grow(made, LOOKS)
    return made


def grow(store: MemoryStore, count: int) -> None:
    journal = opened(store, AGENT)
    begin = journal.head.seq
    for number in range(begin, begin + count):
        look(journal, [created(f"more{number}")], number)
    journal.write_checkpoint(journal.head.seq, [state(f"at{number}")], now=NOON + number)


def copied(source: Store, target: Store, **options: bool) -> Copied:
    return JournalCopy(source, target, key(), expected=journal_id(IDENTITY), **options).run()


def everything(store: Store) -> tuple[bytes, dict[int, bytes], dict[int, list[bytes]]]:
    """Head, frames that count, and checkpoints that do."""
    head = opened(store).head
    return (
        store.head().body,
        {frame.seq: frame.body for frame in store.frames(after=head.pruned)},
        {each.seq: list(store.checkpoint(each.lies_at)) for each in head.checkpoints},
    )


def test_a_copy_is_the_journal_byte_for_byte(source: MemoryStore) -> None:
    target = fresh_store()
    done = copied(source, target)
    assert (done.seq, done.checkpoints, done.changed) == (source.head().seq, 2, True)
    assert done.commits == source.head().seq - 10
    assert done.size == sum(len(frame.body) for frame in source.frames(after=Seq(10)))
    assert everything(target) == everything(source)
    assert target.spare() == target.head().body
    assert check_journal(target, key()).findings == ()
    assert copied(source, target) == Copied(seq=done.seq, commits=0, size=0, checkpoints=0, changed=False)


def test_an_empty_journal_is_copied_and_grows() -> None:
    source, target = fresh_store(), fresh_store()
    new_journal(source)
    assert copied(source, target).commits == 0
    assert everything(target) == everything(source)
    grow(source, 3)
    assert copied(source, target).commits == 3
    assert everything(target) == everything(source)


@pytest.mark.parametrize("more", [1, MAX_APPEND_FRAMES, MAX_APPEND_FRAMES + 1, 200])
def test_what_came_since_is_all_that_is_sent_and_in_one_step_where_it_fits(source: MemoryStore, more: int) -> None:
    target = FaultyStore(fresh_store(), [])
    following = JournalCopy(source, target, key(), expected=None)
    following.run()
    before = Counter(target.calls)
    grow(source, more)
    told: list[tuple[int, int]] = []
    done = following.run(lambda seq, last: told.append((seq, last)))
    assert (done.commits, done.checkpoints) == (more, 1)
    assert everything(target) == everything(source)
    steps = {point: target.calls[point] - before[point] for point in (Point.APPEND, Point.STAGE, Point.ADVANCE)}
    fits = more <= MAX_APPEND_FRAMES
    staged = -(-more // MAX_APPEND_FRAMES)
    assert steps == {Point.APPEND: fits, Point.STAGE: 0 if fits else staged, Point.ADVANCE: not fits}
    assert target.spare() == target.head().body
    assert told[-1] == (done.seq, done.seq)
    calls = Counter(target.calls)
    assert following.run() == Copied(seq=done.seq, commits=0, size=0, checkpoints=0, changed=False)
    assert target.calls == calls, "while nothing happens nothing is asked of it"


def test_large_commits_are_sent_in_as_many_steps_as_they_take(source: MemoryStore) -> None:
    """A step has a bound; and where a head and its spare do not fit beside a commit, that goes first."""
    target = FaultyStore(fresh_store(), [])
    following = JournalCopy(source, target, key(), expected=None)

    def followed(*sizes: int) -> tuple[int, int, int]:
        journal, before = opened(source, AGENT), Counter(target.calls)
        for number, size in enumerate(sizes):
            value = pseudorandom(f"{journal.head.seq} {number}")(size)
            look(journal, [created("large", {"jpegPhoto": (value,)})], 900)
        assert following.run().commits == len(sizes)
        assert everything(target) == everything(source)
        after = target.calls - before
        return after[Point.APPEND], after[Point.STAGE], after[Point.ADVANCE]

    following.run()
    third = MAX_APPEND_BYTES // 3
    assert followed(third) == (1, 0, 0)
    assert followed(2 * third, 2 * third) == (0, 2, 1)
    assert followed(third, third, 2 * third) == (0, 2, 1)
    assert followed(MAX_APPEND_BYTES - 500) == (0, 1, 1)


@pytest.mark.parametrize(
    "moved",
    [
        lambda journal: journal.claim(OTHER, now=NOON + 5000),
        lambda journal: journal.write_checkpoint(Seq(50), [state("at50")], now=NOON),
        lambda journal: journal.rotate_data_key(now=NOON),
    ],
    ids=["claim", "checkpoint", "key"],
)
def test_a_head_that_moved_alone_is_followed(source: MemoryStore, moved: Callable[[Journal], object]) -> None:
    target = fresh_store()
    copied(source, target)
    moved(opened(source))
    assert copied(source, target).changed
    assert everything(target) == everything(source)


def test_a_copy_that_missed_a_whole_change_of_keys_is_gone_on_with(source: MemoryStore) -> None:
    """Whoever copies has the new key alone, and the copy's head was wrapped by the old one alone."""
    target = fresh_store()
    copied(source, target)
    journal = Journal.open(source, key())
    journal.rotate_key(key("new"), now=NOON)
    journal = Journal.open(source, key("new"))
    journal.finish_key(now=NOON)
    journal.rotate_data_key(now=NOON)
    JournalCopy(source, target, key("new"), expected=None).run()
    assert target.head().body == source.head().body
    assert list(target.frames(after=Seq(0))) == list(source.frames(after=Seq(0)))
    with pytest.raises(WrongKeyError):
        Journal.open(target, key())


def test_a_copy_goes_on_as_a_journal_and_is_refused_as_a_copy_from_then_on(source: MemoryStore) -> None:
    target = fresh_store()
    copied(source, target)
    look(opened(target, OTHER), [created("elsewhere")], 900)
    with pytest.raises(CopyRefusedError, match="ahead"):
        copied(source, target)
    grow(source, 5)
    with pytest.raises(CopyRefusedError, match="parted"):
        copied(source, target)
    assert [each.guid for each in list(opened(target).commits(after=Seq(10)))[-1].changes] == [guid("elsewhere")]


def test_a_copy_that_was_only_claimed_is_not_taken_back(source: MemoryStore) -> None:
    target = fresh_store()
    copied(source, target)
    opened(target).claim(OTHER, now=NOON + 9000)
    with pytest.raises(CopyRefusedError, match="ahead"):
        copied(source, target)
    assert opened(target).head.writer == OTHER


def test_another_journal_is_refused_and_stays(source: MemoryStore) -> None:
    target = fresh_store()
    look(new_journal(target), [created("theirs")], 1)  # of the same DC, and made anew
    before = target.head()
    with pytest.raises(CopyRefusedError, match="another journal"):
        copied(source, target)
    assert target.head() == before
    sealed = fresh_store()
    Journal.create(sealed, key("other"), identity=IDENTITY, writer=AGENT, now=NOON, patience=IMPATIENT)
    with pytest.raises(CopyRefusedError, match="another key"):
        copied(source, sealed)
    with pytest.raises(CopyRefusedError, match="itself"):
        copied(source, source)


def test_a_copy_of_another_journal_that_was_only_begun_is_refused(source: MemoryStore) -> None:
    target, other = fresh_store(), fresh_store()
    look(new_journal(other), [created("theirs")], 1)
    interrupted(other, target, Point.APPEND, Fault.DIE_BEFORE, 1)
    with pytest.raises(CopyRefusedError, match="another journal"):
        copied(source, target)


def test_a_copy_behind_what_was_pruned_is_refused(source: MemoryStore) -> None:
    target = fresh_store()
    copied(source, target)
    end = source.head().seq
    grow(source, 20)
    journal = opened(source)
    journal.prune(oldest=journal.head.seq, keep_marks=False, now=NOON)
    assert journal.head.pruned > end
    with pytest.raises(CopyRefusedError, match="forgotten"):
        copied(source, target)
    assert copied(source, fresh_store()).changed


@pytest.mark.parametrize("forgets", [True, False])
def test_what_was_pruned_goes_from_the_copy_unless_nothing_may_be_deleted(source: MemoryStore, forgets: bool) -> None:
    target = fresh_store()
    copied(source, target)
    end = source.head().seq
    opened(source).prune(oldest=end, keep_marks=False, now=NOON)
    grow(source, 1)
    copied(source, target, **({} if forgets else {"forgets": False}))
    assert everything(target) == everything(source)
    first = next(iter(target.frames(after=Seq(0)))).seq
    assert (first > end) is forgets
    assert (len(target.checkpoints()) == len(source.checkpoints())) is forgets


# --- damage is not carried over -------------------------------------------------------------------------------------


def test_a_damaged_commit_stops_the_copy_and_leaves_the_one_there_is(source: MemoryStore) -> None:
    target = fresh_store()
    copied(source, target)
    before = everything(target)
    grow(source, 100)
    bad = source.head().seq - 50

    class Rotten(TamperedStore):
        def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
            for frame in super().frames(after=after, through=through):
                yield Frame(seq=frame.seq, body=spoilt(frame.body)) if frame.seq == bad else frame

    with pytest.raises(DamagedError, match=str(bad)):
        copied(Rotten(source), target)
    assert everything(target) == before
    copied(source, target)
    assert everything(target) == everything(source)


def test_a_damaged_checkpoint_is_not_named_by_a_copy(source: MemoryStore) -> None:
    target = fresh_store()
    named = opened(source).head.checkpoints[-1]
    parts = list(source.checkpoint(named.lies_at))
    source.put_checkpoint(named.lies_at, [spoilt(parts[0])])
    with pytest.raises(DamagedCheckpointError):
        copied(source, target)
    assert named.lies_at not in target.checkpoints()
    with pytest.raises(UnfinishedCopyError):
        opened(target)
    source.put_checkpoint(named.lies_at, parts)
    copied(source, target)
    assert everything(target) == everything(source)


def test_a_damaged_copy_is_named_as_such(source: MemoryStore) -> None:
    target = fresh_store()
    copied(source, target)
    stored = target.head()
    target.append([], onto=stored, head=spoilt(stored.body))
    grow(source, 1)
    with pytest.raises(IntegrityError, match="the copy in memory"):
        copied(source, target)


def test_a_copy_whose_head_is_lost_is_not_begun_anew(source: MemoryStore) -> None:
    """With its spare, and all that lies there, it can be repaired."""
    target = fresh_store()
    copied(source, target)

    class Headless(TamperedStore):
        def head(self) -> StoredHead:
            raise NoJournalError("its row is gone")

    with pytest.raises(IntegrityError, match=r"the copy in memory.* is damaged: .*it is missing"):
        copied(source, Headless(target))


# --- killed ---------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for the process's end."""


def die() -> None:
    raise Killed


def interrupted(source: Store, target: Store, point: Point, fault: Fault, call: int) -> bool:
    """Copy until the process dies there; False: it never came to that."""
    faulty = FaultyStore(target, [Injection(point=point, fault=fault, call=call)], Tempo(die=die))
    try:
        copied(source, faulty)
    except Killed:
        return True
    return False


DEATHS = [
    (Point.CREATE, 1),
    (Point.PUT_CHECKPOINT, 1),
    (Point.PUT_CHECKPOINT, 2),
    (Point.STAGE, 1),
    (Point.STAGE, 2),
    (Point.STAGE, 3),
    (Point.ADVANCE, 1),
    (Point.TRIM, 1),
]


@pytest.mark.parametrize("fault", [Fault.DIE_BEFORE, Fault.DIE_AFTER])
@pytest.mark.parametrize(("point", "call"), DEATHS)
def test_a_first_copy_that_is_killed_is_no_journal_and_goes_on(
    source: MemoryStore, point: Point, call: int, fault: Fault
) -> None:
    target = fresh_store()
    assert interrupted(source, target, point, fault, call), "nothing was killed"
    whole = point is Point.TRIM or (point is Point.ADVANCE and fault is Fault.DIE_AFTER)
    if whole:
        assert check_journal(target, key()).findings == ()
    else:
        with pytest.raises(NoJournalError) as caught:
            opened(target)
        assert point is Point.CREATE or "copy" in caught.value.hint
    lay, places = 0, {}
    if point is not Point.CREATE:
        lay = sum(1 for _ in target.frames(after=Seq(0), through=source.head().seq))
        places = {place: list(target.checkpoint(place)) for place in target.checkpoints()}
    named = opened(source).head.checkpoints
    done = copied(source, target)
    assert done.commits == source.head().seq - 10 - lay, "what lay there was sent again"
    assert done.checkpoints == sum(places.get(each.lies_at) != list(source.checkpoint(each.lies_at)) for each in named)
    assert everything(target) == everything(source)


@pytest.mark.parametrize("fault", [Fault.DIE_BEFORE, Fault.DIE_AFTER])
@pytest.mark.parametrize(("point", "call"), [each for each in DEATHS if each[0] is not Point.CREATE])
def test_a_copy_that_is_killed_while_it_catches_up_stays_the_journal_it_was(
    source: MemoryStore, point: Point, call: int, fault: Fault
) -> None:
    target = fresh_store()
    copied(source, target)
    before = everything(target)
    opened(source).prune(oldest=Seq(15), keep_marks=True, now=NOON)
    grow(source, 150)
    if point is Point.PUT_CHECKPOINT:
        grow(source, 1)
    if point is Point.TRIM:
        journal = opened(source)
        journal.prune(oldest=opened(target).head.seq, keep_marks=False, now=NOON)
    assert interrupted(source, target, point, fault, call), "nothing was killed"
    assert all(each.part is Part.BEHIND for each in check_journal(target, key()).findings)
    if not (point is Point.TRIM or (point is Point.ADVANCE and fault is Fault.DIE_AFTER)):
        assert everything(target) == before
    copied(source, target)
    assert everything(target) == everything(source)


def test_what_an_earlier_run_left_of_another_history_is_sent_again(source: MemoryStore) -> None:
    target = fresh_store()
    copied(source, target)
    stored = target.head()
    stray = next(iter(source.frames(after=Seq(20))))
    target.stage(
        [Frame(seq=Seq(stored.seq + 1), body=stray.body), Frame(seq=Seq(stored.seq + 3), body=b"x")], onto=stored
    )
    grow(source, 5)
    copied(source, target)
    assert everything(target) == everything(source)
    assert check_journal(target, key()).findings == ()


def test_what_an_earlier_run_left_that_leads_elsewhere_is_sent_again(source: MemoryStore) -> None:
    """The journal's store went back, and was gone on with: what the copy has beyond is sealed, and follows its head."""
    target = fresh_store()
    copied(source, target)
    lost: list[Frame] = []

    class GoneBack(TamperedStore):
        def append(self, frames: Sequence[Frame], *, onto: StoredHead, head: bytes, spare: bool = False) -> StoredHead:
            lost.extend(frames)
            return StoredHead(seq=Seq(onto.seq + len(frames)), body=head, token="made up")

    elsewhere = opened(GoneBack(source))
    elsewhere._end.holder = AGENT
    look(elsewhere, [created("lost")], 900)
    target.stage(lost, onto=target.head())
    grow(source, 5)
    copied(source, target)
    assert everything(target) == everything(source)
    assert check_journal(target, key()).findings == ()


def test_two_copies_at_once_do_not_mix(source: MemoryStore) -> None:
    target = fresh_store()

    class Overtaken(FaultyStore):
        def advance(self, *, onto: StoredHead, seq: Seq, head: bytes) -> StoredHead:
            copied(source, target)
            return super().advance(onto=onto, seq=seq, head=head)

    with pytest.raises(FencedError, match="somebody else"):
        copied(source, Overtaken(target, []))
    assert everything(target) == everything(source)


class Pruned(TamperedStore):
    """A journal that grows whenever it is copied, and is pruned up to where it ended before.

    Attributes:
        left: How often.
    """

    def __init__(self, of: MemoryStore, times: int) -> None:
        super().__init__(of)
        self.inner, self.left = of, times

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        if self.left and through == self.inner.head().seq:
            self.left -= 1
            grow(self.inner, 1)
            journal, last = opened(self.inner), Seq(self.inner.head().seq - 1)
            journal.write_checkpoint(last, [state("last")], now=NOON)
            journal.prune(oldest=last, keep_marks=False, now=NOON)
        return super().frames(after=after, through=through)


def test_a_prune_under_the_copy_is_followed(source: MemoryStore) -> None:
    target, pruned = fresh_store(), Pruned(source, 2)
    copied(pruned, target)
    assert not pruned.left
    assert everything(target) == everything(source)
    assert check_journal(target, key()).findings == ()


def test_a_journal_that_is_pruned_faster_than_it_is_copied_makes_no_copy(source: MemoryStore) -> None:
    target = fresh_store()
    with pytest.raises(PrunedMeanwhileError, match="pruned faster than it can be copied"):
        copied(Pruned(source, 100), target)
    with pytest.raises(UnfinishedCopyError):
        opened(target)


# --- between stores -------------------------------------------------------------------------------------------------


def test_a_copy_in_a_file_survives_the_loss_of_the_first(source: MemoryStore, tmp_path: Path) -> None:
    with closing(open_store(f"sqlite://{tmp_path}/copy.db", journal=journal_id(IDENTITY))) as target:
        copied(source, target)
        before = everything(target)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    back = fresh_store()
    with closing(open_store(f"sqlite://{tmp_path}/copy.db", journal=journal_id(IDENTITY))) as target:
        copied(target, back)
    assert everything(back) == before


def test_a_copy_has_credentials_of_its_own_or_those_of_the_journal() -> None:
    own = {"ADPERSIST_AZURE_SAS": "first", "PATH": "/bin"}
    assert credentials_of_copy(own) == own
    assert credentials_of_copy({**own, "ADPERSIST_COPY_AZURE_ACCOUNT_KEY": "second"}) == {
        "PATH": "/bin",
        "ADPERSIST_COPY_AZURE_ACCOUNT_KEY": "second",
        "ADPERSIST_AZURE_ACCOUNT_KEY": "second",
    }
