"""Changes <-> bytes: columns of a frame, packed by MessagePack.

A frame's changes are turned on their side: names, naming contexts, containers and invocationIDs are written
once and referred to by number; GUIDs lie raw in a row; the writes that stamps tell of are columns of numbers, times and
USNs as the distance from the one before. FORMAT.md lists the columns. Decoding trusts nothing: a wrong shape is a
ValueError.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from adpersist.journal.format.columns.audit_lines import pack_audited, unpack_audited
from adpersist.journal.format.columns.names import Names
from adpersist.journal.format.columns.packing import pack, unpack
from adpersist.journal.format.columns.shapes import blobs, guids, index, items, octets, texts
from adpersist.journal.format.columns.stamp_columns import Stamps, StampsOfVersion1, WriteColumns
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import refs, targets
from adpersist.model.objects.audit import Audited
from adpersist.model.objects.change import Change, Kind, Values
from adpersist.model.objects.rows.attribute_row import AttributeRow, RowHeader, header_of, row_of

COLUMNS: Final = 20
COLUMNS_OF_VERSION_1: Final = 18
KINDS: Final = (Kind.CREATED, Kind.CHANGED, Kind.MOVED, Kind.DELETED, Kind.UNDELETED, Kind.EXPUNGED)
"""By number in the format; append only."""

_KIND_NUMBERS: Final = {kind: number for number, kind in enumerate(KINDS)}


def pack_changes(changes: Sequence[Change], audited: Audited | None = None) -> bytes:
    """Changes in their order; deterministic but for the order of a mapping's keys, which is kept.

    Args:
        changes: Of one frame.
        audited: Who wrote them, as far as it is known; None: nobody asked.
    """
    names = Names()
    contexts: dict[str, int] = {}
    parents: dict[bytes, int] = {}
    writes = WriteColumns()
    rows = [
        (
            contexts.setdefault(change.nc, len(contexts)),
            0 if change.parent is None else 1 + parents.setdefault(change.parent, len(parents)),
            change.rdn,
            _values_row(change.values, names),
            _links_row(change.added, names),
            _links_row(change.removed, names),
            *writes.add(change.stamps, change.link_stamps, names),
        )
        for change in changes
    ]
    columns: list[list[object]] = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(10)]
    head = [
        bytes(_KIND_NUMBERS[change.kind] for change in changes),
        b"".join(change.guid for change in changes),
        list(names),
        list(contexts),
        b"".join(parents),
    ]
    who = [pack_audited(audited)] if audited is not None else []
    return pack([*head, *columns, *writes.columns(), *who])


def unpack_changes(content: bytes, objects: Collection[Guid] | None = None) -> tuple[Change, ...]:
    """The reverse of :func:`pack_changes`; also of what version 1 packed.

    Args:
        content: What was packed.
        objects: Of which changes are made; None: of all. The rest is not looked at.

    Raises:
        ValueError: The content was not made by :func:`pack_changes`.
    """
    return unpack_look(content, objects)[0]


def unpack_look(content: bytes, objects: Collection[Guid] | None = None) -> tuple[tuple[Change, ...], Audited | None]:
    """The same, and who wrote them, where that was packed. Raises: ValueError."""
    try:
        columns = items(unpack(content))
        audited = unpack_audited(columns.pop()) if len(columns) == COLUMNS + 1 else None
        return _unpack_changes(columns, objects), audited
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"columns do not fit together: {error}") from error


def count_changes(content: bytes) -> int:
    """How many were packed, whose columns fit together; none is made. Raises: ValueError."""
    try:
        columns = items(unpack(content))
        _unpack_changes(columns[:COLUMNS], ())
        return len(guids(octets(columns[1])))
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"columns do not fit together: {error}") from error


def _unpack_changes(columns: Sequence[object], wanted: Collection[Guid] | None) -> tuple[Change, ...]:
    if len(columns) not in (COLUMNS, COLUMNS_OF_VERSION_1):
        raise ValueError(f"{len(columns)} columns, {COLUMNS} expected")
    kinds = [KINDS[number] for number in octets(columns[0])]
    objects = guids(octets(columns[1]))
    names = texts(columns[2])
    contexts = texts(columns[3])
    parents: list[Guid | None] = [None, *guids(octets(columns[4]))]
    rows = _Rows(names)
    is_wanted = [wanted is None or guid in wanted for guid in objects]
    stamps = Stamps(columns[11:], names) if len(columns) == COLUMNS else StampsOfVersion1(columns[11:], names)
    return tuple(
        Change(
            kind=kind,
            guid=guid,
            nc=contexts[index(context)],
            parent=parents[index(parent)],
            rdn=_text_or_none(rdn),
            values=rows.take(values) if values else {},
            added=_links(added, names) if added else {},
            removed=_links(removed, names) if removed else {},
            stamps=stamped,
            link_stamps=linked,
        )
        for each, kind, guid, context, parent, rdn, values, added, removed, (stamped, linked) in zip(
            is_wanted, kinds, objects, *map(items, columns[5:11]), stamps.of(is_wanted), strict=True
        )
        if each
    )


def _text_or_none(value: object) -> str | None:
    if value is None or type(value) is str:
        return value
    raise ValueError("a name is not text")


# --- values: rows of name, value; links: rows of name, targets, other references ------------------------------


def _values_row(values: Mapping[str, Values], names: Names) -> list[object]:
    found = values if isinstance(values, AttributeRow) else row_of(values)
    row: list[object] = [None] * (2 * len(found))
    row[::2] = names.of_header(found.header)
    row[1::2] = [each if type(each) is bytes else list(each) for each in found.cells]
    return row


class _Rows:
    """Rows of a frame on their way in; most have the same attributes as some row before them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._headers: dict[tuple[object, ...], RowHeader] = {}

    def take(self, row: object) -> AttributeRow:
        cells = items(row)
        numbers = tuple(cells[::2])
        header = self._headers.get(numbers)
        if header is None:
            header = self._headers[numbers] = header_of(tuple([self._names[index(number)] for number in numbers]))
        return AttributeRow(header, cells[1::2])


def _links_row(links: Mapping[str, Iterable[bytes]], names: Names) -> list[object]:
    """Plain references, the rule, shrink to the 16 bytes of their target; others stay as they are."""
    row: list[object] = []
    for name, references in links.items():
        plain, other = targets(sorted(references))
        row += names.number(name), plain, other
    return row


def _links(row: object, names: Sequence[str]) -> dict[str, frozenset[bytes]]:
    cells = items(row)
    links: dict[str, frozenset[bytes]] = {}
    for name, plain, other in zip(cells[::3], cells[1::3], cells[2::3], strict=True):
        links[names[index(name)]] = frozenset(blobs(other)).union(refs(octets(plain)))
    if 3 * len(links) != len(cells):
        raise ValueError("a link attribute stands twice")
    return links
