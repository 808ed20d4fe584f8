"""Going back to a point, and forward again: nothing the DC ever had is lost by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from adpersist.model.plan.engine import Engine
from tests.integration.hands import Hands
from tests.integration.proof import unlike
from tests.integration.scene import ENGINES, PASSWORD, World
from tests.property.stories.birth import attributes

_UNIVERSAL, _DOMAIN_LOCAL = -0x8000_0000 + 8, -0x8000_0000 + 4
"""Security groups of these scopes, [MS-ADTS] 2.2.12."""


def _names(world: World) -> set[str]:
    with Hands(world.dc) as hands:
        return {dn.split(",")[0].removeprefix("CN=") for dn in hands.find("(description=point)")}


def _user(world: World, name: str) -> int:
    """Make one and capture it; the commit it is in."""
    with Hands(world.dc) as hands:
        hands.user(name, attributes={"description": "point"})
    return int(world.run("agent", "--once", "--json", code=0).json["durable"]["seq"])


def test_back_to_a_point_and_forward_again(world: World) -> None:
    first = _user(world, "earliest")
    second = _user(world, "middle")
    with Hands(world.dc) as hands:
        hands.user("uncaptured", attributes={"description": "point"})
    world.run("restore", "--yes", f"--to={first}", code=0)
    assert _names(world) == {"earliest"}
    world.run("verify", code=0)
    # what was new when the restore began was captured before it was taken away
    captured = {change.rdn: commit.seq for commit in world.commits(second) for change in commit.changes}
    world.run("restore", "--yes", f"--to={captured['CN=uncaptured']}", code=0)
    assert _names(world) == {"earliest", "middle", "uncaptured"}
    world.run("verify", code=0)
    assert world.run.status()["timeline"] == 3


def test_what_happens_after_going_back_survives_a_revert(world: World) -> None:
    first = _user(world, "earliest")
    _user(world, "abandoned")
    world.run("restore", "--yes", f"--to={first}", code=0)
    _user(world, "later")
    world.dc.kill()
    lived = world.dc.snapshot(world.place / "lived")
    world.revert()
    world.run("guard", code=0)
    world.run("verify", code=0)
    assert _names(world) == {"earliest", "later"}
    world.dc.kill()
    assert unlike(lived, world.dc.snapshot(world.place / "after")) == []


def test_verify_and_plan_look_at_a_point_and_write_nothing(world: World) -> None:
    first = _user(world, "earliest")
    _user(world, "middle")
    head = world.head()
    differences = world.run("verify", f"--at={first}", "--json", code=2).json["differences"]
    assert [line["kind"] for line in differences if line["dn"].startswith("CN=middle,")] == ["extra"]
    steps = world.run("plan", f"--to={first}", "--json", code=2).json["steps"]
    assert [step["op"] for step in steps if step["dn"].startswith("CN=middle,")] == ["delete"]
    assert world.head() == head
    assert _names(world) == {"earliest", "middle"}


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_class_insists_on_comes_back_with_the_tombstone(world: World, engine: Engine) -> None:
    """A tombstone loses attributes without which the server lets no such object live."""
    world.write_by(engine)
    with Hands(world.dc) as hands:
        sites = f"CN=Sites,CN=Configuration,{hands.base}"
        doomed = [
            hands.add(f"CN=strict,CN=Password Settings Container,CN=System,{hands.base}", "msDS-PasswordSettings",
                      {name: values[0] for name, values in attributes("msDS-PasswordSettings", "", 1).items()}),
            hands.add(f"CN=far,CN=IP,CN=Inter-Site Transports,{sites}", "siteLink",
                      {"siteList": f"CN=Default-First-Site-Name,{sites}", "cost": "7"}),
            hands.add(f"CN=service,{hands.users}", "msDS-GroupManagedServiceAccount",
                      {"sAMAccountName": "service$", "msDS-ManagedPasswordInterval": "30"}),
            hands.add(f"CN=partner.example,CN=System,{hands.base}", "trustedDomain",
                      {"trustPartner": "partner.example", "flatName": "PARTNER", "trustType": "2"}),
        ]  # fmt: skip
        hands.link(doomed[0], f"CN=crew,OU=Office,{hands.base}", attribute="msDS-PSOAppliesTo")
    seq = world.run("agent", "--once", "--json", code=0).json["durable"]["seq"]
    world.dc.stop()
    lived = world.dc.snapshot(world.place / "lived")
    world.dc.start()
    with Hands(world.dc) as hands:
        for dn in doomed:
            hands.delete(dn)
        # whose primary group is another one again is made a member of the one before by the server itself
        dora, everyone = (f"CN={name},OU=Office,{hands.base}" for name in ("dora", "everyone"))
        hands.link(everyone, dora)
        hands.set(dora, primaryGroupID=str(hands.rid(everyone)))
    world.run("agent", "--once", code=0)
    taken_back = world.run("restore", "--yes", f"--to={seq}", code=0)
    assert "until then winbindd does not know the trusts that came back" in taken_back.out
    world.run("verify", code=0)
    world.dc.kill()
    assert unlike(lived, world.dc.snapshot(world.place / "after")) == []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("recycles", [False, True])
def test_what_is_made_again_after_its_tombstone_went_is_captured_alive(
    world: World, engine: Engine, *, recycles: bool
) -> None:
    world.write_by(engine)
    office = f"OU=Office,{world.dc.base_dn}"
    ada, crew, annex = f"CN=ada,{office}", f"CN=crew,{office}", f"OU=Annex,{office}"
    with Hands(world.dc) as hands:
        if recycles:
            hands.recycle()
        guid = hands.guid(ada)
    world.run("agent", "--once", code=0)
    world.run("mark", "before", code=0)
    with Hands(world.dc) as hands:
        for dn in (ada, f"CN=emil,{annex}", annex):
            hands.delete(dn)
    world.run("agent", "--once", code=0)
    # as Samba does by itself once tombstoneLifetime is over, and tells in no feed
    world.dc.samba_tool("domain", "tombstones", "expunge", "--tombstone-lifetime=0")
    if recycles:  # the first time it is recycled only
        world.dc.samba_tool("domain", "tombstones", "expunge", "--tombstone-lifetime=0")
    world.run("restore", "--to", "@before", "--object", ada, "--yes", code=0)
    world.run("restore", "--to", "@before", "--object", annex, "--subtree", "--yes", code=0)
    world.run("verify", code=0)
    world.run("verify", "--at", "@before", "--object", ada, code=0)
    world.revert()
    world.run("guard", code=0)
    with Hands(world.dc) as hands:
        assert hands.guid(ada) == guid
        assert ada.encode() in hands.read(crew, "member")["member"]
        assert hands.find("(cn=emil)") == [f"CN=emil,{annex}"]
    world.run("verify", code=0)
    assert world.dc.can_login("ada", PASSWORD)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_primary_group_that_is_domain_local_is_one_again(world: World, engine: Engine) -> None:
    """Samba 4.22 lets a primary group become domain local, and no such group become primary."""
    world.write_by(engine)
    with Hands(world.dc) as hands:
        dora, crew = (f"CN={name},OU=Office,{hands.base}" for name in ("dora", "crew"))
        hands.link(crew, dora)
        hands.set(dora, primaryGroupID=str(hands.rid(crew)))
        for scope in (_UNIVERSAL, _DOMAIN_LOCAL):
            hands.set(crew, groupType=str(scope))
    lived, seq = _as_it_was(world)
    with Hands(world.dc) as hands:
        hands.set(dora, primaryGroupID="513")
    _goes_back(world, lived, seq)


@pytest.mark.parametrize(("engine", "recycles"), [(Engine.LDAP, False), (Engine.LOCAL, False), (Engine.LOCAL, True)])
def test_what_nothing_reanimates_is_made_again(world: World, engine: Engine, recycles: bool) -> None:
    """Trusts, their accounts, secrets of LSA: what is left of one makes way for it, out of the Recycle Bin, too."""
    world.write_by(engine)
    with Hands(world.dc) as hands:
        if recycles:
            hands.recycle()
        system = f"CN=System,{hands.base}"
        trust = {"trustPartner": "partner.example", "flatName": "PARTNER", "trustType": "2"}
        doomed = [
            hands.add(f"CN=partner.example,{system}", "trustedDomain", trust),
            hands.trust_account("PARTNER"),
        ]
    lived, seq = _as_it_was(world)
    with Hands(world.dc) as hands:
        for dn in doomed:
            hands.delete(dn)
    _goes_back(world, lived, seq)


@pytest.mark.parametrize("recycles", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_what_may_not_be_renamed_comes_back_all_the_same(world: World, engine: Engine, recycles: bool) -> None:
    """A site's servers, say: systemFlags have Samba refuse to give a tombstone its name and place again."""
    world.write_by(engine)
    with Hands(world.dc) as hands:
        if recycles:
            hands.recycle()
        world.dc.samba_tool("sites", "create", "Berlin")
        kept = [hands.add(f"CN={name},{hands.users}", "container") for name in ("unmoved", "unnamed")]
        for dn, flags in zip(kept, (0x0400_0000, 0x0A00_0000), strict=True):
            hands.set(dn, systemFlags=str(flags))
    lived, seq = _as_it_was(world)
    with Hands(world.dc) as hands:
        for dn in kept:
            hands.delete(dn)
    world.dc.samba_tool("sites", "remove", "Berlin")
    _goes_back(world, lived, seq)


def _as_it_was(world: World) -> tuple[Path, int]:
    """The database as it is, and the commit that has it."""
    seq = world.run("agent", "--once", "--json", code=0).json["durable"]["seq"]
    world.dc.stop()
    lived = world.dc.snapshot(world.place / "lived")
    world.dc.start()
    return lived, int(seq)


def _goes_back(world: World, lived: Path, seq: int) -> None:
    """In one round, and nothing is left to be done."""
    world.run("agent", "--once", code=0)
    assert world.run("restore", "--yes", f"--to={seq}", "--json", code=0).json["rounds"] == 1
    assert world.run("restore", "--yes", f"--to={seq}", "--json", code=0).json["steps"] == 0
    world.dc.kill()
    assert unlike(lived, world.dc.snapshot(world.place / "after")) == []
