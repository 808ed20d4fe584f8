"""How a journal lies in an Azure table; pure, and inside the limits of Azure Storage, Cosmos DB and Azurite alike.

============================ ============================ ==========================================================
PartitionKey                 RowKey                       holds
============================ ============================ ==========================================================
``<journal>``                ``head``                     the head; ``seq`` (Int64), body; replaced with If-Match
``<journal>``                ``c<seq, 16 hex>.<part>``    a frame's slice; ``parts`` (Int32), body; inserted only
``<journal>``                ``spare``                    a copy of a head, written in one transaction with it
``<journal>``                ``floor``                    ``seq`` through which frames were trimmed
``<journal>``                ``k<seq, 16 hex>``           "there is, or was begun, a checkpoint of this number"
``<journal>.k<seq, 16 hex>`` ``p<number, 8 hex>.<part>``  a checkpoint part's slice; ``parts`` (Int32), body
============================ ============================ ==========================================================

A body lies in the binary properties ``b0`` to ``b9``, 64 KiB each. Hexadecimal, so that the order of the keys is the
order of the numbers; nothing relies on a service answering in that order, though, since Cosmos DB does not sort.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from azure.data.tables import EdmType, EntityProperty

from adpersist.errors import IntegrityError
from adpersist.model.identity.ids import Seq
from adpersist.stores.limits import is_journal_id
from adpersist.stores.port import Frame

PROPERTY_BYTES: Final = 65_536
ENTITY_BYTES: Final = 10 * PROPERTY_BYTES
"""640 KiB, as base64 853 KiB: below the 1 MiB of Azure Storage and what Azurite counts of it."""

TRANSACTION_ENTITIES: Final = 100

LAST_NUMBER: Final = 2**64 - 1
"""The largest a row key has digits for; no frame has it."""

LAST_PART: Final = 2**32 - 1
"""The same of a checkpoint's parts."""

HEAD_ROW: Final = "head"
SPARE_ROW: Final = "spare"
FLOOR_ROW: Final = "floor"

FIRST_OF_BODY: Final = ["RowKey", "parts", "b0"]
"""What to ask of a row for no more than the first property of its body; one that is full may not be all of it."""

Entity = dict[str, str | int | bytes | EntityProperty]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What one entity holds of a frame, or of a checkpoint's part.

    Attributes:
        number: The frame's sequence number, or the part's number.
        part: Which slice, from 0.
        parts: How many there are.
    """

    number: int
    part: int
    parts: int
    body: bytes


def frame_bound(seq: int) -> str:
    """The smallest RowKey of frame ``seq`` and all after it."""
    return f"c{seq:016x}"


def part_bound(number: int) -> str:
    """The smallest RowKey of a checkpoint's part ``number`` and all after it."""
    return f"p{number:08x}"


def checkpoint_row(seq: int) -> str:
    return f"k{seq:016x}"


def checkpoint_partition(journal: str, seq: int) -> str:
    return f"{journal}.k{seq:016x}"


def journal_of(partition: str) -> str:
    """The journal that a partition is part of; empty: none's."""
    name = partition.partition(".")[0]
    return name if is_journal_id(name) else ""


def behind(journal: str) -> str:
    """A PartitionKey behind all of a journal's partitions and before the next journal's."""
    return f"{journal}.~"


def head_entity(journal: str, seq: int, body: bytes) -> Entity:
    return {**_mark(journal, HEAD_ROW, seq), **_properties(body)}


def spare_entity(journal: str, seq: int, body: bytes) -> Entity:
    return {**_mark(journal, SPARE_ROW, seq), **_properties(body)}


def floor_entity(journal: str, seq: int) -> Entity:
    return _mark(journal, FLOOR_ROW, seq)


def checkpoint_entity(journal: str, seq: int) -> Entity:
    return _mark(journal, checkpoint_row(seq), seq)


def frame_entities(journal: str, frame: Frame) -> list[Entity]:
    return _sliced(journal, frame_bound(frame.seq), frame.body)


def part_entities(journal: str, seq: int, number: int, body: bytes) -> list[Entity]:
    return _sliced(checkpoint_partition(journal, seq), part_bound(number), body)


def seq_of(entity: Mapping[str, object]) -> Seq:
    """The sequence number a marking row carries."""
    found = entity.get("seq")
    value = found.value if isinstance(found, EntityProperty) else found
    if not isinstance(value, int):
        raise IntegrityError(f"row {entity.get('RowKey')} has no sequence number")
    return Seq(value)


def body_of(entity: Mapping[str, object]) -> bytes:
    """The body an entity holds, put together from its properties."""
    pieces: list[bytes] = []
    while isinstance(piece := entity.get(f"b{len(pieces)}"), bytes):
        pieces.append(piece)
    return b"".join(pieces)


def slice_of(entity: Mapping[str, object]) -> Slice:
    """What a row of a frame or of a checkpoint's part holds."""
    row = str(entity.get("RowKey"))
    name, _, part = row.partition(".")
    parts = entity.get("parts")
    try:
        return Slice(number=int(name[1:], 16), part=int(part, 16), parts=int(str(parts)), body=body_of(entity))
    except ValueError:
        raise IntegrityError(f"row {row!r} is none of ours") from None


def whole(slices: Iterable[Slice], *, first: int) -> Iterator[tuple[int, bytes]]:
    """Numbers and bodies in order, of which every slice is there, whatever the order they come in.

    What comes in order is handed on at once; only what comes too early is kept.
    """
    waiting: dict[int, dict[int, Slice]] = {}
    expected = first
    for piece in slices:
        waiting.setdefault(piece.number, {})[piece.part] = piece
        while (body := _joined(waiting.get(expected))) is not None:
            yield expected, body
            del waiting[expected]
            expected += 1
    for number in sorted(waiting):
        if (body := _joined(waiting[number])) is not None:
            yield number, body


def _joined(slices: Mapping[int, Slice] | None) -> bytes | None:
    if not slices or len(slices) < next(iter(slices.values())).parts:
        return None
    return b"".join(slices[part].body for part in sorted(slices))


def _mark(partition: str, row: str, seq: int) -> Entity:
    return {"PartitionKey": partition, "RowKey": row, "seq": EntityProperty(seq, EdmType.INT64)}


def _sliced(partition: str, bound: str, body: bytes) -> list[Entity]:
    pieces = [body[start : start + ENTITY_BYTES] for start in range(0, len(body), ENTITY_BYTES)] or [b""]
    return [
        {"PartitionKey": partition, "RowKey": f"{bound}.{part:02x}", "parts": len(pieces), **_properties(piece)}
        for part, piece in enumerate(pieces)
    ]


def _properties(body: bytes) -> Entity:
    starts = range(0, len(body), PROPERTY_BYTES) or [0]
    return {f"b{index}": body[start : start + PROPERTY_BYTES] for index, start in enumerate(starts)}
