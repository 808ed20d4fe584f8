"""A journal in memory with a small directory, some days and a restore in it, for what people are shown."""

from __future__ import annotations

from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.journal.account import Count, LostObject, Reason, Remark, Result
from adpersist.model.objects.audit import Audited
from adpersist.model.objects.change import Change, Kind, Stamp, Values
from tests.golden.journal_samples import NC, NOON, OTHER, fresh_store, guid, new_journal, opened, position

ROOT, SCHEMA, OFFICE, ADA, BERT, CREW, SITE = map(guid, ("root", "schema", "office", "ada", "bert", "crew", "server"))
SECRET = b"the hash that no page ever shows"
ORIGIN = guid("invocation")

_ATTRIBUTES = {
    "description": b"2.5.5.12",
    "cn": b"2.5.5.12",
    "sAMAccountName": b"2.5.5.12",
    "userAccountControl": b"2.5.5.9",
    "invocationId": b"2.5.5.10",
    "objectClass": b"2.5.5.2",
    "isDeleted": b"2.5.5.8",
    "lastKnownParent": b"2.5.5.1",
    "unicodePwd": b"2.5.5.10",
    "lDAPDisplayName": b"2.5.5.12",
    "attributeSyntax": b"2.5.5.2",
    "linkID": b"2.5.5.9",
}


def attribute(name: str, syntax: bytes, link: bytes = b"0", flags: bytes = b"0") -> Change:
    """An attribute of the schema."""
    values: dict[str, Values] = {
        "objectClass": (b"top", b"attributeSchema"),
        "lDAPDisplayName": (name.encode(),),
        "attributeSyntax": (syntax,),
        "linkID": (link,),
        "searchFlags": (flags,),
    }
    return made(guid(f"attribute {name}"), f"CN={name}", SCHEMA, **values)


def made(item: Guid, rdn: str, parent: Guid | None, **values: Values) -> Change:
    """An object that came."""
    return Change(kind=Kind.CREATED, guid=item, nc=NC, parent=parent, rdn=rdn, values=values)


def stamped(item: Guid, usn: int, **values: Values) -> Change:
    """Attributes that were written on the DC."""
    stamps = {name: Stamp(version=2, time=13_411_742_400 + usn, origin=ORIGIN, usn=Usn(usn)) for name in values}
    return Change(kind=Kind.CHANGED, guid=item, nc=NC, values=values, stamps=stamps)


def look(journal: Journal, usn: int, *changes: Change, audited: Audited | None = None) -> None:
    """A look that found these; its time is so many seconds after noon."""
    before = journal.head.position
    journal.commit(
        changes,
        position=position(usn),
        usn_from=before.usn if before else Usn(0),
        witnesses=(),
        complete=True,
        now=NOON + usn,
        audited=audited,
    )


def user(item: Guid, name: str, parent: Guid = OFFICE) -> Change:
    """A person."""
    classes = (b"top", b"person", b"organizationalPerson", b"user")
    return made(
        item, f"CN={name}", parent, objectClass=classes, sAMAccountName=(name.encode(),), userAccountControl=(b"512",)
    )


def storied(name: str = "ada", described: str = "old") -> Journal:
    """Commit 1 is the first look; 2 to 5 are a day; 6 to 8 a restore to commit 5 and the look after it.

    Args:
        name: Of the first person.
        described: What somebody writes into her description.
    """
    journal = new_journal(fresh_store())
    look(
        journal,
        10,
        made(ROOT, NC, None, objectClass=(b"top", b"domainDNS")),
        made(SCHEMA, "CN=Schema", ROOT, objectClass=(b"top", b"dMD")),
        *(attribute(each, syntax) for each, syntax in _ATTRIBUTES.items()),
        attribute("member", b"2.5.5.1", b"2"),
        attribute("memberOf", b"2.5.5.1", b"3"),
        attribute("pin", b"2.5.5.12", flags=b"128"),
        made(guid("dc1"), "CN=DC1", ROOT, objectClass=(b"top", b"server")),
        made(SITE, "CN=NTDS Settings", guid("dc1"), objectClass=(b"top", b"nTDSDSA"), invocationId=(ORIGIN,)),
        made(OFFICE, "OU=Office", ROOT, objectClass=(b"top", b"organizationalUnit")),
        user(ADA, name),
        made(CREW, "CN=crew", OFFICE, objectClass=(b"top", b"group"), sAMAccountName=(b"crew",)),
    )
    look(journal, 20, stamped(ADA, 20, description=(described.encode(errors="surrogateescape"),), unicodePwd=(SECRET,)))
    look(journal, 30, user(BERT, "bert"), stamped(ADA, 29, unicodePwd=(SECRET + b"2",), pin=(SECRET,)))
    look(journal, 40, Change(kind=Kind.CHANGED, guid=CREW, nc=NC, added={"member": frozenset({ref(ADA), ref(BERT)})}))
    look(journal, 50, Change(kind=Kind.MOVED, guid=OFFICE, nc=NC, parent=ROOT, rdn="OU=Bureau"))
    restorer = opened_again(journal)
    why = Reason(
        verdict="reverted",
        evidence="its USN 20 is lower than the journal's 50",
        image=2,
        image_time=NOON + 20,
        noticed=NOON + 60,
        on_conflict="journal",
        engine="auto",
        version="0.1.0",
    )
    came = Result(
        began=NOON + 60,
        ended=NOON + 63,
        objects=24,
        lost=(
            Count(what="missing", object_class="user", count=1),
            Count(what="changed", object_class="group", count=1),
        ),
        listed=(
            LostObject(what="missing", object_class="user", guid="g", dn=f"CN={name},OU=Bureau,{NC}", password=True),
        ),
        steps=(Count(what="create", count=1),),
        rounds=1,
        conflicts=1,
        conflicts_listed=(Remark(guid="g", dn=f"CN={described}", kind="local"),),
        notes=1,
        notes_listed=(Remark(guid="g", dn=f"CN={name}", what=described),),
    )
    restorer.begin_restore(target=Seq(5), writer=OTHER, now=NOON + 61, account=why.model_dump_json())
    restorer.end_restore(now=NOON + 63, account=came.model_dump_json())
    look(restorer, 70, stamped(ADA, 70, description=(b"new",)))
    return restorer


def opened_again(journal: Journal) -> Journal:
    """The same, by another process."""
    return opened(journal._store)
