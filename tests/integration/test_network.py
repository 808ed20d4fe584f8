"""Over the network, as an administrator: what that session can, and in words what it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from adpersist.model.plan.engine import Engine
from tests.integration.commands import PROGRAM, Adpersist, complaint
from tests.integration.hands import Hands
from tests.integration.proof import by_name
from tests.integration.remote import Remote, remote_office, remote_words, seen_remains
from tests.integration.scene import ENGINES, PASSWORD
from tools.samba_dc import Golden, SambaDC, dump, free_address, join, samba_is_from
from tools.samba_dc.layout import with_hosts, write_hosts


@pytest.fixture
def remote(golden: Golden, place: Path) -> Iterator[Remote]:
    """A DC with staff, captured over the network."""
    with remote_office(golden, place) as office:
        yield office


def test_init_says_what_this_connection_lacks(golden: Golden, place: Path) -> None:
    with SambaDC(golden, place / "dc", address=free_address()) as dc:
        dc.start()
        ran = Adpersist(place / "adpersist.toml")("init", *remote_words(dc, place), "--json", code=0)
        lacking = " ".join(ran.json["not_restored"])
        assert all(word in lacking for word in ("passwords", "objectSid", "whenCreated", "RID"))
        assert "tdb or mdb is not known: the session is over the network" in ran.json["directory"]["database"]
        assert dc.admin_password not in (place / "adpersist.toml").read_text()


STRONG_AUTH = "ldap server require strong auth"
"""smb.conf: what the server asks of those who log in without TLS, or within it."""


@pytest.mark.parametrize(
    ("way", "strong"),
    [("ldaps", "yes"), ("starttls", "yes"), ("ldap by kerberos", "yes"), ("ldaps by kerberos", "allow_sasl_over_tls")],
)
def test_ways_to_log_in(golden: Golden, place: Path, way: str, strong: str) -> None:
    with SambaDC(golden, place / "dc", address=free_address(), options={STRONG_AUTH: strong}) as dc:
        dc.start()
        run = Adpersist(place / "adpersist.toml")
        if way.endswith("kerberos"):
            dc.kinit("Administrator", dc.admin_password)
            run = _with_tickets(run, dc, place)
            run("init", *remote_words(dc, place, url=f"{way.split(maxsplit=1)[0]}://{dc.names.fqdn}", user=""), code=0)
        else:
            url = {"ldaps": dc.ldaps_url, "starttls": dc.ldap_url}[way]
            run("init", *remote_words(dc, place, url=url), code=0)
        run("agent", "--once", code=0)
        run("verify", code=0)
        assert run("status", "--json", code=0).json["lineage"] == "same"


def test_a_server_that_takes_no_kerberos_within_tls_is_said_in_words(golden: Golden, place: Path) -> None:
    with SambaDC(golden, place / "dc", address=free_address(), options={STRONG_AUTH: "yes"}) as dc:
        dc.start()
        dc.kinit("Administrator", dc.admin_password)
        run = _with_tickets(Adpersist(place / "adpersist.toml"), dc, place)
        words = remote_words(dc, place, url=f"ldaps://{dc.names.fqdn}", user="")
        if samba_is_from(4, 21):
            run("init", *words, code=0)  # it binds the one to the other
            return
        ran = run("init", *words, code=6)
        assert "no Kerberos over TLS" in complaint(ran)
        assert "ldap://" in ran.err


def test_without_a_ticket_nobody_logs_in(golden: Golden, place: Path) -> None:
    with SambaDC(golden, place / "dc", address=free_address()) as dc:
        dc.start()
        run = _with_tickets(Adpersist(place / "adpersist.toml"), dc, place)
        ran = run("init", *remote_words(dc, place, url=f"ldap://{dc.names.fqdn}", user=""), code=6)
        assert "no Kerberos login" in complaint(ran)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_journal_without_secrets_takes_nobodys_password_away(remote: Remote, engine: Engine) -> None:
    """Captured over the network, healed on the DC: what the journal never saw is neither compared nor written."""
    dc = remote.dc
    with Hands(dc) as hands:
        for name in ("ada", "krbtgt"):
            where = remote.office if name == "ada" else hands.users
            hands.set(f"CN={name},{where}", description="of today")
        made = hands.user("made", parent=remote.office)
        hands.set(made, userAccountControl="544")  # enabled, and it asks for no password
    remote.run("agent", "--once", code=0)
    dc.revert()
    secrets = {name: found for name, found in _secrets(dc).items() if name != made}
    run = remote.run.with_environment(ADPERSIST_DIRECTORY_URL=dc.ldapi_url)
    planned = run("plan", "--json", code=2).json
    assert not [step for step in planned["steps"] if "unicodePwd" in step["what"]]
    assert any("no passwords" in note["what"] for note in planned["notes"])
    run("guard", "--engine", engine, code=0)
    run("verify", code=0)
    after = _secrets(dc)
    assert {name: after[name] for name in secrets} == secrets
    assert after[made], "it has a password, which nobody knows"
    with Hands(dc) as hands:
        assert hands.read(made, "description", "userAccountControl")["userAccountControl"] == [b"544"]
        assert hands.find("(&(cn=ada)(description=of today))")


def _secrets(dc: SambaDC) -> dict[str, tuple[bytes, ...]]:
    dc.stop()
    found = {name: item.get("unicodePwd", ()) for name, item in by_name(dc).items() if "userAccountControl" in item}
    dc.start()
    return found


def test_a_wrong_password_is_said_in_words(remote: Remote, place: Path) -> None:
    (place / "password").write_text("wrong")
    assert "did not take" in complaint(remote.run("verify", code=6))


def test_a_certificate_nobody_vouches_for_is_refused(remote: Remote, place: Path) -> None:
    text = (place / "adpersist.toml").read_text()
    (place / "adpersist.toml").write_text(text.replace("ca_file =", "# ca_file ="))
    assert "certificate" in remote.run("verify", code=6).err.lower()


def test_a_certificate_for_another_host_is_refused(remote: Remote, place: Path) -> None:
    text = (place / "adpersist.toml").read_text()
    (place / "adpersist.toml").write_text(text.replace(remote.dc.ldaps_url, "ldaps://localhost"))
    remote.run("verify", code=6)


def test_tombstones_live_again_under_their_sid(remote: Remote) -> None:
    dc, run, office = remote.dc, remote.run, remote.office
    dc.stop()
    before = dump(dc)
    dc.start()
    run("mark", "well", code=0)
    with Hands(dc) as hands:
        guid, rid = hands.guid(f"CN=ada,{office}"), hands.rid(f"CN=ada,{office}")
        hands.set(f"CN=bert,{office}", description="changed")
        hands.delete(f"CN=ada,{office}")
        hands.delete(f"CN=crew,{office}")
        hands.user("newcomer", parent=office, password=PASSWORD)
    run("agent", "--once", code=0)
    plan = run("plan", "--to", "@well", "--json", code=2).json
    notes = {note["what"] for note in plan["notes"]}
    assert any("secrets are neither compared nor restored" in note for note in notes)
    assert any("password is lost" in note for note in notes)
    run("restore", "--to", "@well", "--yes", code=0)
    verified = run("verify", "--at", "@well", "--json", code=0).json
    assert any("neither compared nor restored" in note["what"] for note in verified["notes"])
    assert "Not exactly: " in run("verify", "--at", "@well", code=0).out
    run("status", code=0)
    with Hands(dc) as hands:
        assert (hands.guid(f"CN=ada,{office}"), hands.rid(f"CN=ada,{office}")) == (guid, rid)
    assert not dc.can_login("ada", PASSWORD)
    dc.stop()
    assert seen_remains(before, dump(dc)) == []


def test_an_account_is_not_made_again_under_a_new_sid_unasked(remote: Remote) -> None:
    dc, run, office = remote.dc, remote.run, remote.office
    with Hands(dc) as hands:
        ou = hands.ou("Since", office)
        dn = hands.user("lost", parent=ou, password=PASSWORD, attributes={"mail": "lost@example.org"})
        hands.link(f"CN=crew,{office}", dn)
        guid = hands.guid(dn)
    run("agent", "--once", code=0)
    dc.revert()
    dc.start()
    with Hands(dc) as hands:
        usn = hands.usn()
        said = complaint(run("restore", "--yes", code=2))
        assert "1 accounts would come back as somebody else" in said
        assert dn in said
        assert hands.usn() == usn, "nothing was written"
    run("restore", "--yes", "--accept-loss", code=0)
    run("verify", code=0)
    run("agent", "--once", code=0)
    with Hands(dc) as hands:
        assert hands.guid(dn) != guid
        assert hands.read(dn, "mail", "memberOf", "userAccountControl") == {
            "mail": [b"lost@example.org"],
            "memberOf": [f"CN=crew,{office}".encode()],
            "userAccountControl": [b"512"],
        }
    assert not dc.can_login("lost", PASSWORD)
    assert not dc.can_login("lost", "")


def test_a_dc_with_a_partner_is_not_healed_over_the_network(remote: Remote, place: Path) -> None:
    with join(remote.dc, place / "partner", address=free_address()):
        remote.run("agent", "--once", code=0)
        remote.dc.revert()
        remote.dc.start()
        with Hands(remote.dc) as hands:
            hands.set(f"CN=bert,{remote.office}", description="local")
            assert "invocationID" in complaint(remote.run("restore", "--yes", "--accept-loss", code=6))
            assert hands.read(f"CN=bert,{remote.office}", "description"), "something was written"
        assert remote.run.status()["phase"] == "capturing"


def test_a_journal_with_passwords_is_not_gone_on_with_over_the_network(remote: Remote, place: Path) -> None:
    dc = remote.dc
    local, network = place / "local.toml", (place / "adpersist.toml").read_text()
    local.write_text(network.replace(json.dumps(dc.ldaps_url), json.dumps(dc.ldapi_url)))
    # the privileged session adds what the network did not show
    Adpersist(local)("agent", "--once", code=0)
    Adpersist(local)("verify", code=0)
    assert "passwords" in complaint(remote.run("agent", "--once", code=6))
    remote.run("verify", code=0)


def _with_tickets(run: Adpersist, dc: SambaDC, place: Path) -> Adpersist:
    """The DC's own tickets, and a hosts file that knows its name."""
    hosts = place / "hosts"
    write_hosts(hosts, {dc.names.fqdn: dc.address})
    tickets = {"KRB5_CONFIG": str(dc.krb5_conf), "KRB5CCNAME": f"FILE:{dc.credential_cache}"}
    return run.with_environment(**tickets).with_program(*with_hosts(hosts, PROGRAM))
