"""A DC that nobody writes to for long: it hangs up on whoever says nothing (MaxConnIdleTime)."""

from __future__ import annotations

import time
from typing import Final

from tests.integration.hands import Hands
from tests.integration.scene import World

_IDLE_S: Final = 22
_POLICY: Final = (
    "CN=Default Query Policy,CN=Query-Policies,CN=Directory Service,CN=Windows NT,CN=Services,CN=Configuration"
)


def test_the_first_change_after_a_quiet_time_needs_no_new_beginning(world: World) -> None:
    with Hands(world.dc) as hands:
        hands.set(f"{_POLICY},{hands.base}", lDAPAdminLimits=[f"MaxConnIdleTime={_IDLE_S}"])
    with world.run.agent(world.log) as agent:
        world.run.settled()
        time.sleep(_IDLE_S * 1.5)
        with Hands(world.dc) as hands:
            hands.user("after-a-quiet-time")
        world.run.settled()
        assert agent.stop() == 0
    said = world.log.read_text(encoding="utf-8")
    assert said.count("capture.began") == 1, said
    assert "interrupted" not in said
    assert any(change.rdn == "CN=after-a-quiet-time" for change in world.changes(0))
