"""Going back on a living domain: names that are taken, passwords that machines know, looks that are half told."""

from __future__ import annotations

from base64 import b64encode

import pytest

from adpersist.model.plan.engine import Engine
from tests.integration.commands import complaint
from tests.integration.hands import Hands
from tests.integration.proof import by_name
from tests.integration.scene import ENGINES, PASSWORD, World

_COMPUTERS = "B:32:AA312825768811D1ADED00C04FD8D5CD:"
"""GUID_COMPUTERS_CONTAINER_W, [MS-ADTS] 6.1.1.4."""


def test_a_name_somebody_else_has_now_is_found_before_the_first_write(world: World) -> None:
    office = f"OU=Office,{world.dc.base_dn}"
    world.run("mark", "before", code=0)
    with Hands(world.dc) as hands:
        hands.delete(f"CN=ada,{office}")
        new = hands.user("ada", password=PASSWORD)
    world.run("agent", "--once", code=0)
    back = ("restore", "--to", "@before", "--object", f"CN=ada,{office}", "--yes")
    found = world.run("plan", *back[1:5], "--json", code=2).json["taken"]
    assert {(each["dn"], each["holder"]) for each in found} == {(f"CN=ada,{office}", new)}
    principal = f"ada@{world.dc.names.dns_domain}"
    assert [(each["attribute"], each["value"]) for each in found] == [
        ("sAMAccountName", "ada"),
        ("userPrincipalName", principal),
    ], "each once, and as it is written"
    refused = world.run(*back, code=2)
    assert new in complaint(refused)
    assert "--rename" in refused.err
    with Hands(world.dc) as hands:
        assert hands.find("(sAMAccountName=ada)") == [new]
    assert world.dc.can_login("ada", PASSWORD)
    world.run(*back, "--rename", "ada, of old", code=0)
    with Hands(world.dc) as hands:
        (old,) = hands.find("(sAMAccountName=ada of old)")
        assert old == rf"CN=ada\, of old,{office}"
        assert hands.find("(sAMAccountName=ada)") == [new]
    assert world.dc.can_login("ada", PASSWORD)
    world.run("verify", code=0)


def test_a_container_whose_name_is_taken_comes_back_under_another_and_then_what_lay_in_it(world: World) -> None:
    office = f"OU=Office,{world.dc.base_dn}"
    annex, crew = f"OU=Annex,{office}", f"CN=crew,{office}"
    world.run("mark", "before", code=0)
    with Hands(world.dc) as hands:
        for dn in (f"CN=emil,{annex}", annex, crew):
            hands.delete(dn)
        hands.ou("Annex", office)
        hands.group("crew")
    world.run("agent", "--once", code=0)
    taken = world.run("plan", "--to", "@before", "--object", "crew", "--json", code=2).json["taken"]
    assert [(each["attribute"], each["value"]) for each in taken] == [("sAMAccountName", "crew")], "a group has no UPN"
    for rename in ((), ("--rename", "emile")):
        refused = world.run("restore", "--to", "@before", "--object", f"CN=emil,{annex}", *rename, "--yes", code=2)
        assert f"--object {annex} --rename" in refused.err, "that of the person would not help"
    world.run("restore", "--to", "@before", "--object", annex, "--rename", "Annex of old", "--yes", code=0)
    world.run("restore", "--to", "@before", "--object", f"CN=emil,{annex}", "--yes", code=0)
    with Hands(world.dc) as hands:
        assert hands.find("(cn=emil)") == [f"CN=emil,OU=Annex of old,{office}"]
    world.run("verify", code=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_text_that_looks_like_a_reference_is_a_text(world: World, engine: Engine) -> None:
    world.write_by(engine)
    ada = f"CN=ada,OU=Office,{world.dc.base_dn}"
    with Hands(world.dc) as hands:
        gone = hands.user("gone")
        texts = {"adminDisplayName": f"<GUID={hands.guid(gone)}>", "description": f"<GUID={hands.guid(ada)}>"}
        hands.set(ada, **texts)
        hands.delete(gone)
    world.run("agent", "--once", code=0)
    world.run("mark", "before", code=0)
    ldif = world.run("export", "--at", "@before", "--ldif", code=0).out.replace("\n ", "")
    assert all(f"\n{name}:: {b64encode(text.encode()).decode()}\n" in ldif for name, text in texts.items())
    with Hands(world.dc) as hands:
        hands.set(ada, adminDisplayName="Ada", description="Countess")
    world.run("agent", "--once", code=0)
    world.run("restore", "--to", "@before", "--object", "ada", "--yes", code=0)
    with Hands(world.dc) as hands:
        assert hands.read(ada, *texts) == {name: [text.encode()] for name, text in texts.items()}
    world.run("verify", code=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bystanders_service_names_stay(world: World, engine: Engine) -> None:
    world.write_by(engine)
    office = f"OU=Office,{world.dc.base_dn}"
    with Hands(world.dc) as hands:
        hands.set(f"CN=ws1,{office}", servicePrincipalName=["host/zeus", "host/zeus.example.com"])
    world.run("agent", "--once", code=0)
    world.run("mark", "before", code=0)
    with Hands(world.dc) as hands:
        hands.clear(f"CN=ws1,{office}", "servicePrincipalName")
        hands.user("bystander", attributes={"servicePrincipalName": "HTTP/zeus"})
    world.run("agent", "--once", code=0)
    world.run("restore", "--to", "@before", "--object", "WS1$", "--yes", code=0)
    with Hands(world.dc) as hands:
        (bystander,) = hands.find("(cn=bystander)")
        assert hands.read(bystander, "servicePrincipalName")["servicePrincipalName"] == [b"HTTP/zeus"]
        found = hands.read(f"CN=ws1,{office}", "servicePrincipalName")["servicePrincipalName"]
        assert sorted(found) == [b"host/zeus", b"host/zeus.example.com"]
    world.run("verify", code=0)


@pytest.mark.parametrize("words", [("restore", "--yes"), ("plan",), ("verify",)])
def test_a_tree_without_a_root_is_not_the_whole_domain(world: World, words: tuple[str, ...]) -> None:
    with Hands(world.dc) as hands:
        hands.user("made-since")
    world.run("agent", "--once", code=0)
    before = world.head().seq
    point = ("--at" if words[0] == "verify" else "--to", "3")
    refused = world.run(*words, *point, "--subtree", code=7)
    assert "--object" in refused.err
    assert world.head().seq == before
    with Hands(world.dc) as hands:
        assert hands.find("(cn=made-since)")


def test_all_forms_of_a_password_go_back_together(world: World) -> None:
    office = f"OU=Office,{world.dc.base_dn}"
    with Hands(world.dc) as hands:
        hands.set(f"CN=ada,{office}", userAccountControl="512")
        hands.password(f"CN=ada,{office}", PASSWORD)
    world.run("agent", "--once", code=0)
    world.run("mark", "before", code=0)
    with Hands(world.dc) as hands:
        hands.password(f"CN=ada,{office}", PASSWORD + "!2")
    world.run("agent", "--once", code=0)
    words = ("--to", "@before", "--object", "ada", "--attribute", "unicodePwd")
    world.run("restore", *words, "--yes", code=0)
    assert world.dc.can_login("ada", PASSWORD), "by its hash"
    world.dc.kinit("ada", PASSWORD)
    world.run("agent", "--once", code=0)  # a login leaves its mark
    world.run("verify", code=0)


def test_a_city_goes_back_alone_whatever_other_objects_are_named_by(world: World) -> None:
    """``l``, ``c``, ``o``, ``ou`` and ``uid`` name objects of some classes, and are attributes like any of people."""
    ada = f"CN=ada,OU=Office,{world.dc.base_dn}"
    then, now = {"l": "Paris", "c": "FR", "ou": "Sales", "uid": "ada"}, {"l": "Lyon", "c": "DE", "ou": "IT", "uid": "a"}
    with Hands(world.dc) as hands:
        hands.set(ada, **then)
    world.run("agent", "--once", code=0)
    world.run("mark", "before", code=0)
    with Hands(world.dc) as hands:
        hands.set(ada, **now)
    world.run("agent", "--once", code=0)
    world.run("restore", "--to", "@before", "--object", "ada", "--attribute", "l", "--yes", code=0)
    world.run("restore", "--to", "@before", "--attribute", "uid", "--yes", code=0)
    with Hands(world.dc) as hands:
        found = {name: values[0].decode() for name, values in hands.read(ada, *then).items()}
    assert found == {**now, "l": "Paris", "uid": "ada"}
    for words in (
        ("--object", "ada", "--attribute", "cn"),
        ("--object", f"OU=Office,{world.dc.base_dn}", "--attribute", "ou"),
    ):
        refused = world.run("plan", "--to", "@before", *words, code=7)
        assert "named by it" in complaint(refused)
        assert "--attribute name" in refused.err


@pytest.mark.parametrize("keep", ["machine-secrets", "nothing"])
def test_machines_stay_in_the_domain_that_is_taken_back(world: World, keep: str) -> None:
    machine = f"CN=ws1,OU=Office,{world.dc.base_dn}"
    with Hands(world.dc) as hands:
        hands.password(machine, PASSWORD)
        hands.user("early")
    world.run("agent", "--once", code=0)
    world.run("mark", "before", code=0)
    with Hands(world.dc) as hands:
        hands.password(machine, PASSWORD + "!2")
        # as `redircmp` does; the same attribute says where deleted objects go
        hands.unlink(hands.base, f"{_COMPUTERS}CN=Computers,{hands.base}", attribute="wellKnownObjects")
        hands.link(hands.base, f"{_COMPUTERS}OU=Office,{hands.base}", attribute="wellKnownObjects")
        hands.user("late")
    world.run("agent", "--once", code=0)
    rotated = _secret(world, machine)
    planned = world.run("plan", "--to", "@before", "--keep", keep, "--json", code=2).json
    assert any(note["dn"] == machine for note in planned["notes"]) is (keep == "machine-secrets")
    world.run("restore", "--to", "@before", "--keep", keep, "--yes", code=0)
    with Hands(world.dc) as hands:
        assert hands.find("(cn=late)") == []
    assert (_secret(world, machine) == rotated) is (keep == "machine-secrets")
    world.run("verify", code=0)


def _secret(world: World, name: str) -> tuple[bytes, ...]:
    world.dc.stop()
    found = by_name(world.dc)[name]["unicodePwd"]
    world.dc.start()
    return found


def test_nobody_goes_back_to_the_middle_of_a_look(world: World) -> None:
    half = [line["seq"] for line in world.run("log", "--json", code=0).json if not line["settled"]]
    assert half, "the first look takes several commits"
    for command in (("plan", "--to"), ("restore", "--yes", "--to"), ("verify", "--at")):
        ran = world.run(*command, str(half[0]), code=7)
        assert "half" in complaint(ran)
    with Hands(world.dc) as hands:
        assert hands.find("(cn=ada)")
