"""What happened to an object, as a person is told it."""

from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import Change, Kind, Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.history import find_ever, history
from adpersist.reading.text.value_text import called_in
from adpersist.state.state import State
from tests.golden.journal_samples import NC, NOON, OTHER, fresh_store, guid, new_journal, position

ROOT, OFFICE, ADA = guid("root"), guid("office"), guid("ada")


def _created(item: Guid, rdn: str, parent: Guid | None) -> Change:
    return Change(kind=Kind.CREATED, guid=item, nc=NC, parent=parent, rdn=rdn, values={"cn": (b"x",)})


def _renamed(item: Guid, rdn: str) -> Change:
    return Change(kind=Kind.MOVED, guid=item, nc=NC, parent=ROOT, rdn=rdn)


def _commit(journal: Journal, *changes: Change, usn: int, ends_look: bool = True) -> None:
    journal.commit(
        changes,
        position=position(usn),
        usn_from=journal.head.position.usn if journal.head.position else position(0).usn,
        witnesses=(),
        complete=True,
        now=NOON + usn,
        ends_look=ends_look,
    )


def test_a_look_of_several_commits_is_told_as_one() -> None:
    """A feed is in no order: somebody may lie in an earlier commit of the look than the container above."""
    journal = new_journal(fresh_store())
    _commit(journal, _created(ADA, "CN=ada", OFFICE), usn=10, ends_look=False)
    _commit(journal, _created(OFFICE, "OU=Office", ROOT), _created(ROOT, NC, None), usn=10)
    _commit(journal, _renamed(OFFICE, "OU=Bureau"), usn=20)
    told = [(event.kind, event.dn, event.commit.seq) for event, _ in history(journal, ADA)]
    assert told == [
        ("first-seen", ("", f"CN=ada,OU=Office,{NC}"), 2),
        ("carried", (f"CN=ada,OU=Office,{NC}", f"CN=ada,OU=Bureau,{NC}"), 3),
    ]
    assert find_ever(journal, f"CN=ada,OU=Office,{NC}") == ADA


def test_what_a_look_had_found_when_it_was_cut_off_is_told() -> None:
    journal = new_journal(fresh_store())
    _commit(journal, _created(ROOT, NC, None), usn=10)
    _commit(journal, _created(ADA, "CN=ada", ROOT), usn=20, ends_look=False)
    assert [(event.kind, event.commit.seq) for event, _ in history(journal, ADA)] == [("created", 2)]


def test_a_restore_that_took_back_nothing_but_who_wrote_it_is_no_event() -> None:
    journal = new_journal(fresh_store())
    _commit(journal, _created(ROOT, NC, None), _created(ADA, "CN=ada", ROOT), usn=10)
    again = Stamp(version=2, time=int(NOON), origin=position(20).invocation, usn=Usn(20))
    _commit(journal, Change(kind=Kind.CHANGED, guid=ADA, nc=NC, stamps={"cn": again}), usn=20)
    journal.begin_restore(target=Seq(1), writer=OTHER, now=NOON + 30)
    journal.end_restore(now=NOON + 31)
    assert [event.kind for event, _ in history(journal, ADA)] == ["first-seen"]


def test_who_was_made_and_taken_back_is_called_what_they_were() -> None:
    root = ObjectState(guid=ROOT, nc=NC, parent=None, rdn=NC)
    values = {"isDeleted": (b"TRUE",), "lastKnownParent": (ref(ROOT),)}
    gone = ObjectState(guid=ADA, nc=NC, parent=OFFICE, rdn="CN=ada\\0ADEL:x", values=values)
    then, newest = State([root]), State([root, gone])
    assert list(called_in((then, newest), [ref(ROOT), ref(ADA), ref(OFFICE)])) == [
        NC,
        f"CN=ada,{NC}",
        ref(OFFICE).decode(),
    ]
    assert list(called_in((newest, newest), [ref(ADA)])) == [newest.dn(ADA)]
