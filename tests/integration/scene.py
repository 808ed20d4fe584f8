"""A DC whose past is in a journal: made once a run and copied for every test that needs one."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from adpersist import config
from adpersist.agent import connections
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.commit import Commit
from adpersist.model.journal.head import Head
from adpersist.model.objects.change import Change
from adpersist.model.plan.engine import Engine
from tests.integration.commands import PATIENCE_S, Adpersist
from tests.integration.hands import Hands
from tools.samba_dc import Golden, SambaDC, free_address

SCHEMA_MAY_CHANGE = {"dsdb:schema update allowed": "yes"}
"""smb.conf: off unless an administrator says so."""

ENGINES = (Engine.LDAP, Engine.LOCAL)
"""The ways a restore can write; where it is cheap, a test is told for each."""

PASSWORD = "Passw0rd.golden"
"""Of every user of the golden image."""


def staff(hands: Hands) -> None:
    """What the golden image holds beside what provisioning makes."""
    office = hands.ou("Office")
    people = [hands.user(name, parent=office, password=PASSWORD) for name in ("ada", "bert", "carl", "dora")]
    crew = hands.group("crew", people[:2], parent=office)
    hands.group("everyone", [crew, people[2]], parent=office)
    hands.computer("ws1", parent=office, attributes={"servicePrincipalName": "HOST/ws1"})
    hands.contact("visitor", parent=office)
    annex = hands.ou("Annex", office)
    hands.user("emil", parent=annex, password=PASSWORD)
    hands.delete(hands.user("long-gone", parent=office, password=PASSWORD))
    _nameplates(hands)


def _nameplates(hands: Hands) -> None:
    """Objects whose names the naming tests pass around."""
    room = hands.ou("Names")
    for name in ("left", "right"):
        # of another suffix than the domain's own, whose UPNs imply account names
        hands.user(name, parent=room, attributes={"userPrincipalName": f"{name}@example.com"})
    for name in ("first", "second", "third", "red", "green", "blue", "heir", "reused", "spelling"):
        hands.user(name, parent=room)
    hands.user("boss", parent=room, attributes={"mail": "boss@example.org"})
    for name in ("web1", "web2"):
        hands.computer(name, parent=room, attributes={"servicePrincipalName": f"HTTP/{name}"})
    outer = hands.ou("Outer", room)
    hands.ou("Inner", outer)
    hands.user("nested", parent=outer)
    doomed = hands.ou("Doomed", room)
    hands.user("evacuee", parent=doomed)
    hands.ou("Travelling", room)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A stopped DC's image and the journal that holds exactly that.

    Attributes:
        golden: The image; what a revert goes back to.
        store: The journal's file.
        key: Its key file.
        journal: Its id.
    """

    golden: Golden
    store: Path
    key: Path
    journal: str

    @classmethod
    def load(cls, home: Path) -> Scene:
        """What :meth:`make` left in a directory."""
        return cls(
            golden=Golden.load(home / "image"),
            store=home / "journal" / "journal.db",
            key=home / "key",
            journal=config.load(home / "adpersist.toml").journal.id,
        )

    @classmethod
    def make(
        cls,
        golden: Golden,
        place: Path,
        furnish: Callable[[Hands], None] = lambda _: None,
        *,
        home: Path | None = None,
    ) -> Scene:
        """Start a DC from ``golden``, furnish it, capture all of it, stop it and take its image.

        Args:
            golden: The domain.
            place: Where the DC runs; short, for its sockets.
            furnish: What is in the image beside the domain.
            home: Where the scene lies in the end; None: in ``place``, too.
        """
        home = home or place
        (home / "journal").mkdir(parents=True)
        with SambaDC(golden, place / "dc", address=free_address()) as dc:
            dc.start()
            with Hands(dc) as hands:
                furnish(hands)
            run = Adpersist(home / "adpersist.toml")
            run("init", *init_words(dc, home / "journal" / "journal.db", home / "key"), code=0)
            run("agent", "--once", code=0)
            dc.stop()
            dc.take_golden(home / "image")
        return cls.load(home)

    @contextmanager
    def played(self, place: Path, *, options: Mapping[str, str] | None = None) -> Iterator[World]:
        """A running copy of the DC, with more smb.conf settings if any are given, and a copy of the journal."""
        with SambaDC(self.golden, place / "dc", address=free_address(), options=options) as dc:
            world = World.beside(self, dc, place)
            dc.start()
            yield world


def init_words(dc: SambaDC, store: Path, key: Path) -> tuple[str, ...]:
    """Options of ``init`` for a DC and an embedded store."""
    return "--directory", dc.ldapi_url, "--store", f"sqlite://{store}", "--key-file", str(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One DC, its journal, and the command line configured for both.

    Attributes:
        place: Directory of all of it.
        dc: The DC.
        run: The command line.
        store: The journal's file.
        key: The key file.
    """

    place: Path
    dc: SambaDC
    run: Adpersist
    store: Path
    key: Path

    @classmethod
    def beside(cls, scene: Scene, dc: SambaDC, place: Path) -> World:
        """Copy the scene's journal next to a DC."""
        place.mkdir(parents=True, exist_ok=True)
        store, key = place / "journal.db", place / "key"
        copy_journal(scene.store, store)
        shutil.copy2(scene.key, key)
        path = place / "adpersist.toml"
        path.write_text(
            f"[directory]\nurl = {json.dumps(dc.ldapi_url)}\n[store]\nurl = {json.dumps(f'sqlite://{store}')}\n"
            f"[key]\nfile = {json.dumps(str(key))}\n[journal]\nid = {json.dumps(scene.journal)}\n"
        )
        return cls(place=place, dc=dc, run=Adpersist(path), store=store, key=key)

    def write_by(self, engine: Engine) -> None:
        """Have restores write by this engine."""
        path = self.place / "adpersist.toml"
        path.write_text(f"{path.read_text()}[restore]\nengine = {json.dumps(engine)}\n")

    @property
    def log(self) -> Path:
        """What background agents say."""
        return self.place / "agent.log"

    def revert(self) -> None:
        """Kill the DC, put its image back, start it."""
        self.dc.revert()
        self.dc.start()

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """The journal, opened to read."""
        assert self.run.config is not None
        opened = connections.journal(config.load(self.run.config, {}), None)
        try:
            yield opened
        finally:
            opened.close()

    def head(self) -> Head:
        """The newest durable head."""
        with self.journal() as journal:
            return journal.head

    def commits(self, after: int = 0) -> list[Commit]:
        """Verified commits after a number; reading them all proves the chain."""
        with self.journal() as journal:
            return [commit for commit in journal.commits() if commit.seq > after]

    def captured(self) -> Seq:
        """The last commit that tells of the directory, whatever was told of files since."""
        return max(commit.seq for commit in self.commits() if commit.changes)

    def changes(self, after: int) -> list[Change]:
        """What was committed after a number."""
        return [change for commit in self.commits(after) for change in commit.changes]


def copy_journal(source: Path, target: Path) -> None:
    """Copy a journal that may be open: by SQLite's own means, so that the write-ahead log is in it."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
    target.chmod(0o600)  # as it was made


def until(fact: Callable[[], bool], what: str, *, timeout_s: float = PATIENCE_S) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout_s
    while not fact():
        assert time.monotonic() < deadline, f"in {timeout_s:g} s it never came about that {what}"
        time.sleep(0.02)
