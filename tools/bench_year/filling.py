"""Writes the year: first everything there is, then looks of all sizes, and checkpoints whenever the agent's are due."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Final

from adpersist.agent.upkeep.checkpoints import CheckpointPolicy, write_checkpoint
from adpersist.config import JournalSection
from adpersist.model.objects.change import Change, Kind
from tools.bench_store.stand import NC, Writing

YEAR_S: Final = 365 * 86_400.0
SIZES: Final = ((0.8, 1, 1), (0.17, 2, 10), (0.03, 11, 200))
"""Of so large a share of the looks, the fewest and the most changes in one."""
PASSWORDS_IN: Final = 10
"""Of so many changes one is a password: hash, history, Kerberos keys."""

Progress = Callable[[int], None]


def fill(writing: Writing, changes: int, progress: Progress) -> int:
    """A year that ends now, with at least so many changes after the first look; returns how many there are.

    Checkpoints are those of `[journal] checkpoint_every_commits` and `checkpoint_every_bytes`, as they are by default.
    """
    drawn, policy = random.Random(11), CheckpointPolicy.of(JournalSection())
    began = time.time() - YEAR_S
    writing.first_look(now=began)
    made = 0
    for look in _looks(writing, changes, drawn):
        made += len(look)
        now = began + YEAR_S * min(made / changes, 1)
        writing.commit(look, now=now)
        if policy.due(writing.journal):
            write_checkpoint(writing.journal, now=now)
        progress(made)
    return made


def _looks(writing: Writing, changes: int, drawn: random.Random) -> Iterator[list[Change]]:
    shares = [share for share, _, _ in SIZES]
    while changes > 0:
        ((_, fewest, most),) = drawn.choices(SIZES, shares)
        size = drawn.randint(fewest, most)
        yield [
            _password(writing, drawn) if drawn.randrange(PASSWORDS_IN) == 0 else change
            for change in writing.changes(size)
        ]
        changes -= size


def _password(writing: Writing, drawn: random.Random) -> Change:
    values = {"unicodePwd": 16, "ntPwdHistory": 16 * drawn.randint(1, 24), "supplementalCredentials": 1200}
    return Change(
        kind=Kind.CHANGED,
        guid=drawn.choice(writing.objects),
        nc=NC,
        values={name: (drawn.randbytes(size),) for name, size in values.items()},
    )
