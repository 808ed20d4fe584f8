"""The list of changes looked up in the index is the one that a past in memory tells, however looks were split."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from adpersist.console.web.in_memory import MemoryLines
from adpersist.console.web.record import Known
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.journal.commit import CommitKind
from adpersist.model.objects.change import Change, Kind, Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.index.answering import brought_up
from adpersist.reading.index.indexed_lines import IndexedLines
from adpersist.reading.index.indexed_past import IndexedPast
from adpersist.reading.index.kept import IndexFile
from adpersist.reading.past.line import Line, Wanted
from adpersist.reading.past.past import TAKEN_BACK, Past
from adpersist.reading.text.entry_text import Document, comparison
from adpersist.state.changes import difference
from adpersist.state.fold import fold
from adpersist.state.state import State
from tests.cases import cases
from tests.golden.journal_samples import AGENT, IDENTITY, NC, NOON, fresh_store, new_journal, position
from tests.unit.storied import attribute

ROOT, SERVER, *OBJECTS = [IDENTITY.server if number == 1 else Guid(bytes([number]) * 16) for number in range(6)]
NAMES = ["CN=ada", "OU=x, y"]
SECOND = 13_411_742_400
"""Noon, since 1601."""
SCHEMA = [attribute(name, b"2.5.5.12") for name in ("objectClass", "description", "isDeleted", "lastKnownParent")]

steps = st.fixed_dictionaries(
    {
        "rdn": st.sampled_from(NAMES),
        "parent": st.integers(0, 5),
        "description": st.sampled_from([(), (b"one",), (b"two",)]),
        "unicodePwd": st.sampled_from([(), (b"secret",)]),
        "objectClass": st.sampled_from([(b"top", b"user"), (b"top", b"group")]),
        "member": st.frozensets(st.integers(0, 5), max_size=2),
        "deed": st.sampled_from(["write", "write", "write", "delete", "expunge"]),
        "second": st.integers(0, 5),
        "again": st.booleans(),
    }
)
looks = st.dictionaries(st.integers(0, len(OBJECTS) - 1), steps, min_size=1, max_size=4)
doings = st.lists(
    st.tuples(st.just("look"), looks, st.integers(0, 3))
    | st.tuples(st.just("restore"), st.integers(1, 9), st.none())
    | st.tuples(st.just("index"), st.none(), st.none()),
    max_size=9,
)


def _after(state: State, number: int, step: dict[str, object], *, restored: bool) -> Change | None:
    """What a capture tells of an object that came to be so; a restore writes the values there were with new stamps."""
    guid, old = OBJECTS[number], state.get(OBJECTS[number])
    if step["deed"] == "expunge":
        return Change(kind=Kind.EXPUNGED, guid=guid, nc=NC) if old is not None else None
    if old is not None and old.deleted:
        return None
    above = [ROOT, SERVER, *OBJECTS[:number]][int(str(step["parent"])) % (number + 2)]
    values = {name: step[name] for name in ("description", "unicodePwd", "objectClass") if step[name]}
    members = step["member"]
    assert isinstance(members, frozenset)
    new = ObjectState(
        guid=guid,
        nc=NC,
        parent=above,
        rdn=str(step["rdn"]),
        values=values,  # type: ignore[arg-type]  # bytes, by the strategy
        links={"member": frozenset(bytes(ref([ROOT, SERVER, *OBJECTS][each])) for each in members)} if members else {},
        stamps={
            name: old.stamps[name]
            if old is not None and old.values.get(name) == values[name] and not (restored or step["again"])
            else Stamp(version=1, time=SECOND + int(str(step["second"])), origin=SERVER, usn=Usn(1))
            for name in values
        },
    )
    if step["deed"] == "delete":
        gone = {"isDeleted": (b"TRUE",), "lastKnownParent": (bytes(ref(new.parent or ROOT)),)}
        values = {"objectClass": new.values["objectClass"], **gone}
        kept = {"objectClass": new.stamps["objectClass"]}
        name = f"{new.rdn}\\0ADEL:{number}"
        new = replace(new, parent=ROOT, rdn=name, values=values, links={}, stamps=kept)  # type: ignore[arg-type]
    return difference(old, new)


def _look(journal: Journal, told: list[Change], usn: int, *, ends: bool = True) -> None:
    journal.commit(
        told,
        position=position(usn),
        usn_from=Usn(usn - 10),
        witnesses=(),
        complete=True,
        now=NOON + usn,
        ends_look=ends,
    )


def _indexed(journal: Journal, directory: Path) -> tuple[list[list[Line]], list[Document]]:
    file = IndexFile(directory, journal.id)
    with brought_up(file, journal), file.opened(filling=False) as index:
        past = IndexedPast(journal, journal.head, index.rows)
        return _told(IndexedLines(past, index.rows)), _compared(past, journal.head.seq)


def _compared(past: Known, last: Seq) -> list[Document]:
    """What differs between the newest commit and each, either way round."""
    points = [Seq(seq) for seq in range(1, last + 1)]
    return [comparison(past, *pair) for point in points for pair in ((point, past.seq), (past.seq, point))]


def _told(lines: MemoryLines | IndexedLines) -> list[list[Line]]:
    wanted = [Wanted(), Wanted(what="ada,ou"), Wanted(attribute="description"), Wanted(guid=OBJECTS[1])]
    found: Iterator[list[Line]] = (list(lines.found(each)) for each in wanted)
    return [*found, lines.deletions("", 100)[1]]


WRITES = {"rdn": NAMES[0], "parent": 0, "description": (), "unicodePwd": (), "objectClass": (b"top", b"user")}
WRITES |= {"member": frozenset(), "deed": "write", "second": 0, "again": False}
COMES_ABOVE = [
    ("look", {1: WRITES | {"parent": 2}}, 0),
    ("look", {0: WRITES, 1: WRITES | {"parent": 2, "member": frozenset({0})}}, 0),
]
"""What it lies in is told of later than it."""


@settings(max_examples=cases(40), deadline=None)
@given(doings)
@example(COMES_ABOVE)
def test_every_line_is_the_same_by_the_index(doings: list[tuple[str, object, object]]) -> None:
    journal, usn = new_journal(fresh_store()), 10
    with tempfile.TemporaryDirectory(prefix="adp-lines-") as name:
        root = Change(kind=Kind.CREATED, guid=ROOT, nc=NC, rdn=NC)
        server = Change(kind=Kind.CREATED, guid=SERVER, nc=NC, rdn="CN=NTDS Settings", parent=ROOT)
        _look(journal, [root, server, *SCHEMA], usn)
        for what, how, pieces in doings:
            usn += 10
            if what == "index":
                _indexed(journal, Path(name))
            elif what == "restore":
                target = Seq(min(int(str(how)), journal.head.seq))
                if any(each.seq == target for each in Past.of(journal).looks):
                    journal.begin_restore(target=target, writer=AGENT, now=NOON + usn)
                    journal.end_restore(now=NOON + usn)
            else:
                assert isinstance(how, dict)
                state, told = fold(journal), list[Change]()
                restored = Past.of(journal).looks[-1].kind is CommitKind.RESTORE_END
                for number, step in how.items():
                    change = _after(state, number, step, restored=restored)
                    if change is not None:
                        told.append(change)
                cut = min(int(str(pieces)), len(told) - 1)
                if cut > 0:
                    _look(journal, told[:cut], usn, ends=False)
                    if int(str(pieces)) == len(OBJECTS) - 1:
                        _indexed(journal, Path(name))  # in the middle of a look
                if told:
                    _look(journal, told[max(cut, 0) :], usn)
        past = Past.of(journal)
        expected = _told(MemoryLines(past)), _compared(past, journal.head.seq)
        found = _indexed(journal, Path(name))
        assert list(map(_plain, found[0])) == list(map(_plain, expected[0]))
        assert found[1] == expected[1]


def _plain(lines: list[Line]) -> list[dict[str, object]]:
    """Lines as they are promised: in which order a restore took objects back is not, nor stamps as a whole."""
    return sorted(
        (
            {name: getattr(line, name) for name in Line.__slots__}
            | {"written": {(name, stamp.time, stamp.origin) for name, stamp in line.written}}
            | ({"number": 0} if line.kind == TAKEN_BACK else {})
            for line in lines
        ),
        key=lambda each: (-int(str(each["seq"])), str(each["guid"])),
    )
