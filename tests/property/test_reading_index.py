"""What the index answers is what folding the journal answers, whatever was written, restored, pruned and repaired."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from adpersist.errors import AdpersistError, PointError
from adpersist.journal.journal import Journal
from adpersist.journal.upkeep.check import check_journal
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.audit import Audited, AuditLine
from adpersist.model.objects.change import Change, Kind, Stamp
from adpersist.reading.folded import FoldedReading, Reading
from adpersist.reading.index.answering import UnfitError, indexed
from adpersist.reading.index.spans import counting
from adpersist.reading.past.writers import Writers
from adpersist.reading.sought import Sought
from adpersist.state.fold import fold
from adpersist.stores.memory import MemoryStore
from tests.cases import cases
from tests.golden.journal_samples import AGENT, IDENTITY, NC, NOON, OTHER, fresh_store, key, new_journal, position
from tests.golden.make_journal import SMALL_FRAME, small_frames

SECOND = 13_411_742_400
"""NOON, since 1601."""
ATTRIBUTES = ["description", "unicodePwd", "jpegPhoto", "secretNote"]
NAMES = ["ada", "Bob", "OU=x, y"]


def numbered(number: int) -> Guid:
    """An object; the first is the root, the second the DC's own."""
    return IDENTITY.server if number == 1 else Guid(bytes([number]) * 16)


def sid(number: int) -> bytes:
    return bytes.fromhex("010500000000000515000000010000000200000003000000") + number.to_bytes(4, "little")


def attribute(number: int, name: str, flags: bytes, link: bytes = b"0") -> Change:
    return Change(
        kind=Kind.CREATED,
        guid=numbered(number),
        nc=NC,
        parent=numbered(0),
        rdn=f"CN={name}",
        values={
            "objectClass": (b"top", b"attributeSchema"),
            "lDAPDisplayName": (name.encode(),),
            "attributeSyntax": (b"2.5.5.1" if link != b"0" else b"2.5.5.12",),
            "searchFlags": (flags,),
            "linkID": (link,),
        },
    )


objects = st.integers(2, 6)
SOUGHT = [
    Sought(guid=numbered(3)),
    Sought(guid=numbered(4), attribute="UNICODEPWD"),
    Sought(attribute="member"),
    Sought(who="ada", attribute="description"),
    Sought(who="s-1-5-21-1-2-3-3"),
]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Anything that may happen to an object; what it lies in has a lower number, so that nothing lies in itself."""
    number = draw(objects)
    kind = draw(st.sampled_from([*Kind, Kind.CREATED, Kind.CHANGED, Kind.CHANGED]))
    rdn = draw(st.sampled_from([f"CN={name}" for name in NAMES] + [f"CN=ada\\0ADEL:{number}"]))
    placed = kind is not Kind.CHANGED
    values: dict[str, tuple[bytes, ...]] = {
        name: (draw(st.binary(min_size=1, max_size=3)),) for name in draw(st.sets(st.sampled_from(ATTRIBUTES)))
    }
    if draw(st.integers(0, 9)) == 0:
        values["jpegPhoto"] = (bytes(range(256)) * (SMALL_FRAME // 128),)
    if draw(st.booleans()):
        values["objectSid"] = draw(st.sampled_from([(sid(number),), ()]))
        values["sAMAccountName"] = draw(st.sampled_from([(b"Ada",), (f"user{number}".encode(),), ()]))
    if draw(st.integers(0, 5)) == 0:
        values["invocationId"] = (bytes([draw(st.integers(0, 3))]) * 16,)
    if kind in (Kind.DELETED, Kind.UNDELETED):
        values["isDeleted"] = (b"TRUE",) if kind is Kind.DELETED else ()
        values["lastKnownParent"] = (bytes(ref(numbered(draw(st.integers(0, number - 1))))),)
    others = st.frozensets(
        objects.map(lambda each: bytes(ref(numbered(each)))) | st.just(bytes(ref(numbered(3), b"B:4:ABCD:"))),
        max_size=2,
    )
    links = st.dictionaries(st.sampled_from(["member", "manager"]), others, max_size=2)
    stamp = Stamp(version=1, time=SECOND + draw(st.integers(0, 5)), origin=numbered(1), usn=Usn(1))
    return Change(
        kind=kind,
        guid=numbered(number),
        nc=NC,
        parent=numbered(draw(st.integers(0, number - 1))) if placed else None,
        rdn=rdn if placed else None,
        values=values,
        added=draw(links),
        removed=draw(links),
        stamps=dict.fromkeys(values, stamp),
    )


lines = st.builds(
    AuditLine,
    time=st.integers(0, 6).map(lambda second: NOON + second + 0.5),
    dn=st.sampled_from([f"CN=ada,{NC}", f"CN=Bob,{NC}", f"CN=Bob,CN=ada,{NC}"]),
    operation=st.sampled_from(["Add", "Modify", "Delete"]),
    attributes=st.frozensets(st.sampled_from(ATTRIBUTES).map(str.lower)),
    sid=st.sampled_from(["", "S-1-5-21-1-2-3-2", "S-1-5-21-1-2-3-3"]),
    account=st.sampled_from(["", "CORP\\ada"]),
)
audits = st.none() | st.builds(
    Audited,
    since=st.sampled_from([None, NOON, NOON + 3]),
    through=st.sampled_from([None, NOON + 2, NOON + 9]),
    trouble=st.sampled_from(["", "no right"]),
    lines=st.lists(lines, max_size=4).map(tuple),
)


class IndexedJournal(RuleBasedStateMachine):
    """A journal that much happens to; now and then the index, kept all the while, is asked for everything."""

    @initialize()
    def begin(self) -> None:
        self.small = small_frames()
        self.small.__enter__()
        self.directory = Path(tempfile.mkdtemp(prefix="adp-index-"))
        self.store: MemoryStore = fresh_store()
        self.journal: Journal = new_journal(self.store)
        self.usn = 10
        self.look(
            [
                Change(kind=Kind.CREATED, guid=numbered(0), nc=NC, rdn=NC),
                Change(
                    kind=Kind.CREATED,
                    guid=numbered(1),
                    nc=NC,
                    parent=numbered(0),
                    rdn="CN=NTDS Settings",
                    values={"invocationId": (numbered(1),)},
                ),
                attribute(20, "description", b"0"),
                attribute(21, "secretNote", b"128"),
                attribute(22, "member", b"0", b"2"),
                attribute(23, "memberOf", b"0", b"3"),
                *(attribute(24 + at, name, b"0") for at, name in enumerate(["objectSid", "sAMAccountName"])),
            ],
            True,
            None,
        )

    @rule(told=st.lists(changes(), min_size=1, max_size=4), ends=st.sampled_from([True, True, False]), audited=audits)
    def look(self, told: list[Change], ends: bool, audited: Audited | None) -> None:
        self.usn += 10
        self.journal.commit(
            told,
            position=position(self.usn),
            usn_from=Usn(self.usn - 20),
            witnesses=(),
            complete=True,
            now=NOON + self.usn,
            ends_look=ends,
            audited=audited,
        )

    @rule()
    def hide_what_was_open(self) -> None:
        self.look([Change(kind=Kind.CHANGED, guid=numbered(20), nc=NC, values={"searchFlags": (b"128",)})], True, None)

    @rule()
    def mark(self) -> None:
        self.journal.mark("m", writer=OTHER, now=NOON)

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        target = self._a_point(data)
        if target:
            self.journal.begin_restore(target=target, writer=AGENT, now=NOON)
            self.journal.end_restore(now=NOON)

    @rule(data=st.data())
    def checkpoint(self, data: st.DataObject) -> None:
        seq = self._a_point(data)
        if seq > self.journal.head.pruned:
            try:
                self.journal.write_checkpoint(seq, fold(self.journal, seq).everything(), now=NOON)
            except PointError:
                return  # in the middle of a look there is none

    @rule(data=st.data(), keep_marks=st.booleans())
    def prune(self, data: st.DataObject, keep_marks: bool) -> None:
        oldest = self._a_point(data)
        if oldest:
            self.journal.prune(oldest=oldest, keep_marks=keep_marks, now=NOON)

    @rule()
    def rotate(self) -> None:
        self.journal.rotate_data_key(now=NOON)

    @precondition(lambda self: self.journal.head.seq > self.journal.head.pruned + 3)
    @rule(data=st.data())
    def lose_and_repair(self, data: st.DataObject) -> None:
        seq = data.draw(st.integers(self.journal.head.pruned + 1, self.journal.head.seq - 1))
        frames = self.store._journal().frames
        frame = frames.pop(Seq(seq), None)
        report = check_journal(self.store, key())
        if frame is not None and report.findings:
            try:
                self.journal.go_on(report, AGENT, now=NOON)
            except AdpersistError:  # a restore stands on it, say
                frames[Seq(seq)] = frame

    @rule()
    def go_back_with_the_disk(self) -> None:
        """The index alone is of yesterday."""
        for path in self.directory.glob("*.index"):
            kept = path.with_suffix(".yesterday")
            if kept.exists():
                shutil.copy(kept, path)
                kept.unlink()
            else:
                shutil.copy(path, kept)

    @rule()
    def ask(self) -> None:
        head = self.journal.head
        try:
            counting(head, head.seq)
        except PointError:
            return  # it is folded then
        if any(each.last > head.pruned for each in head.lost):
            with pytest.raises(UnfitError), indexed(self.journal, self.directory):
                pass
            return
        with indexed(self.journal, self.directory) as found:
            self._compare(found)

    def teardown(self) -> None:
        try:
            if hasattr(self, "journal"):
                self.ask()
        finally:
            self.small.__exit__(None, None, None)
            shutil.rmtree(self.directory)

    def _compare(self, found: Reading) -> None:
        head = self.journal.head
        for point in {*range(head.pruned, head.seq + 1, 3), head.seq}:
            try:
                counting(head, Seq(point))
            except PointError:
                continue  # it is folded then
            expected, actual = (told(each, Seq(point)) for each in (FoldedReading(self.journal), found))
            others = {key: (expected[key], actual[key]) for key in expected if expected[key] != actual[key]}
            assert not others, point
        for name in (
            "Ada",
            "user4",
            f"CN=ada,{NC}",
            f"CN=Bob,CN=ada,{NC}",
            "S-1-5-21-1-2-3-3",
            str(head.identity.server),
        ):
            assert outcome(lambda: found.find_ever(name)) == outcome(  # noqa: B023
                lambda: FoldedReading(self.journal).find_ever(name)  # noqa: B023
            )
        for sought in SOUGHT:
            seqs = found.commits_with(sought)
            assert seqs is not None
            every = [commit for commit in self.journal.commits(after=head.pruned) if sought.is_in(commit)]
            assert {commit.seq for commit in every} <= set(seqs), sought
        for number in range(7):
            try:
                events = happened(found, numbered(number), head.seq)
            except PointError:
                continue  # a restore went behind what was pruned: it is folded then
            assert events == happened(FoldedReading(self.journal), numbered(number), head.seq), number

    def _a_point(self, data: st.DataObject) -> Seq:
        """One that can be told; 0 where there is none."""
        head, points = self.journal.head, []
        for seq in range(max(head.pruned, 1), head.seq + 1):
            try:
                list(self.journal.history(Seq(seq))[1])
            except AdpersistError:
                continue
            points.append(Seq(seq))
        return data.draw(st.sampled_from(points)) if points else Seq(0)


def told(reading: Reading, point: Seq) -> dict[str, Any]:
    """All that can be asked of a point."""
    view = reading.view(point)
    state = view.state
    every = [numbered(number) for number in (*range(8), *range(20, 26))]
    return {
        "objects": {guid: state.get(guid) for guid in every},
        "names": {guid: state.dn(guid) if guid in state else None for guid in every},
        "live": [guid for guid in every if state.is_live(guid)],
        "all": set(state),
        "facts": {name: (view.facts()[name], view.facts().is_secret(name)) for name in (*ATTRIBUTES, "member")},
        "back": view.facts().backlink("member"),
        "linking": {guid: sorted(view.linking_to(guid)) for guid in every},
        "databases": set(view.databases()),  # which of two names one has that two objects share is open
        "own": view.invocations(IDENTITY.server),
        "accounts": {number: len(view.accounts([f"S-1-5-21-1-2-3-{number}"])) for number in range(7)},
        "found": {
            name: outcome(lambda: view.find(name))  # noqa: B023
            for name in ("Ada", "USER3", f"cn=ada,{NC}", f"CN=Bob,CN=ada,{NC}", "S-1-5-21-1-2-3-4", "nobody")
        },
    }


def outcome(ask: Callable[[], Guid]) -> object:
    """What is answered, or why it is not."""
    try:
        return ask()
    except AdpersistError as error:
        return type(error), {*error.message.split()[:2]}


def happened(reading: Reading, guid: Guid, head: Seq) -> list[Any]:
    """Every event of an object, and who it was."""
    newest = reading.view(head)
    reading.own.update(newest.invocations(IDENTITY.server), {numbered(1)})
    writers = Writers({}, reading.own, None, reading.sealed)
    return [
        (
            event.commit.seq,
            event.commit.time,
            event.commit.timeline,
            event.kind,
            event.dn,
            event.values,
            event.added,
            event.removed,
            event.stamps,
            sorted(reading.own),
            view.state.get(guid),
            writers.person(event.kind, event.dn, list(event.stamps.items()), lambda _: {}, event.commit.seq),
        )
        for event, view in reading.history(guid)
    ]


TestIndexedJournal = IndexedJournal.TestCase
TestIndexedJournal.settings = settings(max_examples=cases(25), stateful_step_count=15, deadline=None)
