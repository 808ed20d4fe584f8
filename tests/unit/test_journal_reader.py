"""What is read is what was written, in its order and as much as was announced, or the commit that is not is named."""

from __future__ import annotations

from typing import Final

import pytest

from adpersist.errors import PointError
from adpersist.journal import reader
from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.drafts.commit_drafts import CommitDrafter
from adpersist.journal.format.columns.changes import pack_changes
from adpersist.journal.format.columns.file_changes import pack_files
from adpersist.journal.format.columns.packing import compress, pack
from adpersist.journal.format.frame import Opened
from adpersist.journal.format.frame_header import FrameHeader
from adpersist.journal.format.head_fields import pack_writer
from adpersist.journal.journal import Journal
from adpersist.journal.reader import Assembly, read_commits, read_files
from adpersist.model.files.file_changes import FileChanges
from adpersist.model.files.file_state import FileKind, FileState, Place
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.journal.commit import Commit, CommitKind
from adpersist.model.objects.audit import Audited
from adpersist.stores.memory import MemoryStore
from tests.faults import FaultyStore, Point
from tests.golden.journal_samples import (
    AGENT,
    NOON,
    OTHER,
    created,
    guid,
    key,
    look,
    opened,
    pseudorandom,
    store_of_looks,
)
from tests.unit.test_journal_repair import checked, inside, lose, repaired, spoil

CHANGE: Final = created("ada", {"cn": (b"Ada",)})
CONTENT: Final = pack_changes([CHANGE])
PIECES: Final = [CONTENT[:20], CONTENT[20:40], CONTENT[40:]]
FILES: Final = FileChanges(
    states=(FileState(place=Place.SYSVOL, path="", kind=FileKind.DIRECTORY),), gone=((Place.SYSVOL, "gone"),)
)


def frame(
    kind: CommitKind, content: bytes, part: int = 0, *, seq: int = 1, changes: int = 0, audited: bool = False
) -> Opened:
    header = FrameHeader(
        kind=kind,
        ends_look=True,
        complete=True,
        journal=bytes(16),
        timeline=1,
        part=part,
        seq=Seq(seq),
        time_us=0,
        usn_from=Usn(0),
        usn_to=Usn(0),
        changes=changes,
        key=bytes(8),
        nonce=bytes(12),
        previous=bytes(32),
        audited=audited,
    )
    return Opened(header, content, bytes(32), 0)


FIRST: Final = frame(CommitKind.PART, PIECES[0], 0)
SECOND: Final = frame(CommitKind.PART, PIECES[1], 1)
END: Final = frame(CommitKind.LOOK, PIECES[2], 2, seq=7, changes=1)
WHOLE: Final = frame(CommitKind.LOOK, CONTENT, changes=1)
MARKED: Final = frame(CommitKind.MARK, pack(["here", None, pack_writer(OTHER)]))
FILED: Final = frame(CommitKind.FILES, pack_files(FILES), changes=2)


def taken(*frames: Opened, objects: list[Guid] | None = None) -> Commit:
    """The last of the commits they make."""
    assembly = Assembly(objects)
    return [assembly.take(each) for each in frames][-1]


@pytest.mark.parametrize(
    "before", [[], [FIRST], [FIRST, SECOND], [FIRST, MARKED], [FIRST, FILED], [FIRST, WHOLE]], ids=len
)
def test_parts_that_were_given_up_are_no_part_of_what_begins_again(before: list[Opened]) -> None:
    """Their writer was killed, or a mark came between."""
    assert taken(*before, FIRST, SECOND, END).changes == (CHANGE,)
    assert taken(*before, WHOLE).changes == (CHANGE,)


@pytest.mark.parametrize(
    "frames",
    [
        [SECOND],
        [FIRST, SECOND, SECOND],
        [END],
        [FIRST, END],
        [SECOND, END],
        [FIRST, SECOND, MARKED, END],
        [FIRST, SECOND, FILED, END],
        [FIRST, SECOND, WHOLE, END],
        [FIRST, SECOND, END, END],
    ],
)
def test_parts_that_do_not_belong_together_make_no_change(frames: list[Opened]) -> None:
    with pytest.raises(DamagedError, match=r"parts belong to it|follows") as caught:
        taken(*frames)
    assert caught.value.damage is Damage.FORGED


def test_parts_take_no_more_memory_than_a_change_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_CHANGE_BYTES", 40)
    assert taken(FIRST, SECOND, END).changes == (CHANGE,)
    monkeypatch.setattr(reader, "MAX_CHANGE_BYTES", 39)
    with pytest.raises(DamagedError, match="more than 39 bytes"):
        taken(FIRST, SECOND, END)


AUDITED: Final = pack_changes([CHANGE], Audited(since=NOON, through=NOON))


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        (frame(CommitKind.LOOK, CONTENT, seq=7, changes=2), "2 changes announced, 1 inside"),
        (frame(CommitKind.LOOK, CONTENT, seq=7, changes=0), "0 changes announced, 1 inside"),
        (frame(CommitKind.LOOK, CONTENT, seq=7, changes=1, audited=True), "do not fit together"),
        (frame(CommitKind.LOOK, AUDITED, seq=7, changes=1), "do not fit together"),
        (frame(CommitKind.FILES, pack_files(FILES), seq=7, changes=1), "1 changes of files announced, 2 inside"),
        (frame(CommitKind.FILES, pack_files(FILES), seq=7, changes=3), "3 changes of files announced, 2 inside"),
    ],
)
def test_what_holds_something_else_than_its_header_announces_is_named(odd: Opened, says: str) -> None:
    with pytest.raises(DamagedError, match=says) as caught:
        taken(odd)
    assert (caught.value.seq, caught.value.damage) == (7, Damage.FORGED)


def test_of_some_objects_alone_so_many_changes_are_made_as_are_theirs() -> None:
    two = frame(CommitKind.LOOK, pack_changes([CHANGE, created("bert")]), changes=2)
    assert taken(two, objects=[guid("ada")]).changes == (CHANGE,)
    assert taken(two, objects=[guid("nobody")]).changes == ()


# --- in a journal ---------------------------------------------------------------------------------------------------


@pytest.fixture
def store() -> MemoryStore:
    """Twelve looks, each with an object of its own."""
    return store_of_looks(12)


def numbers(store: MemoryStore, through: int) -> list[int]:
    return [each.seq for each in opened(store).commits(through=Seq(through))]


def test_files_that_were_sealed_and_make_no_sense_are_told_by_whoever_reads_them(store: MemoryStore) -> None:
    journal = opened(store, AGENT)
    drafter = CommitDrafter(keys=key(), randomness=pseudorandom("odd"), time=NOON)
    odd = compress(pack_files(FILES))
    journal._end.append(lambda base: drafter.files(base, odd, head=base.head, changes=5, usn=Usn(0)))
    for read in (journal.file_changes(after=Seq(0)), journal.commits()):
        with pytest.raises(DamagedError, match="5 changes of files announced") as caught:
            list(read)
        assert (caught.value.seq, caught.value.damage) == (13, Damage.FORGED)


def test_what_lies_outside_of_the_journal_is_no_damage(store: MemoryStore) -> None:
    with pytest.raises(PointError, match="commit 13 is not in the journal; its last one is 12"):
        numbers(store, 13)
    journal = opened(store)
    journal.write_checkpoint(Seq(4), [], now=NOON)
    journal.prune(oldest=Seq(4), keep_marks=False, now=NOON)
    with pytest.raises(PointError, match="up to 4 are pruned") as refused:
        list(journal.commits(after=Seq(3)))
    assert refused.value.hint == "Read from the checkpoint at 4 on."
    assert [each.seq for each in journal.commits(after=Seq(4), through=Seq(5))] == [5]


def test_where_nothing_came_since_nothing_is_read(store: MemoryStore) -> None:
    asked = FaultyStore(store, ())
    tip = Journal.open(asked, key())._end.tip
    for read in (read_commits, read_files):
        assert not list(read(asked, tip, after=Seq(12), through=Seq(12)))
    assert asked.calls[Point.FRAMES] == 0


def test_what_ends_among_lost_commits_is_not_judged_by_what_follows_them(store: MemoryStore) -> None:
    lose(store, 5, 6, 7)
    repaired(store)
    spoil(store, 8)
    for through in (4, 5, 6, 7):
        assert numbers(store, through) == [1, 2, 3, 4]
    with pytest.raises(DamagedError) as caught:
        numbers(store, 8)
    assert (caught.value.seq, caught.value.damage) == (8, Damage.CORRUPT)
    lose(store, 4)
    for through in (4, 5, 6, 7):
        with pytest.raises(DamagedError) as caught:
            numbers(store, through)
        assert (caught.value.seq, caught.value.damage) == (4, Damage.GAP)


def left_by_another(store: MemoryStore, seq: int) -> bytes:
    """The frame of a writer whose commits from 13 on a disk that went back has lost; the agent made others since."""
    agent = opened(store, AGENT)
    head, frames = inside(store).head, dict(inside(store).frames)
    for number in range(13, seq + 1):
        look(agent, [created(f"lost{number}")], number)
    other = inside(store).frames[Seq(seq)]
    inside(store).head, inside(store).frames = head, frames
    return other


def test_the_last_commit_is_the_one_the_head_names(store: MemoryStore) -> None:
    other = left_by_another(store, 13)
    look(opened(store, AGENT), [created("user13")], 13)
    assert numbers(store, 13) == list(range(1, 14))
    inside(store).frames[Seq(13)] = other
    with pytest.raises(DamagedError, match="the head names another last commit") as caught:
        numbers(store, 13)
    assert (caught.value.seq, caught.value.damage) == (13, Damage.FORGED)


def test_a_frame_in_the_place_of_a_lost_commit_vouches_for_nothing(store: MemoryStore) -> None:
    other = left_by_another(store, 14)
    agent = opened(store, AGENT)
    for number in (13, 14, 15):
        look(agent, [created(f"user{number}")], number)
    inside(store).frames[Seq(14)] = other
    assert [(each.first, each.damage) for each in checked(store).findings] == [(14, Damage.FORGED)]
    repaired(store)
    assert numbers(store, 13) == list(range(1, 14))
    assert numbers(store, 14) == list(range(1, 14))
