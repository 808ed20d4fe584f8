"""The console by the index shows what it shows with all of the journal in memory, whatever happened in that."""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adpersist.console.web.change_filter import ChangeFilter
from adpersist.console.web.desk import Desk, ReadingError
from adpersist.console.web.views import NotHereError, Views
from adpersist.errors import PointError
from adpersist.journal.damage import DamagedError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq, Usn, guid_text
from adpersist.model.identity.reference import ref
from adpersist.model.identity.sid import sid_from_text
from adpersist.model.objects.audit import Audited, AuditLine
from adpersist.model.objects.change import Change, Kind, Values
from adpersist.reading.index.answering import indexed
from adpersist.reading.past.line import Wanted
from adpersist.reading.past.past import Past
from adpersist.state.fold import fold
from adpersist.stores.memory import MemoryStore
from tests.descriptors import descriptor, may
from tests.faults import Fault, FaultyStore, Injection, Point
from tests.golden.journal_samples import (
    NC,
    NOON,
    OTHER,
    TamperedStore,
    fresh_store,
    guid,
    new_journal,
    opened,
    position,
)
from tests.unit.storied import (
    ADA,
    BERT,
    CREW,
    OFFICE,
    ROOT,
    SCHEMA,
    attribute,
    look,
    made,
    opened_again,
    stamped,
    storied,
)

LENA = "S-1-5-21-1-2-3-1199"
LATER = NOON + 200


def eventful() -> Journal:
    """Deletions, one that came back, one that is gone for good, a restore, and people who wrote."""
    journal = storied()
    look(journal, 71, attribute("objectSid", b"2.5.5.17"), attribute("mail", b"2.5.5.12"))
    look(journal, 79, stamped(BERT, 79, objectSid=(sid_from_text(LENA),), mail=(b"Bert@corp.example",)))
    line = AuditLine(
        time=NOON + 80.2,
        dn=f"CN=ada,OU=Bureau,{NC}",
        operation="Modify",
        attributes=frozenset({"description"}),
        sid=LENA,
        account="CORP\\lena",
    )
    look(
        journal,
        80,
        stamped(ADA, 80, description=(b"by lena",)),
        audited=Audited(since=NOON, through=NOON + 81, lines=(line,)),
    )
    permissions(journal)
    journal.mark("noon", writer=OTHER, now=NOON + 81)
    for usn, item, name in ((82, BERT, "bert"), (83, CREW, "crew"), (84, ADA, "ada")):
        values: dict[str, Values] = {"isDeleted": (b"TRUE",), "lastKnownParent": (ref(OFFICE),)}
        rdn = f"CN={name}\\0ADEL:{guid_text(item)}"
        look(journal, usn, Change(kind=Kind.DELETED, guid=item, nc=NC, rdn=rdn, parent=ROOT, values=values))
    back = Change(kind=Kind.UNDELETED, guid=ADA, nc=NC, rdn="CN=ada", parent=OFFICE, values={"isDeleted": ()})
    look(journal, 90, back, Change(kind=Kind.EXPUNGED, guid=BERT, nc=NC))
    look(journal, 100, Change(kind=Kind.MOVED, guid=OFFICE, nc=NC, parent=ROOT, rdn="OU=Annex"))
    journal.begin_restore(target=Seq(journal.head.seq - 3), writer=OTHER, now=NOON + 101)
    journal.end_restore(now=NOON + 102)
    look(journal, 110, stamped(ADA, 110, description=(b"old",)))
    return journal


def shortened() -> Journal:
    """The same, without its beginning."""
    journal = eventful()
    journal.write_checkpoint(Seq(4), fold(journal, Seq(4)).everything(), now=NOON + 120)
    journal.prune(oldest=Seq(4), keep_marks=False, now=NOON + 121)
    assert journal.head.pruned == 4
    return journal


def permissions(journal: Journal) -> None:
    """Who may do what with Ada, and what attributes, classes and rights are called."""
    right, mail = guid("a right"), guid("mail's type")
    look(
        journal,
        *(85, attribute("nTSecurityDescriptor", b"2.5.5.15"), attribute("rightsGuid", b"2.5.5.12")),
        *(attribute("schemaIDGUID", b"2.5.5.10"), attribute("displayName", b"2.5.5.12")),
        made(
            guid("right"),
            "CN=right",
            SCHEMA,
            objectClass=(b"top", b"controlAccessRight"),
            rightsGuid=(guid_text(right).upper().encode(),),
            displayName=(b"Ring the Bell",),
        ),
        stamped(guid("attribute mail"), 85, schemaIDGUID=(mail,)),
    )
    for usn, entries in (
        (86, [may(LENA, 0x20, guid_text(mail))]),
        (87, [may(LENA, 0x20, guid_text(mail)), may("S-1-5-11", 0x100, guid_text(right))]),
    ):
        look(journal, usn, stamped(ADA, usn, nTSecurityDescriptor=(descriptor(*entries),)))


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages wait for the index however busy the machine is."""
    monkeypatch.setattr("adpersist.console.web.desk._PATIENCE_S", 60.0)


@pytest.fixture(params=[storied, eventful, shortened])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Views, Views]]:
    journal: Journal = request.param()
    whole, looked_up = Desk(lambda: journal), Desk(lambda: opened_again(journal), directory=tmp_path / "index")
    yield Views(whole, health=""), Views(looked_up, health="")
    whole.close()
    looked_up.close()


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """As it is answered."""
    found: dict[str, Any] = json.loads(json.dumps(document))
    return found


def told(views: Views, ask: Callable[[Views], dict[str, Any]]) -> dict[str, Any]:
    """The same, or why there is no answer."""
    try:
        return plain(ask(views))
    except (NotHereError, PointError) as error:
        return {"error": error.message}


OBJECTS = [ADA, BERT, CREW, OFFICE, ROOT]
FILTERS = [
    {},
    {"what": "bureau"},
    {"what": "office,dc"},
    {"what": "cn=ada,ou="},
    {"what": guid_text(CREW)},
    {"class": "USER", "action": "created"},
    {"action": "taken-back"},
    {"attribute": "member"},
    {"attribute": "unicode*"},
    {"attribute": "isDeleted"},
    {"dc": "dc1"},
    {"who": "lena"},
    {"who": LENA},
    {"who": "bert"},
    {"since": "3", "until": "5"},
    {"since": "2026-01-01T12:00:45Z"},
    {"until": "2026-01-01T12:00:45Z", "limit": "2"},
    {"before": "3"},
    {"class": "nothing"},
]


def test_every_page_is_the_same_by_the_index(both: tuple[Views, Views]) -> None:
    in_memory, indexed = both
    for query in FILTERS:
        expected, found = (told(each, lambda one: one.changes(ChangeFilter.of(query), LATER)) for each in both)  # noqa: B023
        assert found == expected, query
    assert plain(indexed.overview(LATER)) == plain(in_memory.overview(LATER))
    assert plain(indexed.heals()) == plain(in_memory.heals())
    for what in ("", "BERT", "bureau", "nobody"):
        assert plain(indexed.bin(what, LATER)) == plain(in_memory.bin(what, LATER)), what
    for name in map(guid_text, OBJECTS):
        for at in {1, 2, *range(3, in_memory.frame()["seq"] + 1, 4)}:
            expected, found = (told(each, lambda one: one.object(name, str(at), LATER)) for each in both)  # noqa: B023
            assert found == expected, (name, at)
    for change in plain(in_memory.changes(ChangeFilter(), LATER))["changes"]:
        name = f"{change['seq']}-{change['guid']}"
        assert plain(indexed.change(name)) == plain(in_memory.change(name)), name
    for name in (
        "ada",
        "ADA",
        "crew",
        f"CN=ada,OU=Bureau,{NC}",
        guid_text(BERT),
        "nobody",
        LENA,
        "",
        "bureau",
        "u,dc=c",
    ):
        expected, found = (plain(each.find(name)) for each in both)
        assert sorted(found["objects"], key=str) == sorted(expected["objects"], key=str), name


def test_every_comparison_is_the_same_by_the_index(both: tuple[Views, Views]) -> None:
    in_memory, _ = both
    points = ["", *map(str, range(1, in_memory.frame()["seq"] + 1, 3))]
    for first, last in itertools.product(points, points):
        expected, found = (told(each, lambda one: one.compare(first, last, LATER)) for each in both)  # noqa: B023
        assert found == expected, (first, last)


def test_every_alert_is_the_same_by_the_index(both: tuple[Views, Views]) -> None:
    for _ in "again":
        expected, found = (plain(each.alerts("")) for each in both)
        assert found == expected
    assert found["counts"]["restored"] == 1 + (found["count"] > 3)


def test_permissions_are_the_same_by_the_index(both: tuple[Views, Views]) -> None:
    sentences = set()
    for at in range(1, both[0].frame()["seq"] + 1):
        expected, found = (told(each, lambda one: one.permissions(guid_text(ADA), str(at), "", LATER)) for each in both)  # noqa: B023
        assert found == expected, at
        sentences |= {entry["text"] for entry in found.get("entries", ())}
    assert sentences in (
        set(),
        {"bert may write mail", f"{LENA} may write mail", "Authenticated Users may use the right Ring the Bell"},
    )


def test_no_page_reads_all_of_the_journal_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Past, "of", lambda *_, **__: pytest.fail("it was read"))
    with indexed_desk(eventful(), tmp_path) as desk:
        views = Views(desk, health="")
        assert views.alerts("")["count"]
        assert views.compare("1", "", LATER)["count"]
        assert views.permissions(guid_text(ADA), "", "", LATER)["entries"]


@contextmanager
def indexed_desk(journal: Journal, place: Path) -> Iterator[Desk]:
    """One, and its index."""
    desk = Desk(lambda: opened_again(journal), directory=place)
    try:
        yield desk
    finally:
        desk.close()


def newest(desk: Desk) -> tuple[str, int]:
    """Whose line is the newest, and what it was looked up in."""
    with desk.record() as record:
        line = next(record.lines.found(Wanted()))
        return type(record.lines).__name__, line.seq


def test_what_was_just_captured_is_there_whoever_took_it_into_the_index(tmp_path: Path) -> None:
    journal = storied()
    with indexed_desk(journal, tmp_path) as desk:
        assert newest(desk) == ("IndexedLines", 8)
        look(journal, 80, stamped(ADA, 80, description=(b"later",)))
        assert newest(desk) == ("IndexedLines", 9)
        look(journal, 90, stamped(ADA, 90, description=(b"later still",)))
        with indexed(opened_again(journal), tmp_path):
            pass
        assert newest(desk) == ("IndexedLines", 10)


def test_an_index_that_is_damaged_meanwhile_is_made_anew(tmp_path: Path) -> None:
    with indexed_desk(storied(), tmp_path) as desk:
        assert newest(desk) == ("IndexedLines", 8)
        (path,) = tmp_path.glob("*.index")
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE lines")
        with pytest.raises(ReadingError):
            newest(desk)
        assert newest(desk) == ("IndexedLines", 8)


def _hides_names(journal: Journal, _: Path) -> None:
    flags: dict[str, Values] = {"searchFlags": (b"128",)}
    look(journal, 75, Change(kind=Kind.CHANGED, guid=guid("attribute sAMAccountName"), nc=NC, values=flags))


def _others_may_write(_: Journal, directory: Path) -> None:
    (path,) = directory.glob("*.index")
    path.chmod(0o666)


@pytest.mark.parametrize("spoil", [_hides_names, _others_may_write])
def test_where_the_index_cannot_tell_all_is_read_into_memory(
    tmp_path: Path, spoil: Callable[[Journal, Path], None]
) -> None:
    journal = storied()
    with indexed_desk(journal, tmp_path) as desk:
        assert newest(desk)[0] == "IndexedLines"
        spoil(journal, tmp_path)
        for _ in range(500):
            try:
                if newest(desk)[0] == "MemoryLines":
                    break
            except ReadingError:
                pass
        assert newest(desk) == ("MemoryLines", journal.head.seq if spoil is _hides_names else 8)
        assert desk.trouble == ""
        assert desk.head.seq == journal.head.seq


def test_a_place_that_cannot_be_written_has_all_read_into_memory() -> None:
    with indexed_desk(storied(), Path("/proc/no-such-place")) as desk:
        assert newest(desk) == ("MemoryLines", 8)


def test_a_journal_that_cannot_be_read_ends_it(tmp_path: Path) -> None:
    store = storied()._store
    assert isinstance(store, MemoryStore)
    damaged, told = TamperedStore(store), threading.Event()
    damaged.tamper = lambda frames: [frame for frame in frames if frame.seq != 4]
    desk = Desk(lambda: opened(damaged), directory=tmp_path)
    desk.when_failed(told.set)
    assert told.wait(60)
    with pytest.raises(DamagedError), desk.record():
        pass
    with pytest.raises(DamagedError), desk.journal():
        pass
    desk.close()


def test_a_store_that_is_away_is_told_and_what_is_known_is_shown(tmp_path: Path) -> None:
    journal = storied()
    away = FaultyStore(journal._store, [Injection(point=Point.HEAD, fault=Fault.DROP, call=3, times=1000)])
    desk = Desk(lambda: opened(away), directory=tmp_path)
    assert newest(desk) == ("IndexedLines", 8)
    assert newest(desk) == ("IndexedLines", 8)
    assert desk.trouble
    desk.close()


def test_an_audit_log_that_is_gone_is_told_and_what_is_known_is_shown(tmp_path: Path) -> None:
    journal, log = storied(), tmp_path / "audit.json"
    log.write_bytes(b"")
    desk = Desk(lambda: opened_again(journal), directory=tmp_path / "index", audit_log=log)
    assert newest(desk) == ("IndexedLines", 8)
    log.unlink()
    assert newest(desk) == ("IndexedLines", 8)
    assert str(log) in desk.trouble
    desk.close()


def test_what_was_a_secret_once_is_shown_to_nobody(tmp_path: Path) -> None:
    journal = storied()
    for usn, flags in ((75, b"128"), (76, b"0")):
        changed: dict[str, Values] = {"searchFlags": (flags,)}
        look(journal, usn, Change(kind=Kind.CHANGED, guid=guid("attribute description"), nc=NC, values=changed))
    with indexed_desk(journal, tmp_path) as desk:
        shown = plain(Views(desk, health="").object(guid_text(ADA), "", LATER))
    assert shown["object"]["attributes"]["description"]["values"] == []
    assert "new" not in json.dumps(shown["history"])


def test_a_first_look_of_several_commits_tells_what_was_there_already(tmp_path: Path) -> None:
    journal = new_journal(fresh_store())
    for usn, ends, change in ((10, False, made(ROOT, NC, None)), (11, True, made(OFFICE, "OU=Office", ROOT))):
        before = journal.head.position
        journal.commit(
            [change],
            position=position(usn),
            usn_from=before.usn if before else Usn(0),
            witnesses=(),
            complete=True,
            now=NOON + usn,
            ends_look=ends,
        )
    look(journal, 20, Change(kind=Kind.MOVED, guid=OFFICE, nc=NC, parent=ROOT, rdn="OU=Bureau"))
    with indexed_desk(journal, tmp_path) as desk, desk.record() as record:
        assert [line.kind for line in record.lines.found(Wanted())] == ["moved"]
        assert record.past.earliest == 2
    past = Past.of(journal)
    assert ([entry.kind for entry in past.entries], past.earliest) == (["moved"], 2)
