"""The DC is killed under a command: one sentence, the documented exit code, and the next run converges."""

from pathlib import Path

from adpersist.model.plan.engine import Engine
from tests.crash.deaths import KILLED, dying
from tests.integration.hands import Hands, extend_schema, wear_badge
from tests.integration.proof import stamps_unlike
from tests.integration.scene import SCHEMA_MAY_CHANGE, Scene, World, until
from tools.samba_dc import stamps


def test_a_dc_that_dies_in_the_middle_of_a_restore_is_one_sentence_and_the_next_run_converges(world: World) -> None:
    with Hands(world.dc) as hands:
        for number in range(60):
            hands.user(f"many{number}")
    world.run("agent", "--once", code=0)
    world.revert()
    log = world.log.with_name("guard.log")
    guard = world.run.start("guard", "--on-revert", "restore", log=log)
    until(lambda: b"restore.began" in log.read_bytes() or guard.poll() is not None, "the restore begins")
    world.dc.kill()
    assert guard.wait(60) == 6
    assert b"Traceback" not in log.read_bytes()
    world.dc.start()
    world.run("agent", "--once", code=4)
    world.run("guard", "--on-revert", "restore", code=0)
    world.run("verify", code=0)


def test_a_heal_that_dies_before_its_first_definition_converges(scene: Scene, place: Path) -> None:
    with scene.played(place, options=SCHEMA_MAY_CHANGE) as world:
        with Hands(world.dc) as hands:
            extend_schema(hands)
            wear_badge(hands, f"CN=ada,OU=Office,{hands.base}", "4711")
        world.run("agent", "--once", code=0)
        world.dc.stop()
        lost = stamps(world.dc)
        world.revert()
        assert dying(world.run, "prefixes", 1, "guard") == KILLED
        world.dc.kill()
        world.dc.start()
        world.run("guard", code=0)
        world.run("verify", code=0)
        world.dc.stop()
        assert list(stamps_unlike(lost, stamps(world.dc))) == []


def test_a_container_that_comes_back_with_what_lies_in_it_is_never_left_bare(world: World) -> None:
    """The next run finds it alive, and so no part of what it restores."""
    world.write_by(Engine.LDAP)
    annex = f"OU=Annex,OU=Office,{world.dc.base_dn}"
    had = {
        "description": [b"of old"],
        "gPOptions": [b"1"],
        "managedBy": [f"CN=ada,OU=Office,{world.dc.base_dn}".encode()],
    }
    with Hands(world.dc) as hands:
        hands.set(annex, **{name: values[0] for name, values in had.items()})
    world.run("agent", "--once", code=0)
    world.run("mark", "well", code=0)
    with Hands(world.dc) as hands:
        hands.delete(f"CN=emil,{annex}")
        hands.delete(annex)
    world.run("agent", "--once", code=0)
    words = "restore", "--to", "@well", "--object", f"CN=emil,{annex}", "--yes"
    assert dying(world.run, "applied", 1, *words) == KILLED
    world.run(*words, code=0)
    with Hands(world.dc) as hands:
        assert hands.read(annex, *had) == had
        assert hands.find("(cn=emil)") == [f"CN=emil,{annex}"]
    world.run("verify", "--at", "@well", "--object", annex, code=0)


def test_an_account_or_a_group_that_comes_back_with_what_lies_in_it_is_never_left_bare(world: World) -> None:
    """Samba gives a password only to who lives: an account that a run left without one, the next takes for gone."""
    world.write_by(Engine.LDAP)
    with Hands(world.dc) as hands:
        boss = f"CN=ada,OU=Office,{world.dc.base_dn}"
        had = {"description": "of old", "managedBy": boss}
        hosts = hands.computer("host", attributes=had)
        hands.password(hosts, "Passw0rd.host")
        squad = hands.group("squad", [boss])
        hands.set(squad, **had)
        inside = {above: hands.add(f"CN=inside,{above}", "classStore") for above in (squad, hosts)}
    world.run("agent", "--once", code=0)
    world.run("mark", "well", code=0)
    with Hands(world.dc) as hands:
        for above, below in inside.items():
            hands.delete(below)
            hands.delete(above)
    world.run("agent", "--once", code=0)
    for above, below in inside.items():
        words = "restore", "--to", "@well", "--object", below, "--yes"
        assert dying(world.run, "applied", 1, *words) == KILLED
        world.run("agent", "--once", code=0)
        world.run(*words, code=0)
        world.run("verify", "--at", "@well", "--object", below, code=0)
        world.run("verify", "--at", "@well", "--object", above, code=0)
