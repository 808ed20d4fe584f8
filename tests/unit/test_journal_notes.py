"""What commits say that are no look comes back as it was said, and nothing else is taken for it."""

from typing import Final

import pytest

from adpersist.journal.format.columns.packing import pack
from adpersist.journal.format.head_fields import pack_writer
from adpersist.journal.format.notes import CommitNote, pack_conflicts, pack_differences, unpack_note
from adpersist.model.identity.ids import Seq
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.difference import Difference
from tests.golden.journal_samples import OTHER, guid
from tests.unit.test_journal_head_fields import OF_EVERY_KIND, leaves

KEPT: Final = (
    Conflict(
        guid=guid("ada"),
        dn="CN=Ada",
        attributes=("mail", "cn"),
        links={"member": frozenset({b"b", b"a"}), "manager": frozenset()},
        replicated=True,
    ),
    Conflict(guid=guid("new"), dn="CN=New"),
)
LEFT: Final = (
    Difference(guid=guid("ada"), dn="CN=Ada", attribute="mail", kind="value", gives_more=True, reason="refused"),
    Difference(guid=guid("gone"), dn="CN=Gone", attribute="", kind="tombstone"),
)
WRITER: Final = pack_writer(OTHER)


def note(*places: object) -> list[object]:
    return list(places)


NOTES: Final[list[tuple[list[object], bool, CommitNote]]] = [
    (note("hired", None, WRITER), False, CommitNote(mark="hired", writer=OTHER)),
    (note(None, 7, WRITER), False, CommitNote(target=Seq(7), writer=OTHER)),
    (
        note(None, 7, WRITER, pack_conflicts(KEPT)),
        False,
        CommitNote(target=Seq(7), writer=OTHER, conflicts=KEPT),
    ),
    (note(None, None, WRITER, [], "{}"), False, CommitNote(writer=OTHER, account="{}")),
    (note(None, 7, None), True, CommitNote(target=Seq(7))),
    (note(None, 7, None, *pack_differences(LEFT, 1000)), True, CommitNote(target=Seq(7), left=LEFT, left_count=2)),
    (
        note(None, 7, None, *pack_differences(LEFT, 1), "{}"),
        True,
        CommitNote(target=Seq(7), left=LEFT[:1], left_count=2, account="{}"),
    ),
    (note(None, None, None, [], 3), True, CommitNote(left_count=3)),
]
IDS: Final = ["mark", "restore", "kept", "use", "restored", "left", "left and an account", "no target"]


@pytest.mark.parametrize(("places", "ends_restore", "said"), NOTES, ids=IDS)
def test_a_note_says_what_was_noted(places: list[object], ends_restore: bool, said: CommitNote) -> None:
    assert unpack_note(pack(places), ends_restore=ends_restore) == said


def changed(value: object, path: tuple[int, ...], other: object) -> object:
    if not path:
        return other
    assert isinstance(value, list)
    return [changed(each, path[1:], other) if place == path[0] else each for place, each in enumerate(value)]


@pytest.mark.parametrize(("places", "ends_restore"), [each[:2] for each in NOTES], ids=IDS)
def test_what_is_of_another_kind_is_refused(places: list[object], ends_restore: bool) -> None:
    for path, leaf in leaves(places):
        if leaf is None or (ends_restore and path in ((0,), (2, 0), (2, 1), (2, 2))):
            continue
        for other in OF_EVERY_KIND:
            if type(other) is not type(leaf) and (other is not None or len(path) > 1):
                with pytest.raises(ValueError, match=r"."):
                    unpack_note(pack(changed(places, path, other)), ends_restore=ends_restore)


def test_a_link_without_its_attribute_is_refused() -> None:
    ada, _ = pack_conflicts(KEPT)
    assert isinstance(ada, list)
    odd = [*ada[:3], [*ada[3], "managedObjects"], ada[4]]
    with pytest.raises(ValueError, match="shorter"):
        unpack_note(pack([None, 7, WRITER, [odd]]), ends_restore=False)


def test_nothing_left_takes_no_place_and_long_words_are_cut() -> None:
    assert (pack_differences((), 1000), CommitNote().left_count) == ([], 0)
    long = Difference(guid=guid("ada"), dn="d" * 501, attribute="mail", kind="value", reason="r" * 501)
    said = unpack_note(pack([None, 7, None, *pack_differences([long], 1000)]), ends_restore=True)
    assert [(each.dn, each.reason) for each in said.left] == [("d" * 500, "r" * 500)]
