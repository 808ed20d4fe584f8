"""Which captured writes are called as witnesses of the lineage."""

from collections.abc import Mapping, Sequence
from typing import Final

from adpersist.model.identity.ids import BEFORE_FIRST, Guid
from adpersist.model.journal.head import Witness
from adpersist.model.objects.stamps import CHANGED, Stamps

MOST_WITNESSES: Final = 8
"""Looked up at every check: one indexed search."""


def newest_written(stamps: Mapping[Guid, Stamps]) -> dict[Guid, Stamps]:
    """The objects written last, so many that :func:`choose_witnesses` chooses the same of them as of all."""
    written = {guid: each for guid, each in stamps.items() if each}
    order = sorted(written, key=lambda guid: max(write.local_usn for write in written[guid].values()))
    return {guid: written[guid] for guid in order[-MOST_WITNESSES:]}


def choose_witnesses(stamps: Mapping[Guid, Stamps]) -> list[Witness]:
    """The newest write of each object, oldest first; one with a stamp before one without.

    They have the sequence number 0: the journal puts in that of the commit they end up in.
    """
    newest = []
    for guid, written in stamps.items():
        if written:
            name, write = max(written.items(), key=lambda item: (item[1].local_usn, item[0] != CHANGED))
            called = Witness(seq=BEFORE_FIRST, guid=guid, attribute=name, attid=write.attid, stamp=write.stamp)
            newest.append((write.local_usn, called))
    newest.sort(key=lambda item: item[0])
    return [called for _, called in newest[-MOST_WITNESSES:]]


def merge_witnesses(old: Sequence[Witness], new: Sequence[Witness]) -> tuple[Witness, ...]:
    """The witnesses after a commit: the new ones, and old ones of other objects while there is room."""
    fresh = {witness.guid for witness in new}
    return (*(witness for witness in old if witness.guid not in fresh), *new)[-MOST_WITNESSES:]
