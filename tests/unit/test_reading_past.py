"""The whole journal in memory: what an object was when, what happened, and that no secret is there."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from adpersist.audit.log import KeptLog
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq, Usn
from adpersist.model.objects.change import Change, Kind
from adpersist.reading.past.past import Past
from adpersist.reading.text.entry_text import comparison, entry_document, object_document
from adpersist.state.fold import fold
from tests.golden.journal_samples import NC, NOON, OTHER, fresh_store, new_journal, position
from tests.unit.storied import ADA, BERT, CREW, OFFICE, ROOT, SECRET, look, opened_again, stamped, storied, user
from tests.unit.test_audit_log import ADA as WRITER
from tests.unit.test_audit_log import row


@pytest.fixture(scope="module")
def journal() -> Journal:
    return storied()


@pytest.fixture(scope="module")
def past(journal: Journal) -> Past:
    return Past.of(journal)


def test_every_object_is_at_every_commit_what_folding_says(journal: Journal, past: Past) -> None:
    for seq in range(1, journal.head.seq + 1):
        folded, found = fold(journal, Seq(seq)), past.at(Seq(seq))
        assert set(found) == set(folded)
        assert {found.dn(guid) for guid in found} == {folded.dn(guid) for guid in folded}
        for guid, item in folded.items():
            open_values = {name: values for name, values in item.values.items() if not past.facts.is_secret(name)}
            assert {name: found[guid].values[name] for name in open_values} == open_values
            assert found[guid].values.keys() == item.values.keys()
            assert found[guid].links == item.links


def test_no_secret_is_kept(past: Past) -> None:
    everything = pickle.dumps((list(past.at(past.seq).values()), past.entries))
    assert b"OU=Bureau" in everything
    assert SECRET not in everything


def test_a_secret_that_changes_is_told_and_not_shown(past: Past) -> None:
    told = [entry_document(past, entry)["attributes"] for entry in past.of_object(ADA)]
    assert [each["unicodePwd"] for each in told if "unicodePwd" in each] == [
        {"from": [], "to": [], "secret": True, "told": how, **written}
        for how, written in (
            ("set", {"written": told[0]["unicodePwd"]["written"]}),
            ("changed", {"written": told[1]["unicodePwd"]["written"]}),
        )
    ]
    assert told[1]["pin"]["secret"], "the schema calls it confidential"
    document = object_document(past, ADA, past.seq)
    assert document is not None
    assert document["attributes"]["unicodePwd"]["values"] == []


def test_a_secret_written_anew_with_the_same_value_is_no_news() -> None:
    journal = storied()
    past = Past.of(journal)
    before = len(past.entries)
    again = opened_again(journal)
    again.claim(OTHER, now=NOON)
    look(again, 80, stamped(ADA, 80, unicodePwd=(SECRET + b"2",)))
    past.follow(again)
    assert len(past.entries) == before


def test_what_was_there_at_the_first_look_is_no_change(past: Past) -> None:
    assert [(entry.look.seq, entry.kind) for entry in past.entries] == [
        (2, "changed"),
        (3, "created"),
        (3, "changed"),
        (4, "changed"),
        (5, "moved"),
        (8, "changed"),
    ]
    assert past.looks[0].first
    assert past.looks[0].count == len(past.at(Seq(1)))


def test_a_point_within_the_first_look_is_no_day_on_which_everything_came() -> None:
    journal = new_journal(fresh_store())
    for number, guid in enumerate((b"a", b"b")):
        change = Change(kind=Kind.CREATED, guid=Guid(guid * 16), nc=NC, parent=None, rdn=f"DC={guid.decode()}")
        journal.commit(
            [change],
            position=position(10),
            usn_from=Usn(0),
            witnesses=(),
            complete=True,
            now=NOON,
            ends_look=number == 1,
        )
    for begins in (0, 1, 2):
        past = Past.of(journal, Seq(begins))
        assert past.entries == []
        assert len(past.at(past.seq)) == 2


def test_names_are_those_of_the_moment(past: Past) -> None:
    def dn(guid: Guid, seq: int) -> str:
        document = object_document(past, guid, Seq(seq))
        assert document is not None
        return str(document["dn"])

    assert dn(ADA, 4) == f"CN=ada,OU=Office,{NC}"
    assert dn(ADA, 5) == f"CN=ada,OU=Bureau,{NC}"
    assert object_document(past, BERT, Seq(2)) is None
    joined = entry_document(past, past.of_object(CREW)[0])
    assert joined["links"]["member"]["added"] == [f"CN=ada,OU=Office,{NC}", f"CN=bert,OU=Office,{NC}"]


def test_a_change_names_the_dc_that_wrote_it(past: Past) -> None:
    first = entry_document(past, past.of_object(ADA)[0])
    assert first["dcs"] == ["DC1"]
    assert first["attributes"]["description"]["written"]["by"] == "DC1"


def test_a_person_is_named_where_the_audit_log_has_the_line(tmp_path: Path) -> None:
    past = Past.of(storied())
    first = past.of_object(ADA)[0]
    assert entry_document(past, first)["who"] is None
    dn = f"CN=ada,OU=Office,{NC}"
    (tmp_path / "log").write_text(row(20.4, "description", dn=dn) + "\n" + row(70.2, "mail", dn=dn) + "\n")
    past.audit_log = KeptLog(tmp_path / "log").now()
    named = entry_document(past, first)
    assert (named["who"]["sid"], named["who"]["address"], named["dcs"]) == (WRITER, "10.0.0.7", ["DC1"])
    told = [entry_document(past, each) for each in past.of_object(ADA)[1:]]
    assert [each["who"] for each in told] == [None, None]
    assert "no such line" in told[0]["why"]
    past.server = None
    assert "another database" in entry_document(past, first)["why"]


def test_a_log_that_grew_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(row(20, "mail") + "\n")
    kept = KeptLog(tmp_path / "log")
    assert kept.now() is kept.now()
    before = kept.now()
    with (tmp_path / "log").open("a") as file:
        file.write(row(30, "mail") + "\n")
    assert kept.now() is not before
    assert KeptLog(None).now() is None


def test_who_is_a_member_of_what_is_told_as_of_then(past: Past) -> None:
    for seq, groups in ((3, []), (4, [f"CN=crew,OU=Office,{NC}"])):
        document = object_document(past, ADA, Seq(seq))
        assert document is not None
        assert [each["dn"] for each in document["backlinks"].get("memberOf", [])] == groups


def test_each_attribute_says_since_when(past: Past) -> None:
    document = object_document(past, ADA, past.seq)
    assert document is not None
    assert document["attributes"]["description"]["since"] == 8
    assert document["attributes"]["unicodePwd"]["since"] == 3
    assert document["attributes"]["sAMAccountName"]["since"] is None, "older than the journal"


def test_two_points_are_compared_either_way_round(past: Past) -> None:
    forth, back = comparison(past, Seq(1), Seq(5)), comparison(past, Seq(5), Seq(1))
    assert {each["kind"] for each in forth["objects"] if each["name"] == "bert"} == {"created"}
    assert {each["kind"] for each in back["objects"] if each["name"] == "bert"} == {"expunged"}
    assert forth["count"] == back["count"] == 4
    assert comparison(past, Seq(5), Seq(7))["count"] == 0
    assert len(comparison(past, Seq(1), Seq(5), most=1)["objects"]) == 1


def test_what_a_restore_left_is_taken_back_and_called_abandoned() -> None:
    journal = storied()
    restorer = opened_again(journal)
    restorer.begin_restore(target=Seq(2), writer=OTHER, now=NOON + 100)
    restorer.end_restore(now=NOON + 101)
    for past in (Past.of(restorer), Past.of(restorer, Seq(4))):
        assert object_document(past, BERT, Seq(8)) is not None
        assert object_document(past, BERT, past.seq) is None
        assert past.at(past.seq).dn(ADA) == f"CN=ada,OU=Office,{NC}"
        taken = [entry for entry in past.entries if entry.kind == "taken-back"]
        assert {entry.guid for entry in taken} == {ADA, BERT, CREW, OFFICE}
        assert past.is_abandoned(Seq(5))
        assert not past.is_abandoned(Seq(2))


def test_it_goes_on_from_any_point_with_the_same_result(journal: Journal, past: Past) -> None:
    for seq in range(1, journal.head.seq):
        later = Past.of(journal, Seq(seq))
        assert {guid: later.at(later.seq).dn(guid) for guid in later.at(later.seq)} == {
            guid: past.at(past.seq).dn(guid) for guid in past.at(past.seq)
        }
        assert [entry.kind for entry in later.entries] == [e.kind for e in past.entries if e.look.seq > seq]


def test_what_comes_later_is_taken_in() -> None:
    journal = storied()
    past = Past.of(journal)
    look(journal, 90, user(Guid(b"x" * 16), "new"))
    assert past.follow(journal) == 1
    assert past.at(past.seq).dn(Guid(b"x" * 16)) == f"CN=new,OU=Bureau,{NC}"
    assert past.follow(journal) == 0


def test_a_look_of_several_commits_is_one() -> None:
    journal = storied()
    past = Past.of(journal)
    held = opened_again(journal)
    held.claim(OTHER, now=NOON)
    child = user(Guid(b"c" * 16), "child", Guid(b"p" * 16))
    parent = Change(kind=Kind.CREATED, guid=Guid(b"p" * 16), nc=NC, parent=ROOT, rdn="OU=Late")
    for number, change in enumerate((child, parent)):
        held.commit(
            [change],
            position=journal.head.position or pytest.fail("no position"),
            usn_from=journal.head.position.usn if journal.head.position else pytest.fail("no position"),
            witnesses=(),
            complete=True,
            now=NOON + 200,
            ends_look=number == 1,
        )
        past.follow(held)
        assert (Guid(b"c" * 16) in past.at(past.seq)) is (number == 1)
    assert past.at(past.seq).dn(Guid(b"c" * 16)) == f"CN=child,OU=Late,{NC}"
    assert past.entries[-2].look is past.entries[-1].look


def test_nothing_is_at_the_beginning(past: Past) -> None:
    assert len(past.at(BEFORE_FIRST)) == 0
