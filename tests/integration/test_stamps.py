"""The journal carries what replication keeps beside values: after a day, all stamps are the DC's own.

What they must be is told by Samba's own code, from the files of the stopped DC.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from adpersist.capture.capture import Capture
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.samba import worker_process
from adpersist.directory.samba.own_database import NotLocalError
from adpersist.directory.samba.stamp_reader import StampReader
from adpersist.journal.holder import Role, new_writer
from adpersist.model.identity.ids import Guid, Usn, guid_from_text, guid_text
from adpersist.model.identity.reference import target_of
from adpersist.model.objects.change import Change, Kind, LinkStamp, Stamp
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.state.fold import fold
from adpersist.state.state import State
from adpersist.system.files import lock_file
from tests.integration.hands import Hands, extend_schema, wear_badge
from tests.integration.scene import PASSWORD, SCHEMA_MAY_CHANGE, Scene, World, until
from tools.samba_dc import Stamped, stamps

_TICKS = 10_000_000
"""In a second."""


@dataclass(frozen=True)
class Told:
    """A day's end.

    Attributes:
        dumped: What Samba says of its files, by objectGUID.
        state: What the journal says.
        changes: What the day's commits told.
        guids: Objects the day was about, by name.
        database: The stopped DC's.
        server: objectGUID of its NTDS Settings.
    """

    dumped: Mapping[str, Stamped]
    state: State
    changes: list[Change]
    guids: dict[str, str]
    database: Path
    server: Guid


@pytest.fixture(scope="module")
def told(scene: Scene, module_place: Path) -> Iterator[Told]:
    """A day of everything that leaves stamps, with an agent that is killed now and then."""
    with scene.played(module_place, options=SCHEMA_MAY_CHANGE) as world:
        before = world.head().seq
        with Hands(world.dc) as hands:
            guids = day(world, hands)
        world.run("agent", "--once", code=0)
        world.dc.kill()
        with world.journal() as journal:
            yield Told(
                dumped=stamps(world.dc),
                state=fold(journal),
                changes=world.changes(before),
                guids=guids,
                database=world.dc.private_dir / "sam.ldb",
                server=journal.head.identity.server,
            )


def day(world: World, hands: Hands) -> dict[str, str]:
    office = f"OU=Office,{hands.base}"
    ada, bert, carl, dora = (f"CN={name},{office}" for name in ("ada", "bert", "carl", "dora"))
    crew = f"CN=crew,{office}"
    with world.run.agent(world.log) as agent:
        hands.password(ada, PASSWORD)  # the one she has
        hands.set(bert, description="one")
        hands.set(bert, description=[])
        hands.link(crew, carl, dora)
        until(lambda: world.run.status()["lag"]["usn"] == 0, "the agent catches up")
        agent.kill()
        agent.wait()
    hands.unlink(crew, carl)
    hands.unlink(crew, dora)
    hands.link(crew, dora)
    hands.set(dora, manager=ada)
    extend_schema(hands)
    wear_badge(hands, ada, "4711")
    with world.run.agent(world.log) as agent:
        temporary = hands.user("temporary", password=PASSWORD)
        hands.link(crew, temporary)
        guid = hands.guid(temporary)
        until(lambda: world.run.status()["lag"]["usn"] == 0, "the agent catches up")
        hands.delete(temporary)
        until(lambda: world.run.status()["lag"]["usn"] == 0, "the agent catches up")
        agent.kill()
        agent.wait()
    hands.undelete(guid, temporary)
    hands.rename(carl, "CN=Carl the Great", f"OU=Annex,{office}")
    with world.run.agent(world.log) as agent:
        hands.unlink(crew, dora)
        hands.link(crew, dora)
        hands.delete(hands.user("short-lived", password=PASSWORD))
        hands.set(dora, manager=[])
        hands.password(bert, "An0ther.password")
        until(lambda: world.run.status()["lag"]["usn"] == 0, "the agent catches up")
        agent.kill()
        agent.wait()
    names = {"ada": ada, "crew": crew, "dora": dora, "bert": bert}
    return {name: str(hands.guid(dn)) for name, dn in names.items()}


def stamp(version: int, ticks: int, origin: str, usn: int) -> Stamp:
    return Stamp(version=version, time=ticks // _TICKS, origin=guid_from_text(origin), usn=Usn(usn))


def link_stamp(present: bool, version: int, ticks: int, origin: str, usn: int) -> LinkStamp:
    time = ticks // _TICKS
    return LinkStamp(version=version, time=time, origin=guid_from_text(origin), usn=Usn(usn), present=present)


def test_every_attribute_has_the_stamp_it_has_on_the_dc(told: Told) -> None:
    assert set(told.dumped) == {guid_text(guid) for guid in told.state}
    for guid, found in told.dumped.items():
        item = told.state[guid_from_text(guid)]
        assert item.stamps == {name: stamp(*each) for name, each in found.attributes.items()}, item.rdn


def test_every_link_has_the_stamp_it_has_on_the_dc(told: Told) -> None:
    for guid, dumped in told.dumped.items():
        item = told.state[guid_from_text(guid)]
        expected = {
            name: {value.encode(): link_stamp(*each) for value, each in found.items()}
            for name, found in dumped.links.items()
        }
        known = {name: dict(row.items()) for name, row in item.link_stamps.items()}
        if item.deleted:
            continue  # the DC dropped its links without a word; the journal keeps them for its return
        for name in {**expected, **known}:
            # a link to a deleted object is dormant: the DC dropped it without a word
            reached = {link: each for link, each in known.get(name, {}).items() if _lives(told.state, link)}
            assert reached == {link: each for link, each in expected.get(name, {}).items() if _lives(told.state, link)}
            for link, each in reached.items():
                assert each.present == (link in item.links.get(name, frozenset()))


def _lives(state: State, link: bytes) -> bool:
    target = target_of(link)
    return target is None or state.is_live(target)


def test_links_that_were_taken_away_are_remembered(told: Told) -> None:
    rows = [row for found in told.dumped.values() for row in found.links.values()]
    removed = [present for row in rows for present, *_ in row.values() if not present]
    assert removed, "the day took links away"


def test_what_was_written_without_changing_is_news(told: Told) -> None:
    def of(name: str) -> list[Change]:
        guid: Guid = guid_from_text(told.guids[name])
        return [change for change in told.changes if change.guid == guid]

    assert any("unicodePwd" in change.values and "unicodePwd" in change.stamps for change in of("ada"))
    member = next(
        iter(
            ref
            for ref in told.state[guid_from_text(told.guids["crew"])].link_stamps["member"]
            if told.guids["dora"].encode() in ref
        )
    )
    versions = [
        change.link_stamps["member"][member].version
        for change in of("crew")
        if member in change.link_stamps.get("member", {})
    ]
    assert versions == sorted(set(versions))
    assert versions[-1] >= 5, "made, taken away, made, taken away, made"


def test_a_reader_whose_files_were_replaced_says_so_and_nothing_else(told: Told, tmp_path: Path) -> None:
    place = tmp_path / "private"
    shutil.copytree(
        told.database.parent, place, ignore=lambda _, names: {each for each in names if each == "ldap_priv"}
    )
    reader = StampReader(place / "sam.ldb", told.server)
    try:
        ada = guid_from_text(told.guids["ada"])
        _, [found] = reader.ask(None, [ada], frozenset(), Usn(-1))()
        assert found.guid == ada
        for file in (place / "sam.ldb.d").iterdir():
            shutil.copy2(file, tmp_path / "other")
            (tmp_path / "other").replace(file)
        with pytest.raises(NotLocalError, match="was replaced"):
            reader.ask(None, [ada], frozenset(), Usn(-1))()
        with pytest.raises(NotLocalError):
            reader.ask(None, [ada], frozenset(), Usn(-1))()
    finally:
        reader.close()


def test_files_that_are_no_database_are_not_read(told: Told, tmp_path: Path) -> None:
    with pytest.raises(NotLocalError):
        StampReader(tmp_path / "sam.ldb", told.server)
    with pytest.raises(NotLocalError, match="does not know its own domain controller"):
        StampReader(told.database, Guid(bytes(16)))


def test_a_journal_without_stamps_is_filled_up_by_a_look_at_everything(
    scene: Scene, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the second of two readers: the first is killed before it has opened anything."""
    python = place / "python3"
    python.write_text(f'#!/bin/sh\nmkdir {place}/died && kill -KILL $$\nexec {worker_process.SYSTEM_PYTHON} "$@"\n')
    python.chmod(0o700)
    monkeypatch.setattr(worker_process, "SYSTEM_PYTHON", str(python))
    with scene.played(place) as world, world.journal() as journal:
        known = fold(journal)
        old = FingerprintIndex.of(replace(item, stamps={}, link_stamps={}) for item in known.values())
        before = journal.head.seq
        dc = DomainController.connect(world.dc.ldapi_url)
        try:
            with lock_file.opened(journal.id) as lock:
                capture = Capture.begin(dc, journal, new_writer(Role.VISITOR, lock), index=old)
                assert capture.look() == len(known)
        finally:
            dc.close()
        assert (place / "died").is_dir()
        told = world.changes(before)
        assert all((change.kind, change.values, change.rdn) == (Kind.CHANGED, {}, None) for change in told)
        assert not any(change.added or change.removed for change in told)
        assert {change.guid: (change.stamps, change.link_stamps) for change in told} == {
            guid: (item.stamps, item.link_stamps) for guid, item in known.items()
        }
