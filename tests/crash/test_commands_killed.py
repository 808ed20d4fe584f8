"""The DC is killed under a command: one sentence, the documented exit code, and the next run converges."""

from tests.integration.hands import Hands
from tests.integration.scene import World, until


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
