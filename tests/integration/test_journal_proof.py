"""What a journal proves with a real DC beside it: a store put back as a whole, a lost head, objects long gone."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.integration.hands import Hands
from tests.integration.scene import World, copy_journal
from tools.samba_dc import SambaDC


def put_back(world: World, copy: Path) -> None:
    """Replace the store by an older copy of it, as a restored backup would."""
    for suffix in ("", "-wal", "-shm"):
        world.store.with_name(world.store.name + suffix).unlink(missing_ok=True)
    shutil.copy(copy, world.store)


def test_check_asks_the_directory_and_finds_a_store_that_went_back(world: World) -> None:
    yesterday = world.place / "yesterday.db"
    before = world.run("check", "--json", code=0).json
    assert before["directory"] == {"asked": True, "told": before["head"]["seq"], "why": None}
    copy_journal(world.store, yesterday)
    with Hands(world.dc) as hands:
        hands.user("today")
        world.run("agent", "--once", code=0)
    told = (world.head().before_marks or world.head().last).seq
    put_back(world, yesterday)

    found = world.run("check", "--json", code=8).json
    assert [(each["class"], each["part"]) for each in found["findings"]] == [("store-behind", "head")]
    assert f"commit {told}" in found["findings"][0]["message"]
    assert found["restorable"] == before["restorable"], "what is left is whole"
    said = world.run("check", code=8).out
    assert "store-behind" in said
    assert f"Still restorable: 1-{before['head']['seq']}\n" in said

    world.dc.stop()
    alone = world.run("check", "--json", code=0).json
    assert (alone["findings"], alone["directory"]["asked"]) == ([], False)
    assert "not asked whether the store went back" in world.run("check", code=0).out


def test_check_tells_a_store_that_went_back_and_was_written_on(world: World) -> None:
    """As many commits as the DC was told of, and more: only the digest it remembers gives it away."""
    yesterday = world.place / "yesterday.db"
    copy_journal(world.store, yesterday)
    with Hands(world.dc) as hands:
        hands.user("today")
        world.run("agent", "--once", code=0)
    put_back(world, yesterday)
    for number in range(3):
        world.run("mark", f"m{number}", code=0)
    [finding] = world.run("check", "--json", code=8).json["findings"]
    assert finding["class"] == "store-behind"


def spoil_head(world: World) -> None:
    with closing(sqlite3.connect(world.store)) as database, database:
        database.execute("UPDATE journal SET head = zeroblob(length(head))")


def test_a_damaged_head_is_rebuilt_and_capture_goes_on(world: World) -> None:
    with Hands(world.dc) as hands:
        for name in ("one", "two", "three"):
            hands.user(name)
            world.run("agent", "--once", code=0)
        world.run("mark", "here", code=0)
        before = world.run("log", "--json", code=0).json
        spoil_head(world)
        for words in (("status",), ("log",), ("agent", "--once"), ("guard",)):
            ran = world.run(*words, code=8)
            assert "check" in ran.err, ran
        found = world.run("check", "--json", code=8).json
        assert found["head_repairable"] == before[0]["seq"]
        assert "--repair-head" in world.run("check", code=8).out

        mended = world.run("check", "--repair-head", "--json", code=0).json
        assert (mended["head_repaired"], mended["findings"]) == (before[0]["seq"], [])
        assert mended["directory"]["asked"]
        assert world.run("log", "--json", code=0).json == before
        assert world.run("status", "--json", code=0).json["lineage"] == "same"
        hands.user("four")
        world.run("agent", "--once", code=0)
        world.run("show", "four", "--at", "-0s", code=0)
    world.run("check", "--repair-head", code=0)
    world.run("verify", code=0)


def test_a_dc_reverted_behind_a_lost_head_is_still_noticed_and_restored(world: World) -> None:
    """The rebuilt head knows less of the DC than the lost one; what it knows must be enough to see a revert."""
    with Hands(world.dc) as hands:
        for name in ("one", "two", "three"):
            hands.user(name)
            world.run("agent", "--once", code=0)
    spoil_head(world)
    world.revert()
    with Hands(world.dc) as hands:
        for number in range(12):
            hands.user(f"local{number}")  # its USN is past the journal's again
    assert world.run("check", "--repair-head", "--json", code=0).json["head_repaired"]
    assert world.run("status", "--json", code=4).json["lineage"] == "reverted"
    world.run("guard", "--on-revert", "restore", code=0)
    with Hands(world.dc) as hands:
        assert hands.find("(cn=three)")
    world.run("verify", code=0)


def expunge(dc: SambaDC) -> None:
    """Have Samba forget every tombstone, as it does by itself half a year later."""
    dc.stop()
    dc.samba_tool("domain", "tombstones", "expunge", "--current-time=2035-01-01")
    dc.start()


def test_an_object_deleted_long_ago_stays_deleted_after_prune_and_revert(world: World) -> None:
    office = "OU=Office"
    with Hands(world.dc) as hands:
        carl = f"CN=carl,{office},{hands.base}"
        guid = hands.guid(carl)
        hands.delete(carl)
        world.run("agent", "--once", code=0)
    expunge(world.dc)
    world.run("mark", "expunged", code=0)
    assert world.run("status", "--json", code=0).json["lineage"] == "same", "a mark is no evidence"
    world.run("restore", "--to", "@expunged", "--yes", code=0)  # ends with a look at everything
    forgotten = [each for each in world.changes(0) if str(each.kind) == "expunged" and each.guid == guid.bytes_le]
    assert forgotten, "the journal was never told"
    with Hands(world.dc) as hands:
        hands.user("later")
        world.run("agent", "--once", code=0)
    time.sleep(1.1)
    pruned = world.run("prune", "--keep", "1s", "--yes", "--json", code=0).json
    assert pruned["commits"] > 0
    assert world.run("show", str(guid)).code == 7, "it is in no state any more"

    world.revert()
    with Hands(world.dc) as hands:
        assert hands.find("(cn=carl)")
    planned = world.run("plan", "--json", code=2).json
    assert "carl" not in str(planned["conflicts"]), "an old object was taken for a local write"
    world.run("guard", "--on-revert", "restore", code=0)
    with Hands(world.dc) as hands:
        assert not hands.find("(cn=carl)")
        assert hands.find("(cn=later)")
    world.run("verify", code=0)

    # where nothing but marks came since, nothing says any more up to where the DC has what it is told of last
    time.sleep(1.1)
    world.run("prune", "--keep", "1s", "--drop-marks", "--yes", code=0)
    world.run("mark", "quiet", code=0)
    world.run("agent", "--once", code=0)
    assert world.head().pruned == world.head().seq - 1
    world.run("plan", code=0)
    world.run("check", code=0)
