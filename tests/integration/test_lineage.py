"""Is this our DC? Hard cases, each on a real one; while the verdict is not `same`, not one change is captured."""

import shutil
import time

from adpersist.journal.holder import Role, new_writer
from tests.integration.commands import PROGRAM, Adpersist, complaint
from tests.integration.hands import Hands
from tests.integration.scene import World, copy_journal, until

OFFICE = "OU=Office"


def _verdict(world: World) -> str:
    ran = world.run("status", "--json")
    assert ran.code == (0 if ran.json["lineage"] == "same" else 4)
    return str(ran.json["lineage"])


def _usn(world: World) -> int:
    with Hands(world.dc) as hands:
        return hands.usn()


def _refuses_to_capture(world: World) -> None:
    before = world.head()
    world.run("agent", "--once", code=4)
    assert world.head() == before


def test_a_dc_that_overtook_the_journal_is_still_reverted(world: World) -> None:
    with Hands(world.dc) as hands:
        hands.user("lost", parent=f"{OFFICE},{hands.base}")
        world.run("agent", "--once", code=0)
        captured = hands.usn()
    world.revert()
    with Hands(world.dc) as hands:
        number = 0
        while hands.usn() <= captured + 20:
            hands.user(f"local{number}", parent=f"{OFFICE},{hands.base}")
            number += 1
    assert _verdict(world) == "reverted"
    _refuses_to_capture(world)
    world.run("guard", "--on-revert", "restore", code=0)
    world.run("verify", code=0)
    assert _verdict(world) == "same"


def test_a_revert_that_lost_nothing_but_a_membership_is_noticed(world: World) -> None:
    with Hands(world.dc) as hands:
        group, user = hands.group("sailors"), hands.user("sailor")
        world.run("agent", "--once", code=0)
        world.run("agent", "--once", code=0)  # the image remembers all that was captured, files too
    world.dc.stop()
    image = world.dc.take_golden(world.log.with_name("later"))
    world.dc.start()
    with Hands(world.dc) as hands:
        hands.link(group, user)
        world.run("agent", "--once", code=0)
        captured = hands.usn()
    world.dc.golden = image
    world.revert()
    with Hands(world.dc) as hands:
        number = 0
        while hands.usn() <= captured + 5:
            hands.user(f"busy{number}")
            number += 1
        # nothing that was captured tells of this write from the lost one: the DC only forgot that it was told of that
        hands.link(group, hands.user("stowaway"))
    assert _verdict(world) == "reverted"
    world.run("guard", "--on-revert", "restore", code=0)
    with Hands(world.dc) as hands:
        assert hands.read(group, "member")["member"] == [user.encode()]


def test_a_dc_that_went_on_alone_and_was_restarted_is_the_same(world: World) -> None:
    world.run("agent", "--once", code=0)
    with Hands(world.dc) as hands:
        for number in range(10):
            hands.user(f"meanwhile{number}")
        hands.delete(hands.user("shortlived"))
    world.dc.stop()
    world.dc.start()
    assert _verdict(world) == "same"
    world.run("agent", "--once", code=0)
    world.run("verify", code=0)


def test_a_store_that_was_put_back_is_noticed_and_can_be_gone_on_with(world: World) -> None:
    yesterday = world.store.with_name("yesterday.db")
    copy_journal(world.store, yesterday)
    with Hands(world.dc) as hands:
        hands.user("today")
        world.run("agent", "--once", code=0)
    for suffix in ("", "-wal", "-shm"):
        world.store.with_name(world.store.name + suffix).unlink(missing_ok=True)
    shutil.copy(yesterday, world.store)
    assert _verdict(world) == "store-behind"
    _refuses_to_capture(world)
    world.run("agent", "--once", "--accept-store-behind", code=0)
    assert _verdict(world) == "same"
    world.run("verify", code=0)


def test_a_second_revert_in_the_middle_of_a_restore_converges(world: World) -> None:
    with Hands(world.dc) as hands:
        for number in range(30):
            hands.user(f"many{number}")
    world.run("agent", "--once", code=0)
    world.revert()
    log = world.log.with_name("guard.log")
    guard = world.run.start("guard", log=log)
    while b"restore.began" not in log.read_bytes() and guard.poll() is None:
        pass
    world.revert()
    guard.kill()
    guard.wait(30)
    assert _verdict(world) in {"same", "reverted"}
    _refuses_to_capture(world)
    world.run("guard", "--on-revert", "restore", code=0)
    world.run("verify", code=0)


def test_two_journals_of_one_dc_never_fight_over_it(world: World) -> None:
    second = Adpersist(world.place / "second.toml")
    words = (
        *("--directory", world.dc.ldapi_url, "--store", f"sqlite://{world.place / 'second.db'}"),
        *("--key-file", str(world.place / "second.key")),
    )
    refused = second("init", *words, code=7)
    assert "--supersede" in refused.err
    assert not (world.place / "second.key").exists()
    second("init", *words, "--supersede", code=0)
    second("agent", "--once", code=0)
    with Hands(world.dc) as hands:
        hands.user("later")
    second("agent", "--once", code=0)
    before, usn = world.head(), second.status()["durable"]["usn"]
    assert world.run("status", "--json", code=4).json["lineage"] == "another-journal"
    for command in (("agent", "--once"), ("guard",), ("restore", "--yes"), ("mark", "still-possible")):
        world.run(*command, code=0 if command[0] == "mark" else 4)
    assert world.head().digest != before.digest, "the mark"
    assert second.status()["durable"]["usn"] == usn, "nothing was written"
    second("verify", code=0)
    # the image knows of the first journal alone, and was put back all the same
    world.revert()
    assert second("status", "--json", code=4).json["lineage"] == "reverted"
    second("guard", code=0)
    with Hands(world.dc) as hands:
        assert hands.find("(cn=later)")
    second("verify", code=0)


def test_a_store_that_went_back_with_the_dc_is_seen_by_a_witness_outside_of_both(world: World) -> None:
    witness = world.place / "elsewhere" / "witness.json"
    run = world.run.with_environment(ADPERSIST_JOURNAL_WITNESS=str(witness))
    run("agent", "--once", code=0)
    shutil.copy(world.store, world.place / "old.db")
    with Hands(world.dc) as hands:
        hands.user("lost")
    run("agent", "--once", code=0)
    run("status", code=0)
    newest = witness.read_text(encoding="utf-8")
    world.revert()
    shutil.copy(world.place / "old.db", world.store)
    assert world.run("status", "--json", code=0).json["lineage"] == "same", "nobody else can tell"
    told = run("status", "--json", code=4).json
    assert (told["lineage"], str(witness) in told["evidence"]) == ("store-behind", True)
    before = world.head()
    run("agent", "--once", code=4)
    run("guard", "--on-revert", "restore", code=4)
    run("restore", "--yes", code=4)
    assert (world.head(), witness.read_text(encoding="utf-8")) == (before, newest)
    witness.write_text("{")
    run("guard", code=7)
    run.with_environment(ADPERSIST_JOURNAL_WITNESS="")("agent", "--once", code=0)


def _on_machine(run: Adpersist, uuid: str) -> Adpersist:
    """The same where the firmware calls the machine so."""
    place = "/sys/class/dmi/id"
    firmware = f"mount -t tmpfs none /sys/class && mkdir -p {place} && echo $0 > {place}/product_uuid"
    return run.with_program("unshare", "--mount", "sh", "-c", f'{firmware} && exec "$@"', uuid, *PROGRAM)


def test_a_clone_gets_no_journal_whose_machine_lives_unless_a_person_says_so(world: World) -> None:
    lively = world.run.with_environment(ADPERSIST_AGENT_BEAT="1s", ADPERSIST_CAPTURE_CHECK_S="0.5")
    ours = _on_machine(lively, "4c4c4544-0042-3510-8054-b7c04f4a3132")
    clone = _on_machine(lively, "4C4C4544-0042-3510-8054-B7C04F4A3133")
    world.run("agent", "--once", code=0)
    with world.journal() as journal:
        journal.claim(new_writer(Role.AGENT), now=time.time())
        journal.note_files_left(1, now=time.time())
    with ours.agent(world.log):
        for words in (("agent", "--once"), ("guard",)):  # which would go on with the files
            ran = clone(*words, code=3)
            assert "another machine" in complaint(ran)
            assert "--take-over" in ran.err
    ours("agent", "--once", code=0)  # it was put back, or started again: nobody waits for himself
    with ours.agent(world.log) as original:
        clone("agent", "--once", "--take-over", code=0)
        assert original.process.poll() is None, "a single look hands the journal back"


def test_a_reverted_clone_is_not_healed_from_the_journal_of_a_machine_that_lives(world: World) -> None:
    ours = _on_machine(world.run.with_environment(ADPERSIST_AGENT_BEAT="1s"), "4c4c4544-0042-3510-8054-b7c04f4a3132")
    clone, later = (
        _on_machine(world.run.with_environment(ADPERSIST_AGENT_BEAT=beat), "4c4c4544-0042-3510-8054-b7c04f4a3133")
        for beat in ("1h", "1s")
    )
    with Hands(world.dc) as hands:
        hands.user("lost")
    with ours.agent(world.log):
        world.revert()
        usn = _usn(world)
        for words in (("guard",), ("restore", "--yes")):
            assert "another machine" in complaint(clone(*words, code=3))
        assert _usn(world) == usn, "something was written"
    until(lambda: later("guard").code == 0, "healed, once the other one is silent")
    later("verify", code=0)
