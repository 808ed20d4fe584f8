"""``doctor`` on a real DC: what is wrong is named, with what mends it; that mended, it is well."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adpersist.journal.keys.key_file import create_key_file
from tests.integration.clock import shifted
from tests.integration.commands import Adpersist, Ran
from tests.integration.hands import Hands
from tests.integration.scene import World
from tests.places import short_directory
from tools.samba_dc import Golden, SambaDC, free_address


@pytest.fixture
def place() -> Iterator[Path]:
    """On the machine's own disk: what lies there goes back with the controller."""
    with short_directory(on_disk=True) as directory:
        yield Path(directory)


def graded(ran: Ran) -> dict[str, str]:
    return {each["about"]: each["grade"] for each in ran.json["findings"]}


def told(ran: Ran, about: str) -> Any:  # noqa: ANN401 - one finding's document
    (found,) = [each for each in ran.json["findings"] if each["about"] == about]
    return found


def test_a_controller_that_is_captured_is_well_but_for_what_is_warned_of(world: World) -> None:
    copy = world.place / "copy"
    shutil.copy2(world.key, copy)
    with world.run.agent(world.log):
        ran = world.run("doctor", "--key-copy", str(copy), "--json", code=0)
        found = graded(ran)
        assert ran.json["grade"] == "warning"
        assert {about for about, grade in found.items() if grade == "warning"} == {"key copy", "store's disk"}
        assert "bad" not in found.values()
        for about in ("configuration", "key", "rights", "way of healing", "Samba", "database", "clocks", "partners"):
            assert found[about] == "ok", ran
        assert "each look reads all of a naming context" in told(ran, "database")["says"]
        assert (found["journal"], found["lineage"], found["agent"], found["free space"]) == ("ok",) * 4
        assert found["witness"] == "note"
        beside = world.run.with_environment(ADPERSIST_JOURNAL_WITNESS=str(world.place / "witness"))
        assert graded(beside("doctor", "--json"))["witness"] == "warning"
        apart = world.run.with_environment(ADPERSIST_JOURNAL_WITNESS="/dev/shm/adp/witness")  # noqa: S108 - another disk
        assert graded(apart("doctor", "--json"))["witness"] == "ok"
        shown = world.run("doctor", code=0)
        assert "warning  key copy" in shown.out
        assert "-> Copy" in shown.out


def test_everything_that_is_wrong_is_named_at_once_with_what_mends_it(world: World) -> None:
    world.key.chmod(0o644)
    world.store.chmod(0o644)
    settings = world.run.config
    assert settings is not None
    settings.chmod(0o666)
    wrong = world.place / "wrong"
    create_key_file(wrong)
    ran = world.run("doctor", "--key-copy", str(wrong), "--json", code=1)
    assert told(ran, "key")["mend"] == f"chmod 600 {world.key}"
    assert told(ran, "store's files")["mend"] == f"chmod 600 {world.store}"
    assert told(ran, "private files")["mend"] == f"chmod go-w {settings}"
    assert "another key" in told(ran, "key copy")["says"]
    for command in (("agent", "--once"), ("guard",)):
        said = world.run(*command, code=0).err
        assert f"chmod 600 {world.key}" in said, "told, and done all the same"
        assert f"chmod go-w {settings}" in said
    world.key.chmod(0o600)
    settings.chmod(0o644)
    mended = graded(world.run("doctor", "--json"))
    assert (mended["key"], mended["private files"]) == ("ok", "ok")


def test_a_controller_that_was_put_back_is_sent_to_the_guard(world: World) -> None:
    with world.run.agent(world.log), Hands(world.dc) as hands:
        hands.user("zoe")
        world.run.settled()
    world.revert()
    ran = world.run("doctor", "--json", code=1)
    assert told(ran, "lineage")["grade"] == "bad"
    assert told(ran, "lineage")["mend"] == "adpersist guard"
    world.run("guard", code=0)
    assert graded(world.run("doctor", "--json"))["lineage"] == "ok"


def test_a_controller_that_is_away_keeps_nothing_else_from_being_looked_at(world: World) -> None:
    world.run("agent", "--once", code=0)  # the journal was last written to when the first test of all began
    world.dc.kill()
    ran = world.run("doctor", "--json", code=1)
    found = graded(ran)
    assert found["domain controller"] == "bad"
    assert (found["key"], found["store's disk"]) == ("ok", "warning")
    assert (found["journal"], found["agent"], found["witness"]) == ("ok", "note", "note")
    assert "units" in found
    world.store.write_bytes(b"no journal")
    assert graded(world.run("doctor", "--json", code=1))["journal"] == "bad"


def test_without_a_configuration_it_says_how_to_get_one(world: World) -> None:
    nowhere = Adpersist(world.place / "none.toml")
    ran = nowhere("doctor", "--json", code=1)
    assert told(ran, "configuration")["grade"] == "bad"
    assert "adpersist init" in told(ran, "configuration")["mend"]


def test_a_clock_that_is_an_hour_off_is_bad_before_kerberos_says_so(world: World) -> None:
    ahead = world.run.with_environment(**shifted("+3600s"))
    ran = ahead("doctor", "--json", code=1)
    assert told(ran, "clocks")["grade"] == "bad"
    assert "timedatectl" in told(ran, "clocks")["mend"]


def test_init_warns_of_a_store_that_goes_back_and_it_can_be_moved(golden: Golden, place: Path) -> None:
    elsewhere = Path("/dev/shm") / place.name  # noqa: S108 - a disk of its own on every machine
    with SambaDC(golden, place / "dc", address=free_address()) as dc:
        dc.start()
        try:
            again = Adpersist(place / "again.toml")
            words = ("--directory", dc.ldapi_url, "--store", f"sqlite://{elsewhere}/f.db")
            ran = again("init", *words, "--key-file", str(place / "again-key"), "--json", code=0)
            assert ran.json["warnings"] == []
            assert graded(again("doctor", "--json"))["store's disk"] == "ok"
        finally:
            shutil.rmtree(elsewhere)
        fresh = Adpersist(place / "fresh.toml")
        words = ("--directory", dc.ldapi_url, "--store", f"sqlite://{place}/f.db")
        ran = fresh("init", *words, "--key-file", str(place / "fresh-key"), "--supersede", "--json", code=0)
        (warned,) = ran.json["warnings"]
        assert "puts the journal back, too" in warned
        try:  # what it says to do about it
            fresh("copy", "--to", f"sqlite://{elsewhere}/f.db", "--move", code=0)
            path = place / "fresh.toml"
            path.write_text(path.read_text().replace(f"sqlite://{place}/f.db", f"sqlite://{elsewhere}/f.db"))
            fresh("agent", "--once", code=0)
            assert graded(fresh("doctor", "--json"))["store's disk"] == "ok"
        finally:
            shutil.rmtree(elsewhere)
