"""Random directories, random changes, a revert, a restore: a real DC must be what it was, by somebody else's eyes.

Each trial follows from its seed alone. Set ``ADPERSIST_TRIALS`` for more of them, ``ADPERSIST_SEED`` for others. A
trial that fails is cut down to the deeds it takes.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.integration.ordeal import remains
from tests.integration.scene import Scene, World
from tests.property.playing import Deed, Known, Player, deeds
from tools.samba_dc import Dump, Golden, dbcheck, dump

TRIALS: Final = int(os.environ.get("ADPERSIST_TRIALS", "4"))
SEED: Final = int(os.environ.get("ADPERSIST_SEED", "20261123"))
_NEVER_OFF: Final = ("msDS-EnabledFeature", "msDS-EnabledFeatureBL")
"""An optional feature that was switched on stays on, and the plan says so."""
_SHRINKING_S: Final = float(os.environ.get("ADPERSIST_SHRINKING_S", "240"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happens in a trial.

    Attributes:
        image: Before the image is taken.
        life: Since, with captures in between.
        local: On the reverted DC, before the restore.
    """

    image: tuple[Deed, ...]
    life: tuple[Deed, ...]
    local: tuple[Deed, ...]

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
        local = deeds(chance, chance.randrange(6), first=2000, known=known) if chance.random() < 0.4 else []
        return cls(image=tuple(image), life=tuple(life), local=tuple(local))

    @property
    def size(self) -> int:
        """Deeds, altogether."""
        return len(self.image) + len(self.life) + len(self.local)

    def without(self, begin: int, count: int) -> Story:
        """The story with some deeds left out."""
        everything = [*self.image, *self.life, *self.local]
        left = set(range(len(everything))) - set(range(begin, begin + count))
        one, two = len(self.image), len(self.image) + len(self.life)
        return Story(
            image=tuple(everything[i] for i in range(one) if i in left),
            life=tuple(everything[i] for i in range(one, two) if i in left),
            local=tuple(everything[i] for i in range(two, len(everything)) if i in left),
        )

    def __str__(self) -> str:
        parts = (("image", self.image), ("life", self.life), ("local", self.local))
        return "\n".join(f"  {name}: {deed}" for name, told in parts for deed in told)


@pytest.fixture(scope="module")
def bare(golden: Golden, module_place: Path) -> Scene:
    """An empty domain and its journal."""
    return Scene.make(golden, module_place)


def lived(story: Story, bare: Scene, place: Path) -> list[str]:
    """Play it out; returns what is wrong in the end."""
    with bare.played(place) as world:
        known = Known()
        with Player(world.dc, known) as player:
            player.prepare()
            for deed in story.image:
                player.do(deed)
        image = _image(world, place / "image")
        world.run("agent", "--once", code=0)
        points: list[tuple[str, Dump]] = []
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
        _revert(world, image)
        with Player(world.dc, known.copy()) as player:
            for deed in story.local:
                player.do(deed)
        wrong = _judged(world, "guard", ("guard",), points[-1][1])
        for seq, then in points[:1] if len(points) > 1 else ():
            wrong += _judged(world, f"back to {seq}", ("restore", "--to", seq, "--yes"), then)
        world.dc.stop()
        if story.size % 3 == 0 and not (verdict := dbcheck(world.dc)):
            wrong += [line for line in verdict.text.splitlines() if "ERROR" in line and "deleted" not in line]
        return wrong


def _image(world: World, target: Path) -> Golden:
    world.dc.stop()
    image = world.dc.take_golden(target)
    world.dc.start()
    return image


def _captured(world: World) -> tuple[str, Dump]:
    world.run("agent", "--once", code=0)
    seq = str(world.head().seq)
    world.dc.stop()
    found = dump(world.dc)
    world.dc.start()
    return seq, found


def _revert(world: World, image: Golden) -> None:
    world.dc.golden = image
    world.revert()


def _judged(world: World, name: str, words: Sequence[str], then: Dump) -> list[str]:
    ran = world.run(*words)
    if ran.code != 0:
        return [f"{name}: {ran}"]
    verify = world.run("verify")
    world.dc.stop()
    lines = [line for lines in remains(then, dump(world.dc)).lines.values() for line in lines]
    found = [f"{name}: {line}" for line in lines if not any(f": {each}: " in line for each in _NEVER_OFF)]
    world.dc.start()
    return found + ([f"{name}: {verify}"] if verify.code else [])


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
