"""What a head says comes back, and a later version's more is refused: whoever writes the head again would lose it."""

from collections.abc import Iterator
from typing import Final

import pytest

from adpersist.journal.damage import NewerFormatError
from adpersist.journal.format.columns.packing import pack, unpack
from adpersist.journal.format.columns.shapes import items
from adpersist.journal.format.head_fields import FIELDS, MOST_FIELDS, PHASES, pack_head, unpack_head
from adpersist.journal.format.notes import unpack_note
from adpersist.model.identity.ids import Seq, Usn
from adpersist.model.journal.head import (
    Checkpoint,
    CommitId,
    Head,
    Lost,
    Mark,
    Moved,
    Phase,
    Quarantined,
    Timeline,
    Witness,
)
from adpersist.model.objects.change import Stamp
from tests.golden.journal_samples import AGENT, IDENTITY, NOON, OTHER, guid, position

EVERYTHING: Final = Head(
    seq=Seq(40),
    digest=b"d" * 32,
    timeline=2,
    time=NOON,
    identity=IDENTITY,
    writer=AGENT,
    phase=Phase.RESTORING,
    target=Seq(7),
    fresh=guid("fresh"),
    complete=True,
    settled=True,
    position=position(500),
    witnesses=(
        Witness(
            seq=Seq(39),
            guid=guid("ada"),
            attribute="mail",
            attid=1_376_281,
            stamp=Stamp(version=2, time=13_411_742_550, origin=guid("invocation"), usn=Usn(90)),
        ),
    ),
    marks=(Mark(name="hired", seq=Seq(2), time=NOON + 1),),
    timelines=(Timeline(number=2, base=Seq(3), begins=Seq(9)),),
    checkpoints=(
        Checkpoint(seq=Seq(9), digest=b"c" * 32, time=NOON, parts=1, objects=3, proof=b"p" * 32, place=Seq(1 << 40)),
    ),
    pruned=Seq(4),
    before_marks=CommitId(seq=Seq(38), digest=b"b" * 32),
    quarantined=(Quarantined(guid=guid("odd"), dn="CN=odd", reason="not shown", time=NOON + 2),),
    scrubbed=NOON + 3,
    lost=(Lost(first=Seq(5), last=Seq(6), digest=b"l" * 32, time=NOON + 4),),
    key_changed=NOON + 5,
    files_left=6,
    moved=Moved(to="sqlite:///other", time=NOON + 6, arrived=True),
    before_use=Seq(39),
)


def read(packed: bytes) -> Head:
    return unpack_head(packed, seq=Seq(40), digest=b"d" * 32, timeline=2, time_us=round(NOON * 1_000_000))


def places() -> dict[str, list[object]]:
    """Every list of a head that has a place for each thing, by what it is of; all are parts of the first."""
    head = items(unpack(pack_head(EVERYTHING)))
    identity, writer, _, _, _, _, where, *more = head
    witnesses, marks, timelines, saved, _, _, before, odd, _, lost, _, _, moved, _ = more
    several = {"witness": witnesses, "mark": marks, "timeline": timelines, "checkpoint": saved}
    several |= {"quarantined": odd, "lost": lost}
    one = {"identity": identity, "writer": writer, "position": where, "before marks": before, "moved": moved}
    found = {name: items(items(each)[0]) for name, each in several.items()}
    return {"head": head, **found, **{name: items(each) for name, each in one.items()}}


def test_everything_a_head_says_comes_back() -> None:
    assert read(pack_head(EVERYTHING)) == EVERYTHING


@pytest.mark.parametrize("of", list(places()))
def test_more_than_is_known_is_a_newer_adpersists(of: str) -> None:
    """None of it is passed over: the head is written again with the next commit, and would no longer have it."""
    found = places()
    found[of].append(None)
    with pytest.raises(NewerFormatError, match="fields where this adpersist knows"):
        read(pack(found["head"]))


@pytest.mark.parametrize("of", list(places()))
def test_less_than_every_version_wrote_is_nobodys(of: str) -> None:
    found = places()
    del found[of][3 if of in ("witness", "checkpoint") else 1 :]
    with pytest.raises(ValueError, match=r"^\d+ fields, \d+ expected$") as refused:
        read(pack(found["head"]))
    assert not isinstance(refused.value, NewerFormatError)


def leaves(value: object, *path: int) -> Iterator[tuple[tuple[int, ...], object]]:
    """Whatever is no list, and the way to it."""
    if not isinstance(value, list):
        yield path, value
        return
    for place, each in enumerate(value):
        yield from leaves(each, *path, place)


MAY_BE_NOTHING: Final = {3, *range(FIELDS, MOST_FIELDS)}
"""The target, and what most heads have nothing of."""
OF_EVERY_KIND: Final[tuple[object, ...]] = (None, True, 7, 0.5, "text", b"bytes", [], ["text"])


@pytest.mark.parametrize(("path", "leaf"), list(leaves(places()["head"])))
def test_what_is_of_another_kind_is_refused(path: tuple[int, ...], leaf: object) -> None:
    """And of a GUID whatever has other than sixteen bytes."""
    others: list[object] = [each for each in OF_EVERY_KIND if type(each) is not type(leaf)]
    if isinstance(leaf, bytes) and len(leaf) == 16:
        others += [leaf[1:], leaf + b"x"]
    if len(path) == 1 and path[0] in MAY_BE_NOTHING:
        others.remove(None)
    for other in others:
        head = places()["head"]
        below = head
        for place in path[:-1]:
            below = items(below[place])
        below[path[-1]] = other
        with pytest.raises(ValueError, match=r"."):
            read(pack(head))


def test_a_cookie_without_its_naming_context_is_refused() -> None:
    found = places()
    items(found["position"][0]).append("nc")
    with pytest.raises(ValueError, match="shorter"):
        read(pack(found["head"]))


def test_a_phase_nobody_knows_is_a_newer_adpersists_and_none_below_the_first() -> None:
    head = places()["head"]
    head[2] = len(PHASES)
    with pytest.raises(NewerFormatError, match="phase 2"):
        read(pack(head))
    head[2] = -1
    with pytest.raises(ValueError, match="not a number"):
        read(pack(head))


@pytest.mark.parametrize(("ends_restore", "known"), [(False, 5), (True, 6)])
def test_a_note_that_says_more_is_a_newer_adpersists(ends_restore: bool, known: int) -> None:
    writer = [OTHER.id, OTHER.host, OTHER.pid]
    note: list[object] = [None, 7, writer, [], *([0] if ends_restore else []), "account"]
    assert len(note) == known
    assert unpack_note(pack(note), ends_restore=ends_restore).account == "account"
    with pytest.raises(NewerFormatError):
        unpack_note(pack([*note, None]), ends_restore=ends_restore)
