"""Group policies as administrators make and delete them: each comes back as one thing, and no other one with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.hands import Hands
from tests.integration.scene import Scene, World
from tests.integration.serving import gpo, serving
from tests.integration.test_files import captured, faces, policies, scripts
from tools.samba_dc.layout import remove


@pytest.fixture(scope="module")
def served(scene: Scene, module_place: Path) -> Iterator[World]:
    """A DC that serves SMB, for all that is made and brought back here."""
    with serving(scene, module_place / "s") as world:
        captured(world)
        yield world


def made(world: World, name: str) -> str:
    """A new policy; what it is called in SYSVOL and the directory."""
    found = re.search(r"\{[0-9A-Fa-f-]{36}\}", gpo(world, "create", name).stdout)
    assert found is not None
    return found[0]


def listed(world: World) -> set[str]:
    """Policies as the directory has them."""
    return set(re.findall(r"\{[0-9A-Fa-f-]{36}\}", gpo(world, "listall").stdout))


def halves(world: World) -> dict[int, list[dict[str, Any]]]:
    """What the log says of half policies, by commit."""
    told = world.run("log", "--limit", "0", "--json", code=0).json
    return {each["seq"]: each["half_policies"] for each in told if each["half_policies"]}


def delete(world: World, name: str) -> None:
    """The same as `gpo del`, at once."""
    with Hands(world.dc) as hands:
        container = f"CN={name},CN=Policies,CN=System,{hands.base}"
        for dn in (f"CN=User,{container}", f"CN=Machine,{container}", container):
            hands.delete(dn)
    remove(policies(world) / name)


def test_every_policy_of_a_container_comes_and_goes_with_its_files_and_no_other(served: World) -> None:
    world, container = served, f"CN=Policies,CN=System,{served.dc.base_dn}"
    before = listed(world)
    lock, printers = made(world, "Lock screens"), made(world, "Printers")
    (policies(world) / lock / "Machine" / "Registry.pol").write_bytes(b"PReg\x01\0\0\0")
    captured(world)
    world.run("mark", "both", code=0)
    whole = {name: faces(policies(world) / name) for name in (lock, printers)}
    gpo(world, "del", lock)
    delete(world, printers)
    late = made(world, "Late")
    (scripts(world) / "other.bat").write_bytes(b"stays")
    captured(world)

    # of all policies in the container each has its own files, and what came later goes with them
    words = "--to", "@both", "--object", container, "--subtree"
    planned = world.run("plan", *words, "--json", code=2).json["files"]["differences"]
    names = {each["path"].split("/")[2]: each["kind"] for each in planned}
    assert names == {lock: "missing", printers: "missing", late: "extra"}
    done = world.run("restore", *words, "--yes", "--json", code=0).json
    assert (done["files"]["left"], done["files"]["removed"] > 0) == ([], True)
    assert listed(world) == before | {lock, printers}
    assert {name: faces(policies(world) / name) for name in whole} == whole
    assert not (policies(world) / late).exists()
    assert (scripts(world) / "other.bat").read_bytes() == b"stays"
    world.run("verify", "--at", "@both", *words[2:], code=0)
    world.run("verify", code=0)

    # of several objects that are named the policies among them, and no other
    for name in (lock, printers):
        delete(world, name)
    captured(world)
    named = "--object", lock, "--object", f"CN=ada,OU=Office,{world.dc.base_dn}", "--subtree"
    world.run("restore", "--to", "@both", *named, "--yes", code=0)
    assert listed(world) == before | {lock}
    assert faces(policies(world) / lock) == whole[lock]
    assert not (policies(world) / printers).exists()
    world.run("verify", code=0)

    # a child that is brought back brings the policy it lies in, and so its files
    world.run("restore", "--to", "@both", "--object", f"CN=User,CN={printers},{container}", "--yes", code=0)
    assert faces(policies(world) / printers) == whole[printers]


def test_the_log_says_at_which_commits_a_policy_is_half(served: World) -> None:
    world = served
    name = made(world, "Edited in two steps")
    captured(world)
    made_by = world.head().seq
    dn, path = f"CN={name},CN=Policies,CN=System,{world.dc.base_dn}", f"{world.dc.names.dns_domain}/Policies/{name}"
    with Hands(world.dc) as hands:
        hands.set(dn, versionNumber="1")
    captured(world)
    edited = world.head().seq
    other, ini = scripts(world) / "between.bat", policies(world) / name / "GPT.INI"
    other.write_bytes(b"no policy's")
    captured(world)
    half = {"dn": dn, "path": path, "half": "versions", "container_version": 1, "files_version": 0}
    assert {seq: told for seq, told in halves(world).items() if seq > made_by} == {edited: [half]}
    assert world.run("verify", "--json", code=0).json["half_policies"] == [half], "a point says so, whoever wrote last"
    ini.write_bytes(ini.read_bytes().replace(b"Version=0", b"Version=1"))
    captured(world)
    assert world.run("verify", "--json", code=0).json["half_policies"] == []
    delete(world, name)
    captured(world)
    after = {seq: told for seq, told in halves(world).items() if seq > edited}
    assert all(each["half"] == "no-container" for told in after.values() for each in told), (
        "the directory is asked first"
    )
    assert "the container says version 1, GPT.INI in" in world.run("log", "--limit", "0", code=0).out
