"""Samba's audit log: who wrote, and never anybody who did not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adpersist.audit.following import AuditFollower
from adpersist.audit.log import AuditLog
from adpersist.errors import ConfigError
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Change, Kind
from adpersist.reading.past.writers import who, why_nobody

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
ADA, EVE = "S-1-5-21-1-2-3-1104", "S-1-5-21-1-2-3-1105"
DN = "CN=Bob,OU=Office,DC=corp"


def row(second: float, *attributes: str, sid: str | None = ADA, dn: str = DN, **more: Any) -> str:  # noqa: ANN401
    """A line as Samba 4.17 writes it."""
    change = {
        "version": {"major": 1, "minor": 0},
        "statusCode": 0,
        "status": "Success",
        "operation": "Modify",
        "remoteAddress": "ipv4:10.0.0.7:51129" if sid else "unix:",
        "performedAsSystem": sid is None,
        "userSid": sid,
        "dn": dn,
        "transactionId": "5d78d023-77e5-4745-97f5-41671a1dcd39",
        "sessionId": None,
        "attributes": {name: {"actions": [{"action": "replace", "values": [{"value": "v"}]}]} for name in attributes},
        **more,
    }
    stamp = datetime.fromtimestamp(NOON + second, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")
    return "  " + json.dumps({"timestamp": stamp, "type": "dsdbChange", "dsdbChange": change})


def log(place: Path, *rows: str) -> AuditLog:
    path = place / "audit.json"
    path.write_text("\n".join(rows) + "\n")
    return AuditLog.read(path)


def sids(found: AuditLog, second: float = 5, *attributes: str, dns: tuple[str, ...] = (DN,)) -> list[str]:
    names = attributes or ("description",)
    return [line.sid for line in found.writes(dns, names, (), second=int(NOON + second))]


def test_a_write_is_known_by_object_attribute_and_second(tmp_path: Path) -> None:
    found = log(tmp_path, row(5.2, "description"))
    assert sids(found) == [ADA]
    assert sids(found, 5, "DESCRIPTION", dns=("cn=bob, ou=office,dc=CORP",)) == [ADA]
    assert sids(found, 5, "mail") == []
    assert sids(found, 5, dns=("CN=Bert,OU=Office,DC=corp",)) == []
    assert sids(found, 9) == []
    assert sids(found, 1) == []


def test_a_password_is_set_by_another_name_than_it_is_stored_under(tmp_path: Path) -> None:
    for name in ("clearTextPassword", "userPassword", "unicodePwd"):
        assert sids(log(tmp_path, row(5, name)), 5, "unicodePwd", "pwdLastSet") == [ADA]
    assert sids(log(tmp_path, row(5, "userPassword")), 5, "description") == []


def test_a_write_right_before_or_after_is_not_taken_for_this_one(tmp_path: Path) -> None:
    around = (row(4.99, "description", sid=EVE), row(6.01, "description", sid=EVE))
    assert sids(log(tmp_path, *around, row(5.5, "description"))) == [ADA]
    assert sids(log(tmp_path, around[0])) == []
    assert sids(log(tmp_path, row(6.5, "description", sid=EVE))) == []


def test_a_write_that_ended_right_after_its_second_is_the_first_one_then(tmp_path: Path) -> None:
    assert sids(log(tmp_path, row(6.05, "description"), row(6.1, "description", sid=EVE))) == [ADA]


def test_a_write_that_ended_right_after_its_second_is_the_last_one_where_the_look_showed_it(tmp_path: Path) -> None:
    found = log(tmp_path, row(5.6, "description", sid=EVE), row(6.05, "description"), row(6.15, "description", sid=EVE))
    asked = ([DN], ["description"], ())

    def last(through: float | None) -> str:
        shown = None if through is None else NOON + through
        return found.writes(*asked, second=int(NOON + 5), through=shown)[-1].sid

    assert [last(None), last(5.9), last(6.1), last(60)] == [EVE, EVE, ADA, EVE]
    assert [line.sid for line in found.writes(*asked, second=int(NOON + 5), through=NOON + 6.1)] == [EVE, ADA]


def test_what_was_refused_was_not_written(tmp_path: Path) -> None:
    assert sids(log(tmp_path, row(5, "description", statusCode=50))) == []


def test_the_last_write_counts_and_the_others_are_told(tmp_path: Path) -> None:
    found = log(tmp_path, row(5.1, "description", sid=EVE), row(5.3, "description"), row(5.2, "description", sid=EVE))
    lines = found.writes([DN], ["description"], (), second=int(NOON + 5))
    person = who(lines, {ADA: "ada", EVE: "eve"})
    assert (person["sid"], person["name"], person["address"], person["how"]) == (
        ADA,
        "ada",
        "10.0.0.7",
        "over the network",
    )
    assert [each["name"] for each in person["also"]] == ["eve"]


def test_root_on_the_machine_is_the_system(tmp_path: Path) -> None:
    found = log(tmp_path, row(5, "description", sid=None))
    person = who(found.writes([DN], ["description"], (), second=int(NOON + 5)), {})
    assert person == {
        "sid": "S-1-5-18",
        "name": "SYSTEM",
        "address": None,
        "service": None,
        "how": "on this machine",
    }


def test_a_kind_of_write_is_known_without_its_attributes(tmp_path: Path) -> None:
    found = log(tmp_path, row(5, operation="Delete"))
    assert [line.sid for line in found.writes([DN], (), {"Delete"}, second=int(NOON + 5))] == [ADA]


def test_a_line_that_samba_broke_is_put_together(tmp_path: Path) -> None:
    whole = row(5, "description", *(f"attribute{number}" for number in range(300))).strip()
    cuts = [whole[at : at + 4000] for at in range(0, len(whole), 4000)]
    broken = "  " + " +>\n  ".join(cuts)
    assert len(cuts) > 2
    found = log(tmp_path, row(4, "mail"), broken, row(6, "mail"))
    assert sids(found) == [ADA]
    assert sids(found, 6, "mail") == [ADA]


def test_what_was_rotated_away_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "audit.json.old").write_text(row(5, "description") + "\n")
    found = log(tmp_path, row(50, "mail"))
    assert sids(found) == [ADA]
    assert found.begins == NOON + 5


def test_a_gap_is_said(tmp_path: Path) -> None:
    found = log(tmp_path, row(50, "mail"))
    assert why_nobody(found, NOON + 5) == "the audit log reaches back to 2026-01-01T12:00:50.000Z only"
    assert "no such line" in why_nobody(found, NOON + 60)
    assert why_nobody(log(tmp_path, ""), NOON) == "the audit log is empty"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        '{"dsdbChange": null}',
        '{"dsdbChange": {"statusCode": 0}}',
        row(5, "description", dn="x" * 100_000),
        row(5, "description", sid="nonsense"),
        row(5, "description").replace("2026-", "soon-"),
        "[" * 100_000,
        "x +>",
    ],
)
def test_a_line_that_is_none_is_passed_over(tmp_path: Path, text: str) -> None:
    assert sids(log(tmp_path, row(5, "description"), text, row(7, "mail"))) == [ADA]


@given(content=st.binary(max_size=2000))
def test_any_file_is_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("audit") / "log"
    path.write_bytes(content)
    AuditLog.read(path)


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="audit_log") as refused:
        AuditLog.read(tmp_path / "nowhere")
    assert "dsdb_json_audit" in refused.value.hint


# --- as it grows ------------------------------------------------------------------------------------------------

DESCRIBED = [Change(kind=Kind.CHANGED, guid=Guid(bytes(16)), nc="DC=corp", values={"description": (b"v",)})]


def written(path: Path, *rows: str) -> None:
    with path.open("a") as file:
        file.write("".join(f"{each}\n" for each in rows))


def times(follower: AuditFollower) -> list[float]:
    return [line.time - NOON for line in follower.audited(DESCRIBED).lines]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.json"


@pytest.fixture
def follower(path: Path) -> AuditFollower:
    return AuditFollower(path, since=NOON)


def test_a_line_is_told_until_it_is_sealed(path: Path, follower: AuditFollower) -> None:
    written(path, row(5, "description"), row(6, "lastLogon"))
    assert times(follower) == [5]
    audited = follower.audited(DESCRIBED)
    assert (audited.since, audited.through, audited.trouble) == (NOON + 5, NOON + 6, "")
    follower.sealed(audited)
    assert times(follower) == []
    written(path, row(7, "description"))
    assert times(follower) == [7]


@pytest.mark.parametrize("named", ["/", "/nowhere/at/all"])
def test_what_is_no_log_is_trouble_with_it_and_none_of_the_capture(named: str) -> None:
    assert AuditFollower(Path(named), since=NOON).audited(DESCRIBED).trouble.startswith(named)


def test_a_line_may_come_before_the_look_that_shows_it(path: Path, follower: AuditFollower) -> None:
    """Its transaction was long: an earlier look did not see it yet."""
    written(path, row(5, "description"))
    follower.read()
    follower.looked()
    assert times(follower) == [5]
    written(path, row(2000, "lastLogon"))
    follower.read()
    follower.looked()
    assert times(follower) == []


def test_what_came_while_nobody_captured_is_told(path: Path, follower: AuditFollower) -> None:
    written(path, row(-5000, "description"), row(5, "description"), row(90_000, "description"))
    assert times(follower) == [5, 90_000]


def test_a_line_that_is_half_there_is_whole_later(path: Path, follower: AuditFollower) -> None:
    whole = row(5, "description")
    with path.open("a") as file:
        file.write(whole[:100])
    assert times(follower) == []
    with path.open("a") as file:
        file.write(whole[100:] + "\n")
    assert times(follower) == [5]


def test_a_file_that_was_rotated_away_is_read_to_its_end(path: Path, follower: AuditFollower) -> None:
    written(path, row(5, "description"))
    follower.read()
    older = path.rename(path.with_name("audit.json.old"))
    written(path, row(7, "description"))
    assert times(follower) == [5, 7]
    written(older, row(8, "description"))  # by a process that has not noticed yet
    audited = follower.audited(DESCRIBED)
    assert [line.time - NOON for line in audited.lines] == [5, 7, 8]
    assert audited.since == NOON + 5, "nothing is missing"


def test_a_log_that_was_rotated_away_unread_is_a_gap(path: Path, follower: AuditFollower) -> None:
    written(path, row(5, "description"))
    follower.read()
    path.unlink()
    written(path.with_name("audit.json.old"), row(50, "description"))
    written(path, row(60, "description"))
    audited = follower.audited(DESCRIBED)
    assert [line.time - NOON for line in audited.lines] == [5, 50, 60], "what was read is known"
    assert audited.since == NOON + 50


def test_a_log_that_was_cut_is_a_gap(path: Path, follower: AuditFollower) -> None:
    written(path, row(5, "description"), row(6, "description"))
    follower.read()
    path.write_text(row(50, "description") + "\n")
    assert follower.audited(DESCRIBED).since == NOON + 50


def test_a_log_that_is_not_there_is_said_and_stops_nothing(path: Path, follower: AuditFollower) -> None:
    audited = follower.audited(DESCRIBED)
    assert (audited.since, audited.through, audited.lines) == (None, None, ())
    assert audited.trouble == f"{path}: No such file or directory"
    written(path, row(5, "description"))
    assert follower.audited(DESCRIBED).trouble == ""


def signed_in(account: str, service: str, session: str, **more: str) -> str:
    """A line of `auth_json_audit`."""
    said = {
        "domain": "CORP",
        "account": account,
        "serviceDescription": service,
        "authType": "krb5",
        "sessionId": session,
        **more,
    }
    return json.dumps({"timestamp": "2026-01-01T12:00:01.000000+0000", "Authorization": said})


SESSION = "974cacf6-adc0-445a-b7e0-bddcbda15a7b"


def test_who_signed_in_names_the_account_and_the_service(path: Path) -> None:
    found = log(path.parent, signed_in("ada", "LDAP", SESSION), row(5, "description", sessionId=SESSION))
    person = who(found.writes([DN], ["description"], (), second=int(NOON + 5)), {})
    assert (person["name"], person["service"]) == ("CORP\\ada", "LDAP, krb5")


@pytest.mark.parametrize(
    ("address", "service", "told"),
    [
        (None, "kpasswd", (None, "kpasswd, krb5", "over the network")),  # as Samba 4.17 logs it
        (None, "", (None, None, "from where is not logged")),
        ("unix:", "LDAP", (None, "LDAP, krb5", "on this machine")),
        ("unix:", "", (None, "a socket of this machine", "on this machine")),
        ("ipv6:fe80::1:464", "", ("fe80::1", None, "over the network")),
    ],
)
def test_where_from_is_told_as_far_as_the_log_knows(
    path: Path, address: str | None, service: str, told: tuple[str | None, str | None, str]
) -> None:
    write = row(5, "description", sessionId=SESSION, remoteAddress=address)
    found = log(path.parent, *([signed_in("ada", service, SESSION)] if service else []), write)
    person = who(found.writes([DN], ["description"], (), second=int(NOON + 5)), {})
    assert (person["address"], person["service"], person["how"]) == told


def test_what_samba_itself_writes_is_nobodys_visit_to_its_socket(path: Path) -> None:
    visit = signed_in("SYSTEM", "LDAP", SESSION, sid="S-1-5-18", remoteAddress="unix:")
    write = row(5, "lastLogonTimestamp", sid="S-1-5-18", sessionId=SESSION, remoteAddress=None)
    found = log(path.parent, visit, write)
    person = who(found.writes([DN], ["lastLogonTimestamp"], (), second=int(NOON + 5)), {})
    assert (person["name"], person["service"], person["how"]) == ("SYSTEM", None, "on this machine")
