"""How large rows are: a journal written by the journal itself, laid out as the Azure adapter lays it out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from azure.data.tables import EdmType, EntityProperty

from adpersist.agent.upkeep.checkpoints import write_checkpoint
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.stores.azure import layout
from adpersist.stores.azure.layout import Entity
from adpersist.stores.port import Frame
from tools.bench_store.stand import Writing
from tools.bench_year.filling import fill

_OBJECTS: Final = 2_000
_FIXED: Final = {EdmType.INT64: 8, EdmType.INT32: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What was measured; bytes as Azure counts them, `number` of rows.

    Attributes:
        object_bytes: An object in the first look.
        kept_bytes: An object in a checkpoint.
        change_bytes: A change in a look of the mix that `tools/bench year` writes.
        looks_a_change: Looks, and so commits, a change.
        rows_a_look: Rows of a commit, without the head.
        head_bytes: The head.
    """

    object_bytes: float
    kept_bytes: float
    change_bytes: float
    looks_a_change: float
    rows_a_look: float
    head_bytes: int


def billed(entity: Mapping[str, object]) -> int:
    """Bytes of an entity as Azure counts them: 4, two a character of both keys, and of each property 8, two a character
    of its name, and its value."""
    keys = sum(2 * len(str(entity[name])) for name in ("PartitionKey", "RowKey"))
    others = {name: value for name, value in entity.items() if name not in ("PartitionKey", "RowKey")}
    return 4 + keys + sum(8 + 2 * len(name) + _value(value) for name, value in others.items())


def _value(value: object) -> int:
    match value:
        case bytes():
            return 4 + len(value)
        case EntityProperty():
            return _FIXED[EdmType(value.edm_type)]
        case int():
            return _FIXED[EdmType.INT32]
    raise ValueError(f"no row of ours has a {type(value).__name__}")


def measured(changes: int) -> Rows:
    """Write so many changes of some objects, and count."""
    with tempfile.TemporaryDirectory(prefix="adp-bench-") as place:
        writing = Writing(f"sqlite://{place}/journal.db", objects=_OBJECTS)
        made = fill(writing, changes, lambda _: None)
        store, journal = writing.store, writing.journal
        first = _end_of_first_look(writing)
        looked = [entity for frame in store.frames(after=BEFORE_FIRST, through=first) for entity in _of(writing, frame)]
        later = [entity for frame in store.frames(after=first) for entity in _of(writing, frame)]
        kept = write_checkpoint(journal, now=journal.head.time)
        parts = [
            entity
            for number, body in enumerate(store.checkpoint(kept.lies_at))
            for entity in layout.part_entities(writing.id, kept.seq, number, body)
        ]
        looks = journal.head.seq - first
        head = billed(layout.head_entity(writing.id, journal.head.seq, store.head().body))
        writing.close()
    return Rows(
        object_bytes=_bytes(looked) / _OBJECTS,
        kept_bytes=_bytes(parts) / kept.objects,
        change_bytes=_bytes(later) / made,
        looks_a_change=looks / made,
        rows_a_look=len(later) / looks,
        head_bytes=head,
    )


def _of(writing: Writing, frame: Frame) -> list[Entity]:
    return layout.frame_entities(writing.id, frame)


def _end_of_first_look(writing: Writing) -> Seq:
    return next(commit.seq for commit in writing.journal.commits() if commit.ends_look)


def _bytes(entities: Iterable[Entity]) -> int:
    return sum(map(billed, entities))
