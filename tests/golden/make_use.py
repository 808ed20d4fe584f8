"""Made ``use-v1.json``, once: a small journal that says who looked.

Kept to show where the file came from, and for the next version's file; it refuses to touch one that exists.
Run as ``python -m tests.golden.make_use FILE``.
"""

import sys
from pathlib import Path

from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_encryption import LocalKey
from adpersist.model.journal.use import Deed, Did, Use
from adpersist.stores.port import Store
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    IMPATIENT,
    NOON,
    OTHER,
    TEST_KEY,
    created,
    fresh_store,
    look,
    pseudorandom,
    set_value,
    write_down,
)

DEEDS = (
    Deed(time=NOON + 150.25, last=NOON + 150.25, who="a code", role="operator", did=Did.SIGNED_IN),
    Deed(
        time=NOON + 151,
        last=NOON + 190,
        count=3,
        who="\u00fcnal (S-1-5-21-1-2-3-1104)",
        role="viewer",
        did=Did.LOOKED,
        what="/changes",
    ),
)


def write(store: Store) -> Journal:
    """A look, what somebody did at the console, another look."""
    randomness = pseudorandom("golden use v1")
    key = LocalKey(TEST_KEY, randomness=randomness)
    journal = Journal.create(
        store, key, identity=IDENTITY, writer=AGENT, now=NOON, randomness=randomness, patience=IMPATIENT
    )
    look(journal, [created("ada")], 100)
    journal.note_use(Use(deeds=DEEDS).model_dump_json(), writer=OTHER, now=NOON + 200)
    look(journal, [set_value("ada", b"ada@corp.example", "mail")], 300)
    return journal


def main(path: Path) -> None:
    """Write the file."""
    store = fresh_store()
    write_down(store, write(store), path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
