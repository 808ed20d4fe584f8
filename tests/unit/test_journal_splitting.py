"""How a look is cut: frames of about the same content, whatever they hold, and none that a store would not take."""

import os
from typing import Final

import pytest

from adpersist.errors import LimitError
from adpersist.journal.format import splitting
from adpersist.journal.format.columns.changes import pack_changes, unpack_look
from adpersist.journal.format.columns.packing import decompress
from adpersist.journal.format.frame import OVERHEAD_BYTES
from adpersist.journal.format.splitting import EMPTY, Run, runs
from adpersist.model.identity.ids import Usn, guid_text
from adpersist.model.identity.reference import ref
from adpersist.model.journal.commit import CommitKind
from adpersist.model.objects.audit import Audited, AuditLine
from adpersist.model.objects.change import Change, Kind, LinkStamp, Stamp
from adpersist.stores.port import MAX_FRAME_BYTES
from tests.golden.journal_samples import NC, guid, set_value

MIB: Final = 1_048_576
MEMBERS: Final = [bytes(ref(guid(str(number)))) for number in range(100)]
NAMES: Final = [f"attribute{number}" for number in range(40)]
STAMP: Final = Stamp(version=2, time=13_411_742_400, origin=guid("invocation"), usn=Usn(7))
MADE: Final = LinkStamp(version=2, time=13_411_742_400, origin=guid("invocation"), usn=Usn(7), present=True)


def changed(**what: object) -> Change:
    return Change(kind=Kind.CHANGED, guid=guid("ada"), nc=NC, **what)  # type: ignore[arg-type]  # for brevity


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("change", "least", "most"),
    [
        (changed(values={"photo": (bytes(5000),)}), 3.95, 4.05),
        (changed(values=dict.fromkeys(NAMES, (b"1",))), 1, 6),
        (changed(values={"phone": tuple(b"%05d" % number for number in range(100))}), 1, 6),
        (changed(added={"member": frozenset(MEMBERS)}), 1, 6),
        (changed(removed={"member": frozenset(MEMBERS)}), 1, 6),
        (changed(stamps=dict.fromkeys(NAMES, STAMP)), 1, 6),
        (changed(link_stamps={"member": dict.fromkeys(MEMBERS, MADE)}), 1, 6),
    ],
    ids=["large values", "values", "values of one attribute", "links", "links taken away", "stamps", "links' stamps"],
)
def test_a_frame_holds_about_four_mebibytes_whatever_they_are_of(change: Change, least: float, most: float) -> None:
    """A reader holds one at once; a writer makes one at once."""
    each = len(pack_changes([change] * 64)) / 64
    found = [run for run, _ in runs([change] * round(8 * MIB / each))]
    sizes = [len(decompress(piece.compressed)) / MIB for (piece,) in found]
    assert all(least < size < most for size in sizes[:-1]), sizes
    assert len(sizes) > 1


def sizes_of(run: Run) -> list[int]:
    return [len(decompress(piece.compressed)) for piece in run]


def test_what_just_fits_a_frame_takes_one_and_a_byte_more_takes_parts() -> None:
    """Of one change that cannot be compressed."""
    noise = os.urandom(MAX_FRAME_BYTES)

    def pieces(size: int) -> Run:
        ((run, last),) = runs([set_value("ada", noise[:size])])
        assert last
        return run

    over = len(pieces(MAX_FRAME_BYTES - 1000)[0].compressed) - (MAX_FRAME_BYTES - 1000)
    fits = MAX_FRAME_BYTES - OVERHEAD_BYTES - over
    (whole,) = pieces(fits)
    assert len(whole.compressed) == MAX_FRAME_BYTES - OVERHEAD_BYTES
    part, rest = pieces(fits + 1)
    assert (part.kind, part.part, part.changes, part.audited) == (CommitKind.PART, 0, 0, False)
    assert (rest.kind, rest.part, rest.changes, rest.audited) == (CommitKind.LOOK, 1, 1, False)
    assert all(len(each.compressed) <= MAX_FRAME_BYTES - OVERHEAD_BYTES for each in (part, rest))


def test_changes_that_do_not_fit_one_frame_are_halved() -> None:
    noise = [set_value(str(number), os.urandom(450_000)) for number in range(4)]
    found = [run for run, _ in runs(noise)]
    assert [[(piece.kind, piece.part, piece.changes) for piece in run] for run in found] == [
        [(CommitKind.LOOK, 0, 2)],
        [(CommitKind.LOOK, 0, 2)],
    ]


@pytest.mark.parametrize(
    ("changes", "lines", "expected"),
    [
        ((1,), (700_000,), [(1, 1)]),
        ((1,), (700_000, 700_000), [(0, 1), (0, 1), (1, 0)]),
        ((1,), (700_000,) * 3, [(0, 1), (0, 1), (0, 1), (1, 0)]),
        ((700_000, 700_000), (1, 1), [(1, 1), (1, 1)]),
    ],
    ids=["both fit", "two lines", "three lines", "two changes"],
)
def test_a_change_is_cut_into_parts_for_its_own_size_only(
    changes: tuple[int, ...], lines: tuple[int, ...], expected: list[tuple[int, int]]
) -> None:
    """Lines of who wrote that do not fit beside it lie in looks before it; several are halved with their lines."""
    said = tuple(
        AuditLine(time=float(at), dn=os.urandom(size).hex(), operation="Modify", attributes=frozenset(), sid="")
        for at, size in enumerate(lines)
    )
    look = [set_value(str(at), os.urandom(size)) for at, size in enumerate(changes)]
    found = list(runs(look, Audited(since=0.5, through=9.5, lines=said)))
    told = [unpack_look(decompress(piece.compressed)) for run, _ in found for piece in run]
    assert [(len(these), len(who.lines)) for these, who in told if who] == expected


def test_the_largest_change_is_sixty_four_mebibytes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert splitting.MAX_CHANGE_BYTES == 64 * MIB
    change = set_value("ada", bytes(20 * MIB))
    monkeypatch.setattr(splitting, "MAX_CHANGE_BYTES", len(pack_changes([change])))
    ((run, _),) = runs([change])
    assert sum(sizes_of(run)) == splitting.MAX_CHANGE_BYTES
    monkeypatch.setattr(splitting, "MAX_CHANGE_BYTES", len(pack_changes([change])) - 1)
    with pytest.raises(LimitError, match=guid_text(guid("ada"))) as refused:
        list(runs([change]))
    assert refused.value.hint


def test_a_look_that_found_nothing_is_a_whole_one() -> None:
    assert (EMPTY.kind, EMPTY.part, EMPTY.changes, EMPTY.audited) == (CommitKind.LOOK, 0, 0, False)
    assert decompress(EMPTY.compressed) == pack_changes(())
