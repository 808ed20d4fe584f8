"""A checkpoint counts once it was read back, and what is pruned is gone from the store as well."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import pytest

from adpersist.agent.upkeep.checkpoints import prune
from adpersist.errors import (
    ExitCode,
    IntegrityError,
    OutcomeUnknownError,
    PointError,
    PrunedMeanwhileError,
    StoreFullError,
    StoreUnreachableError,
)
from adpersist.journal.damage import Damage, DamagedCheckpointError
from adpersist.journal.format import checkpoint as checkpoint_format
from adpersist.journal.format.checkpoint import Place, Sealing
from adpersist.journal.format.columns.changes import pack_changes
from adpersist.journal.format.columns.packing import compress
from adpersist.journal.format.frame import CHECKSUM_BYTES, checksum
from adpersist.journal.journal import Journal
from adpersist.journal.upkeep.check import check_journal
from adpersist.journal.upkeep.checkpoints import commit_of
from adpersist.model.identity.ids import Seq, Usn
from adpersist.model.journal.head import IMAGE
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.object_state import created as created_from
from adpersist.state.fold import fold
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import Frame, StoredHead
from adpersist.system.backoff import may_pass
from tests.faults import Fault, FaultyStore, Injection, Point
from tests.golden.journal_samples import (
    AGENT,
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
    position,
    pseudorandom,
    set_value,
)
from tests.golden.make_journal import SMALL_FRAME, small_frames


def state(name: str, size: int = 0) -> ObjectState:
    values = {"jpegPhoto": (pseudorandom(name)(size),)} if size else {}
    return ObjectState(guid=guid(name), nc=NC, parent=None, rdn=f"CN={name}", values=values)


def several() -> list[ObjectState]:
    """More than fits into one small part, each into one by itself."""
    return [state(f"user{number}", SMALL_FRAME // 2) for number in range(4)]


@pytest.fixture
def store() -> MemoryStore:
    """Ten looks, and checkpoints at 2, 5 and 8."""
    made = fresh_store()
    journal = new_journal(made)
    for number in range(1, 11):
        look(journal, [created(f"user{number}")], number)
    with small_frames():
        for seq in (2, 5, 8):
            journal.write_checkpoint(Seq(seq), several(), now=NOON)
    return made


# --- what is named was read back ------------------------------------------------------------------------------------


class Forgetful(TamperedStore):
    """Says that it stored a checkpoint, and stored something else."""

    def put_checkpoint(self, seq: Seq, parts: Iterable[bytes], *, start: int = 0) -> None:
        super().put_checkpoint(seq, self.kept(list(parts)), start=start)

    def kept(self, parts: list[bytes]) -> Sequence[bytes]:
        return parts[:-1]


class Flipping(Forgetful):
    def kept(self, parts: list[bytes]) -> Sequence[bytes]:
        return [*parts[:-1], parts[-1][:-1] + bytes([parts[-1][-1] ^ 1])]


@pytest.mark.parametrize(("kind", "damage"), [(Forgetful, Damage.GAP), (Flipping, Damage.CORRUPT)])
def test_a_checkpoint_the_store_does_not_give_back_is_not_named(
    store: MemoryStore, kind: type[Forgetful], damage: Damage
) -> None:
    journal = opened(kind(store))
    with small_frames(), pytest.raises(DamagedCheckpointError) as caught:
        journal.write_checkpoint(Seq(9), several(), now=NOON)
    assert caught.value.damage is damage
    assert 9 not in [each.seq for each in opened(store).head.checkpoints]
    assert [each.seq for each in journal.head.checkpoints] == [2, 5, 8]


def test_a_checkpoint_in_the_middle_of_a_look_is_refused() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    look(journal, [created("b")], 20, now=NOON, ends_look=False)
    with pytest.raises(PointError, match="half"):
        journal.write_checkpoint(Seq(2), [state("a"), state("b")], now=NOON)
    assert store.checkpoints() == []
    look(journal, [created("c")], 20)
    assert journal.write_checkpoint(Seq(3), [], now=NOON).seq == 3


def test_a_checkpoint_before_the_first_look_is_whole_is_refused() -> None:
    store = fresh_store()
    journal = new_journal(store)
    journal.commit([created("a")], position=position(1), usn_from=Usn(0), witnesses=(), complete=False, now=NOON)
    with pytest.raises(PointError, match="half"):
        journal.write_checkpoint(Seq(1), [state("a")], now=NOON)
    assert store.checkpoints() == []


def test_a_checkpoint_that_is_named_already_is_not_written_again(store: MemoryStore) -> None:
    journal = opened(store)
    look(opened(store, AGENT), [created("user11")], 11)
    made = journal.write_checkpoint(Seq(11), [], now=NOON)
    assert (made.seq, made.time) == (11, NOON + 11), "what came since the journal was opened is there, too"
    places = store.checkpoints()
    assert opened(store).write_checkpoint(Seq(11), several(), now=NOON) == made
    assert store.checkpoints() == places


@pytest.mark.parametrize("seq", [0, 1, 11])
def test_a_commit_that_does_not_count_has_no_checkpoint(store: MemoryStore, seq: int) -> None:
    store.stage([Frame(seq=Seq(11), body=b"is to be a commit")], onto=store.head())
    journal = opened(store)
    if seq:
        journal.prune(oldest=Seq(7), keep_marks=False, now=NOON)
    with pytest.raises(PointError, match=f"commit {seq} is not in the journal"):
        journal.write_checkpoint(Seq(seq), [], now=NOON)


@pytest.mark.parametrize("drawn", [b"\x00", b"\xff"])
def test_a_checkpoint_lies_in_a_place_of_its_own_that_every_store_has(store: MemoryStore, drawn: bytes) -> None:
    journal = Journal.open(store, key(), randomness=lambda count: drawn * count)
    place = journal.write_checkpoint(Seq(9), several(), now=NOON).lies_at
    assert commit_of(place) == 9
    assert 9 < place < 2**63, "places of earlier versions are the commit's number"


def test_a_prune_keeps_the_image_unless_it_is_told_not_to() -> None:
    journal = new_journal(fresh_store())
    look(journal, [created("a")], 10)
    journal.mark(IMAGE, writer=OTHER, now=NOON)
    look(journal, [created("b")], 20)
    for seq in (1, 3):
        journal.write_checkpoint(Seq(seq), [], now=NOON)
    assert journal.prune(oldest=Seq(3), keep_marks=True, now=NOON).through == 1
    assert journal.prune(oldest=Seq(3), keep_marks=True, keep_image=False, now=NOON).through == 3


# --- what is read is what was named ---------------------------------------------------------------------------------


def sealed(journal: Journal, seq: int, states: Iterable[ObjectState]) -> list[bytes]:
    """Parts of another checkpoint of that commit, sealed with the journal's own key: one that was given up, say."""
    tip = journal._end.tip
    digest = next(each.digest for each in tip.head.checkpoints if each.seq == seq)
    with small_frames():
        place = Place(journal=tip.journal, seq=Seq(seq), digest=digest)
        return list(Sealing(place, tip.keyring.active, pseudorandom("another")).seal(states))


def test_another_checkpoint_of_the_same_commit_is_not_the_one_the_head_names(store: MemoryStore) -> None:
    """Its numbers, its objects' number and every seal hold: only the proof tells."""
    journal = opened(store)
    real = list(store.checkpoint(place_of(store, 5)))
    other = sealed(journal, 5, [*several()[:-1], state("mole", SMALL_FRAME // 2)])
    assert len(other) == len(real)
    store.put_checkpoint(place_of(store, 5), other)
    read = journal.read_checkpoint(Seq(5))
    with pytest.raises(DamagedCheckpointError, match="not the one the head names") as caught:
        list(read)
    assert caught.value.damage is Damage.FORGED


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (1, 1, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2)])
def test_nothing_of_a_part_that_stands_in_anothers_place_is_told(store: MemoryStore, order: tuple[int, ...]) -> None:
    """The proof would say so as well, but only after everything was handed out."""
    parts = list(store.checkpoint(place_of(store, 5)))
    assert len(parts) == len(order) == len(several()), "an object each"
    store.put_checkpoint(place_of(store, 5), [parts[place] for place in order])
    wrong = next(number for number, place in enumerate(order) if number != place)
    told = []
    with pytest.raises(DamagedCheckpointError, match=f"in place of part {wrong}"):
        for each in opened(store).read_checkpoint(Seq(5)):
            told.append(each)
    assert told == several()[:wrong]


def of_every_size() -> list[ObjectState]:
    """Several in a part, one in four parts, one more."""
    return [state("a"), state("b"), state("photo", 3 * SMALL_FRAME), state("c")]


def test_every_object_is_found_again_by_its_part(store: MemoryStore) -> None:
    journal = opened(store)
    with small_frames():
        made = journal.write_checkpoint(Seq(9), of_every_size(), now=NOON)
    found = list(journal.checkpoint_by_part(Seq(9)))
    assert [each.rdn for _, states in found for each in states if isinstance(each, ObjectState)] == [
        each.rdn for each in of_every_size()
    ]
    assert [number for number, _ in found] == [0, made.parts - 2, made.parts - 1], "the one that each ends in"
    for number, states in found:
        assert journal.checkpoint_parts(Seq(9), {number}) == states
    every = [state for _, states in found for state in states]
    assert journal.checkpoint_parts(Seq(9), {number for number, _ in found}) == every
    assert journal.checkpoint_parts(Seq(9), {number for number, _ in found}, {every[1].guid}) == every[1:2]


@pytest.mark.parametrize("wrong", range(6))
def test_one_part_is_told_only_where_all_are_those_that_the_head_names(store: MemoryStore, wrong: int) -> None:
    """Also where the one that is asked for is sound."""
    journal = opened(store)
    with small_frames():
        made = journal.write_checkpoint(Seq(9), of_every_size(), now=NOON)
    parts, others = list(store.checkpoint(made.lies_at)), sealed(journal, 9, of_every_size())
    assert len(parts) == len(others) == made.parts == 6
    store.put_checkpoint(made.lies_at, [*parts[:wrong], others[wrong], *parts[wrong + 1 :]])
    for number in (0, 4, 5):
        with pytest.raises(DamagedCheckpointError, match="not the one the head names") as caught:
            journal.checkpoint_parts(Seq(9), {number})
        assert caught.value.damage is Damage.FORGED
    store.put_checkpoint(made.lies_at, parts[:wrong])
    with pytest.raises(DamagedCheckpointError, match=f"6 parts, {wrong} are there") as missing:
        journal.checkpoint_parts(Seq(9), {0})
    assert missing.value.damage is Damage.GAP


def test_an_object_that_grows_beyond_every_object_is_refused(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before memory is taken: whoever holds the key may have parts go on for ever."""
    journal = opened(store)
    with small_frames():
        made = journal.write_checkpoint(Seq(9), [state("photo", 3 * SMALL_FRAME)], now=NOON)
    limit = len(pack_changes([created_from(state("photo", 3 * SMALL_FRAME))]))
    assert made.parts > 1
    monkeypatch.setattr(checkpoint_format, "MAX_CHANGE_BYTES", limit)
    assert len(list(journal.read_checkpoint(Seq(9)))) == 1
    monkeypatch.setattr(checkpoint_format, "MAX_CHANGE_BYTES", limit - 1)
    with pytest.raises(DamagedCheckpointError, match="beyond every object") as caught:
        list(journal.read_checkpoint(Seq(9)))
    assert caught.value.damage is Damage.FORGED


@pytest.mark.parametrize(
    ("version", "flags"),
    [(0, 0), (1, 2), (2, 2), (3, 2), (3, 4), (3, 5), (4, 1), (4, 3), (4, 4)],
)
def test_a_part_of_no_known_format_is_forged(store: MemoryStore, version: int, flags: int) -> None:
    """Sealed with our key, and nothing that any version wrote."""
    journal = opened(store)
    made = journal.head.checkpoints[0]
    place = Place(journal=journal._end.tip.journal, seq=made.seq, digest=made.digest)
    part = Sealing(place, journal._end.tip.keyring.active, pseudorandom("another"))._sealed(
        compress(pack_changes([])), version, flags
    )
    store.put_checkpoint(made.lies_at, [part])
    with pytest.raises(DamagedCheckpointError, match="part 0 is of no known format") as caught:
        list(journal.read_checkpoint(made.seq))
    assert caught.value.damage is Damage.FORGED


def _another_seal(part: bytes) -> bytes:
    body = part[:-CHECKSUM_BYTES]
    changed = body[:-1] + bytes([body[-1] ^ 1])
    return changed + checksum(changed)


def _another_key(part: bytes) -> bytes:
    body = part[:36] + b"no key!!" + part[44:-CHECKSUM_BYTES]
    return body + checksum(body)


@pytest.mark.parametrize(
    ("spoiled", "damage", "said"),
    [
        (_another_seal, Damage.FORGED, "the seal of part 0 does not hold"),
        (_another_key, Damage.FORGED, "part 0 is sealed with an unknown key"),
        (lambda part: part[:60], Damage.CORRUPT, "the checksum of part 0 is wrong"),
        (lambda _: b"", Damage.CORRUPT, "the checksum of part 0 is wrong"),
    ],
)
def test_a_part_that_is_not_ours_is_told_by_what_is_wrong(
    store: MemoryStore, spoiled: Callable[[bytes], bytes], damage: Damage, said: str
) -> None:
    made = opened(store).head.checkpoints[0]
    first, *rest = store.checkpoint(made.lies_at)
    store.put_checkpoint(made.lies_at, [spoiled(first), *rest])
    for read in (opened(store).read_checkpoint, lambda seq: opened(store).checkpoint_parts(seq, {0})):
        with pytest.raises(DamagedCheckpointError, match=said) as caught:
            list(read(made.seq))
        assert caught.value.damage is damage


def test_a_part_that_the_store_has_and_cannot_give_back_is_corrupt(store: MemoryStore) -> None:
    class Failing(TamperedStore):
        def checkpoint(self, seq: Seq) -> Iterator[bytes]:
            yield next(super().checkpoint(seq))
            raise IntegrityError("a page of it cannot be read")

    with pytest.raises(DamagedCheckpointError, match="a page of it cannot be read") as caught:
        list(opened(Failing(store)).read_checkpoint(Seq(5)))
    assert caught.value.damage is Damage.CORRUPT


@pytest.mark.parametrize(
    "content",
    [b"no list", pack_changes([created("a")])[:-1], pack_changes([set_value("a", b"v")])],
    ids=["no list", "half of one", "an object without a name"],
)
def test_a_part_that_makes_no_sense_is_forged(store: MemoryStore, content: bytes) -> None:
    journal = opened(store)
    made = journal.head.checkpoints[0]
    place = Place(journal=journal._end.tip.journal, seq=made.seq, digest=made.digest)
    for version, flags in ((3, 0), (4, 2)):
        sealing = Sealing(place, journal._end.tip.keyring.active, pseudorandom("another"))
        store.put_checkpoint(made.lies_at, [sealing._sealed(compress(content), version, flags)])
        with pytest.raises(DamagedCheckpointError) as caught:
            list(journal.read_checkpoint(made.seq))
        assert caught.value.damage is Damage.FORGED


# --- what is pruned is gone -----------------------------------------------------------------------------------------


def lying(store: MemoryStore) -> tuple[list[int], list[int]]:
    """Numbers of the frames and of the checkpoints in the store, be they named or not."""
    return [frame.seq for frame in store.frames(after=Seq(0))], sorted(map(commit_of, store.checkpoints()))


def place_of(store: MemoryStore, seq: int) -> Seq:
    """Where the checkpoint of a commit lies."""
    return next(each.lies_at for each in opened(store).head.checkpoints if each.seq == seq)


def test_what_is_pruned_is_gone_from_the_store(store: MemoryStore) -> None:
    journal = opened(store)
    journal.prune(oldest=Seq(7), keep_marks=False, now=NOON)
    assert lying(store) == ([6, 7, 8, 9, 10], [5, 8])
    journal.prune(oldest=Seq(10), keep_marks=False, now=NOON)
    assert lying(store) == ([9, 10], [8])


@pytest.mark.parametrize("point", [Point.TRIM, Point.DROP_CHECKPOINT])
def test_a_prune_sweeps_up_what_an_earlier_one_left(store: MemoryStore, point: Point) -> None:
    cut_off = FaultyStore(store, [Injection(point=point, fault=Fault.DROP)])
    with pytest.raises(OutcomeUnknownError):
        opened(cut_off).prune(oldest=Seq(10), keep_marks=False, now=NOON)
    assert lying(store) == ([*range(1, 11)] if point is Point.TRIM else [9, 10], [2, 5, 8])
    opened(store).prune(oldest=Seq(10), keep_marks=False, now=NOON)
    assert lying(store) == ([9, 10], [8])


def test_a_checkpoint_that_is_just_being_written_is_not_swept_up(store: MemoryStore) -> None:
    for seq in (8, 9):
        store.put_checkpoint(Seq(seq | 7 << 40), [b"its first part"])
    opened(store).prune(oldest=Seq(10), keep_marks=False, now=NOON)
    assert lying(store) == ([9, 10], [8, 9]), "one for the commit that the journal begins with now will not be named"


def test_what_stands_on_a_damaged_checkpoint_stays_and_one_elsewhere_keeps_nothing(store: MemoryStore) -> None:
    """What is told by it alone afterwards is proven before, and nothing more."""
    parts, before, head = list(store.checkpoint(place_of(store, 5))), lying(store), store.head()
    store.put_checkpoint(place_of(store, 5), parts[:-1])
    with pytest.raises(DamagedCheckpointError):
        opened(store).prune(oldest=Seq(7), keep_marks=False, now=NOON)
    assert (lying(store), store.head()) == (before, head)
    store.put_checkpoint(place_of(store, 8), parts[:-1])
    store.put_checkpoint(place_of(store, 5), parts)
    opened(store).prune(oldest=Seq(7), keep_marks=False, now=NOON)
    assert lying(store) == ([6, 7, 8, 9, 10], [5, 8])


def test_a_prune_knows_of_a_checkpoint_that_another_wrote(store: MemoryStore) -> None:
    journal = opened(store)
    journal.prune(oldest=Seq(10), keep_marks=False, now=NOON)
    opened(store).write_checkpoint(Seq(10), [], now=NOON)
    assert journal.prune(oldest=Seq(10), keep_marks=False, now=NOON).through == 10
    assert lying(store) == ([], [10])


def test_a_mark_that_is_kept_keeps_its_frames(store: MemoryStore) -> None:
    journal = opened(store)
    journal.mark("here", writer=OTHER, now=NOON)
    look(opened(store, OTHER), [created("late")], 20)
    journal.refresh()
    journal.write_checkpoint(Seq(12), [], now=NOON)
    journal.prune(oldest=Seq(12), keep_marks=True, now=NOON)
    assert lying(store) == ([9, 10, 11, 12], [8, 12])


# --- two at once ----------------------------------------------------------------------------------------------------


def test_two_checkpoints_of_one_commit_do_not_touch_each_other(store: MemoryStore) -> None:
    """One is named while the other is being written: the slower one is thrown away, and nothing of the quicker one."""
    slow, quick = opened(store), opened(store)

    def states() -> Iterable[ObjectState]:
        yield from several()[:2]
        quick.write_checkpoint(Seq(9), several(), now=NOON)
        yield from several()[2:]

    with small_frames():
        made = slow.write_checkpoint(Seq(9), states(), now=NOON)
    assert made == next(each for each in opened(store).head.checkpoints if each.seq == 9)
    assert check_journal(store, key()).findings == ()
    assert lying(store)[1] == [2, 5, 8, 9]


def test_two_prunes_at_once_lose_nothing(store: MemoryStore) -> None:
    """The second planned its checkpoint before the first had named one there, pruned, and trimmed."""
    first, second = opened(store), opened(store)

    def states() -> Iterable[ObjectState]:
        yield state("one")
        first.write_checkpoint(Seq(9), several(), now=NOON)
        first.prune(oldest=Seq(9), keep_marks=False, now=NOON)
        yield state("two")

    with pytest.raises(PointError), small_frames():
        second.write_checkpoint(Seq(7), states(), now=NOON)
    second.prune(oldest=Seq(7), keep_marks=False, now=NOON)
    assert check_journal(store, key()).findings == ()
    assert lying(store) == ([10], [9])
    assert len(list(opened(store).read_checkpoint(Seq(9)))) == len(several())


def test_a_prune_sweeps_nothing_that_is_named_a_moment_later(store: MemoryStore) -> None:
    slow, pruning = opened(store), opened(store)

    def states() -> Iterable[ObjectState]:
        yield state("one")
        pruning.prune(oldest=Seq(10), keep_marks=False, now=NOON)  # up to 8: what is written now is for 9
        yield state("two")

    with small_frames():
        slow.write_checkpoint(Seq(9), states(), now=NOON)
    assert check_journal(store, key()).findings == ()
    assert lying(store) == ([9, 10], [8, 9])


class Crowded(TamperedStore):
    """Somebody else does something right before each append."""

    def __init__(self, of: MemoryStore, meanwhile: Callable[[], object]) -> None:
        super().__init__(of)
        self.meanwhile = meanwhile

    def append(self, frames: Sequence[Frame], *, onto: StoredHead, head: bytes, spare: bool = False) -> StoredHead:
        self.meanwhile()
        return super().append(frames, onto=onto, head=head, spare=spare)


def test_a_checkpoint_that_a_prune_went_past_is_not_named_and_does_not_stay(store: MemoryStore) -> None:
    """Right before it would have been named, when all of it lay there and was proven."""
    crowded = Crowded(store, lambda: opened(store).prune(oldest=Seq(10), keep_marks=False, now=NOON))
    with pytest.raises(PrunedMeanwhileError, match="a prune took"):
        opened(crowded).write_checkpoint(Seq(7), several(), now=NOON)
    assert lying(store) == ([9, 10], [8])
    assert check_journal(store, key()).findings == ()


def test_who_reads_what_is_pruned_meanwhile_is_told_to_try_again_and_by_itself_does(store: MemoryStore) -> None:
    """A guard or an agent that took it for a wrong word would end, and not be started again."""

    class Pruning(TamperedStore):
        def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
            opened(store).prune(oldest=Seq(10), keep_marks=False, now=NOON)
            return super().frames(after=after, through=through)

    reading = opened(Pruning(store))
    with pytest.raises(PrunedMeanwhileError, match="commit 6 was pruned") as caught:
        fold(reading, Seq(7))
    assert may_pass(caught.value)
    assert caught.value.exit_code is ExitCode.FAILURE
    assert {guid("user9"), guid("user10")} <= set(fold(reading))


@pytest.mark.parametrize(
    "read",
    [
        lambda journal: list(journal.read_checkpoint(Seq(5))),
        lambda journal: list(journal.checkpoint_by_part(Seq(5))),
        lambda journal: journal.checkpoint_parts(Seq(5), {0}),
        lambda journal: journal.files(Seq(5)),
        lambda journal: fold(journal, Seq(5)),
    ],
)
def test_a_checkpoint_that_a_prune_takes_while_it_is_read_is_no_damage(
    store: MemoryStore, read: Callable[[Journal], object]
) -> None:
    """Nor is one of the newest point: the next checkpoint tells as much."""

    class Pruning(TamperedStore):
        def checkpoint(self, seq: Seq) -> Iterator[bytes]:
            opened(store).prune(oldest=Seq(10), keep_marks=False, now=NOON)
            return super().checkpoint(seq)

    with pytest.raises(PointError, match=r"pruned") as caught:
        read(opened(Pruning(store)))
    assert caught.value.exit_code is not ExitCode.INTEGRITY


def test_what_a_prune_takes_of_the_newest_point_is_read_again(store: MemoryStore) -> None:
    class Pruning(TamperedStore):
        def checkpoint(self, seq: Seq) -> Iterator[bytes]:
            with small_frames():
                opened(store).write_checkpoint(Seq(10), several(), now=NOON)
            opened(store).prune(oldest=Seq(10), keep_marks=False, now=NOON)
            return super().checkpoint(seq)

    reading = opened(Pruning(store))
    assert len(fold(reading)) == len(several())
    assert reading.head.pruned == 10


def test_a_busy_agent_neither_keeps_a_checkpoint_or_a_prune_from_its_end_nor_is_kept_by_one(store: MemoryStore) -> None:
    agent = opened(store, AGENT)

    def looked(number: int) -> None:
        if agent.head.seq < number:
            look(agent, [created(f"user{number}")], number)

    opened(Crowded(store, lambda: looked(11))).write_checkpoint(Seq(9), [], now=NOON)
    opened(Crowded(store, lambda: looked(12))).prune(oldest=Seq(9), keep_marks=False, now=NOON)
    assert lying(store) == ([10, 11, 12], [9])
    assert check_journal(store, key()).findings == ()
    look(agent, [created("user13")], 13)


def test_a_checkpoint_that_failed_and_could_not_go_says_so(store: MemoryStore) -> None:
    class Gone(TamperedStore):
        def put_checkpoint(self, seq: Seq, parts: Iterable[bytes], *, start: int = 0) -> None:
            raise StoreFullError("the disk is full")

        def drop_checkpoint(self, seq: Seq) -> None:
            raise StoreUnreachableError("the store is away")

    with pytest.raises(StoreFullError) as full:
        opened(Gone(store)).write_checkpoint(Seq(9), several(), now=NOON)
    assert full.value.__notes__ == ["what was written of it is still there: the store is away"]


def test_a_checkpoint_that_failed_leaves_nothing(store: MemoryStore) -> None:
    before = lying(store)

    class Full(TamperedStore):
        def put_checkpoint(self, seq: Seq, parts: Iterable[bytes], *, start: int = 0) -> None:
            super().put_checkpoint(seq, islice(parts, 2), start=start)
            raise StoreFullError("the disk is full")

    with small_frames(), pytest.raises(StoreFullError):
        opened(Full(store)).write_checkpoint(Seq(9), several(), now=NOON)
    assert lying(store) == before


def test_a_prune_of_a_full_store_goes_as_far_as_an_older_checkpoint_lets_it(store: MemoryStore) -> None:
    class Full(TamperedStore):
        def put_checkpoint(self, seq: Seq, parts: Iterable[bytes], *, start: int = 0) -> None:
            raise StoreFullError("the disk is full")

    journal = opened(Full(store))
    assert prune(journal, oldest=Seq(9), keep_marks=False, now=NOON).through == 8
    assert lying(store) == ([9, 10], [8])
    with pytest.raises(StoreFullError):
        prune(journal, oldest=Seq(10), keep_marks=False, now=NOON)
    assert check_journal(store, key()).findings == ()
