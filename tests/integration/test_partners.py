"""One of two DCs is put back: its partner takes its new changes, and loses none of its own.

The day happens once: what both DCs know, what only the first one's journal knows, what only the partner knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from adpersist.model.plan.engine import Engine
from tests.integration.booting import booted
from tests.integration.commands import Adpersist
from tests.integration.hands import Hands
from tests.integration.proof import stamps_unlike
from tests.integration.replicating import hear, read_so_far, replicate, settle
from tests.integration.scene import ENGINES, copy_journal, init_words, staff
from tools.samba_dc import Golden, SambaDC, dbcheck, dump, free_address, join, ldapcmp, stamps
from tools.samba_dc.programs import SYSTEM_PYTHON
from tools.samba_dc.programs import run as run_program

PASSWORD: Final = "Passw0rd.partner"
_OWN_PASSWORD: Final = Path(__file__).parent / "workload" / "own_password.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two stopped DCs of one domain: the first is to be put back to its image.

    Attributes:
        bare: The domain when the first DC was its only one, and nobody in it.
        first, second: The DCs; what each goes back to is its golden image.
        run: The command line beside the first DC.
        place: For logs.
    """

    bare: Golden
    first: SambaDC
    second: SambaDC
    run: Adpersist
    place: Path

    @property
    def both(self) -> tuple[SambaDC, SambaDC]:
        """Both DCs."""
        return self.first, self.second

    def settle(self) -> None:
        """Replicate both ways."""
        settle(self.first, self.second)


def _office(hands: Hands) -> str:
    return f"OU=Office,{hands.base}"


def _emil(hands: Hands) -> str:
    return f"CN=emil,OU=Annex,{_office(hands)}"


def _known_to_both(hands: Hands) -> None:
    for name in ("shared", "doomed", "quiet"):
        hands.user(name, parent=_office(hands), password=PASSWORD)
    hands.set(f"CN=ada,{_office(hands)}", description="written by the first, known to both")
    hands.set(f"CN=quiet,{_office(hands)}", title="the same again")
    hands.link(f"CN=crew,{_office(hands)}", f"CN=shared,{_office(hands)}")
    hands.delete(f"CN=ws1,{_office(hands)}")


def _known_to_the_journal(hands: Hands) -> None:
    hands.user("lonely", parent=_office(hands), password=PASSWORD)
    hands.set(f"CN=bert,{_office(hands)}", description="only in the journal")
    hands.link(f"CN=crew,{_office(hands)}", f"CN=lonely,{_office(hands)}")
    hands.password(f"CN=bert,{_office(hands)}", "Passw0rd.lost")
    for number in range(2):
        hands.password(_emil(hands), f"Passw0rd.lost{number}")
    hands.delete(f"CN=visitor,{_office(hands)}")


def _known_to_the_partner(hands: Hands) -> None:
    hands.unlink(f"CN=crew,{_office(hands)}", f"CN=shared,{_office(hands)}")
    hands.set(f"CN=shared,{_office(hands)}", description="newer, by the partner")
    hands.set(f"CN=ada,{_office(hands)}", description="newer, by the partner")
    for title in ("another", "the same again"):
        hands.set(f"CN=quiet,{_office(hands)}", title=title)
    hands.user("abroad", parent=_office(hands), password=PASSWORD)
    hands.link(f"CN=crew,{_office(hands)}", f"CN=abroad,{_office(hands)}")
    hands.delete(f"CN=doomed,{_office(hands)}")


@pytest.fixture(scope="module")
def day(golden: Golden, module_place: Path) -> Iterator[Pair]:
    """The day is over; neither DC runs."""
    place = module_place
    with SambaDC(golden, place / "a", address=free_address()) as first:
        first.start()
        with Hands(first) as hands:
            staff(hands)
        with join(first, place / "b", address=free_address()) as second:
            run = Adpersist(place / "adpersist.toml")
            pair = Pair(bare=golden, first=first, second=second, run=run, place=place)
            pair.settle()
            first.stop()
            first.golden = first.take_golden(place / "image")
            first.start()
            run("init", *init_words(first, place / "journal.db", place / "key"), code=0)
            run("agent", "--once", code=0)
            with Hands(first) as hands:
                _known_to_both(hands)
            first.stop()
            run_program([SYSTEM_PYTHON, str(_OWN_PASSWORD), str(first.smb_conf)], timeout_s=60)
            first.start()
            assert first.machine_logs_in(), "it knows its new password"
            replicate(second, first)
            second.stop()
            with Hands(first) as hands:
                _known_to_the_journal(hands)
            run("agent", "--once", code=0)
            first.kill()
            second.start()
            with Hands(second) as hands:
                _known_to_the_partner(hands)
            second.stop()
            second.golden = second.take_golden(place / "second")
            yield pair


@pytest.fixture
def pair(day: Pair, place: Path) -> Iterator[Pair]:
    """The first DC was put back; its partner and its journal are as the day left them."""
    copy_journal(day.place / "journal.db", place / "journal.db")
    for dc in day.both:
        dc.revert()
    store = f"sqlite://{place / 'journal.db'}"
    yield replace(day, run=day.run.with_environment(ADPERSIST_STORE_URL=store), place=place)
    for dc in day.both:
        dc.stop()


def _both_agree(pair: Pair) -> None:
    """With both DCs running: what each side knew is on both, and a new change of the first one arrives."""
    assert pair.first.machine_logs_in(), "by the keytab its files hold, at its own KDC"
    pair.settle()
    assert pair.first.machine_logs_in()
    assert pair.first.machine_logs_in(at=pair.second), "and at its partner's"
    with Hands(pair.first) as hands:
        hands.user("afterwards", parent=_office(hands), password=PASSWORD)
        hands.set(f"CN=carl,{_office(hands)}", description="after the restore")
        hands.set(f"CN=quiet,{_office(hands)}", title="after the restore")
    pair.settle()
    for dc in pair.both:
        with Hands(dc) as hands:
            office = _office(hands)
            described = {
                name: hands.read(f"CN={name},{office}", "description").get("description")
                for name in ("shared", "ada", "bert", "carl")
            }
            title = hands.read(f"CN=quiet,{office}", "title")["title"]
            members = {name.split(b",")[0] for name in hands.read(f"CN=crew,{office}", "member")["member"]}
            gone = [name for name in ("doomed", "visitor") if hands.find(f"(cn={name})")]
        assert described == {
            "shared": [b"newer, by the partner"],
            "ada": [b"newer, by the partner"],
            "bert": [b"only in the journal"],
            "carl": [b"after the restore"],
        }
        assert title == [b"after the restore"], dc.names.hostname
        assert members == {b"CN=ada", b"CN=bert", b"CN=lonely", b"CN=abroad"}
        assert not gone
        for name in ("shared", "quiet", "lonely", "abroad", "afterwards"):
            assert dc.can_login(name, PASSWORD), f"{name} cannot log in at {dc.names.hostname}"
    # logins change lastLogonTimestamp, which replicates
    pair.second.stop()
    pair.run("agent", "--once", code=0)
    pair.run("verify", code=0)


def _judged(pair: Pair) -> None:
    _not_read_before_it_is_written(pair)
    assert ldapcmp(*pair.both, security_descriptors=True) == []
    for dc, image in ((pair.first, pair.bare), (pair.second, pair.second.golden)):
        verdict = dbcheck(dc, since=image)
        assert verdict, verdict.text


def _not_read_before_it_is_written(pair: Pair) -> None:
    """What the first DC says once more is above all that a partner can have read of it while it was healed."""
    settings = next(
        each for each in stamps(pair.first).values() if each.dn.startswith(f"CN=NTDS Settings,CN={_name(pair.first)},")
    )
    _, _, origin, usn = settings.attributes["invocationId"]
    assert usn > read_so_far(pair.second, f"CN=Configuration,{pair.second.base_dn}")[origin]


def _name(dc: SambaDC) -> str:
    return dc.names.hostname.upper()


def test_a_booted_dc_and_its_partner_converge(pair: Pair) -> None:
    run = pair.run.with_environment(KRB5_CONFIG=str(pair.first.krb5_conf))
    with booted(pair.first, run, pair.place / "boot.log"):
        pair.second.start()
        _both_agree(pair)
    _judged(pair)


def test_a_dc_that_heard_from_its_partner_first_keeps_what_is_newer(pair: Pair) -> None:
    for dc in pair.both:
        dc.start()
    hear(pair.first, pair.second, until_it_has="(cn=abroad)")
    plan: Any = pair.run("plan", "--json", code=2).json
    kept = {each["dn"].split(",")[0]: each["attributes"] for each in plan["conflicts"] if each["replicated"]}
    assert kept["CN=ada"] == ["description"]
    assert "CN=abroad" in kept
    restarted = pair.place / "restarted"
    run = pair.run.with_environment(ADPERSIST_RESTORE_RESTART_COMMAND=f"touch {restarted}")
    assert run("guard", "--json", code=0).json["restored"]["restart_needed"] is False
    assert restarted.exists()
    # its replication service takes the new invocationID when it starts
    pair.first.stop()
    pair.first.start()
    _both_agree(pair)
    pair.first.stop()
    _judged(pair)


def test_what_it_wrote_itself_stays_when_a_partner_brings_it_back(pair: Pair) -> None:
    """Nobody captured it: its agent was away."""
    pair.first.start()
    pair.run("guard", code=0)
    pair.first.stop()
    for dc in pair.both:
        dc.start()
    pair.settle()
    pair.second.stop()  # its tickets for the first are of a key that the next revert takes from there
    pair.second.start()
    pair.run("agent", "--once", code=0)
    with Hands(pair.first) as hands:
        office = _office(hands)
        hands.outlive_the_second()
        late = hands.user("late", parent=office, password=PASSWORD)
        hands.set(f"CN=quiet,{office}", title="late")
        hands.password(f"CN=bert,{office}", "Passw0rd.late")
        hands.link(f"CN=crew,{office}", late)
        hands.unlink(f"CN=crew,{office}", f"CN=bert,{office}")
        hands.delete(f"CN=carl,{office}")
        hands.rename(f"CN=dora,{office}", "CN=moved", f"OU=Annex,{office}")
    pair.settle()
    pair.first.kill()
    pair.first.revert()
    pair.first.start()
    hear(pair.first, pair.second, until_it_has="(cn=late)")
    pair.run("guard", code=0)
    pair.first.stop()
    pair.first.start()
    pair.settle()
    for dc in pair.both:
        with Hands(dc) as hands:
            members = {name.split(b",")[0] for name in hands.read(f"CN=crew,{office}", "member")["member"]}
            assert members == {b"CN=ada", b"CN=lonely", b"CN=abroad", b"CN=late"}, dc.names.hostname
            assert hands.read(f"CN=quiet,{office}", "title")["title"] == [b"late"], dc.names.hostname
            assert hands.find("(|(cn=carl)(cn=moved))") == [f"CN=moved,OU=Annex,{office}"], dc.names.hostname
        for name, password in (("late", PASSWORD), ("bert", "Passw0rd.late")):
            assert dc.can_login(name, password), (name, dc.names.hostname)
    pair.settle()  # logins change lastLogonTimestamp, which replicates
    for dc in pair.both:
        dc.stop()
    _judged(pair)
    assert [line for _, lines in stamps_unlike(*map(stamps, pair.both)) for line in lines] == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_password_of_its_own_that_no_client_can_settle_is_told(pair: Pair, engine: Engine) -> None:
    """Its files went back to an older one, and a partner knows the newer: over LDAP nobody reaches the files."""
    pair.first.start()
    restored = pair.run("guard", "--engine", engine, "--json", code=0).json["restored"]
    told = [each["dn"].split(",")[0] for each in restored["notes"] if "--engine local" in each["what"]]
    assert told == ([f"CN={_name(pair.first)}"] if engine is Engine.LDAP else [])


def test_what_is_made_again_reaches_a_partner(golden: Golden, place: Path) -> None:
    """Nothing reanimates it, or its tombstone is gone: the partner has one, of later versions."""
    with SambaDC(golden, place / "a", address=free_address()) as first:
        first.start()
        with Hands(first) as hands:
            staff(hands)
            office = _office(hands)
            secret = hands.add(f"CN=kept Secret,CN=System,{hands.base}", "secret", {})
            jo, club = hands.user("jo", parent=office, password=PASSWORD), hands.group("club", parent=office)
            for number in range(4):
                hands.set(jo, description=f"hired {number}")
            hands.link(f"CN=crew,{office}", jo)
            for _ in range(2):
                hands.link(club, f"CN=ada,{office}")
                hands.unlink(club, f"CN=ada,{office}")
            hands.link(club, f"CN=ada,{office}", jo)
        with join(first, place / "b", address=free_address()) as second:
            settle(first, second)
            run = Adpersist(place / "adpersist.toml")
            run("init", *init_words(first, place / "journal.db", place / "key"), code=0)
            run("agent", "--once", code=0)
            run("mark", "before", code=0)
            with Hands(first) as hands:
                for dn in (secret, jo, club):
                    hands.delete(dn)
            run("agent", "--once", code=0)
            settle(first, second)
            first.samba_tool("domain", "tombstones", "expunge", "--tombstone-lifetime=0")
            objects = [word for dn in (secret, jo, club) for word in ("--object", dn)]
            run("restore", "--to", "@before", *objects, "--yes", code=0)
            settle(first, second)
            for dc in (first, second):
                with Hands(dc) as hands:
                    assert hands.read(secret, "cn")["cn"] == [b"kept Secret"]
                    assert hands.read(jo, "description")["description"] == [b"hired 3"]
                    assert jo.encode() in hands.read(f"CN=crew,{office}", "member")["member"], dc.names.hostname
                    members = hands.read(club, "member")["member"]
                    assert sorted(members) == sorted([jo.encode(), f"CN=ada,{office}".encode()])
                assert dc.can_login("jo", PASSWORD)
            settle(first, second)
            run("agent", "--once", code=0)
            run("verify", code=0)
            for dc in (first, second):
                dc.stop()
            unlike = [line for _, lines in stamps_unlike(*map(stamps, (first, second))) for line in lines]
            # the partner remembers what the tombstone had emptied, and the other never had
            assert [line for line in unlike if ": None became " not in line] == []


def _keytab(pair: Pair, hands: Hands, dn: str) -> Path:
    """Make the account a service's, with a password of its own, and give its machine the keys."""
    name = dn.partition(",")[0].removeprefix("CN=")
    hands.set(dn, servicePrincipalName=f"HTTP/{name}")
    hands.password(dn, f"Passw0rd.{name}")
    keytab = pair.place / f"{name}.keytab"
    pair.first.samba_tool("domain", "exportkeytab", str(keytab), f"--principal=HTTP/{name}")
    return keytab


def test_what_the_dcs_word_keeps_reaches_its_partner(pair: Pair) -> None:
    """It was written under an invocationID, and with USNs, that the partner believes to have read."""
    pair.first.start()
    with Hands(pair.first) as hands:
        office = _office(hands)
        local = hands.user("local", parent=office, password=PASSWORD)
        hands.set(f"CN=dora,{office}", description="local")
        hands.unlink(f"CN=crew,{office}", f"CN=bert,{office}")
        hands.link(f"CN=crew,{office}", local)
        hands.ou("Local", office)
        hands.delete(f"CN=carl,{office}")
        hands.rename(_emil(hands), "CN=emil", office)
        hands.set(f"CN=ws1,{office}", description="local")
        services = {name: _keytab(pair, hands, f"CN={name},{office}") for name in ("dora", "bert", "emil")}
    pair.run("guard", "--on-conflict", "dc", code=0)
    pair.first.stop()
    pair.first.start()
    pair.second.start()
    pair.settle()
    for dc in pair.both:
        with Hands(dc) as hands:
            assert hands.read(f"CN=dora,{office}", "description")["description"] == [b"local"], dc.names.hostname
            (kept,) = hands.find(r"(cn=local \28local *)")  # its SID is that of a lost one, as the next three would be
            assert kept in hands.find(f"(memberOf=CN=crew,{office})"), dc.names.hostname
            assert not hands.find(f"(&(cn=bert)(memberOf=CN=crew,{office}))"), dc.names.hostname
            assert hands.find("(cn=emil)") == [f"CN=emil,{office}"], dc.names.hostname
            assert not hands.find("(cn=carl)"), dc.names.hostname
            assert hands.find("(&(cn=ws1)(description=local)(servicePrincipalName=HOST/ws1))"), dc.names.hostname
            assert hands.find("(ou=Local)") == [f"OU=Local,{office}"], dc.names.hostname
            account = hands.read(kept, "sAMAccountName")["sAMAccountName"][0].decode()
        for name in (account, "shared", "lonely", "quiet"):
            assert dc.can_login(name, PASSWORD), (name, dc.names.hostname)
        asking = "quiet", PASSWORD
        opened = {name for name, keytab in services.items() if dc.opens_tickets(keytab, "HTTP", name, by=asking)}
        # the journal has no later password of dora, one of bert, two of emil: of that number a partner may know a key
        assert opened == {"dora", "bert"}, dc.names.hostname
        dc.stop()
    _judged(pair)
    first, second = (dump(dc) for dc in pair.both)
    hashes = {guid: entry["unicodePwd"] for guid, entry in first.items() if "unicodePwd" in entry}
    assert {guid: second[guid].get("unicodePwd") for guid in hashes} == hashes, (
        "ws1's, too, whom the partner had deleted"
    )
