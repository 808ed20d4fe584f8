"""Files in the journal: each content once, nothing half, and there for as long as a kept point needs it."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from adpersist.errors import (
    FencedError,
    IntegrityError,
    LimitError,
    PointError,
    StoreReadOnlyError,
    StoreUnreachableError,
)
from adpersist.journal.damage import Damage, DamagedError, NewerFormatError
from adpersist.journal.format.columns import file_changes
from adpersist.journal.format.columns.file_changes import (
    KINDS,
    PLACES,
    file_contents,
    pack_files,
    unpack_files,
)
from adpersist.journal.format.columns.packing import decompress, pack, unpack
from adpersist.journal.format.columns.shapes import items
from adpersist.journal.format.frame import OVERHEAD_BYTES
from adpersist.journal.journal import Journal
from adpersist.model.files.file_changes import FileChanges, pieces_of
from adpersist.model.files.file_state import PIECE_BYTES, FileKey, FileKind, FileState, Place, piece_of
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.commit import CommitKind
from adpersist.stores.memory import MemoryStore
from tests.faults import Fault, FaultyStore, Injection, Point
from tests.golden.journal_samples import (
    AGENT,
    NOON,
    OTHER,
    created,
    fresh_store,
    key,
    look,
    new_journal,
    opened,
    position,
)
from tests.unit.test_journal_head_fields import OF_EVERY_KIND, leaves
from tests.unit.test_journal_notes import changed

Told = FileState | FileKey | bytes


def cut(content: bytes) -> list[bytes]:
    return [content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES)]


def file(path: str, content: bytes = b"", **attributes: bytes) -> FileState:
    return FileState(
        place=Place.SYSVOL,
        path=path,
        kind=FileKind.FILE,
        uid=3_000_016,
        gid=100,
        mode=0o770,
        mtime_ns=1_767_268_800_123_456_789,
        size=len(content),
        pieces=tuple(map(piece_of, cut(content))),
        attributes={f"user.{name}": value for name, value in attributes.items()},
    )


def root() -> FileState:
    return FileState(place=Place.SYSVOL, path="", kind=FileKind.DIRECTORY, mode=0o755)


def entry(sid: str, number: int) -> FileState:
    attributes = {"xidNumber": b"%d" % number, "type": b"ID_TYPE_BOTH"}
    return FileState(place=Place.IDMAP, path=sid, kind=FileKind.ENTRY, attributes=attributes)


def tell(journal: Journal, *told: Told) -> None:
    journal.commit_files(told, now=NOON)


def content(journal: Journal, state: FileState, at: int) -> bytes:
    found = dict(journal.content(Seq(at), state.pieces))
    return b"".join(found[piece] for piece in state.pieces)


@pytest.fixture
def store() -> MemoryStore:
    return fresh_store()


@pytest.fixture
def journal(store: MemoryStore) -> Journal:
    """Its first look at the directory is commit 1."""
    made = new_journal(store)
    look(made, [created("ada")], 100)
    return made


def test_what_is_packed_comes_out_again() -> None:
    changes = FileChanges(
        states=(
            root(),
            file("Policies/GPT.INI", b"Version=1", DOSATTRIB=b"\x00\x01"),
            file("latin-\udcfc.cmd"),
            entry("S-1-5-32-544", 3_000_000),
            replace(entry("HKLM\\SOFTWARE\\SAMBA\\SMBCONF", 0), place=Place.REGISTRY, attributes={"record": b"\0"}),
            replace(file("old"), mtime_ns=-1, kind=FileKind.SYMLINK, attributes={"target": b"\xff/x"}),
        ),
        gone=((Place.SHARES, "SECDESC/sysvol"), (Place.SYSVOL, "gone-\udcff")),
        pieces=(b"", b"Version=1"),
    )
    assert unpack_files(pack_files(changes)) == changes


TOLD = FileChanges(
    states=(replace(file("a", b"b", acl=b"v"), pieces=(piece_of(b"b"), piece_of(b"c"))), entry("S-1-1", 7)),
    gone=((Place.SYSVOL, "x"),),
    pieces=(b"b",),
)


@pytest.mark.parametrize(("path", "leaf"), list(leaves(unpack(pack_files(TOLD)))))
def test_what_is_of_another_kind_is_refused(path: tuple[int, ...], leaf: object) -> None:
    packed = unpack(pack_files(TOLD))
    for other in OF_EVERY_KIND:
        if type(other) is not type(leaf):
            with pytest.raises(ValueError, match=r"."):
                unpack_files(pack(changed(packed, path, other)))


def test_what_is_told_of_more_than_of_less_or_of_half_is_refused() -> None:
    states, gone, pieces = items(unpack(pack_files(TOLD)))
    state, key = items(items(states)[0]), items(items(gone)[0])
    for spoilt in (
        [states, gone],
        [states, gone, pieces, []],
        [[state[:-1]], gone, pieces],
        [[[*state, 0]], gone, pieces],
        [states, [key[:1]], pieces],
        [[[*state[:9], ["user.acl"]]], gone, pieces],
        [[[*state[:8], bytes(31), []]], gone, pieces],
        [[[*state[:8], bytes(65), []]], gone, pieces],
        [[[*state[:3], -1, *state[4:]]], gone, pieces],
    ):
        with pytest.raises(ValueError, match=r".") as refused:
            unpack_files(pack(spoilt))
        assert not isinstance(refused.value, NewerFormatError), spoilt


@pytest.mark.parametrize(("at", "known"), [(0, 6), (2, 4)], ids=["place", "kind"])
def test_a_place_or_kind_nobody_knows_is_a_newer_adpersists(at: int, known: int) -> None:
    packed = unpack(pack_files(TOLD))
    for number in range(known):
        assert unpack_files(pack(changed(packed, (0, 0, at), number)))
    with pytest.raises(NewerFormatError, match="does not know"):
        unpack_files(pack(changed(packed, (0, 0, at), known)))


def test_places_and_kinds_have_their_numbers_for_ever() -> None:
    numbers = {Place.SYSVOL: 0, Place.IDMAP: 1, Place.PRIVILEGES: 2, Place.SHARES: 3, Place.SETTINGS: 4}
    assert {each: PLACES.index(each) for each in Place} == {**numbers, Place.REGISTRY: 5}
    kinds = (FileKind.DIRECTORY, FileKind.FILE, FileKind.SYMLINK, FileKind.ENTRY)
    assert (set(FileKind), KINDS) == (set(kinds), kinds)


@pytest.mark.parametrize("seed", range(20))
def test_no_bytes_but_ours_are_taken_for_files(seed: int) -> None:
    chance = random.Random(seed)
    packed = bytearray(
        pack_files(FileChanges(states=(file("a", b"b"), entry("S-1-1", 7)), gone=((Place.SYSVOL, "x"),)))
    )
    for _ in range(300):
        spoilt = packed.copy()
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        try:
            unpack_files(bytes(spoilt))
        except ValueError:
            continue


def test_a_large_file_lies_in_many_frames_and_comes_back_whole(journal: Journal, store: MemoryStore) -> None:
    big = random.Random(1).randbytes(5_000_001)
    state = file("installer.msi", big)
    tell(journal, *cut(big), root(), state)
    assert journal.head.seq > 6
    assert content(journal, state, journal.head.seq) == big
    assert journal.files(journal.head.seq)[state.key] == state
    assert journal.files(Seq(journal.head.seq - 1)) == {}, "until the last frame nobody knows of it"
    assert [each.kind for each in opened(store).commits(after=Seq(1))][-1] is CommitKind.FILES


def test_many_states_are_cut_and_none_is_lost(journal: Journal) -> None:
    chance = random.Random(2)
    states = [file(f"Policies/{number}", acl=chance.randbytes(3000)) for number in range(1500)]
    tell(journal, root(), *states)
    assert journal.head.seq > 2
    assert journal.head.settled
    assert len(journal.files(journal.head.seq)) == 1501


def test_a_state_no_frame_can_hold_is_named() -> None:
    with pytest.raises(LimitError, match="Policies/huge"):
        list(file_contents([file("Policies/huge", acl=random.Random(3).randbytes(2_000_000))]))


# --- how what is told is cut -----------------------------------------------------------------------------------------

KIB = 1024
NOISE = random.Random(5).randbytes(1024 * KIB)


def contents_of(told: Iterable[Told]) -> list[FileChanges]:
    return [unpack_files(decompress(compressed)) for compressed, _ in file_contents(told)]


def test_content_that_shrinks_is_cut_every_four_mebibytes() -> None:
    found = contents_of([bytes(64 * KIB)] * 130)
    assert [len(each.pieces) for each in found] == [64, 64, 2]


def test_content_that_does_not_shrink_is_cut_so_that_it_just_fits() -> None:
    """What comes after the first of it: as much as fits, with something left for what shrinks less."""
    pieces = [NOISE[at : at + 64 * KIB] for at in range(0, 1024 * KIB, 64 * KIB)]
    found = contents_of(pieces * 10)
    assert [len(each.pieces) for each in found] == [8] * 16 + [12, 12, 8]
    assert [piece for each in found for piece in each.pieces] == pieces * 10


def test_a_frame_of_files_leaves_room_for_a_head_and_its_spare() -> None:
    """128 KiB of what an append may carry."""

    def frames(size: int) -> list[int]:
        made = file_contents([NOISE[: size // 2], NOISE[size // 2 : size]])
        return [len(compressed) + OVERHEAD_BYTES for compressed, _ in made]

    fits = 896 * KIB - (frames(800 * KIB)[0] - 800 * KIB)
    assert frames(fits) == [896 * KIB]
    assert len(frames(fits + 1)) == 2


@pytest.mark.parametrize(
    "told",
    [
        file("Policies/a", acl=bytes(2000)),
        file("Policies/" + "long/" * 400),
        replace(file("Policies/a"), pieces=(piece_of(b"x"),) * 100),
        (Place.SYSVOL, "a path of a file that is no more and was not long"),
    ],
    ids=["attributes", "a path", "pieces", "gone"],
)
def test_a_frame_holds_about_four_mebibytes_whatever_is_told(told: Told) -> None:
    each = len(pack_files(contents_of([told] * 64)[0])) / 64
    found = [len(decompress(compressed)) for compressed, _ in file_contents([told] * round(9 * 1024 * KIB / each))]
    assert len(found) > 1
    assert all(3 * 1024 * KIB < size < 5 * 1024 * KIB for size in found[:-1])


@pytest.mark.parametrize("states", range(4))
@pytest.mark.parametrize("gone", range(4))
@pytest.mark.parametrize("pieces", range(4))
def test_nothing_is_told_before_its_content_and_nothing_is_lost_however_it_is_cut(
    monkeypatch: pytest.MonkeyPatch, pieces: int, states: int, gone: int
) -> None:
    chance = random.Random(6)
    content_ = [chance.randbytes(300) for _ in range(pieces)]
    known = [file(f"{number}", acl=chance.randbytes(200)) for number in range(states)]
    away: list[FileKey] = [(Place.SYSVOL, f"{number} {chance.randbytes(200).hex()}") for number in range(gone)]
    for room in (600, 900, 1200):
        monkeypatch.setattr(file_changes, "_ROOM_BYTES", room)
        made = list(file_contents([*content_, *known, *away]))
        assert all(len(compressed) + OVERHEAD_BYTES <= room for compressed, _ in made)
        told = [unpack_files(decompress(compressed)) for compressed, _ in made]
        assert [piece for each in told for piece in each.pieces] == content_
        assert [state for each in told for state in each.states] == known
        assert [key for each in told for key in each.gone] == away
        assert [len(each.states) + len(each.gone) for each in told] == [count for _, count in made]
        last = max((at for at, each in enumerate(told) if each.pieces), default=0)
        assert not any(each.states or each.gone for each in told[:last]), "content comes first"
        assert len(told) <= len(content_) + len(known) + len(away)


def test_a_path_that_no_frame_can_hold_is_told_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_changes, "_ROOM_BYTES", 100)
    for told, said in ((file("named"), "named"), (b"content", "a piece of content")):
        with pytest.raises(LimitError, match=f"^{said} has more") as refused:
            list(file_contents([told]))
        assert refused.value.hint


def test_whoever_waits_for_content_finds_what_was_told_before_in_the_store(
    journal: Journal, store: MemoryStore
) -> None:
    """The store is written to beside the look: a proof in the middle of it sees one head and no other."""
    big, seen = random.Random(5).randbytes(9_000_000), list[int]()

    def looking() -> Iterator[Told]:
        for number, piece in enumerate(cut(big)):
            yield piece
            if number % 3 == 2:
                journal.await_content()
                assert journal.head.seq == store.head().seq
                seen.append(journal.head.seq)
        yield root()
        yield file("installer.msi", big)

    journal.commit_files(looking(), now=NOON)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]
    assert content(journal, file("installer.msi", big), journal.head.seq) == big


def test_a_look_that_is_fenced_while_it_goes_on_says_so_and_tells_nothing(journal: Journal, store: MemoryStore) -> None:
    chance, pieces = random.Random(6), list[bytes]()

    def looking() -> Iterator[Told]:
        for number in range(40):
            pieces.append(chance.randbytes(PIECE_BYTES))
            yield pieces[-1]
            if number == 20:
                opened(store, OTHER)
        yield file("installer.msi", b"".join(pieces))

    with pytest.raises(FencedError):
        journal.commit_files(looking(), now=NOON)
    assert len(pieces) < 40, "it ends where it is noticed"
    assert not any(changes.states for changes in opened(store).every_file_change())
    with pytest.raises(FencedError):
        journal.commit_files([root()], now=NOON)


def test_nothing_lands_after_a_frame_that_did_not(store: MemoryStore) -> None:
    """What follows is on its way already: the states in it would be made of content that is in no journal."""
    new_journal(store).close()
    broken = FaultyStore(store, [Injection(point=Point.APPEND, fault=Fault.REJECT, call=3)])
    journal, chance = opened(broken, AGENT), random.Random(7)
    assert broken.calls[Point.APPEND] == 1, "the claim"
    before = journal.head.seq
    with pytest.raises(StoreReadOnlyError):
        journal.commit_files((chance.randbytes(PIECE_BYTES) for _ in range(40)), now=NOON)
    assert broken.calls[Point.APPEND] == 3
    assert journal.refresh().seq == before + 1
    big = chance.randbytes(9_000_000)
    tell(journal, *cut(big), file("installer.msi", big))
    assert content(journal, file("installer.msi", big), journal.head.seq) == big


def test_a_look_that_breaks_off_leaves_nothing_half(journal: Journal, store: MemoryStore) -> None:
    chance = random.Random(4)

    def torn() -> Iterator[Told]:
        for number in range(3000):
            yield file(f"Policies/{number}", acl=chance.randbytes(3000))
        raise OSError("the power went")

    tell(journal, root())
    before = journal.head.seq
    with pytest.raises(OSError, match="power"):
        journal.commit_files(torn(), now=NOON)
    again = opened(store, OTHER)
    assert again.head.seq > before
    assert again.resolve(None, now=NOON) == before, "what is restored to is the last whole look"
    look(again, [], 110)
    assert again.head.settled


def test_what_the_directory_remembers_is_noted_with_the_files_that_are_told_after_it() -> None:
    journal = new_journal(fresh_store())
    journal.commit_files([root()], now=NOON, announced=lambda: Seq(1))
    assert journal.head.position is None, "nothing was captured yet"
    look(journal, [created("ada")], 100)
    journal.commit_files([file("a")], now=NOON, announced=lambda: Seq(2))
    told = replace(position(100), canary=Seq(2))
    assert journal.head.position == told
    tell(journal, file("b"))
    assert journal.head.position == told
    assert [(each.kind, each.usn_from, each.usn_to) for each in journal.commits()] == [
        (CommitKind.FILES, 0, 0),
        (CommitKind.LOOK, 90, 100),
        (CommitKind.FILES, 100, 100),
        (CommitKind.FILES, 100, 100),
    ]


def busy_at(store: MemoryStore, append: int) -> Journal:
    """The agent's journal in a store that refuses one append."""
    busy = FaultyStore(store, [Injection(point=Point.APPEND, fault=Fault.THROTTLE, call=append)])
    journal = Journal.open(busy, key())
    journal._end.holder = AGENT
    return journal


def test_nothing_is_told_of_whose_content_the_store_refused(journal: Journal, store: MemoryStore) -> None:
    pieces = [NOISE[at : at + 64 * KIB] for at in range(0, 960 * KIB, 64 * KIB)]
    assert [len(each.states) for each in contents_of([*pieces, root()])] == [0, 0, 1]
    for refused in (1, 2):
        busy = busy_at(store, refused)
        with pytest.raises(StoreUnreachableError):
            busy.commit_files([*pieces, root()], now=NOON)
        assert journal.refresh().seq == refused
        assert not any(each.states for each in journal.every_file_change())
    assert busy.commit_files([*pieces, root()], now=NOON) == opened(store).head
    told = list(opened(store).every_file_change())
    assert [piece for each in told for piece in each.pieces][-15:] == pieces
    assert told[-1].states == (root(),)


def test_what_failed_beside_a_look_that_broke_off_is_no_failure_of_the_next(
    journal: Journal, store: MemoryStore
) -> None:
    busy = busy_at(store, 1)

    def torn() -> Iterator[Told]:
        while (queue := busy._content_queue) is not None and not queue._under_way:
            yield NOISE[: 64 * KIB]
        raise OSError("the disk went")

    with pytest.raises(OSError, match="the disk went"):
        busy.commit_files(torn(), now=NOON)
    tell(busy, root())
    assert busy.head.seq == journal.head.seq + 1


def test_a_commit_after_a_restore_knows_nothing_of_what_was_left(journal: Journal) -> None:
    one, other = file("a", b"one"), file("a", b"other")
    tell(journal, b"one", root(), one)
    kept = journal.head.seq
    tell(journal, b"other", other)
    left = journal.head.seq
    journal.begin_restore(target=kept, writer=AGENT, now=NOON)
    journal.commit_files([b"local", file("b", b"local")], now=NOON, phase=journal.head.phase)
    saved = journal.head.seq
    journal.end_restore(now=NOON)
    look(journal, [], 120)
    assert journal.files(journal.head.seq) == {each.key: each for each in (root(), one)}
    assert content(journal, other, left) == b"other"
    assert content(journal, file("b", b"local"), saved) == b"local"
    with pytest.raises(DamagedError) as caught:
        content(journal, other, journal.head.seq)
    assert caught.value.damage is Damage.GAP


def test_what_a_prune_leaves_has_every_content(journal: Journal, store: MemoryStore) -> None:
    big = random.Random(5).randbytes(2_000_000)
    kept, gone = file("kept", big), file("gone", b"gone")
    tell(journal, *cut(big), b"gone", root(), kept, gone, entry("S-1-5-18", 3_000_002))
    tell(journal, gone.key)
    look(journal, [created("bert")], 200)
    point = journal.head.seq
    made = journal.write_checkpoint(point, [], now=NOON)
    journal.prune(oldest=point, keep_marks=False, now=NOON)
    assert journal.head.pruned == point
    assert made.objects == 0
    again = opened(store)
    assert set(again.files(point)) == {root().key, kept.key, (Place.IDMAP, "S-1-5-18")}
    assert content(again, kept, point) == big
    assert pieces_of(again.files(point).values()) == set(kept.pieces)
    assert list(again.read_checkpoint(point)) == []


def test_a_checkpoint_alone_tells_what_was_pruned_and_its_damage_is_not_taken_for_a_prune(
    journal: Journal, store: MemoryStore
) -> None:
    early, late = file("early", b"early"), file("late", b"late")
    tell(journal, b"early", root(), early)
    look(journal, [created("bert")], 200)
    first = journal.head.seq
    journal.write_checkpoint(first, [], now=NOON)
    journal.prune(oldest=first, keep_marks=False, now=NOON)
    tell(journal, b"late", late)
    look(journal, [created("carl")], 300)
    journal.write_checkpoint(journal.head.seq, [], now=NOON)
    told = list(opened(store).every_file_change())
    assert [piece for each in told for piece in each.pieces] == [b"early", b"late"], "the later checkpoint is not asked"
    assert [state.path for each in told for state in each.states] == ["", "early", "late"]

    for made in journal.head.checkpoints:
        (part, *_) = list(store.checkpoint(made.lies_at))
        store.put_checkpoint(made.lies_at, [part[:-1] + bytes([part[-1] ^ 1])])
    for act in (lambda: opened(store).files(first), lambda: content(opened(store), early, first)):
        with pytest.raises(IntegrityError, match="is damaged") as refused:
            act()
        assert "check" in str(refused.value.hint)
    with pytest.raises(PointError, match="pruned"):
        opened(store).files(Seq(1))


def test_a_damaged_checkpoint_is_passed_over_while_the_commits_are_there(journal: Journal, store: MemoryStore) -> None:
    state = file("a", b"content")
    tell(journal, b"content", root(), state)
    look(journal, [created("bert")], 200)
    point = journal.head.seq
    journal.write_checkpoint(point, [], now=NOON)
    (made,) = journal.head.checkpoints
    (part, *_) = list(store.checkpoint(made.lies_at))
    store.put_checkpoint(made.lies_at, [part[:-1] + bytes([part[-1] ^ 1])])
    again = opened(store)
    assert again.files(point)[state.key] == state
    assert content(again, state, point) == b"content"


def test_frames_without_files_are_of_the_version_they_always_were(journal: Journal, store: MemoryStore) -> None:
    tell(journal, root())
    look(journal, [created("bert")], 200)
    assert [frame.body[4:6] for frame in store.frames(after=Seq(0))] == [b"\x02\x01", b"\x03\x06", b"\x02\x01"]
