"""Random directories, random changes, a revert, a restore: a real DC must be what it was, by somebody else's eyes.

Each trial follows from its seed alone. Set ``ADPERSIST_TRIALS`` for more of them, ``ADPERSIST_SEED`` for others,
``ADPERSIST_ENGINE`` for one way to write. A trial that fails is cut down to the deeds it takes.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from adpersist.errors import ExitCode
from adpersist.model.plan.engine import Engine
from adpersist.model.plan.terms import OnConflict
from tests import images
from tests.integration.ordeal import remains
from tests.integration.proof import stamps_unlike
from tests.integration.scene import ENGINES, SCHEMA_MAY_CHANGE, Scene, World
from tests.property.stories.deeds import Deed, deeds
from tests.property.stories.player import Known, Player
from tools.samba_dc import Dump, Golden, Stamped, dbcheck, dump, stamps

TRIALS: Final = int(os.environ.get("ADPERSIST_TRIALS", "4"))
SEED: Final = int(os.environ.get("ADPERSIST_SEED", "20261123"))
ENGINE: Final = os.environ.get("ADPERSIST_ENGINE", "")
_SHRINKING_S: Final = float(os.environ.get("ADPERSIST_SHRINKING_S", "240"))
_NEVER_OFF: Final = ("msDS-EnabledFeature", "msDS-EnabledFeatureBL")
"""An optional feature that was switched on stays on, and the plan says so."""
_TAKEN: Final = "cannot come back as it was"
_LIVES_NOT: Final = "does not live on the domain controller"
_SCHEMA: Final = ",CN=Schema,CN=Configuration,"
_ATTRIBUTES: Final = ("description", "member", "sAMAccountName", "name", "manager", "userAccountControl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happens in a trial.

    Attributes:
        image: Before the image is taken.
        life: Since, with captures in between.
        local: On the reverted DC, before the restore.
        policy: Whose word counts there.
        engine: How restores write.
        part: Words that restore a part, once all is well: which of the known objects, and what of it.
    """

    image: tuple[Deed, ...]
    life: tuple[Deed, ...]
    local: tuple[Deed, ...]
    policy: OnConflict = OnConflict.JOURNAL
    engine: Engine = Engine.AUTO
    part: tuple[int, tuple[str, ...]] | None = None

    @classmethod
    def told(cls, seed: int) -> Story:
        """The story of a seed."""
        chance = random.Random(seed)
        image = deeds(chance, chance.randrange(5, 30), first=0, known=())
        known = [deed.number for deed in image if deed.what == "add"]
        life = deeds(chance, chance.randrange(10, 60), first=1000, known=known)
        for _ in range(chance.randrange(3)):
            life.insert(chance.randrange(len(life)), Deed(number=-1, what="capture"))
        if chance.random() < 0.3:
            life.insert(chance.randrange(len(life)), Deed(number=-1, what="image"))
        local = deeds(chance, chance.randrange(8), first=2000, known=known) if chance.random() < 0.5 else []
        words: tuple[str, ...] = chance.choice(((), ("--subtree",), ("--attribute", chance.choice(_ATTRIBUTES))))
        return cls(
            image=tuple(image),
            life=tuple(life),
            local=tuple(local),
            policy=chance.choices(list(OnConflict), (5, 4, 1))[0],
            engine=Engine(ENGINE) if ENGINE else chance.choice(ENGINES),
            part=(chance.randrange(1000), words) if chance.random() < 0.5 else None,
        )

    @property
    def size(self) -> int:
        """Deeds, altogether."""
        return len(self.image) + len(self.life) + len(self.local)

    def without(self, begin: int, count: int) -> Story:
        """The story with some deeds left out."""
        everything = [*self.image, *self.life, *self.local]
        left = set(range(len(everything))) - set(range(begin, begin + count))
        one, two = len(self.image), len(self.image) + len(self.life)
        return replace(
            self,
            image=tuple(everything[i] for i in range(one) if i in left),
            life=tuple(everything[i] for i in range(one, two) if i in left),
            local=tuple(everything[i] for i in range(two, len(everything)) if i in left),
        )

    def __str__(self) -> str:
        parts = (("image", self.image), ("life", self.life), ("local", self.local))
        ways = f"  {self.engine}, {self.policy}, part {self.part}"
        return "\n".join([ways, *(f"  {name}: {deed}" for name, told in parts for deed in told)])


@pytest.fixture(scope="session")
def bare(golden: Golden) -> Scene:
    """An empty domain and its journal."""
    return images.scene("bare", golden, lambda _: None)


def lived(story: Story, bare: Scene, place: Path) -> list[str]:
    """Play it out; returns what is wrong in the end."""
    with bare.played(place, options=SCHEMA_MAY_CHANGE) as world:
        world.write_by(story.engine)
        known = Known()
        with Player(world.dc, known) as player:
            player.prepare()
            for deed in story.image:
                player.do(deed)
        image = _image(world, place / "image")
        world.run("agent", "--once", code=0)
        points: list[Point] = []
        for deed in story.life:
            match deed.what:
                case "capture":
                    points.append(_captured(world))
                case "image":
                    image = _image(world, place / "later")
                case _:
                    with Player(world.dc, known) as player:
                        player.do(deed)
        points.append(_captured(world))
        before = _damage(world, bare) if story.size % 3 == 0 else set()
        _revert(world, image)
        wrong = _healed(world, story, known.copy(), points[-1])
        if story.part is not None:
            wrong += _in_part(world, story.part, known, points[0])
        if len(points) > 1 or story.part is not None:
            for name, point in (("back", points[0]), ("forth", points[-1])):
                wrong += _judged(world, name, ("restore", "--to", point.seq, "--yes"), point)
        with Player(world.dc, known) as player:
            if (sid := player.fresh_sid()) in known.sids.union(*(point.sids for point in points)):
                wrong.append(f"a SID that was somebody's already: {sid.hex()}")
        return wrong + sorted(_damage(world, bare) - before if story.size % 3 == 0 else ())


def _damage(world: World, bare: Scene) -> set[str]:
    """What Samba's own checker finds wrong."""
    world.dc.stop()
    verdict = dbcheck(world.dc, since=bare.golden)
    world.dc.start()
    found = () if verdict else verdict.text.splitlines()
    return {line for line in found if "ERROR" in line and "deleted" not in line}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A moment to go back to.

    Attributes:
        seq: The journal's name for it.
        then: The database's files, read.
        stamps: What replication knows of it, tombstones included.
    """

    seq: str
    then: Dump
    stamps: Mapping[str, Stamped]

    @property
    def sids(self) -> set[bytes]:
        """Every objectSid, of deleted objects too."""
        return {sid for entry in self.then.values() for sid in entry.get("objectSid", ())}


def _healed(world: World, story: Story, known: Known, before: Point) -> list[str]:
    """Local writes, then the guard, which has the last word on them."""
    if story.local:
        with Player(world.dc, known) as player:
            time.sleep(1.05 - time.time() % 1)  # originating times count in whole seconds
            for deed in story.local:
                player.do(deed)
    if story.policy is OnConflict.FAIL and (ran := world.run("guard", "--on-conflict", "fail")).code not in (0, 2):
        return [f"fail: {ran}"]
    if story.policy is not OnConflict.DC:
        # over LDAP links get stamps of their own, and so does what overrules a local write
        stamped = story.engine is not Engine.LDAP and not story.local
        return _judged(world, "guard", ("guard",), before, stamped=stamped)
    world.dc.stop()
    there = dump(world.dc)
    world.dc.start()
    for words in (("guard", "--on-conflict", "dc"), ("verify",)):
        if (ran := world.run(*words)).code != 0:
            return [f"dc: {ran}"]
    world.dc.stop()
    here = dump(world.dc)
    world.dc.start()
    made = {str(known.guids[deed.number]) for deed in story.local if deed.number in known.guids}
    wrong = [f"dc: {line}" for line in _lost_strangers(made, there, here)]
    if not story.local:
        wrong += [f"dc: {line}" for lines in remains(before.then, here).lines.values() for line in lines]
    return [*wrong, *_judged(world, "after dc", ("restore", "--to", before.seq, "--yes"), before)]


def _lost_strangers(guids: set[str], there: Dump, here: Dump) -> list[str]:
    """What was made locally and lives on neither as itself nor under another SID."""
    names = {
        entry["name"][0].partition(b" (local ")[0]
        for entry in here.values()
        if b"TRUE" not in entry.get("isDeleted", ())
    }
    return [
        f"{there[guid]['distinguishedName'][0]!r} was made locally and is gone"
        for guid in guids & there.keys()
        if _lives(there[guid]) and there[guid]["name"][0] not in names
    ]


def _in_part(world: World, part: tuple[int, tuple[str, ...]], known: Known, point: Point) -> list[str]:
    """One object as it was, and what it takes for that."""
    choice = [guid for guid in map(str, known.guids.values()) if _lives(point.then.get(guid))]
    if not choice:
        return []
    words = ("--object", (guid := choice[part[0] % len(choice)]), *part[1])
    with Player(world.dc, known) as player:
        lives = "isDeleted" not in player.read(f"<GUID={guid}>", "objectClass", "isDeleted")
    for command in (("restore", "--to", point.seq, *words, "--yes"), ("verify", "--at", point.seq, *words)):
        ran = world.run(*command)
        if "--attribute" in words and not lives:
            if ran.code != ExitCode.USAGE or _LIVES_NOT not in ran.err:
                return [f"in part, of somebody who is gone: {ran}"]
            continue
        if _TAKEN in ran.err:
            return []  # somebody outside the part has its name now, and stays
        if ran.code != 0:
            return [f"in part: {ran}"]
    return []


def _lives(entry: dict[str, tuple[bytes, ...]] | None) -> bool:
    return entry is not None and b"TRUE" not in entry.get("isDeleted", ())


def _image(world: World, target: Path) -> Golden:
    world.dc.stop()
    image = world.dc.take_golden(target)
    world.dc.start()
    return image


def _captured(world: World) -> Point:
    world.run("agent", "--once", code=0)
    seq = str(world.head().seq)
    world.dc.stop()
    point = Point(seq=seq, then=dump(world.dc), stamps=stamps(world.dc))
    world.dc.start()
    return point


def _revert(world: World, image: Golden) -> None:
    world.dc.golden = image
    world.revert()


def _judged(world: World, name: str, words: Sequence[str], point: Point, *, stamped: bool = False) -> list[str]:
    """What is other than it was after a restore; by its stamps, too, where those come back."""
    ran = world.run(*words)
    if ran.code != 0:
        return [f"{name}: {ran}"]
    verify = world.run("verify")
    world.dc.stop()
    lines = [line for lines in remains(point.then, dump(world.dc)).lines.values() for line in lines]
    found = [f"{name}: {line}" for line in lines if not _forgets_nothing(line, stamped=stamped)]
    if stamped:
        unlike = stamps_unlike(point.stamps, stamps(world.dc))
        found += [f"{name}: stamp: {line}" for _, lines in unlike for line in lines]
    world.dc.start()
    return found + ([f"{name}: {verify}"] if verify.code else [])


def _forgets_nothing(line: str, *, stamped: bool) -> bool:
    """Features that were switched on, and what was added to the schema, stay; the plan says so. So it does of what the
    server draws for each write to the schema, which replication alone brings back.
    """
    stays = any(f": {each}: " in line for each in _NEVER_OFF) or (_SCHEMA in line and line.endswith(": extra"))
    return stays or (not stamped and ": schemaInfo: " in line)


def shrunk(story: Story, fails: Callable[[Story], bool], *, until: float) -> Story:
    """The story without what it does not take to fail, as far as time allows."""
    count = story.size // 2
    while count and time.monotonic() < until:
        begin = 0
        while begin < story.size and time.monotonic() < until:
            shorter = story.without(begin, count)
            if shorter.size < story.size and fails(shorter):
                story = shorter
            else:
                begin += count
        count //= 2
    return story


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [SEED + number for number in range(TRIALS)])
def test_a_restored_dc_is_what_it_was(bare: Scene, place: Path, seed: int) -> None:
    story, tries = Story.told(seed), iter(range(1000))

    def wrong(told: Story) -> list[str]:
        there = place / f"{next(tries)}"
        try:
            return lived(told, bare, there)
        finally:
            shutil.rmtree(there, ignore_errors=True)

    found = wrong(story)
    if found:
        cause = shrunk(story, lambda told: bool(wrong(told)), until=time.monotonic() + _SHRINKING_S)
        pytest.fail(f"seed {seed}:\n" + "\n".join(found[:20]) + f"\nit takes {cause.size} deeds:\n{cause}")
