"""Group managed service accounts: newer Sambas draw their passwords, and leave their SID to nobody but replication."""

from __future__ import annotations

import pytest

from adpersist.model.plan.engine import Engine
from tests.integration.hands import Hands
from tests.integration.proof import by_name
from tests.integration.scene import ENGINES, World
from tools.samba_dc import samba_is_from


def draws_gmsas() -> bool:
    """Whether this Samba keeps gMSAs as Windows does; before 4.21 they were accounts like others."""
    return samba_is_from(4, 21)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_lost_gmsa_comes_back_or_is_named(world: World, engine: Engine) -> None:
    world.write_by(engine)
    with Hands(world.dc) as hands:
        account = hands.add(
            f"CN=service,{hands.users}", "msDS-GroupManagedServiceAccount",
            {"sAMAccountName": "service$", "msDS-ManagedPasswordInterval": "30", "dNSHostName": "service.example.com"},
        )  # fmt: skip
        hands.user("today")
    world.run("agent", "--once", code=0)
    world.dc.stop()
    lived = by_name(world.dc)[account]
    world.revert()
    ran = world.run("guard", "--json")
    left = ran.json["restored"]["differences"]
    world.run("verify", code=0)
    world.dc.stop()
    found = by_name(world.dc)
    assert f"CN=today,CN=Users,{world.dc.base_dn}" in found
    if draws_gmsas() and engine is Engine.LDAP:
        assert ran.code == 2
        assert [(line["dn"], line["kind"]) for line in left] == [(account, "missing")]
        return
    assert (ran.code, left) == (0, []), ran
    for name in ("objectGUID", "objectSid", "unicodePwd", "supplementalCredentials", "msDS-ManagedPasswordId"):
        assert found[account].get(name) == lived.get(name), name
