"""Blocks of README and docs that show commands of adpersist are run, word for word, against a real DC.

Places of this world stand for the administrator's: a directory of its own, the socket of the DC, a table on this
machine. A block that nothing here knows how to run fails, so that none is added untried.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.examples import PAGES, blocks
from tests.integration.clock import shifted
from tests.integration.commands import Adpersist, Ran
from tests.integration.hands import Hands
from tests.integration.scene import World, until
from tools.samba_dc import Golden, SambaDC, free_address

NOT_OURS: Final = ("systemctl ",)
"""Lines of others, which `tools/package --try` or nobody can run."""


BLOCKS: Final = [(name, block) for name, page in PAGES.items() for block in blocks(page)]
INIT: Final = "adpersist init "


def shown(line: str, dc: SambaDC, place: Path) -> list[str]:
    """The words of a line, with places of a world for those it names."""
    line = line.partition(" > ")[0]
    places: Mapping[str, str] = {
        "ldapi:///var/lib/samba/private/ldap_priv/ldapi": dc.ldapi_url,
        "sqlite:///var/lib/adpersist/journal.db": f"sqlite://{place}/shown/journal.db",
        "azure://corpjournals/adpersist": f"sqlite://{place}/journal.db",
        "/etc/adpersist/key": str(place / "shown" / "key"),
        "/etc/adpersist/adpersist.toml": str(place / "shown" / "adpersist.toml"),
        "/media/safe/key": str(place / "copy"),
        "corp.key": str(place / "key"),
        "sqlite:///mnt/elsewhere/journal.db": f"sqlite://{place}/elsewhere/journal.db",
        "azure://account/table": f"sqlite://{place}/account/journal.db",
        "CN=Domain Admins,CN=Users,DC=corp,DC=example": f"CN=Domain Admins,CN=Users,{dc.base_dn}",
        "NEW": f"sqlite://{place}/new/journal.db",
        "copy.toml": str(place / "copy.toml"),
        "sheet.txt": str(place / "sheet.txt"),
        "sheet2.txt": str(place / "sheet2.txt"),
        "/etc/adpersist/key2": str(place / "key2"),
        "/var/lib/adpersist/reports": str(place / "reports"),
        "heal.html": str(place / "heal.html"),
    }
    return [places.get(word, word) for word in shlex.split(line, comments=True)][1:]


def all_of(world: World, block: list[str]) -> list[Ran]:
    """Run its lines one after another."""
    return [
        world.run(*shown(line, world.dc, world.place), stdin="y\n") for line in block if line.startswith("adpersist ")
    ]


def captured(world: World, block: list[str]) -> None:
    """While the agent runs; all of it ends with 0."""
    shutil.copy2(world.key, world.place / "copy")
    with world.run.agent(world.log):
        for ran in all_of(world, block):
            assert ran.code == 0, ran


def searched(world: World, block: list[str]) -> None:
    """Of what is in the journal something is found; nobody wrote down that it was ada who wrote it."""
    of_a_group, of_a_writer, _ = all_of(world, block)
    assert (of_a_group.code, of_a_writer.code) == (0, 0)
    assert "look" in of_a_group.out
    assert "look" not in of_a_writer.out


def back_to_a_mark(world: World, block: list[str]) -> None:
    """A change between the mark and the rest of the block is undone by it."""
    with Hands(world.dc) as hands:
        marked, compared, restored = block
        assert all_of(world, [marked])[0].code == 0
        hands.user("migrated")
        world.run("agent", "--once", code=0)
        assert all_of(world, [compared])[0].code == 2
        assert all_of(world, [restored])[0].code == 0
        assert not hands.find("(sAMAccountName=migrated)")


def back_by_the_clock(world: World, block: list[str]) -> None:
    """It is three hours later, and ada was deleted within the last two."""
    with Hands(world.dc) as hands:
        (ada,) = hands.find("(sAMAccountName=ada)")
        before = hands.guid(ada)
        hands.delete(ada)
        with later(world, "+3h") as then:
            then.run("agent", "--once", code=0)
            (ran,) = all_of(then, block)
        assert ran.code == 0, ran
        assert hands.guid(ada) == before


def repaired(world: World, block: list[str]) -> None:
    """A commit is damaged; afterwards the agent goes on, and all is well."""
    with closing(sqlite3.connect(world.store)) as database, database:
        database.execute("UPDATE frame SET body = zeroblob(9) WHERE seq = (SELECT max(seq) FROM frame)")
    world.run("check", code=8)
    (ran,) = all_of(world, block)
    assert ran.code == 0, ran
    world.run("agent", "--once", code=0)
    world.run("check", code=0)


def copied(world: World, block: list[str]) -> None:
    """Once, and followed until it is stopped; either copy is the journal."""
    once, following = (shown(line, world.dc, world.place) for line in block)
    world.run(*once, code=0)
    follower = world.run.start(*following, log=world.place / "copy.log")
    try:
        until(lambda: "copy.made" in (world.place / "copy.log").read_text(), "it has caught up")
    finally:
        follower.terminate()
        assert follower.wait(60) == 0, (world.place / "copy.log").read_text()
    for words in (once, following):
        elsewhere(world, words[words.index("--to") + 1])("check", code=0)


def healed_from_a_copy(world: World, block: list[str]) -> None:
    """The first store is gone, and the DC was put back."""
    with Hands(world.dc) as hands:
        hands.user("second-hand")
    world.run("agent", "--once", code=0)
    url = f"sqlite://{world.place}/elsewhere/journal.db"
    world.run("copy", "--to", url, code=0)
    for lost in world.place.glob("journal.db*"):
        lost.unlink()
    world.revert()
    elsewhere(world, url)
    for line in block:
        Adpersist(None)(*shown(line, world.dc, world.place), code=0)
    with Hands(world.dc) as hands:
        assert hands.find("(cn=second-hand)")


def moved(world: World, block: list[str]) -> None:
    """With the configuration that names the new place everything goes on; the old one says where to."""
    (ran,) = all_of(world, block)
    assert ran.code == 0, ran
    world.run("agent", "--once", code=3)
    new = elsewhere(world, f"sqlite://{world.place}/new/journal.db")
    new("agent", "--once", code=0)
    new("status", code=0)


def rekeyed(world: World, block: list[str]) -> None:
    """No machine is started anew for a test: the last command says so, and takes a person's word for it."""
    *changed, finished = block
    for ran in all_of(world, changed):
        assert ran.code == 0, ran
    (refused,) = all_of(world, [finished])
    assert (refused.code, "--yes" in refused.err) == (7, True), refused
    world.run(*shown(finished, world.dc, world.place), "--yes", code=0)
    world.run("key", "check", str(world.place / "sheet2.txt"), code=0)
    world.run("check", code=0)


def elsewhere(world: World, url: str) -> Adpersist:
    """The command line over the journal in another store, its configuration lying at ``copy.toml``."""
    assert world.run.config is not None
    path = world.place / "copy.toml"
    path.write_text(world.run.config.read_text().replace(f"sqlite://{world.store}", url))
    return Adpersist(path)


def reported(world: World, block: list[str]) -> None:
    """After a restore; the last line comes before another one, and leaves a page and its document."""
    with Hands(world.dc) as hands:
        hands.user("lost")
    world.run("agent", "--once", code=0)
    world.revert()
    world.run("guard", code=0)
    for ran in all_of(world, block[:-1]):
        assert ran.code == 0, ran
    assert "Restore 1" in (world.place / "heal.html").read_text()
    world.revert()
    (ran,) = all_of(world, block[-1:])
    assert ran.code == 0, ran
    assert {each.suffix for each in (world.place / "reports").glob("heal-0002-*")} == {".html", ".json"}


def alerted(world: World, block: list[str]) -> None:
    """With one way to tell; what runs until it is stopped is stopped."""
    path, got, outbox = (world.place / name for name in ("adpersist.toml", "got", "alerts.db"))
    told = {"command": f"sh -c 'cat >> {got}'", "outbox": str(outbox)}
    lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
    path.write_text("\n".join([path.read_text(), "[alerts]", *lines, ""]))
    for line in block:
        if "alerts watch" in line:
            process = world.run.start(*shown(line, world.dc, world.place), log=world.log)
            until(outbox.exists, "somebody watches")
            process.send_signal(signal.SIGTERM)
            # what it found is in the outbox, whether or not it has come to where it heeds signals
            assert process.wait(60) in (0, -signal.SIGTERM), world.log.read_text()
        else:
            (ran,) = all_of(world, [line])
            assert ran.code == 0, ran
    assert "test" in got.read_text()


def looked_at(world: World, block: list[str]) -> None:
    """On a port of its own: others run consoles beside this test."""
    opened, again = (shown(line, world.dc, world.place) for line in block)
    process = world.run.start(*opened, "--listen", "127.0.0.1:0", log=world.log)
    try:
        until(lambda: "/login?code=" in world.log.read_text(), "the console listens")
        (address,) = set(re.findall(r"http://(127\.0\.0\.1:\d+)/login", world.log.read_text()))
        assert "/login?code=" in world.run(*again, "--listen", address, code=0).out
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


HOW: Final[Mapping[str, Callable[[World, list[str]], None]]] = {
    "systemctl enable --now adpersist.service": captured,
    "adpersist mark before-migration": back_to_a_mark,
    "adpersist restore --to -2h": back_by_the_clock,
    "adpersist doctor --key-copy": captured,
    "adpersist fleet": captured,
    "export ADPERSIST_AZURE_SAS_FILE": captured,
    "adpersist image mark": captured,
    "adpersist log --kind use": captured,
    "adpersist check --repair": repaired,
    "adpersist copy --to sqlite:": copied,
    "adpersist check --config copy.toml": healed_from_a_copy,
    "adpersist copy --to NEW --move": moved,
    "adpersist key escrow": captured,
    "adpersist key rotate": rekeyed,
    "adpersist report": reported,
    "adpersist log --what": searched,
    "adpersist alerts rules": alerted,
    "adpersist console": looked_at,
}
"""How a block is run, by how it begins."""


@contextmanager
def later(world: World, offset: str) -> Iterator[World]:
    """The command line lives so far from now."""
    run = world.run.with_environment(**shifted(offset))
    yield World(place=world.place, dc=world.dc, run=run, store=world.store, key=world.key)


@pytest.mark.parametrize(
    ("page", "block"),
    [(page, block) for page, block in BLOCKS if not block[0].startswith(INIT)],
    ids=[f"{page}-{block[0][:40]}" for page, block in BLOCKS if not block[0].startswith(INIT)],
)
def test_a_block_that_is_shown_does_what_it_is_shown_for(world: World, page: str, block: list[str]) -> None:
    how = next((run for begin, run in HOW.items() if block[0].startswith(begin)), None)
    assert how is not None, f"nobody knows how to run this block of {page}: {block}"
    assert all(line.startswith(("adpersist ", "export ", *NOT_OURS)) for line in block), block
    how(world, block)


@pytest.mark.parametrize("line", [line for _, block in BLOCKS for line in block if line.startswith(INIT)])
def test_a_first_run_goes_as_it_is_shown(golden: Golden, place: Path, line: str) -> None:
    with SambaDC(golden, place / "dc", address=free_address()) as dc:
        dc.start()
        Adpersist(None)(*shown(line, dc, place), code=0)
        run = Adpersist(place / "shown" / "adpersist.toml")
        run("agent", "--once", code=0)
        run("status", code=0)
