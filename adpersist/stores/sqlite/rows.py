"""Rows in the pages of a SQLite file, found without its trees: what is left of one that is damaged.

Pure; by [SQLITE-FORMAT] 1.6 and 2.1. Every leaf of a table is read by itself, so that a page that is lost takes its own
rows with it and no others. What cannot be a row is passed over; whether a row is sound, the seals in it tell.
"""

from collections.abc import Callable, Iterator
from typing import Final

Cell = int | float | bytes | str | None
Page = Callable[[int], bytes]
"""A page by its number, from 1 on, without what is reserved at its end; empty: it is not there."""

_LEAF: Final = 0x0D
_HEADER_BYTES: Final = 100
"""Of the file, on its first page."""
_LEAF_HEADER_BYTES: Final = 8
_INTEGER_BYTES: Final = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def rows(page: Page, pages: int, *, most_bytes: int) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    """Rowid and columns of all rows that can be read, but for those on pages that the file knows to be free.

    Args:
        page: Reads one.
        pages: How many there are.
        most_bytes: Of a row; what says that it is larger is none.
    """
    free = _free_pages(page, pages)
    for number in range(1, pages + 1):
        if number in free:
            continue
        content = page(number)
        for at in _cells(content, _HEADER_BYTES if number == 1 else 0):
            try:
                size, at_rowid = _varint(content, at)
                rowid, at_payload = _varint(content, at_rowid)
                if size <= most_bytes:
                    yield rowid, _columns(_payload(page, content, at_payload, size))
            except (IndexError, ValueError):  # ends before its end, or is no row
                continue


def _cells(content: bytes, begins: int) -> Iterator[int]:
    """Where the rows of a page lie; nothing where it is no leaf of a table."""
    if len(content) < begins + _LEAF_HEADER_BYTES or content[begins] != _LEAF:
        return
    count = _number(content, begins + 3, 2)
    for at in range(begins + _LEAF_HEADER_BYTES, begins + _LEAF_HEADER_BYTES + 2 * count, 2):
        if at + 2 <= len(content):
            yield _number(content, at, 2)


def _payload(page: Page, content: bytes, at: int, size: int) -> bytes:
    """A row's bytes, from the pages that it overflows to as well. Raises: ValueError: Not all of them are there."""
    usable = len(content)
    most, least = usable - 35, (usable - 12) * 32 // 255 - 23
    here = least + (size - least) % (usable - 4)
    here = size if size <= most else here if here <= most else least
    found = bytearray(content[at : at + here])
    further = _number(content, at + here, 4) if here < size else 0
    while len(found) < size and (overflow := page(further)):
        found += overflow[4 : 4 + size - len(found)]
        further = _number(overflow, 0, 4)
    if len(found) < size:
        raise ValueError("its end is not there")
    return bytes(found)


def _columns(payload: bytes) -> tuple[Cell, ...]:
    """Raises: IndexError, ValueError: It is no record."""
    at_body, at = _varint(payload, 0)
    kinds = []
    while at < at_body:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    found: list[Cell] = []
    for kind in kinds:
        size = _INTEGER_BYTES.get(kind, max(0, kind - 12) // 2)
        body = payload[at_body : at_body + size]
        if len(body) < size:
            raise ValueError("a column ends before its end")
        found.append(_value(kind, body))
        at_body += size
    return tuple(found)


def _value(kind: int, body: bytes) -> Cell:
    """Raises: ValueError: A kind that none of our columns has, or a text that is none."""
    match kind:
        case 0:
            return None
        case 8 | 9:
            return kind - 8
        case _ if kind in _INTEGER_BYTES:
            return int.from_bytes(body, "big", signed=True)
        case _ if kind >= 12:
            return body.decode() if kind % 2 else body
        case _:
            raise ValueError(f"a column of kind {kind}")


def _free_pages(page: Page, pages: int) -> set[int]:
    """As far as the list of them can be followed: what was there before nobody deleted from them."""
    free: set[int] = set()
    header = page(1)[:_HEADER_BYTES]
    trunk = _number(header, 32, 4)
    while 0 < trunk <= pages and trunk not in free:
        free.add(trunk)
        content = page(trunk)
        count = min(_number(content, 4, 4), len(content) // 4 - 2)
        free.update(_number(content, 8 + 4 * each, 4) for each in range(count))
        trunk = _number(content, 0, 4)
    return free


def _number(content: bytes, at: int, size: int) -> int:
    return int.from_bytes(content[at : at + size], "big")


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends ([SQLITE-FORMAT] 1.6). Raises: IndexError: It has no end."""
    found = 0
    for place in range(at, at + 8):
        byte = content[place]
        found = found << 7 | byte & 0x7F
        if byte < 0x80:
            return found, place + 1
    return found << 8 | content[at + 8], at + 9
