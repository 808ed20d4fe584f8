"""Who wrote <-> column 20 of a look; FORMAT.md, "Who wrote"."""

from collections.abc import Sequence
from typing import Final

from adpersist.journal.format.columns.shapes import index, integer, integers, items, text, texts
from adpersist.model.objects.audit import Audited, AuditLine

_FIELDS: Final = 6
"""Of a line, before its attributes: operation, DN, SID, account, address, service."""


def pack_audited(audited: Audited) -> list[object]:
    """The column."""
    table: dict[str, int] = {}
    rows = [
        [table.setdefault(word, len(table)) for word in (*_words(line), *sorted(line.attributes))]
        for line in audited.lines
    ]
    times = [_microseconds(line.time) for line in audited.lines]
    return [
        None if audited.since is None else _microseconds(audited.since),
        None if audited.through is None else _microseconds(audited.through),
        audited.trouble,
        list(table),
        [now - before for now, before in zip(times, [0, *times], strict=False)],
        rows,
    ]


def unpack_audited(column: object) -> Audited:
    """The reverse.

    Raises:
        ValueError, IndexError: It is no such column.
    """
    since, through, trouble, table, distances, rows = items(column)
    words = texts(table)
    lines, time = [], 0
    for distance, row in zip(integers(distances), items(rows), strict=True):
        time += distance
        lines.append(_line(time, [words[index(number)] for number in items(row)]))
    return Audited(since=_seconds(since), through=_seconds(through), trouble=text(trouble), lines=tuple(lines))


def _words(line: AuditLine) -> tuple[str, ...]:
    return line.operation, line.dn, line.sid, line.account, line.address, line.service


def _line(time: int, words: Sequence[str]) -> AuditLine:
    operation, dn, sid, account, address, service = words[:_FIELDS]
    return AuditLine(
        time=time / 1_000_000,
        dn=dn,
        operation=operation,
        attributes=frozenset(words[_FIELDS:]),
        sid=sid,
        account=account,
        address=address,
        service=service,
    )


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _seconds(value: object) -> float | None:
    return None if value is None else integer(value) / 1_000_000
