"""How old an image may be that is healed without asking, and where the reason stands when it is not."""

from __future__ import annotations

import pytest

from adpersist.restore.image_age import limit_days
from tests.crash.test_agent_health import Monitor
from tests.integration.commands import complaint
from tests.integration.hands import Hands
from tests.integration.scene import World, until
from tools.samba_dc import free_port

A_MOMENT = "0.0000001"
"""Days: every image is older."""


def _lose_a_day(world: World) -> None:
    with Hands(world.dc) as hands:
        hands.user("today", parent=f"OU=Office,{hands.base}")
    world.run("agent", "--once", code=0)
    world.revert()


def test_an_image_older_than_the_limit_takes_a_persons_yes(world: World) -> None:
    _lose_a_day(world)
    strict = world.run.with_environment(ADPERSIST_RESTORE_MAX_AGE_DAYS=A_MOMENT)
    before = world.head()
    assert "days old" in complaint(strict("guard", code=4))
    assert world.head() == before
    with Hands(world.dc) as hands:
        assert not hands.find("(cn=today)")
    strict("guard", "--accept-old-image", code=0)
    strict("verify", code=0)
    # what was begun with a yes goes on without another
    strict("guard", code=0)


def test_a_journal_that_was_silent_for_long_takes_a_persons_yes_or_a_witness(world: World) -> None:
    _lose_a_day(world)
    strict = world.run.with_environment(ADPERSIST_RESTORE_MAX_SILENCE_DAYS=A_MOMENT)
    ran = strict("guard", code=4)
    assert "nothing was written to the journal" in complaint(ran)
    assert "--accept-old-image" in ran.err
    with Hands(world.dc) as hands:
        assert not hands.find("(cn=today)")
    healed = strict.with_environment(ADPERSIST_JOURNAL_WITNESS=str(world.place / "witness"))("guard", code=0)
    assert "The journal's last word is of 20" in healed.out


def test_a_dc_that_stays_closed_says_why_for_as_long_as_it_is_told_to_stay(world: World) -> None:
    _lose_a_day(world)
    world.dc.kill()
    world.dc.prepare()
    port = free_port()
    strict = world.run.with_environment(
        ADPERSIST_RESTORE_MAX_AGE_DAYS=A_MOMENT, ADPERSIST_HEALTH_LISTEN=f"127.0.0.1:{port}"
    )
    log = world.place / "boot.log"
    boot = strict.start("boot", "--stay", log=log, behind=world.dc.command())
    try:
        until(lambda: "dc.stays_closed" in log.read_text(), "it gives up")
        code, document = Monitor(port).health()
        assert code == 503
        assert "days old" in document["reason"]
        assert Monitor(port).metrics()["adpersist_lineage[reverted]"] == 1
        assert not world.dc.ldapi_path.exists() or not world.dc.answers()
        boot.terminate()
        assert boot.wait(30) == 4
    finally:
        boot.kill()
        boot.wait(30)


@pytest.mark.parametrize(
    ("configured", "tombstones", "limit"), [(None, 180, 173), (None, 60, 53), (None, 10, 5), (400, 180, 400)]
)
def test_the_limit_lies_below_the_tombstone_lifetime(configured: float | None, tombstones: int, limit: float) -> None:
    assert limit_days(configured, tombstones) == limit
