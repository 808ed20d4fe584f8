"""A DC that was put back receives what it had as a replica: the DC that comes back is the DC that was.

Key version numbers, schema ids, tombstones, pointers, and every stamp of every attribute and link. Judges read the
files with Samba's own code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.integration.commands import Ran
from tests.integration.hands import Hands
from tests.integration.ordeal import Deed, Remains, begin, controller, furnish, play, remains
from tests.integration.proof import Ids, attribute_ids, stamps_unlike
from tests.integration.scene import Scene
from tests.integration.workload.register import deeds
from tests.places import short_directory
from tools.samba_dc import Golden, dump, stamps

RUNNING: Final = ("replication", "oddities")
"""Chapters that happen to the running DC."""
STOPPED: Final = ("partition",)
"""Those that take its files."""
KINDS: Final = [kind for chapter in (*RUNNING, *STOPPED) for kind in deeds("change", chapter)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """One DC before and after.

    Attributes:
        deeds: What each kind did.
        guard, verify: The heal, and the comparison after it.
        remains: Values that differ.
        stamps: Stamps that differ, a line each, by objectGUID.
        ids: Ids of the attributes that replication knows stamps of, in their order; by objectGUID, before and after.
    """

    deeds: Mapping[str, Deed]
    guard: Ran
    verify: Ran
    remains: Remains
    stamps: Mapping[str, list[str]]
    ids: tuple[Mapping[str, Ids], Mapping[str, Ids]]


@pytest.fixture(scope="module")
def healed(golden: Golden) -> Iterator[Healed]:
    with short_directory() as directory:
        place = Path(directory)
        with controller(furnish(golden, place, RUNNING), place) as dc:
            dc.start()
            run = begin(dc, place)
            done = play("change", RUNNING, dc.ldapi_url_quoted, dc.smb_conf)
            run("agent", "--once", code=0)
            dc.stop()
            done |= play("change", STOPPED, f"tdb://{dc.sam_ldb}", dc.smb_conf)
            dc.start()
            run("agent", "--once", code=0)
            dc.kill()
            before = dc.snapshot(place / "before")
            dc.revert()
            dc.start()
            guard = run("guard", "--json")
            verify = run("verify", "--json")
            dc.kill()
            after = dc.snapshot(place / "after")
            then, now = dump(before, deleted=True), dump(after, deleted=True)
            yield Healed(
                deeds=done,
                guard=guard,
                verify=verify,
                remains=remains(then, now),
                stamps=dict(stamps_unlike(stamps(before), stamps(after))),
                ids=(attribute_ids(then), attribute_ids(now)),
            )


def test_the_heal_proves_itself(healed: Healed) -> None:
    assert healed.guard.code == 0, healed.guard
    assert healed.verify.code == 0, healed.verify


@pytest.mark.parametrize("kind", KINDS)
def test_values(healed: Healed, kind: str) -> None:
    deed = healed.deeds[kind]
    assert deed.error is None, f"the workload itself failed: {deed.error}"
    assert deed.guids, "nothing was written"
    assert healed.remains.of(deed.guids) == []


@pytest.mark.parametrize("kind", KINDS)
def test_stamps(healed: Healed, kind: str) -> None:
    assert [line for guid in healed.deeds[kind].guids for line in healed.stamps.get(guid, ())] == []


def test_every_attribute_has_the_id_it_had(healed: Healed) -> None:
    then, now = healed.ids
    assert now == then


def test_nothing_else_was_touched(healed: Healed) -> None:
    written = {guid for deed in healed.deeds.values() for guid in deed.guids}
    assert healed.remains.outside(written) == []
    assert [line for guid, lines in healed.stamps.items() if guid not in written for line in lines] == []


def test_nothing_is_left_to_be_said(healed: Healed) -> None:
    assert healed.guard.json["restored"]["notes"] == []


def test_what_was_deleted_after_the_bin_was_switched_on_is_in_it(scene: Scene, place: Path) -> None:
    """Of every naming context: the configuration's comes with the switch itself."""
    with scene.played(place) as world:
        with Hands(world.dc) as hands:
            hands.recycle()
            sites = f"CN=Sites,CN=Configuration,{hands.base}"
            site = hands.add(f"CN=Closed,{sites}", "site", {"location": "nowhere"})
            user = hands.user("leaver", attributes={"description": "left"})
            guids = [str(hands.guid(dn)) for dn in (site, user)]
            for dn in (site, user):
                hands.delete(dn)
        world.run("agent", "--once", code=0)
        world.dc.kill()
        then, before = dump(world.dc, deleted=True), stamps(world.dc)
        world.revert()
        world.run("guard", code=0)
        world.dc.kill()
        now = dump(world.dc, deleted=True)
        assert [then[guid].get("isRecycled") for guid in guids] == [None, None], "else this tests nothing"
        assert remains(then, now).of(guids[:1]) == []
        assert [now[guid].get("isRecycled") for guid in guids] == [None, None]
        assert dict(stamps_unlike(before, stamps(world.dc))) == {}
