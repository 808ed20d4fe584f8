"""What the register says is what walking through all of the past says, commit by commit."""

from __future__ import annotations

from collections import Counter

import pytest

from adpersist.console.web.change_filter import ChangeFilter
from adpersist.console.web.in_memory import in_memory
from adpersist.console.web.register import Register
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq, guid_text
from adpersist.model.identity.reference import target_of
from adpersist.model.objects.change import Change, Kind
from adpersist.reading.find import NoSuchObjectError, matching
from adpersist.reading.past.past import Entry, Past, class_of
from tests.golden.journal_samples import NC, NOON, OTHER
from tests.unit.storied import ADA, BERT, CREW, OFFICE, ROOT, look, stamped, storied

NAMES = (
    "ada",
    "ADA",
    "bert",
    "crew",
    f"CN=ada,OU=Bureau,{NC}",
    guid_text(BERT),
    "nobody",
    "S-1-5-32-544",
    "",
    "bureau",
)
TEXTS = ("a", "ADA", "bureau,dc", "crew", "\0", "old", "office", " ")


def _eventful() -> Journal:
    """A restore, a deletion, a name that changes back, an object that is no more."""
    journal = storied()
    names = {"sAMAccountName": (b"Ada.L",)}
    look(journal, 80, stamped(ADA, 80, **names), Change(kind=Kind.MOVED, guid=CREW, nc=NC, parent=ROOT, rdn="CN=band"))
    gone = Change(kind=Kind.DELETED, guid=BERT, nc=NC, rdn="CN=bert\\0ADEL:1", values={"isDeleted": (b"TRUE",)})
    look(journal, 90, gone, stamped(ADA, 91, sAMAccountName=(b"ada",)))
    look(journal, 100, Change(kind=Kind.EXPUNGED, guid=BERT, nc=NC))
    journal.begin_restore(target=Seq(9), writer=OTHER, now=NOON + 101)
    journal.end_restore(now=NOON + 102)
    look(journal, 110, stamped(ADA, 110, description=(b"old",)))
    return journal


def _walked(past: Past, name: str) -> list[Guid]:
    try:
        match = matching(name)
    except NoSuchObjectError:
        return []
    state = past.at(past.seq)
    return [item.guid for item in sorted((i for i in state.values() if match(state, i)), key=lambda i: i.deleted)]


def _linking(past: Past, guid: Guid) -> list[tuple[str, Guid]]:
    return sorted(
        (name, item.guid)
        for item in past.at(past.seq).values()
        for name, references in ({} if item.deleted else item.links).items()
        if any(target_of(each) == guid for each in references)
    )


def _resembling(past: Past, text: str) -> list[Guid]:
    state, wanted = past.at(past.seq), text.strip().casefold()
    return [
        guid
        for guid in past.guids()
        if wanted.strip("\0")
        and (
            any(wanted in item.rdn.casefold() for item in past.versions(guid))
            or (guid in state and wanted in state.dn(guid).casefold())
            or any(
                wanted in value.decode().casefold()
                for item in past.versions(guid)
                for value in item.values.get("sAMAccountName", ())
            )
        )
    ]


def test_the_register_keeps_up_with_every_commit() -> None:
    journal = _eventful()
    past, register = Past(fold_to=lambda _: pytest.fail("nothing was pruned")), Register()
    for commit in journal.commits():
        past.take(commit)
        register.follow(past)
        newest = past.at(past.seq)
        assert +register.living == Counter(class_of(item) for item in newest.values() if not item.deleted)
        for name in NAMES:
            assert register.called(past, name) == _walked(past, name), (commit.seq, name)
        for text in TEXTS:
            assert list(register.resembling(past, text)) == _resembling(past, text), (commit.seq, text)
        for guid in (ADA, BERT, CREW, OFFICE):
            assert sorted(past.links_to(guid, past.seq)) == _linking(past, guid), commit.seq
    assert past.kinds.keys() >= {"taken-back", "deleted", "expunged", "moved"}


def test_names_of_changes_are_those_of_their_time() -> None:
    journal = _eventful()
    past = Past.of(journal)
    record = in_memory(past, Register())

    def named(entry: Entry, text: str) -> bool:
        points = [entry.look.seq] if entry.new is not None else []
        if entry.moved or entry.kind in ("deleted", "expunged", "taken-back"):
            points.append(Seq(entry.look.seq - 1))
        return any(text in past.at(p).dn(entry.guid).casefold() for p in points if past.version(entry.guid, p))

    for text in ("ada", "office", "bureau", "band", "crew", "cn=ada,ou=bureau", "a,o", ",", "dc="):
        found = ChangeFilter(what=text).found(record, NOON)
        assert [each.number for each in found] == [e.number for e in reversed(past.entries) if named(e, text)], text
    assert not list(ChangeFilter(action="created", object_class="nothing").found(record, NOON))
