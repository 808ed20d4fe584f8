"""Alerts: what the rules see, that an outbox loses and doubles nothing, and that each way really sends."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import resource
import socket
import socketserver
import sqlite3
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adpersist.config import AlertsSection
from adpersist.console.alerts import rules
from adpersist.console.alerts import ways as sending
from adpersist.console.alerts.catalogue import MANY, RULES, STATES
from adpersist.console.alerts.descriptor import REPLICATION, allowed, replicators
from adpersist.console.alerts.finding import Finding, Severity
from adpersist.console.alerts.outbox import Outbox, OutboxError
from adpersist.console.alerts.rules import Watch, findings
from adpersist.console.alerts.watching import AlertWatch, told
from adpersist.console.alerts.ways import Command, NotSentError, Syslog, Way, Webhook, sentence, ways
from adpersist.errors import ConfigError, ExitCode
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq, guid_text
from adpersist.model.identity.reference import ref
from adpersist.model.identity.sid import sid_from_text
from adpersist.model.objects.change import Change, Kind, Values
from adpersist.reading.index.answering import brought_up
from adpersist.reading.index.indexed_past import IndexedPast
from adpersist.reading.index.kept import IndexFile
from adpersist.reading.past.past import Past
from tests.cases import cases
from tests.descriptors import descriptor, may
from tests.faults import Fault, FaultyStore, Injection, Point
from tests.golden.journal_samples import NC, NOON, OTHER, fresh_store, guid, new_journal, opened
from tests.unit.storied import ROOT, SCHEMA, SECRET, attribute, look, made, opened_again, storied
from tools.samba_dc.certificates import make_authority

DOMAIN = "S-1-5-21-1-2-3"
ADMINS, HELPERS, EVE, KRBTGT, SPARE, GPO = map(guid, ("admins", "helpers", "eve", "krbtgt", "spare group", "gpo"))
ALL = sorted(REPLICATION)[1]


def a_user(item: Guid, name: str, rid: int, *, control: int = 512, parent: Guid = ROOT) -> Change:
    return made(
        item,
        f"CN={name}",
        parent,
        objectClass=(b"top", b"person", b"user"),
        sAMAccountName=(name.encode(),),
        objectSid=(sid_from_text(f"{DOMAIN}-{rid}"),),
        userAccountControl=(str(control).encode(),),
    )


def a_group(item: Guid, name: str, rid: int) -> Change:
    sid = sid_from_text(f"{DOMAIN}-{rid}")
    return made(
        item, f"CN={name}", ROOT, objectClass=(b"top", b"group"), sAMAccountName=(name.encode(),), objectSid=(sid,)
    )


EVES = DOMAIN + "-1100"
BOTH = {"replication-rights", "protected-permissions"}
QUIET = descriptor(may("S-1-5-9", 0x100, ALL), may("S-1-5-11", 0x20094))


def domain() -> Journal:
    """A small domain whose groups and accounts have their well-known SIDs."""
    journal = new_journal(fresh_store())
    syntaxes = {
        **dict.fromkeys(
            ("sAMAccountName", "description", "gPLink", "dSHeuristics", "altSecurityIdentities"), b"2.5.5.12"
        ),
        **dict.fromkeys(("servicePrincipalName", "msDS-AllowedToDelegateTo"), b"2.5.5.12"),
        **dict.fromkeys(("objectSid", "sIDHistory"), b"2.5.5.17"),
        **dict.fromkeys(("userAccountControl", "adminCount", "primaryGroupID", "minPwdLength"), b"2.5.5.9"),
        **dict.fromkeys(("ms-DS-MachineAccountQuota", "linkID"), b"2.5.5.9"),
        **dict.fromkeys(("lDAPDisplayName", "attributeSyntax"), b"2.5.5.12"),
        "nTSecurityDescriptor": b"2.5.5.15",
        "pwdLastSet": b"2.5.5.16",
        "unicodePwd": b"2.5.5.10",
    }
    look(
        journal,
        10,
        made(
            ROOT,
            NC,
            None,
            objectClass=(b"top", b"domainDNS"),
            objectSid=(sid_from_text(DOMAIN),),
            nTSecurityDescriptor=(QUIET,),
        ),
        made(SCHEMA, "CN=Schema", ROOT, objectClass=(b"top", b"dMD")),
        *(attribute(name, syntax) for name, syntax in syntaxes.items()),
        attribute("member", b"2.5.5.1", b"2"),
        a_group(ADMINS, "Domain Admins", 512),
        a_group(HELPERS, "helpers", 1200),
        a_group(SPARE, "spare", 1201),
        a_user(EVE, "eve", 1100),
        a_user(KRBTGT, "krbtgt", 502, control=514),
        made(GPO, "CN={GPO}", ROOT, objectClass=(b"top", b"groupPolicyContainer"), nTSecurityDescriptor=(QUIET,)),
        made(
            guid("holder"), "CN=AdminSDHolder", ROOT, objectClass=(b"top", b"container"), nTSecurityDescriptor=(QUIET,)
        ),
        made(guid("dcs"), "OU=Domain Controllers", ROOT, objectClass=(b"top", b"organizationalUnit")),
        made(guid("office"), "OU=Office", ROOT, objectClass=(b"top", b"organizationalUnit")),
    )
    return journal


def changed(item: Guid, **values: Values) -> Change:
    return Change(kind=Kind.CHANGED, guid=item, nc=NC, values=values)


def member(group: Guid, *came: Guid, went: Sequence[Guid] = ()) -> Change:
    added = {"member": frozenset(map(ref, came))} if came else {}
    removed = {"member": frozenset(map(ref, went))} if went else {}
    return Change(kind=Kind.CHANGED, guid=group, nc=NC, added=added, removed=removed)


def permitted(*entries: bytes) -> Change:
    return changed(ROOT, nTSecurityDescriptor=(descriptor(*entries),))


def gone(item: Guid, name: str) -> Change:
    return Change(
        kind=Kind.DELETED, guid=item, nc=NC, parent=ROOT, rdn=f"CN={name}\\0ADEL:x", values={"isDeleted": (b"TRUE",)}
    )


def fired(*looks: Sequence[Change]) -> list[Finding]:
    """What the rules find, whoever goes through it."""
    journal = domain()
    for number, changes in enumerate(looks):
        look(journal, 100 + number, *changes)
    found = list(findings(Past.of(journal)))
    assert looked_up(journal) == found
    return found


def looked_up(journal: Journal) -> list[Finding]:
    """The same by the index."""
    with tempfile.TemporaryDirectory(prefix="adp-alerts-") as name:
        file = IndexFile(Path(name), journal.id)
        with brought_up(file, journal), file.opened(filling=False) as index:
            return list(findings(IndexedPast(journal, journal.head, index.rows)))


TRUST = made(guid("trust"), "CN=other", ROOT, objectClass=(b"top", b"trustedDomain"))
NTDS = made(guid("ntds2"), "CN=NTDS Settings", ROOT, objectClass=(b"top", b"nTDSDSA"))
SID = sid_from_text("S-1-5-21-9-9-9-500")


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ([member(ADMINS, EVE)], {"privileged-group"}),
        ([member(HELPERS, EVE)], set()),
        ([changed(EVE, primaryGroupID=(b"512",))], {"privileged-group"}),
        ([changed(EVE, primaryGroupID=(b"513",))], set()),
        ([permitted(may(EVES, 0x100, ALL))], BOTH),
        ([permitted(may(EVES, 0x10000000))], BOTH),
        ([permitted(may(EVES, 0x4))], {"protected-permissions"}),
        ([permitted(may(EVES, 0x100, ALL, flags=8))], {"protected-permissions"}),
        ([changed(ROOT, nTSecurityDescriptor=(b"nonsense",))], BOTH),
        ([changed(guid("holder"), nTSecurityDescriptor=(descriptor(),))], {"protected-permissions"}),
        ([changed(guid("office"), nTSecurityDescriptor=(descriptor(),))], set()),
        ([changed(KRBTGT, unicodePwd=(SECRET,))], {"krbtgt"}),
        ([changed(KRBTGT, description=(b"x",))], set()),
        ([changed(EVE, sIDHistory=(SID,))], {"sid-history"}),
        ([TRUST], {"trust"}),
        ([NTDS], {"new-controller"}),
        ([changed(EVE, userAccountControl=(b"8192",))], {"new-controller"}),
        ([attribute("fresh", b"2.5.5.12")], {"schema"}),
        ([changed(ROOT, gPLink=(b"[x]",))], {"policy-link"}),
        ([changed(guid("dcs"), gPLink=(b"[x]",))], {"policy-link"}),
        ([changed(guid("office"), gPLink=(b"[x]",))], {"other-policy-link"}),
        ([changed(ROOT, dSHeuristics=(b"001",))], {"forest-settings"}),
        ([changed(EVE, altSecurityIdentities=(b"x",))], {"key-credential"}),
        ([changed(EVE, userAccountControl=(str(512 | 0x80000).encode(),))], {"delegation"}),
        ([changed(EVE, **{"msDS-AllowedToDelegateTo": (b"cifs/x",)})], {"delegation"}),
        ([changed(EVE, userAccountControl=(str(512 | 0x400000).encode(),))], {"weak-account"}),
        ([changed(EVE, userAccountControl=(b"nonsense",))], set()),
        ([changed(EVE, servicePrincipalName=(b"http/x",))], {"service-name-on-person"}),
        ([changed(GPO, description=(b"x",))], {"policy"}),
        ([changed(ROOT, minPwdLength=(b"1",))], {"password-policy"}),
        ([changed(ROOT, **{"ms-DS-MachineAccountQuota": (b"10",)})], {"machine-quota"}),
        ([changed(EVE, adminCount=(b"1",))], {"admin-count"}),
        ([gone(SPARE, "spare")], {"container-deleted"}),
        ([changed(EVE, unicodePwd=(SECRET,))], set()),
        ([a_user(guid("new"), "new", 1300)], set()),
        ([changed(EVE, description=(b"x",))], set()),
    ],
)  # fmt: skip
def test_a_change_fires_its_rules_and_no_other(changes: list[Change], rules: set[str]) -> None:
    assert {each.rule.name for each in fired(changes)} == rules


def test_what_is_in_a_privileged_group_by_way_of_another_counts() -> None:
    found = fired([member(ADMINS, HELPERS)], [member(HELPERS, EVE)], [member(HELPERS, went=[EVE])])
    assert [each.rule.name for each in found] == ["privileged-group"] * 3
    assert [each.detail for each in found[1:]] == [f"Domain Admins: {sign} CN=eve,{NC}" for sign in "+-"]


def test_groups_that_hold_each_other_are_no_endless_search() -> None:
    found = fired([member(HELPERS, SPARE), member(SPARE, HELPERS)], [member(ADMINS, HELPERS)], [member(SPARE, EVE)])
    assert len(found) == 2


def test_a_privileged_password_is_told_without_what_it_is() -> None:
    (joined, word) = fired([member(ADMINS, EVE)], [changed(EVE, unicodePwd=(SECRET,))])
    assert (joined.rule.name, word.rule.name, word.detail) == (
        "privileged-group",
        "privileged-password",
        "in Domain Admins",
    )
    assert SECRET.decode() not in json.dumps(word.document())


def test_a_burst_is_told_once() -> None:
    people = [guid(f"p{number}") for number in range(MANY + 5)]
    made_now = [a_user(each, f"p{number}", 2000 + number) for number, each in enumerate(people)]
    one_by_one = [[gone(each, "p")] for each in people]
    found = [each for each in fired(made_now, *one_by_one) if each.rule.name == "mass-delete"]
    assert len(found) == 1
    assert not fired(made_now, *one_by_one[: MANY - 1])


def test_a_restore_is_told_and_what_it_takes_back_is_no_alert() -> None:
    journal = domain()
    look(journal, 100, member(ADMINS, EVE))
    restorer = opened_again(journal)
    restorer.begin_restore(target=Seq(1), writer=OTHER, now=NOON + 200)
    restorer.end_restore(now=NOON + 201)
    found = list(findings(Past.of(restorer)))
    assert [each.rule.name for each in found] == ["privileged-group", "restore-began", "restored"]
    assert looked_up(restorer) == found


def test_what_was_told_is_not_told_again() -> None:
    journal, watch = domain(), Watch()
    past = Past.of(journal)
    for number, change in enumerate((member(ADMINS, EVE), changed(EVE, description=(b"x",)), gone(SPARE, "spare"))):
        look(journal, 100 + number, change)
        past.follow(journal)
        assert len(list(watch.further(past))) == int(number != 1)
    assert not list(watch.further(past))


def test_what_was_in_the_bin_already_is_no_news_when_it_is_gone_for_good() -> None:
    expunged = Change(kind=Kind.EXPUNGED, guid=SPARE, nc=NC)
    assert [each.rule.name for each in fired([gone(SPARE, "spare")], [expunged])] == ["container-deleted"]
    assert [each.rule.name for each in fired([expunged])] == ["container-deleted"]


def test_deleting_many_people_sets_no_passwords() -> None:
    people = [guid(f"p{number}") for number in range(MANY)]
    made_now = [a_user(each, f"p{number}", 2000 + number) for number, each in enumerate(people)]
    passwords = [changed(each, unicodePwd=(SECRET,)) for each in people]
    cleared = [replace(gone(each, "p"), values={"isDeleted": (b"TRUE",), "unicodePwd": ()}) for each in people]
    assert {each.rule.name for each in fired(made_now, passwords)} == {"mass-passwords"}
    assert {each.rule.name for each in fired(made_now, cleared)} == {"mass-delete"}


ITEMS = [ROOT, ADMINS, HELPERS, SPARE, EVE, KRBTGT, GPO, guid("holder"), guid("dcs"), guid("office"), guid("new")]
NUMBERS = ("0", "1", "502", "512", "513", "8192", "524288", "4194304", "x")
happenings = st.one_of(
    st.builds(
        lambda item, names, value: changed(item, **dict.fromkeys(names, (value,))),
        st.sampled_from(ITEMS),
        st.sets(st.sampled_from(sorted({*rules._ATTRIBUTES, "description"})), min_size=1, max_size=2),
        st.sampled_from([*(number.encode() for number in NUMBERS), QUIET, descriptor(may(EVES, 0x100, ALL))]),
    ),
    st.builds(
        lambda group, came, went: member(group, *came, went=went),
        st.sampled_from([ADMINS, HELPERS, SPARE]),
        st.lists(st.sampled_from(ITEMS), max_size=2),
        st.lists(st.sampled_from(ITEMS), max_size=1),
    ),
    st.sampled_from(ITEMS[2:]).map(lambda item: gone(item, "x")),
    st.sampled_from(ITEMS[2:]).map(lambda item: Change(kind=Kind.EXPUNGED, guid=item, nc=NC)),
    st.sampled_from(sorted(rules._ANY_CHANGE)).map(
        lambda name: made(guid("new"), "CN=new", ROOT, objectClass=(b"top", name.encode()))
    ),
    st.just(a_user(guid("new"), "new", 1300)),
)


@settings(max_examples=cases(60), deadline=None)
@given(st.lists(st.lists(happenings, min_size=1, max_size=3), max_size=6))
def test_no_finding_is_missed_by_what_is_not_read(looks: list[list[Change]]) -> None:
    journal = domain()
    for number, changes in enumerate(looks):
        look(journal, 100 + number, *changes)
    past = Past.of(journal)
    every = {
        (entry.look.seq, guid_text(entry.guid), name)
        for entry in past.entries
        if any(item is not None and not item.deleted for item in (entry.old, entry.new))
        for check in rules._CHECKS
        for name, _ in check(past, entry)
    }
    found = list(findings(past))
    assert {(each.seq, each.guid, each.rule.name) for each in found} == every
    assert looked_up(journal) == found


def test_every_rule_has_its_own_name_and_says_what_it_means() -> None:
    assert not RULES.keys() & STATES.keys()
    assert all(rule.words and rule.name == name for name, rule in (RULES | STATES).items())


@given(st.binary(max_size=200))
def test_a_descriptor_that_is_none_is_refused_in_order(content: bytes) -> None:
    try:
        list(allowed(content))
    except ValueError:
        return


def test_entries_of_a_descriptor_are_read_as_specified() -> None:
    found = list(allowed(descriptor(may("S-1-5-9", 0x100, ALL), may("S-1-1-0", 0x4))))
    assert [(each.trustee, each.mask, each.object_type) for each in found] == [
        ("S-1-5-9", 0x100, ALL),
        ("S-1-1-0", 4, ""),
    ]
    assert replicators(descriptor(may("S-1-5-9", 0x100, ALL))) == {("S-1-5-9", REPLICATION[ALL])}


# --- the outbox -------------------------------------------------------------------------------------------------------


class Shelf:
    """A way that keeps what it gets, and is away when told to be."""

    def __init__(self, name: str = "shelf") -> None:
        self.name = name
        self.away = False
        self.got: list[dict[str, Any]] = []

    def send(self, alerts: Sequence[dict[str, Any]]) -> None:
        if self.away:
            raise NotSentError("nobody is there")
        self.got += alerts


class Clock:
    now = NOON + 1000

    def __call__(self) -> float:
        return self.now


@contextmanager
def watching(
    journal: Journal, place: Path, shelves: Sequence[Way], clock: Clock, **section: str
) -> Iterator[AlertWatch]:
    outbox = Outbox(place / "alerts.db")
    try:
        yield AlertWatch(journal, outbox, shelves, AlertsSection.model_validate(section), health="", clock=clock)
    finally:
        outbox.close()


def test_what_was_there_before_the_first_watch_is_not_told(tmp_path: Path) -> None:
    journal, shelf = domain(), Shelf()
    look(journal, 100, member(ADMINS, EVE))
    with watching(journal, tmp_path, [shelf], Clock()) as watch:
        assert watch.once() == 0
        look(journal, 101, member(ADMINS, went=[EVE]))
        assert watch.once() == 1
    assert [each["detail"] for each in shelf.got] == [f"Domain Admins: - CN=eve,{NC}"]
    assert shelf.got[0]["dc"] == "dc1.corp.example"


def test_an_alert_outlives_the_watch_and_the_outage_and_comes_once(tmp_path: Path) -> None:
    journal, shelf, other, clock = domain(), Shelf(), Shelf("other"), Clock()
    shelf.away = True
    with watching(journal, tmp_path, [shelf, other], clock) as watch:
        look(journal, 100, member(ADMINS, EVE))
        assert watch.once() == 2
    assert (len(shelf.got), len(other.got)) == (0, 1)
    with watching(journal, tmp_path, [shelf, other], clock) as watch:
        watch.once()
        shelf.away = False
        watch.once()
        assert not shelf.got, "it was asked again at once"
        clock.now += 100
        watch.once()
        watch.once()
    assert (len(shelf.got), len(other.got)) == (1, 1)


def test_what_happened_while_nobody_watched_is_told_at_the_next_start(tmp_path: Path) -> None:
    journal, shelf = domain(), Shelf()
    with watching(journal, tmp_path, [shelf], Clock()):
        pass
    look(journal, 100, member(ADMINS, EVE))
    with watching(opened_again(journal), tmp_path, [shelf], Clock()) as watch:
        watch.once()
    assert len(shelf.got) == 1


def test_a_watch_that_dies_before_it_noted_anything_finds_the_same_again(tmp_path: Path) -> None:
    journal, shelf, clock = domain(), Shelf(), Clock()
    with watching(journal, tmp_path, [shelf], clock):
        pass
    look(journal, 100, member(ADMINS, EVE))
    with watching(journal, tmp_path, [shelf], clock) as watch:
        watch.once()
    with sqlite3.connect(tmp_path / "alerts.db") as file:
        file.execute("UPDATE looked SET seq = 1")
    with watching(journal, tmp_path, [shelf], clock) as watch:
        assert watch.once() == 0
    assert len(shelf.got) == 1


def test_severities_and_rules_can_be_left_out(tmp_path: Path) -> None:
    for section, count in (
        ({}, 1),
        ({"least": "medium"}, 2),
        ({"least": "critical"}, 1),
        ({"without": "privileged-group"}, 0),
    ):
        journal, shelf = domain(), Shelf()
        with watching(journal, tmp_path / str(section), [shelf], Clock(), **section) as watch:
            look(journal, 100, member(ADMINS, EVE), changed(EVE, adminCount=(b"1",)))
            watch.once()
        assert len(shelf.got) == count


def test_a_rule_that_is_none_cannot_be_left_out() -> None:
    with pytest.raises(ConfigError, match="names no rule: privileged"):
        told(AlertsSection(without="privileged"))


def test_a_journal_that_cannot_be_read_is_told_once_and_so_is_its_return(tmp_path: Path) -> None:
    store, shelf = domain()._store, Shelf()
    faulty = FaultyStore(store, [Injection(point=Point.HEAD, fault=Fault.DROP, call=2, times=2)])
    with watching(opened(faulty), tmp_path, [shelf], Clock()) as watch:
        for _ in range(4):
            watch.once()
    assert [each["rule"] for each in shelf.got] == ["journal-unread", "journal-read"]


def test_a_journal_that_ends_earlier_than_it_did_is_told(tmp_path: Path) -> None:
    journal, shelf = domain(), Shelf()
    with watching(journal, tmp_path, [shelf], Clock()):
        pass
    with sqlite3.connect(tmp_path / "alerts.db") as file:
        file.execute("UPDATE looked SET seq = 99")
    for _ in range(2):
        with watching(journal, tmp_path, [shelf], Clock()) as watch:
            watch.once()
    assert [each["rule"] for each in shelf.got] == ["journal-behind"]


@pytest.mark.parametrize("content", [b"no database at all, but long enough to look like something else\n" * 20])
def test_a_file_that_is_no_outbox_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "alerts.db").write_bytes(content)
    with pytest.raises(ConfigError, match=r"alerts\.db"):
        Outbox(tmp_path / "alerts.db")


def test_an_outbox_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="outbox"):
        Outbox(tmp_path / "file" / "alerts.db")


def test_a_disk_that_takes_nothing_ends_no_watch_for_good_and_has_nobody_told_over_and_over(tmp_path: Path) -> None:
    """The unit tries again after this exit code, and not after ConfigError's. SQLite says of a connection that may
    only read what it says of a disk that went read-only."""
    journal, shelf, clock = domain(), Shelf(), Clock()
    shelf.away = True
    with watching(journal, tmp_path, [shelf], clock) as watch:
        look(journal, 100, member(ADMINS, EVE))
        watch.once()
        shelf.away, clock.now = False, clock.now + 100
        watch._outbox._file.execute("PRAGMA query_only = ON")
        with pytest.raises(OutboxError, match="cannot be used") as caught:
            watch.once()
        assert caught.value.exit_code is ExitCode.FAILURE
        assert not shelf.got
        watch._outbox._file.execute("PRAGMA query_only = OFF")
        watch.once()
    assert len(shelf.got) == 1


def test_an_outbox_for_which_no_file_can_be_opened_now_is_no_mistake(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(OutboxError, match="Too many open files"):
            Outbox(tmp_path / "alerts.db")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_an_outbox_is_its_owners_alone(tmp_path: Path) -> None:
    Outbox(tmp_path / "alerts.db").close()
    assert (tmp_path / "alerts.db").stat().st_mode & 0o777 == 0o600


# --- ways -------------------------------------------------------------------------------------------------------------

HOSTILE = "CN=a\r\nBcc: everybody@example.org\x1b[2J\u202e,DC=x"


def alerts(count: int = 1, dn: str = HOSTILE) -> list[dict[str, Any]]:
    finding = Finding(rule=RULES["krbtgt"], seq=7, time=NOON, guid="g", dn=dn, detail="unicodePwd", dcs=("DC1",))
    return [{**finding.document(), "dc": "dc1", "journal": "j"} for _ in range(count)]


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_webhook_gets_json_and_can_tell_who_sent_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    got: list[tuple[str, bytes]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.headers["X-Adpersist-Signature"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with served(Hook) as url:
        Webhook(url, b"key").send(alerts(2))
    ((signature, body),) = got
    assert signature == "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()
    document = json.loads(body)
    assert [each["rule"] for each in document["alerts"]] == ["krbtgt", "krbtgt"]
    assert document["text"].count("\n") == 1


@pytest.mark.parametrize("code", [302, 307, 400, 500])
def test_a_webhook_that_does_not_take_it_is_tried_again(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(code)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with served(Hook) as url, pytest.raises(NotSentError, match=str(code)):
        Webhook(url, b"").send(alerts())


class PostOffice(socketserver.StreamRequestHandler):
    """As much of [RFC5321] as one mail needs."""

    mails: list[bytes]
    refuses = b"nobody"
    certificate: Path | None = None

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            match line[:4].upper():
                case b"EHLO" if self.certificate and not isinstance(self.request, ssl.SSLSocket):
                    self.wfile.write(b"250-here\r\n250 STARTTLS\r\n")
                case b"STAR" if self.certificate:
                    self.wfile.write(b"220 go on\r\n")
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(self.certificate / "ca.pem", self.certificate / "ca-key.pem")
                    self.request = context.wrap_socket(self.request, server_side=True)
                    self.setup()
                case b"MAIL" if self.certificate and not isinstance(self.request, ssl.SSLSocket):
                    self.wfile.write(b"530 not in the clear\r\n")
                case b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    mail = b""
                    while (part := self.rfile.readline()) != b".\r\n":
                        mail += part
                    self.mails.append(mail)
                    self.wfile.write(b"250 taken\r\n")
                case b"RCPT" if self.refuses in line:
                    self.wfile.write(b"451 not yet\r\n")
                case b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                case _:
                    self.wfile.write(b"250 well\r\n")


@contextmanager
def post_office(certificate: Path | None = None) -> Iterator[tuple[str, list[bytes]]]:
    mails: list[bytes] = []
    handler = type("Handler", (PostOffice,), {"mails": mails, "certificate": certificate})
    with socketserver.TCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", mails
        finally:
            server.shutdown()
            thread.join()


def mails_to(people: str, server: str, sender: str = "adpersist@example.org") -> list[Way]:
    return ways(AlertsSection(mail_to=people, mail_from=sender, mail_server=server), host="h")


def test_a_mail_says_what_happened_and_a_name_makes_no_header() -> None:
    with post_office() as (server, mails):
        for way in mails_to('ops@example.org, "Lovelace, Ada" <ada@example.org>,', server, "The agent <a@example.org>"):
            way.send(alerts(3))
    assert len(mails) == 2
    mail = message_from_bytes(mails[0], policy=default)
    assert mail["Subject"] == "adpersist dc1: The account that signs every ticket changed and 2 more"
    assert mail["To"] == 'ops@example.org, "Lovelace, Ada" <ada@example.org>'
    assert mail["From"] == "The agent <a@example.org>"
    assert mail["Bcc"] is None
    text = mail.get_content()
    assert text.count("unicodePwd") == 3
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_mail_that_is_refused_to_one_reaches_the_others_and_is_tried_again(tmp_path: Path) -> None:
    journal = domain()
    with post_office() as (server, mails):
        people = mails_to("ada@example.org, nobody@example.org", server)
        with watching(journal, tmp_path, people, Clock()) as watch:
            look(journal, 100, member(ADMINS, EVE))
            watch.once()
    assert len(mails) == 1
    outbox = Outbox(tmp_path / "alerts.db")
    told = {each["to"]: (each["way"], bool(each["sent"]), each["error"]) for each in outbox.everything(9)}
    outbox.close()
    assert told["ada@example.org"] == ("mail", True, None)
    assert told["nobody@example.org"][:2] == ("mail", False)
    assert "451" in told["nobody@example.org"][2]


class Dripping(socketserver.BaseRequestHandler):
    """Begins an answer, and never ends it."""

    begins: bytes

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # whoever asked has had enough
            self.request.sendall(self.begins)
            while True:
                self.request.sendall(b"x")
                time.sleep(0.02)


@pytest.mark.parametrize("begins", [b"HTTP/1.1 200 OK\r\nX-Long: ", b"220 "])
def test_a_receiver_that_answers_byte_by_byte_holds_no_other_way_up(
    begins: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(sending, "_LONGEST_S", 0.3)
    journal, shelf = domain(), Shelf()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("Handler", (Dripping,), {"begins": begins})) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        place = f"127.0.0.1:{server.server_address[1]}"
        slow = Webhook(f"http://{place}/", b"") if begins[:4] == b"HTTP" else mails_to("ada@example.org", place)[0]
        with watching(journal, tmp_path, [slow, shelf], Clock()) as watch:
            look(journal, 100, member(ADMINS, EVE))
            watch.once()
        server.shutdown()
        thread.join()
    assert len(shelf.got) == 1
    outbox = Outbox(tmp_path / "alerts.db")
    assert ["not done in 0.3 s" in each["error"] for each in outbox.everything(9) if each["way"] != "shelf"] == [True]
    outbox.close()


def test_what_waits_for_whom_nobody_names_any_more_goes_to_whom_somebody_names(tmp_path: Path) -> None:
    journal, away, shelf, clock = domain(), Shelf("mail adda@x"), Shelf("mail ada@x"), Clock()
    away.away = True
    with watching(journal, tmp_path, [away, shelf], clock) as watch:
        look(journal, 100, member(ADMINS, EVE))
        watch.once()
    other = Shelf("mail bert@x")
    with watching(journal, tmp_path, [shelf, other, Shelf("syslog")], clock) as watch:
        watch.once()
        clock.now += 100
        watch.once()
    assert (len(shelf.got), len(other.got)) == (1, 1)


def test_a_mail_server_of_this_machine_need_not_prove_who_it_is(tmp_path: Path) -> None:
    make_authority(tmp_path)  # as Debian's mail server signs its own certificate
    with post_office(tmp_path) as (server, mails):
        (way,) = mails_to("ada@example.org", server)
        way.send(alerts())
    assert len(mails) == 1


def test_syslog_gets_a_line_each(tmp_path: Path) -> None:
    place = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(place)
        Syslog(place, "dc1").send(alerts(2, dn=HOSTILE + "x" * 5000))
        lines = [log.recv(70_000) for _ in range(2)]
    assert all(
        line.startswith(b"<106>1 2026-01-01T12:00:00.000Z dc1 adpersist - krbtgt - [critical]") for line in lines
    )
    assert all(len(line) <= 2048 and b"\n" not in line and b"\x1b" not in line for line in lines)


def test_syslog_goes_over_the_network_too() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as log:
        log.bind(("127.0.0.1", 0))
        log.settimeout(30)
        Syslog(f"127.0.0.1:{log.getsockname()[1]}", "dc1").send(alerts())
        assert b"krbtgt" in log.recv(70_000)


def test_a_syslog_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    for place in (str(tmp_path / "nowhere"), "log..example:514", f"{'x' * 70}:514"):
        with pytest.raises(NotSentError, match="did not take it"):
            Syslog(place, "dc1").send(alerts())


def test_a_command_gets_the_json(tmp_path: Path) -> None:
    out = tmp_path / "got"
    program = f"import sys; open({str(out)!r}, 'w').write(sys.stdin.read())"
    Command((sys.executable, "-c", program)).send(alerts())
    assert json.loads(out.read_text())["alerts"][0]["dn"] == HOSTILE


@pytest.mark.parametrize("words", [("false",), ("/nowhere/at/all",)])
def test_a_command_that_fails_is_tried_again(words: tuple[str, ...]) -> None:
    with pytest.raises(NotSentError, match="command failed"):
        Command(words).send(alerts())


def test_a_command_may_leave_something_at_work() -> None:
    Command(("sh", "-c", "sleep 30 &")).send(alerts())


def test_ways_are_what_the_configuration_says(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key\n", encoding="utf-8-sig")  # as some editors begin a file
    section = AlertsSection(
        webhook="https://x/",
        webhook_secret_file=tmp_path / "secret",
        mail_to="a@x, b@x",
        syslog="/dev/log",
        command="tell 'me now'",
    )
    assert [way.name for way in ways(section, host="h")] == ["webhook", "mail a@x", "mail b@x", "syslog", "command"]
    assert ways(section, host="h")[0] == Webhook("https://x/", b"key")
    assert ways(section, host="h")[4] == Command(("tell", "me now"))
    assert ways(AlertsSection(), host="h") == []


@pytest.mark.parametrize(
    "given",
    [
        {"syslog": "nonsense"},
        {"command": "'"},
        {"webhook": "https://x", "webhook_secret_file": "/nowhere"},
        *({"mail_to": text} for text in ("ada@", "<", '"', "ada@[127.0.0.1", "ada@x; bert@x", " , ", "@")),
        *({"mail_to": "ada@x", "mail_from": text} for text in ("adpersist@", '"', "ada@x, bert@x")),
    ],
)
def test_a_way_that_cannot_be_is_named(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"\[alerts\]"):
        ways(AlertsSection(**given), host="h")


def test_a_sentence_is_one_line() -> None:
    text = sentence(alerts()[0])
    assert "\n" not in text
    assert text.startswith("[critical] dc1: The account that signs every ticket changed: CN=a\\u000d\\u000aBcc")


def test_findings_of_a_story_have_ids_that_stay() -> None:
    journal = storied()
    one, other = ([each.id for each in findings(Past.of(opened_again(journal)))] for _ in range(2))
    assert one == other
    assert len(set(one)) == len(one)


def test_severities_are_in_order() -> None:
    assert sorted(Severity, key=lambda each: each.rank) == [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM]
