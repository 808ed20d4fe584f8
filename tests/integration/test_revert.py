"""One DC's story: a day is lost to a golden image and brought back, then a second day. Told once an engine.

Judges are Samba's own tools and raw comparisons of the database files; none of them shares code with adpersist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.integration.commands import Ran
from tests.integration.hands import Hands
from tests.integration.proof import RENEWED, highest_rid, unlike
from tests.integration.scene import ENGINES, PASSWORD, Scene, World
from tools.samba_dc import AES256, ALL_CONTEXTS, Golden, SambaDC, Verdict, dbcheck, dump, ldapcmp

NEW_PASSWORDS = {
    "ada": "Passw0rd.ada-later",
    "newcomer": "Passw0rd.newcomer",
    "newcomer2": "Passw0rd.newcomer2",
    "Administrator": "Passw0rd.admin-later",
}
"""Set after the golden image."""


@dataclass(kw_only=True)
class Story:
    """What happened, command by command.

    Attributes:
        world: The DC, now with both days in it.
        ran: Every command, by what it was for.
        files: Copies of the database at several moments.
        facts: Observations by name.
    """

    world: World
    ran: dict[str, Ran] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def command(self, purpose: str, *words: str) -> Ran:
        self.ran[purpose] = self.world.run(*words)
        return self.ran[purpose]

    def keep(self, moment: str) -> None:
        """Copy the stopped DC's database."""
        self.files[moment] = self.world.dc.snapshot(self.world.place / moment)

    @cached_property
    def database_check(self) -> Verdict:
        return dbcheck(self.files["restored"], since=self.world.dc.golden)


@pytest.fixture(scope="module", params=ENGINES)
def story(request: pytest.FixtureRequest, scene: Scene, module_place: Path) -> Iterator[Story]:
    with scene.played(module_place / request.param) as world:
        world.write_by(request.param)
        told = Story(world=world)
        _first_day(told)
        _reverted(told)
        _restored(told)
        _life_after(told)
        _second_day(told)
        yield told


def _first_day(told: Story) -> None:
    world = told.world
    with world.run.agent(world.log) as agent:
        with Hands(world.dc) as hands:
            _live(hands, world.dc)
        told.facts["settled"] = world.run.settled()
        told.facts["stopped"] = agent.stop()
    told.command("verify before", "verify", "--json")
    world.dc.kill()
    told.keep("lived")


def _live(hands: Hands, dc: SambaDC) -> None:
    """A day in a directory: every kind of change the issue names."""
    office, users = f"OU=Office,{hands.base}", hands.users
    lab = hands.ou("Lab")
    newcomer = hands.user("newcomer", parent=lab, password=NEW_PASSWORDS["newcomer"], attributes={"sn": "Nëw ☃"})
    hands.user("newcomer2", password=NEW_PASSWORDS["newcomer2"])
    hands.computer("ws2", parent=lab, attributes={"servicePrincipalName": "HOST/ws2", "dNSHostName": "ws2.example"})
    hands.contact("supplier", parent=lab)
    inner = hands.group("inner", [newcomer, f"CN=carl,{office}"], parent=lab)
    hands.link(f"CN=crew,{office}", inner, f"CN=dora,{office}")
    hands.unlink(f"CN=crew,{office}", f"CN=bert,{office}")
    hands.set(newcomer, manager=f"CN=ada,{office}", thumbnailPhoto=bytes(range(256)))
    hands.set(f"CN=bert,{office}", description="changed", telephoneNumber="4711", otherTelephone=["1", "2", "3"])
    hands.set(f"CN=visitor,{office}", mail=[])
    hands.rename(f"CN=emil,OU=Annex,{office}", "CN=Emil", lab)
    hands.rename(f"OU=Annex,{office}", "OU=Wing")
    hands.rename(office, "OU=Bureau")
    # where the DC's own settings lie
    hands.rename(f"CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{hands.base}", "CN=Berlin")
    hands.delete(f"CN=ws1,OU=Bureau,{hands.base}")
    hands.delete(f"CN=dora,OU=Bureau,{hands.base}")
    hands.password(f"CN=ada,OU=Bureau,{hands.base}", NEW_PASSWORDS["ada"])
    hands.password(f"CN=Administrator,{users}", NEW_PASSWORDS["Administrator"])
    back = hands.user("wavering", password=PASSWORD)
    identity = hands.guid(back)
    hands.delete(back)
    hands.undelete(identity, back)
    hands.add(f"CN=10.8.0.0/16,CN=Subnets,CN=Sites,CN=Configuration,{hands.base}", "subnet", {"location": "Lab"})
    dc.samba_tool("dns", "add", dc.address, dc.names.dns_domain, "printer", "A", "10.8.0.9",
                  f"-UAdministrator%{NEW_PASSWORDS['Administrator']}")  # fmt: skip
    dc.samba_tool("dsacl", "set", f"--objectdn={lab}", "--sddl=(A;CI;RP;;;AU)", "-H", dc.ldapi_url_quoted)
    # the last RID of the day belongs to somebody who is gone by the evening
    hands.delete(hands.user("gone"))


def _reverted(told: Story) -> None:
    told.world.revert()
    told.command("status of reverted", "status", "--json")
    told.command("agent on reverted", "agent")
    told.command("look at reverted", "agent", "--once")
    told.command("report", "guard", "--on-revert", "report", "--json")
    told.command("plan", "plan", "--json")
    told.command("plan for people", "plan")
    told.command("verify reverted", "verify", "--json")
    told.command("status after all that", "status", "--json")


def _restored(told: Story) -> None:
    world = told.world
    told.command("guard", "guard", "--on-revert", "restore", "--json")
    told.command("verify restored", "verify", "--json")
    told.command("plan restored", "plan", "--json")
    told.command("status of restored", "status", "--json")
    told.command("guard again", "guard", "--json")
    told.command("status after the second guard", "status", "--json")
    world.dc.kill()
    told.keep("restored")
    world.dc.start()


def _life_after(told: Story) -> None:
    dc = told.world.dc
    told.facts["logins"] = {user: dc.can_login(user, new, enctypes=AES256) for user, new in NEW_PASSWORDS.items()}
    told.facts["old logins"] = [dc.can_login(user, PASSWORD) for user in ("ada", "newcomer")]
    told.facts["unchanged login"] = dc.can_login("bert", PASSWORD, enctypes=AES256)
    dc.kinit("newcomer", NEW_PASSWORDS["newcomer"])
    dc.service_ticket("ldap")
    told.facts["machine login"] = dc.machine_logs_in()
    with Hands(dc) as hands:
        told.facts["fresh rid"] = hands.rid(hands.user("fresh", password=PASSWORD))
    told.facts["fresh login"] = dc.can_login("fresh", PASSWORD)


def _second_day(told: Story) -> None:
    world = told.world
    told.command("capture after the restore", "agent", "--once", "--json")
    with Hands(world.dc) as hands:
        hands.user("evening", password=PASSWORD)
        hands.delete(f"CN=carl,OU=Bureau,{hands.base}")
        hands.rename(f"OU=Lab,{hands.base}", "OU=Workshop")
    told.command("second capture", "agent", "--once")
    world.dc.kill()
    told.keep("lived on")
    world.revert()
    told.command("second guard", "guard", "--json")
    told.command("second verify", "verify", "--json")
    world.dc.kill()
    told.keep("restored again")
    world.dc.start()
    told.facts["second login"] = world.dc.can_login("evening", PASSWORD, enctypes=AES256)


# The agent and a normal end.


def test_the_agent_catches_up_with_a_day(story: Story) -> None:
    settled = story.facts["settled"]
    assert settled["lag"]["usn"] == 0
    assert settled["lag"]["seconds"] == 0
    assert settled["lineage"] == "same"
    assert settled["store"] == "ok"
    assert {"seq", "usn", "time"} <= set(settled["durable"])


def test_sigterm_ends_the_agent(story: Story) -> None:
    assert story.facts["stopped"] == 0


def test_the_journal_is_the_directory_before_the_revert(story: Story) -> None:
    assert story.ran["verify before"].code == 0
    assert story.ran["verify before"].json["differences"] == []


# A reverted DC is never news.


def test_status_says_reverted_and_exits_4(story: Story) -> None:
    ran = story.ran["status of reverted"]
    assert (ran.code, ran.json["lineage"]) == (4, "reverted")
    assert ran.json["durable"]["seq"] == story.facts["settled"]["durable"]["seq"]


@pytest.mark.parametrize("purpose", ["agent on reverted", "look at reverted"])
def test_the_agent_refuses_a_reverted_dc_with_exit_4(story: Story, purpose: str) -> None:
    assert story.ran[purpose].code == 4
    assert "reverted" in story.ran[purpose].err


def test_nothing_of_the_reverted_dc_is_captured(story: Story) -> None:
    before, after = story.facts["settled"]["durable"], story.ran["status after all that"].json["durable"]
    assert after == before


def test_guard_reports_without_writing_and_exits_4(story: Story) -> None:
    ran = story.ran["report"]
    assert ran.code == 4
    assert (ran.json["lineage"], ran.json["proven"], ran.json["restored"]) == ("reverted", False, None)


def test_plan_lists_steps_with_reasons_and_exits_2(story: Story) -> None:
    ran = story.ran["plan"]
    assert ran.code == 2
    steps = ran.json["steps"]
    assert {"create", "modify", "move", "link", "delete"} <= {step["op"] for step in steps}
    assert all(step["reason"] and step["dn"] and step["guid"] for step in steps)
    assert ran.json["conflicts"] == []


def test_plan_shows_no_secret(story: Story) -> None:
    hashes = [value for entry in dump(story.files["lived"]).values() for value in entry.get("unicodePwd", ())]
    assert len(hashes) > 5
    for ran in (story.ran["plan"], story.ran["plan for people"]):
        assert not [value for value in hashes if value.hex() in ran.out or repr(value)[2:-1] in ran.out]


def test_verify_lists_what_a_reverted_dc_lost_and_exits_2(story: Story) -> None:
    ran = story.ran["verify reverted"]
    assert ran.code == 2
    kinds = {line["kind"] for line in ran.json["differences"]}
    assert {"missing", "extra", "moved", "value", "link"} <= kinds
    assert all(set(line) == {"guid", "dn", "attribute", "kind"} for line in ran.json["differences"])


# The restore.


def test_guard_restores_and_exits_0(story: Story) -> None:
    ran = story.ran["guard"]
    assert ran.code == 0
    assert ran.json["proven"] is True
    assert ran.json["restored"]["left"] == 0
    assert ran.json["restored"]["lost"] > 10


def test_verify_and_plan_find_nothing_afterwards(story: Story) -> None:
    assert (story.ran["verify restored"].code, story.ran["verify restored"].json["differences"]) == (0, [])
    assert (story.ran["plan restored"].code, story.ran["plan restored"].json["steps"]) == (0, [])


def test_a_restore_opens_a_new_timeline(story: Story) -> None:
    restored = story.ran["status of restored"]
    assert restored.code == 0
    assert (restored.json["lineage"], restored.json["timeline"], restored.json["phase"]) == ("same", 2, "capturing")
    assert restored.json["lag"]["usn"] == 0


def test_guard_writes_nothing_on_a_dc_that_is_right(story: Story) -> None:
    ran = story.ran["guard again"]
    assert (ran.code, ran.json["lineage"], ran.json["restored"]) == (0, "same", None)
    assert story.ran["status after the second guard"].json["durable"] == story.ran["status of restored"].json["durable"]


# Judges.


@pytest.mark.parametrize("context", ALL_CONTEXTS)
def test_ldapcmp_finds_no_difference(story: Story, context: str) -> None:
    found = ldapcmp(story.files["lived"], story.files["restored"], filters=[RENEWED])
    assert [account for account in found if account.startswith(f"{context}:")] == []


def test_ldapcmp_finds_no_difference_in_access_rights(story: Story) -> None:
    compared = ldapcmp(story.files["lived"], story.files["restored"], ["DOMAIN"], security_descriptors=True)
    assert compared == []


def test_dbcheck_finds_no_error(story: Story) -> None:
    assert story.database_check.ok, story.database_check.text


def test_both_databases_hold_the_same_secrets_included(story: Story) -> None:
    assert unlike(story.files["lived"], story.files["restored"]) == []


def test_the_comparison_would_have_noticed(story: Story) -> None:
    assert unlike(story.world.dc.golden.directory, story.files["restored"])


def test_passwords_set_after_the_image_log_in_with_aes(story: Story) -> None:
    assert story.facts["logins"] == dict.fromkeys(NEW_PASSWORDS, True)


def test_passwords_of_the_image_no_longer_log_in_where_they_were_changed(story: Story) -> None:
    assert story.facts["old logins"] == [False, False]
    assert story.facts["unchanged login"]


def test_the_dcs_own_account_keeps_working(story: Story) -> None:
    assert story.facts["machine login"]
    golden, restored = (_machine_hash(files) for files in (story.world.dc.golden, story.files["restored"]))
    assert golden == restored


def _machine_hash(judged: Golden | Path) -> tuple[bytes, ...]:
    entries = dump(judged).values()
    return next(entry["unicodePwd"] for entry in entries if entry.get("sAMAccountName") == (b"DC1$",))


def test_a_new_account_gets_a_rid_nobody_ever_had(story: Story) -> None:
    assert story.facts["fresh rid"] > highest_rid(story.files["lived"])
    assert story.facts["fresh login"]


# And on.


def test_capture_goes_on_after_a_restore(story: Story) -> None:
    after = story.ran["capture after the restore"]
    assert after.code == 0
    assert after.json["durable"]["seq"] > story.ran["status of restored"].json["durable"]["seq"]


def test_the_second_revert_works_as_the_first(story: Story) -> None:
    assert story.ran["second guard"].code == 0
    assert story.ran["second verify"].code == 0
    assert unlike(story.files["lived on"], story.files["restored again"]) == []
    assert ldapcmp(story.files["lived on"], story.files["restored again"], filters=[RENEWED]) == []
    assert dbcheck(story.files["restored again"], since=story.world.dc.golden).ok
    assert story.facts["second login"]
    assert story.world.run.status()["timeline"] == 3
