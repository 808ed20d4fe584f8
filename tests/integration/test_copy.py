"""The journal in a second store: carried both ways, followed while the agent writes, and restored from."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adpersist.model.identity.ids import Seq
from adpersist.stores.registry import open_store
from tests.contract.conftest import azurite
from tests.integration.commands import Adpersist, complaint
from tests.integration.hands import Hands
from tests.integration.scene import Scene, World, copy_journal, until

__all__ = ["azurite"]

NEAR = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


@pytest.fixture
def run(scene: Scene, place: Path) -> Adpersist:
    """The command line over a copy of the scene's journal, without a DC."""
    copy_journal(scene.store, place / "journal.db")
    shutil.copy2(scene.key, place / "key")
    return configured(scene, place, f"sqlite://{place}/journal.db")


def configured(scene: Scene, place: Path, url: str) -> Adpersist:
    """The command line over the journal in another store."""
    path = place / f"{secrets.token_hex(4)}.toml"
    path.write_text(
        f"[store]\nurl = {json.dumps(url)}\n[key]\nfile = {json.dumps(str(place / 'key'))}\n"
        f"[journal]\nid = {json.dumps(scene.journal)}\n"
    )
    return Adpersist(path).with_environment(**NEAR)


def test_a_journal_goes_from_a_file_to_a_table_and_back(
    scene: Scene, run: Adpersist, place: Path, azurite: str
) -> None:
    run("checkpoint", code=0)
    run("mark", "moved", code=0)
    exported = ("export", "--ldif", "--secrets", "--at", "@moved")
    before = run(*exported, code=0).out
    table = f"azurite://{azurite}/t{secrets.token_hex(8)}"
    done = run("copy", "--to", table, "--json", code=0).json
    assert (done["to"], done["journal"], done["checkpoints"], done["changed"]) == (table, scene.journal, 1, True)
    assert not run("copy", "--to", table, "--json", code=0).json["changed"]

    far = configured(scene, place, table)
    assert far("check", "--json", code=0).json["head"] == run("check", "--json", code=0).json["head"]
    far("mark", "gone-on", code=0)
    assert "ahead" in complaint(run("copy", "--to", table, code=7))

    back = f"sqlite://{place}/new/journal.db"
    assert far("copy", "--to", back, "--json", code=0).json["commits"] == done["commits"] + 1
    near = configured(scene, place, back)
    near("check", code=0)
    assert [each["mark"] for each in near("log", "--json", "--limit", "2", code=0).json] == ["gone-on", "moved"]
    assert near(*exported, code=0).out == before
    assert "already" in far("copy", "--to", back, code=0).out


def test_a_place_that_cannot_be_the_copy_is_refused_in_one_sentence(run: Adpersist, place: Path) -> None:
    assert "itself" in complaint(run("copy", "--to", f"sqlite://{place}/journal.db", code=7))
    (place / "link.db").symlink_to(place / "journal.db")
    assert "itself" in complaint(run("copy", "--to", f"sqlite://{place}/link.db", code=7))
    (place / "text").write_text("certainly no database " * 100)
    run("copy", "--to", f"sqlite://{place}/text", code=8)
    assert "store URL" in complaint(run("copy", "--to", "nonsense", code=7))
    for words in ((), ("--move",)):
        assert "ends with its process" in complaint(run("copy", "--to", "memory://gone", *words, code=7))
    run("check", code=0)


def test_a_copy_that_was_only_begun_is_no_journal_and_says_how_to_go_on(
    scene: Scene, run: Adpersist, place: Path
) -> None:
    with closing(sqlite3.connect(place / "journal.db")) as database, database:
        (whole,) = database.execute("SELECT body FROM frame WHERE seq = 3").fetchone()
        database.execute("UPDATE frame SET body = zeroblob(9) WHERE seq = 3")
    url = f"sqlite://{place}/copy.db"
    assert "commit 3" in complaint(run("copy", "--to", url, code=8))
    begun = configured(scene, place, url)
    for words in (("log",), ("check",), ("mark", "here"), ("check", "--repair-head")):
        ran = begun(*words, code=10)
        assert "adpersist copy" in ran.err, words
    with closing(sqlite3.connect(place / "journal.db")) as database, database:
        database.execute("UPDATE frame SET body = ? WHERE seq = 3", (whole,))
    run("copy", "--to", url, code=0)
    begun("check", code=0)


def test_a_followed_copy_heals_the_dc_when_the_first_store_is_gone(scene: Scene, world: World, place: Path) -> None:
    url = f"sqlite://{place}/second/copy.db"
    following = world.run.start("copy", "--to", url, "--follow", log=place / "copy.log")
    try:
        with world.run.agent(world.log) as agent:
            with Hands(world.dc) as hands:
                hands.user("second-hand", parent=f"OU=Office,{hands.base}")
            world.run.settled()
            agent.stop()
        last = world.head().seq
        with closing(open_store(url, journal=scene.journal)) as copy:
            until(lambda: copy.head().seq == last, "the copy has followed")
            until(lambda: copy.head().body == _head(world, scene), "the copy has the journal's head")
            assert len(list(copy.frames(after=Seq(0)))) == last
    finally:
        following.terminate()
        assert following.wait(60) == 0, (place / "copy.log").read_text()
    assert "Traceback" not in (place / "copy.log").read_text()

    for lost in world.place.glob("journal.db*"):
        lost.unlink()
    world.revert()
    assert "no file" in complaint(world.run("guard", code=10)), "a store that is gone is no reason to begin another"
    assert world.run.config is not None
    world.run.config.write_text(world.run.config.read_text().replace(f"sqlite://{world.store}", url))
    world.run("guard", code=0)
    with Hands(world.dc) as hands:
        assert hands.find("(cn=second-hand)")
    world.run("agent", "--once", code=0)
    world.run("check", code=0)
    world.run("verify", code=0)


def test_a_move_ends_the_agent_names_the_new_place_to_everybody_and_loses_nothing(
    scene: Scene, world: World, place: Path, azurite: str
) -> None:
    table = f"azurite://{azurite}/t{secrets.token_hex(8)}"
    old = world.run.with_environment(**NEAR)
    assert old.config is not None
    with old.with_environment(ADPERSIST_AGENT_BEAT="1s").agent(world.log) as agent:  # it soon writes the head
        with Hands(world.dc) as hands:
            hands.user("before-the-move", parent=f"OU=Office,{hands.base}")
        old.settled()
        moved = old("copy", "--to", table, "--move", "--json", code=0).json
        assert (moved["to"], moved["from"], moved["changed"]) == (table, f"sqlite://{world.store}", True)
        assert agent.wait() == 3, "it may not go on where it was"
    assert f"moved to {table}" in agent.said
    assert table in old("copy", "--to", table, "--move", code=0).out

    prune, third = ("prune", "--keep", "1s", "--yes"), f"sqlite://{place}/third.db"
    for words in (("agent", "--once"), ("mark", "late"), prune, ("check", "--repair"), ("copy", "--to", third)):
        ran = old(*words, code=3)
        assert f"moved to {table}" in complaint(ran), words
        assert "`[store] url`" in ran.err
    found = old("status", "--json", code=3)
    assert found.json["moved_to"] == table
    assert "journal.moved" in old("log", code=0).err, "what is read there is not the last word"
    old("check", code=0)
    world.revert()
    with Hands(world.dc) as hands:
        usn = hands.usn()
        assert f"moved to {table}" in complaint(old("guard", code=3)), "an image that names the old store heals nothing"
        assert hands.usn() == usn

    new = configured(scene, place, table)
    assert new.config is not None
    new.config.write_text(old.config.read_text().replace(f"sqlite://{world.store}", table))
    new("guard", code=0)
    with Hands(world.dc) as hands:
        assert hands.find("(cn=before-the-move)")
        hands.user("after-the-move", parent=f"OU=Office,{hands.base}")
    new("agent", "--once", code=0)

    assert "goes on in" in complaint(old("copy", "--to", table, "--undo-move", "--yes", code=7))
    assert f"sqlite://{world.store}" in new("copy", "--to", f"sqlite://{world.store}", "--move", code=0).out
    assert "moved to sqlite://" in complaint(new("mark", "late", code=3))
    old("agent", "--once", code=0)
    old("verify", code=0)
    assert old("status", "--json", code=0).json["moved_to"] is None


def _head(world: World, scene: Scene) -> bytes:
    with closing(open_store(f"sqlite://{world.store}", journal=scene.journal)) as store:
        return store.head().body
