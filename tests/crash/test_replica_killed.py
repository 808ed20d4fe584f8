"""A heal killed inside the DC's own database and among its machine's secrets: the next run converges."""

from __future__ import annotations

import shutil
from pathlib import Path

from adpersist.model.plan.engine import Engine
from tests.crash.deaths import KILLED, dying
from tests.integration.hands import Hands
from tests.integration.ordeal import play
from tests.integration.proof import stamps_unlike, unlike
from tests.integration.scene import World
from tests.integration.test_own_password import FILES, OWN_PASSWORD
from tools.samba_dc import dbcheck, stamps
from tools.samba_dc.kerberos import key_numbers
from tools.samba_dc.programs import SYSTEM_PYTHON, run


def test_a_heal_that_dies_while_somebody_gives_up_a_name_converges(world: World) -> None:
    world.write_by(Engine.LOCAL)
    with Hands(world.dc) as hands:
        room = f"OU=Names,{hands.base}"
        hands.rename(f"CN=left,{room}", "CN=between")
        hands.rename(f"CN=right,{room}", "CN=left")
        hands.rename(f"CN=between,{room}", "CN=right")
    world.run("agent", "--once", code=0)
    world.dc.kill()
    lived = world.dc.snapshot(world.place / "lived")
    world.revert()
    for point, many in (("parking", 0), ("parked", 1), ("parked", 2)):
        assert dying(world.run, point, 1, "guard") == KILLED, point
        with Hands(world.dc) as hands:
            assert len(hands.find("(cn=adpersist-*)")) == many, "have given up their names for good"
        world.run("agent", "--once", code=4)
    world.run("guard", code=0)
    world.run("verify", code=0)
    world.dc.kill()
    assert unlike(lived, world.dc.snapshot(world.place / "after")) == []
    assert list(stamps_unlike(stamps(lived), stamps(world.dc))) == []
    assert dbcheck(world.dc, since=world.dc.golden)


def _with_another_password(world: World, aside: Path) -> None:
    """Give the stopped DC's account a password that its files know only until they are put back."""
    aside.mkdir()
    for name in FILES:
        shutil.copy2(world.dc.private_dir / name, aside / name)
    run([SYSTEM_PYTHON, str(OWN_PASSWORD), str(world.dc.smb_conf)], timeout_s=60)


def _keytabs(world: World) -> list[str]:
    return sorted(path.name for path in world.dc.private_dir.glob("*keytab*"))


def test_a_heal_that_dies_while_the_machines_secret_is_written_converges(world: World) -> None:
    world.write_by(Engine.LOCAL)
    before = _keytabs(world)
    world.dc.stop()
    for number in range(2):
        _with_another_password(world, world.place / f"day{number}")
    world.dc.start()
    world.run("agent", "--once", code=0)
    known = max(key_numbers(world.dc.private_dir / "secrets.keytab"))
    world.dc.kill()
    world.dc.revert()
    _with_another_password(world, world.place / "image")
    for name in FILES:
        shutil.copy2(world.place / "image" / name, world.dc.private_dir / name)
    world.dc.start()
    assert not world.dc.machine_logs_in()
    held = key_numbers(world.dc.private_dir / "secrets.keytab")
    for point in ("password", "numbering", "numbered", "keytab", "keyed"):
        assert dying(world.run, point, 1, "guard") == KILLED, point
        assert (_keytabs(world) != before) == (point != "password"), "what Samba is about to drop lies beside it"
        world.run("agent", "--once", code=4)
    world.run("guard", code=0)
    world.run("verify", code=0)
    assert world.dc.machine_logs_in()
    numbers = key_numbers(world.dc.private_dir / "secrets.keytab")
    assert known in numbers, "whoever has not heard of it yet uses the key of the journal"
    assert max(numbers) > known
    assert held <= numbers, "so does whoever has a ticket from before the machine was put back"
    assert _keytabs(world) == before, "keys were left lying about"
    world.dc.stop()
    assert dbcheck(world.dc, since=world.dc.golden)


def test_a_heal_that_dies_while_a_naming_context_is_made_converges(world: World) -> None:
    world.write_by(Engine.LOCAL)
    world.dc.stop()
    (made,) = play("change", ["partition"], f"tdb://{world.dc.sam_ldb}", world.dc.smb_conf).values()
    assert made.error is None
    world.dc.start()
    world.run("agent", "--once", code=0)
    world.dc.kill()
    lived = world.dc.snapshot(world.place / "lived")
    said = dbcheck(lived, since=world.dc.golden).text
    for point, there in (("founding", False), ("founded", True)):
        world.revert()
        assert dying(world.run, point, 1, "guard") == KILLED, point
        assert (f"DC=apps,{world.dc.base_dn}".casefold() in _naming_contexts(world)) == there, point
        world.run("agent", "--once", code=4)
        world.run("guard", code=0)
        world.run("verify", code=0)
        world.dc.kill()
        assert unlike(lived, world.dc.snapshot(world.place / point)) == []
        assert list(stamps_unlike(stamps(lived), stamps(world.dc))) == []
        # what a partition of one's own lacks in its judge's eyes it lacked before
        assert dbcheck(world.dc, since=world.dc.golden).text == said


def _naming_contexts(world: World) -> str:
    """What the files name, whatever the running DC has read of them."""
    said = run(["ldbsearch", "-H", str(world.dc.sam_ldb), "-s", "base", "-b", "@PARTITION"]).stdout
    return said.replace("\n ", "").casefold()
